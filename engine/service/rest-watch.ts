/** A guest rests when it has slept for most of so long. */
const REST_NS = 2_000_000_000
const RESTING = 0.8
/** Less work than this leaves nothing behind that is worth a look. */
const WORK_NS = 1_000_000_000

/** Tells when a guest has come to rest after work: the moment for what would be in its way otherwise. */
export class RestWatch {
  #sinceNs: number
  #sleptNs = 0
  /** Time awake since a rest was last told. */
  #workNs = 0

  constructor(nowNs: number) {
    this.#sinceNs = nowNs
  }

  /** Notes a sleep that has just ended. @returns whether the guest rests now, and has worked since that was told last */
  hasSlept(ns: number, nowNs: number): boolean {
    this.#sleptNs += ns
    const spanNs = nowNs - this.#sinceNs
    if (spanNs < REST_NS) return false
    this.#workNs += spanNs - this.#sleptNs
    const rests = this.#sleptNs > RESTING * spanNs && this.#workNs > WORK_NS
    if (rests) this.#workNs = 0
    this.#sinceNs = nowNs
    this.#sleptNs = 0
    return rests
  }
}
