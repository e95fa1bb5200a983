/** How late a resting guest's timers may be served while somebody looks, in ns: less than two frames of a screen. */
const SLACK_NS = 28_000_000
/** While nobody does: two of the three that DOS has in that time wait for the third. */
const UNWATCHED_SLACK_NS = 120_000_000
/** What a guest that rests does between two halts at the most, in instructions: how long they take tells of the host. */
const MAX_WORK = 20_000
/** How long a guest must have rested, in ns. */
const CALM_NS = 500_000_000

/**
 * Has the timers of a guest that does nothing served several at a time. To wake up costs the host more than a timer's interrupt
 * costs the guest, and systems of their time ask for up to a thousand a second. The guest's time stands still at each timer
 * until it has been served, so that none is lost and all come at their times as the guest sees them.
 */
export class TimerSlack {
  #calmSinceNs = 0
  #slackNs = UNWATCHED_SLACK_NS

  /**
   * The guest rests.
   * @param work instructions since it rested last
   * @param waitNs until its next timer
   * @returns by how much later it may be woken
   */
  forRest(nowNs: number, work: number, waitNs: number): number {
    // A state that was saved earlier takes the clock back.
    if (work > MAX_WORK || nowNs < this.#calmSinceNs) this.#calmSinceNs = nowNs
    return nowNs - this.#calmSinceNs > CALM_NS && waitNs < this.#slackNs ? this.#slackNs : 0
  }

  /** Whether anybody looks at the machine's screen. */
  set isWatched(isWatched: boolean) {
    this.#slackNs = isWatched ? SLACK_NS : UNWATCHED_SLACK_NS
  }

  /** Somebody uses the machine: timers are served when they are due for a while. */
  attend(nowNs: number): void {
    this.#calmSinceNs = nowNs
  }
}
