import type { Clock, Timer } from '../base/clock.ts'
import { TimerQueue } from '../base/timer-queue.ts'

/** The longest stretch of host time that may pass unnoticed as guest time between two runs, in ns. */
const MAX_GAP_NS = 50_000_000

/**
 * Guest time of a running machine: the host's monotonic time while it runs or sleeps for an idle guest,
 * standing still while it is paused.
 */
export class MachineClock implements Clock {
  readonly timers = new TimerQueue()
  #guestNs = 0
  /** Host time that #guestNs belongs to, null while time stands still. */
  #sinceHostNs: number | null = null
  #stoppedAtHostNs: number | null = null
  #allowedGapNs = 0

  /** @param hostNs monotonic host time in ns */
  constructor(private readonly hostNs: () => number) {}

  get nowNs(): number {
    return this.#sinceHostNs === null
      ? this.#guestNs
      : Math.floor(this.#guestNs + (this.hostNs() - this.#sinceHostNs))
  }

  createTimer(fire: () => void): Timer {
    return this.timers.createTimer(fire)
  }

  /** A run begins. The time since the last one counts as far as `stop` allowed. */
  start(): void {
    const now = this.hostNs()
    if (this.#stoppedAtHostNs !== null) {
      const gap = now - this.#stoppedAtHostNs
      // A longer gap is a pause, or a host that was asleep: the guest does not notice it.
      this.#guestNs += Math.min(gap, this.#allowedGapNs)
    }
    this.#sinceHostNs = now
  }

  /** A run ends. @param idleNs how long an idle guest asked to sleep, 0 when it is busy */
  stop(idleNs: number): void {
    this.#guestNs = this.nowNs
    this.#sinceHostNs = null
    this.#stoppedAtHostNs = this.hostNs()
    this.#allowedGapNs = idleNs + MAX_GAP_NS
  }

  /** Goes on from a saved time. */
  restore(guestNs: number): void {
    this.#guestNs = guestNs
    this.#stoppedAtHostNs = null
    if (this.#sinceHostNs !== null) this.#sinceHostNs = this.hostNs()
  }
}
