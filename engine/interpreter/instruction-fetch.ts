import type { MemoryMap } from '../bus/memory-map.ts'
import type { Decoder, Instruction } from '../isa/decoder.ts'
import { CS } from '../isa/state.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'
import { generalProtection, invalidOpcode } from '../vcpu/fault.ts'
import type { Mmu } from '../vcpu/mmu.ts'
import type { CodeFinder } from './code-finder.ts'

const MAX_LENGTH = 15

/** Decodes single instructions, across a page boundary if need be, from whatever memory is there. */
export class InstructionFetch {
  readonly #bytes = new Uint8Array(MAX_LENGTH + 1)

  constructor(
    private readonly state: CpuState,
    private readonly memory: MemoryMap,
    private readonly mmu: Mmu,
    private readonly decoder: Decoder,
    private readonly finder: CodeFinder,
  ) {}

  /** The instruction at an EIP. Throws what its fetch or its encoding raises. */
  at(eip: number): Instruction {
    const { state, decoder, finder } = this
    const limit = state.limit(CS)
    const linear = (state.base(CS) + eip) >>> 0
    const available = Math.min(MAX_LENGTH, limit - eip + 1)
    const inPage = 0x1000 - (linear & 0xfff)
    let bytes = this.#fetch(linear, 0, Math.min(available, inPage))
    let result = decoder.decode(this.#bytes, 0, bytes, finder.variant)
    if (result === 'truncated' && bytes < available) {
      bytes = this.#fetch(linear, bytes, available)
      result = decoder.decode(this.#bytes, 0, bytes, finder.variant)
    }
    if (result === 'undefined') throw invalidOpcode()
    if (typeof result === 'string') throw generalProtection()
    return result
  }

  /** Bytes from number `from` to before `to`, which lie in one page. */
  #fetch(linear: number, from: number, to: number): number {
    if (from >= to) return from
    const first = (linear + from) >>> 0
    const physical = this.mmu.translate(first, 'fetch', this.state.cpl === 3)
    for (let i = from; i < to; i++) this.#bytes[i] = this.memory.read(physical + i - from, 1)
    return to
  }
}
