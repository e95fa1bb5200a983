import type { Clock, Timer } from '../../base/clock.ts'
import { NS_PER_SECOND } from '../../base/clock.ts'

/** Ticks per second: the colour burst frequency, 14.31818 MHz / 4. */
export const PM_TIMER_HZ = 3_579_545

export interface PmTimerState {
  lastRead: number
  carriesCleared: number
}

/**
 * The ACPI power management timer (ACPI 1.0, section 4.7.3.3): counts up and cannot be stopped or written.
 * Its top bit's change is the timer carry, which can raise an interrupt.
 */
export class PmTimer {
  /** Ticks as last read, in full. */
  #lastRead = -1
  /** Changes of the top bit that the guest has acknowledged. */
  #carriesCleared = 0
  #timer: Timer

  /** @param bits 24 or 32, as the firmware's FADT tells the guest @param carry told when the top bit changes */
  constructor(
    private readonly clock: Clock,
    private readonly bits: 24 | 32,
    carry: () => void,
  ) {
    this.#timer = clock.createTimer(carry)
  }

  reset(): void {
    this.#lastRead = -1
    this.#carriesCleared = this.#carries()
    this.#timer.cancel()
  }

  /**
   * The count. It advances on every read even where guest time stands still within a run of instructions: no
   * processor reads a port within one tick of 279 ns, and systems wait for the change.
   */
  read(): number {
    this.#lastRead = Math.max(this.#ticks(), this.#lastRead + 1)
    return this.#lastRead % 2 ** this.bits
  }

  get carried(): boolean {
    return this.#carries() > this.#carriesCleared
  }

  clearCarry(): void {
    this.#carriesCleared = this.#carries()
  }

  /** Arms or cancels the report of the next carry. */
  watch(on: boolean): void {
    if (!on || this.carried) return this.#timer.cancel()
    const ticks = (this.#carriesCleared + 1) * 2 ** (this.bits - 1)
    this.#timer.arm(Math.ceil((ticks * NS_PER_SECOND) / PM_TIMER_HZ))
  }

  save(): PmTimerState {
    return { lastRead: this.#lastRead, carriesCleared: this.#carriesCleared }
  }

  restore(saved: PmTimerState): void {
    // A count ahead of time would hold the timer still, or far ahead, for as long.
    this.#lastRead = Math.min(saved.lastRead, this.#ticks() + PM_TIMER_HZ)
    this.#carriesCleared = Math.min(saved.carriesCleared, this.#carries())
  }

  #ticks(): number {
    return Math.floor((this.clock.nowNs * PM_TIMER_HZ) / NS_PER_SECOND)
  }

  #carries(): number {
    return Math.floor(this.#ticks() / 2 ** (this.bits - 1))
  }
}
