/** What a capped processor runs in one go, in ns: short, so that a guest is slow and does not stutter. */
const BURST_NS = 2_000_000

/** Shares out time to a processor that may have only part of it. */
export class ExecutionCap {
  #percent = 100
  /** Time that it may still run, in ns; below zero after a run that was longer than allowed. */
  #creditNs = 0
  #countedNs = 0
  #rests = false

  /** 1 to 100. */
  get percent(): number {
    return this.#percent
  }

  set percent(percent: number) {
    this.#percent = percent
    this.#creditNs = 0
    this.#rests = false
  }

  /** The longest run that it allows. */
  get longestNs(): number {
    return this.#percent < 100 ? BURST_NS : Infinity
  }

  /** How long the processor must rest from now, in ns; 0 when it may run. */
  restNs(nowNs: number): number {
    if (this.#percent >= 100) return 0
    const share = this.#percent / 100
    // A state that was saved earlier takes the clock back.
    const passedNs = Math.max(0, nowNs - this.#countedNs)
    this.#creditNs = Math.min(BURST_NS, this.#creditNs + passedNs * share)
    this.#countedNs = nowNs
    if (this.#rests && this.#creditNs >= BURST_NS) this.#rests = false
    else if (this.#creditNs <= 0) this.#rests = true
    return this.#rests ? Math.ceil((BURST_NS - this.#creditNs) / share) : 0
  }

  /** Notes a run. */
  ran(ns: number): void {
    this.#creditNs -= ns
  }
}
