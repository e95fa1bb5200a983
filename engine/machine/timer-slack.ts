/** How late a resting guest's timers may be served, in ns: 250 of them a second take 31 wakings then. */
const SLACK_NS = 28_000_000
/** What a guest that rests does between two halts, in ns, at the most. */
const MAX_WORK_NS = 1_000_000
/** How long a guest must have rested, in ns. */
const CALM_NS = 500_000_000

/**
 * Has the timers of a guest that does nothing served several at a time. To wake up costs the host more than a timer's interrupt
 * costs the guest, and systems of their time ask for up to a thousand a second. The guest's time stands still at each timer
 * until it has been served, so that none is lost and all come at their times as the guest sees them.
 */
export class TimerSlack {
  #calmSinceNs = 0

  /**
   * The guest rests.
   * @param ranNs what it has done since it rested last
   * @param waitNs until its next timer
   * @returns by how much later it may be woken
   */
  forRest(nowNs: number, ranNs: number, waitNs: number): number {
    // A state that was saved earlier takes the clock back.
    if (ranNs > MAX_WORK_NS || nowNs < this.#calmSinceNs) this.#calmSinceNs = nowNs
    return nowNs - this.#calmSinceNs > CALM_NS && waitNs < SLACK_NS ? SLACK_NS : 0
  }

  /** Somebody uses the machine: timers are served when they are due for a while. */
  attend(nowNs: number): void {
    this.#calmSinceNs = nowNs
  }
}
