import { State } from '../isa/state.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'
import { RECORD_SHIFT } from './record.ts'

/** Larger than any budget: taken off to end a run at the next jump. */
const DRAIN = 1 << 29
/** Largest budget of a run. */
export const MAX_BUDGET = 1 << 28

/** Counts the instructions that have retired, by the budget that generated code counts down. */
export class RetiredCount {
  total = 0
  /** What the run under way began with. */
  #budget = 0
  #drained = 0
  /** Generated code of a run, not of a step, is on the stack. */
  #running = false

  constructor(private readonly state: CpuState) {}

  /** Generated code is about to run for a budget. */
  begin(budget: number): void {
    this.#budget = budget
    this.#drained = 0
    this.#running = true
  }

  /** It came back. @returns what is left of the budget, below 0 when it ran beyond */
  end(): number {
    this.#running = false
    const left = this.state.word(State.BUDGET) + this.#drained
    this.total += this.#budget - left
    return left
  }

  /** A single instruction is about to run, which whoever runs it counts. */
  beginStep(): void {
    this.#drained = 0
  }

  /** @returns what generated code must take off its budget so that it comes back at the next jump */
  drain(): number {
    if (this.#drained !== 0) return 0
    this.#drained = DRAIN
    return DRAIN
  }

  /** Exact within a call from generated code. */
  get now(): number {
    if (!this.#running) return this.total
    const { state } = this
    const inRun = (state.word(State.RECORD) - state.word(State.RUN_START)) >> RECORD_SHIFT
    return this.total + this.#budget - (state.word(State.BUDGET) - inRun)
  }
}
