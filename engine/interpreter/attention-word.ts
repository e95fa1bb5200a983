import { State } from '../isa/state.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'

/** State.ATTENTION: what waits for the processor, as bits of `Attention`; generated code looks there too. */
export class AttentionWord {
  constructor(private readonly state: CpuState) {}

  /** True when any of the bits is set. */
  has(bits: number): boolean {
    return (this.state.word(State.ATTENTION) & bits) !== 0
  }

  set(bit: number, on: boolean): void {
    const { state } = this
    const word = state.word(State.ATTENTION)
    state.setWord(State.ATTENTION, on ? word | bit : word & ~bit)
  }

  clear(): void {
    this.state.setWord(State.ATTENTION, 0)
  }
}
