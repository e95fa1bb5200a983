/** One entry of a region in 2 to this power is timed. */
export const TIMED_SHIFT = 8
/** One run of generated code in so many is timed. */
const RUN_STRIDE = 16

/**
 * Where a processor's time goes, in ms of wall time: in translated regions, in the interpreter with the slow
 * accesses that it calls for, in the runtime around both. The total is exact; how it divides is estimated from
 * samples, for looking at the clock takes as long as a short region.
 */
export class TierTimes {
  #totalMs = 0
  #generatedMs = 0
  #regionMs = 0
  #runs = 0
  #regionBegan = -1
  readonly #clockMs: number

  /** @param nowMs monotonic time of the host */
  constructor(readonly nowMs: () => number) {
    this.#clockMs = clockCost(nowMs)
  }

  /** `processor.run` took so long. */
  noteTotal(ms: number): void {
    this.#totalMs += ms
  }

  /** True when the next run of generated code is one to time. */
  timesRun(): boolean {
    return ++this.#runs % RUN_STRIDE === 0
  }

  noteRun(ms: number): void {
    this.#generatedMs += Math.max(0, ms - this.#clockMs) * RUN_STRIDE
  }

  /** Before and after a region that is timed. */
  clock(): void {
    const now = this.nowMs()
    if (this.#regionBegan < 0) this.#regionBegan = now
    else {
      this.#regionMs += Math.max(0, now - this.#regionBegan - this.#clockMs) * (1 << TIMED_SHIFT)
      this.#regionBegan = -1
    }
  }

  /** Rounded ms by tier. */
  get(): { regionMs: number; interpreterMs: number; runtimeMs: number } {
    const generated = Math.min(this.#generatedMs, this.#totalMs)
    const region = Math.min(this.#regionMs, generated)
    return {
      regionMs: Math.round(region),
      interpreterMs: Math.round(generated - region),
      runtimeMs: Math.round(this.#totalMs - generated),
    }
  }
}

/** What a look at the clock adds to what is measured, in ms. */
function clockCost(nowMs: () => number): number {
  const began = nowMs()
  let last = began
  for (let i = 0; i < 100; i++) last = nowMs()
  return (last - began) / 100
}
