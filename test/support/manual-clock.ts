import type { Clock, Timer } from '../../engine/base/clock.ts'
import { TimerQueue } from '../../engine/base/timer-queue.ts'

/** A clock that only a test moves. */
export class ManualClock implements Clock {
  nowNs = 0
  #timers = new TimerQueue()

  createTimer(fire: () => void): Timer {
    return this.#timers.createTimer(fire)
  }

  get nextDeadlineNs(): number {
    return this.#timers.earliestNs
  }

  /** Moves time on, firing each timer at its own deadline. */
  advance(ns: number): void {
    const end = this.nowNs + ns
    while (this.#timers.earliestNs <= end) {
      this.nowNs = Math.max(this.nowNs, this.#timers.earliestNs)
      this.#timers.runDue(this.nowNs, 1)
    }
    this.nowNs = end
  }
}
