/** A guest rests when it has slept for most of so long. */
const REST_NS = 2_000_000_000
const RESTING = 0.8
/** Less work than this leaves nothing behind that is worth a look. */
const WORK_NS = 1_000_000_000
/** Compilers go on in the background, so it is looked again, each time after so many times as long a rest. */
const LATER = 4

/**
 * Tells when a guest has come to rest after work: the moment for what would be in its way otherwise. What a resting
 * guest's timers do is no work, however long it goes on.
 */
export class RestWatch {
  #sinceNs: number
  #sleptNs = 0
  /** Time awake outside of rests, since a rest was told or began to be. */
  #workNs = 0
  #restedNs = 0
  /** How much rest has to be had until it is told; Infinity where there was no work. */
  #dueNs = Infinity

  constructor(nowNs: number) {
    this.#sinceNs = nowNs
  }

  /** Notes a sleep that has just ended. @returns whether to tidy up now */
  hasSlept(ns: number, nowNs: number): boolean {
    this.#sleptNs += ns
    const spanNs = nowNs - this.#sinceNs
    if (spanNs < REST_NS) return false
    const sleptNs = this.#sleptNs
    this.#sinceNs = nowNs
    this.#sleptNs = 0
    return sleptNs > RESTING * spanNs ? this.#rests(spanNs) : this.#works(spanNs - sleptNs)
  }

  /** Notes that a cap has kept the guest from running: neither sleep nor work, a time in which it was not there. */
  wasHeld(ns: number): void {
    this.#sinceNs += ns
  }

  #works(awakeNs: number): false {
    this.#workNs += awakeNs
    if (this.#workNs > WORK_NS) this.#restedNs = this.#dueNs = this.#workNs = 0
    return false
  }

  #rests(spanNs: number): boolean {
    this.#restedNs += spanNs
    if (this.#restedNs < this.#dueNs) return false
    this.#dueNs = this.#restedNs * LATER
    return true
  }
}
