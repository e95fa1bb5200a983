import * as v from 'valibot'
import { type Clock, NS_PER_SECOND, type Timer } from '../../base/clock.ts'
import { bits, timeNs } from '../../base/saved-state.ts'

/** A periodic timer fires no more often than this: no guest can serve more, and the host has other work. */
const MIN_PERIOD_NS = 10_000

export const timerSaved = v.object({
  initialCount: bits(32),
  divide: bits(4),
  startNs: v.pipe(v.number(), v.minValue(-Number.MAX_SAFE_INTEGER), v.maxValue(Number.MAX_SAFE_INTEGER)),
  running: v.boolean(),
  deadlineNs: v.nullable(timeNs),
})

/** The divide configuration register's bits 3, 1 and 0 as a divisor: 2 to 128, or 1. */
function divisorOf(divide: number): number {
  const code = ((divide & 8) >> 1) | (divide & 3)
  return code === 7 ? 1 : 2 << code
}

/**
 * The counter inside a local APIC. The count is computed when read; only the next expiry is scheduled, and
 * none while the interrupt is masked.
 * @see Intel SDM vol. 3A, "APIC Timer"
 */
export class LocalApicTimer {
  readonly #timer: Timer
  #initialCount = 0
  #divide = 0
  /** When the count was, or would have been, the initial one. */
  #startNs = 0
  /** False before a count is written and after a single count ended. */
  #running = false
  #periodic = false
  #masked = true

  constructor(
    private readonly clock: Clock,
    private readonly busHz: number,
    private readonly expired: () => void,
  ) {
    this.#timer = clock.createTimer(() => this.#fire())
  }

  reset(): void {
    this.#initialCount = this.#divide = this.#startNs = 0
    this.#running = this.#periodic = false
    this.#masked = true
    this.#timer.cancel()
  }

  save(): v.InferOutput<typeof timerSaved> {
    return {
      initialCount: this.#initialCount,
      divide: this.#divide,
      startNs: this.#startNs,
      running: this.#running,
      deadlineNs: this.#timer.deadlineNs,
    }
  }

  /** Mode and mask come from the local vector table. */
  restore(saved: v.InferOutput<typeof timerSaved>, periodic: boolean, masked: boolean): void {
    this.#initialCount = saved.initialCount
    this.#divide = saved.divide
    this.#startNs = saved.startNs
    this.#running = saved.running && saved.initialCount > 0
    this.#periodic = periodic
    this.#masked = masked
    if (saved.deadlineNs === null) this.#timer.cancel()
    else this.#timer.arm(saved.deadlineNs)
  }

  get initialCount(): number {
    return this.#initialCount
  }

  /** Writing starts over; 0 stops. */
  set initialCount(count: number) {
    this.#initialCount = count
    this.#startNs = this.clock.nowNs
    this.#running = count > 0
    this.#schedule()
  }

  get divide(): number {
    return this.#divide
  }

  /** The count stays where it is and goes on at the new rate. */
  set divide(value: number) {
    const done = this.#initialCount - this.currentCount
    this.#divide = value
    if (this.#running) this.#startNs = this.clock.nowNs - done * this.#tickNs
    this.#schedule()
  }

  get currentCount(): number {
    if (!this.#running) return 0
    const ticks = Math.floor(Math.max(0, this.clock.nowNs - this.#startNs) / this.#tickNs)
    if (this.#periodic) return this.#initialCount - (ticks % this.#initialCount)
    return Math.max(0, this.#initialCount - ticks)
  }

  /** Takes mode and mask from the local vector table. */
  configure(periodic: boolean, masked: boolean): void {
    // What ended while masked does not interrupt later; what is merely due and not told yet does.
    const ended = this.currentCount === 0 && (this.#masked || periodic !== this.#periodic)
    if (ended) this.#running = false
    else if (this.#periodic && !periodic) this.#startNs = this.clock.nowNs - this.#doneNs
    this.#periodic = periodic
    this.#masked = masked
    this.#schedule()
  }

  /** Time since the count was the initial one last. */
  get #doneNs(): number {
    return (this.#initialCount - this.currentCount) * this.#tickNs
  }

  get #tickNs(): number {
    return (NS_PER_SECOND * divisorOf(this.#divide)) / this.busHz
  }

  #fire(): void {
    if (!this.#running) return
    if (!this.#periodic) this.#running = false
    this.expired()
    this.#schedule()
  }

  #schedule(): void {
    if (!this.#running || this.#masked) return this.#timer.cancel()
    const period = this.#initialCount * this.#tickNs
    // Though it be over already: a short count ends before the host has come to this line.
    if (!this.#periodic) return this.#timer.arm(Math.ceil(this.#startNs + period))
    const now = this.clock.nowNs
    const edge = this.#startNs + (Math.floor(Math.max(0, now - this.#startNs) / period) + 1) * period
    this.#timer.arm(Math.max(Math.ceil(edge), period < MIN_PERIOD_NS ? now + MIN_PERIOD_NS : now + 1))
  }
}
