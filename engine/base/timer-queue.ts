import type { Timer } from './clock.ts'

class QueuedTimer implements Timer {
  deadlineNs: number | null = null
  constructor(
    private readonly queue: TimerQueue,
    readonly fire: () => void,
  ) {}

  arm(deadlineNs: number): void {
    this.deadlineNs = deadlineNs
    this.queue.changed()
  }

  cancel(): void {
    this.deadlineNs = null
    this.queue.changed()
  }
}

/**
 * The timers of one machine. A PC has a few dozen, so a linear search for the earliest,
 * done only after a change, costs less than a heap and fires equal deadlines in order of creation.
 */
export class TimerQueue {
  #timers: QueuedTimer[] = []
  #earliestNs: number | null = Infinity
  /** Called when a timer was armed or cancelled: whoever sleeps until the earliest must look again. */
  onChange: () => void = () => {}

  createTimer(fire: () => void): Timer {
    const timer = new QueuedTimer(this, fire)
    this.#timers.push(timer)
    return timer
  }

  changed(): void {
    this.#earliestNs = null
    this.onChange()
  }

  /** The next deadline in ns, Infinity when no timer is armed. */
  get earliestNs(): number {
    if (this.#earliestNs === null) {
      this.#earliestNs = Infinity
      for (const { deadlineNs } of this.#timers)
        if (deadlineNs !== null && deadlineNs < this.#earliestNs) this.#earliestNs = deadlineNs
    }
    return this.#earliestNs
  }

  /**
   * Fires what is due at `nowNs`, earliest first, and what that arms within the same span.
   * A timer that always re-arms in the past cannot hang the caller: at most `limit` timers fire.
   */
  runDue(nowNs: number, limit = 1000): void {
    for (let fired = 0; fired < limit && this.earliestNs <= nowNs; fired++) {
      const due = this.#timers.find((timer) => timer.deadlineNs === this.earliestNs)
      if (!due) return
      due.cancel()
      due.fire()
    }
  }
}
