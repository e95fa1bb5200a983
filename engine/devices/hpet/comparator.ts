import * as v from 'valibot'
import { bits } from '../../base/saved-state.ts'
import { fromHalves, toHalves, uint64Saved, withHalf } from './uint64.ts'

/** Tn_CONF, low half. */
export const CONF = {
  LEVEL: 0x0002,
  INT_ENB: 0x0004,
  PERIODIC: 0x0008,
  PER_INT_CAP: 0x0010,
  SIZE_CAP: 0x0020,
  VAL_SET: 0x0040,
  MODE32: 0x0100,
  INT_ROUTE: 0x3e00,
} as const

export const comparatorSaved = v.object({
  conf: bits(14),
  value: uint64Saved,
  period: uint64Saved,
  setsHigh: v.boolean(),
})

/**
 * One of the HPET's timers: what it is configured to, and when its comparator next equals the counter.
 * @see IA-PC HPET specification 1.0a, section 2.3.8
 */
export class Comparator {
  /** Writable bits of Tn_CONF. */
  #conf = 0
  #value = 0xffffffff_ffffffffn
  #period = 0n
  /** VAL_SET still holds for the high half of the comparator, which is written second. */
  #setsHigh = false

  /**
   * @param wide has 64 bits and can be periodic; otherwise 32 bits and one-shot
   * @param routes bit mask of I/O APIC inputs that it can be routed to
   */
  constructor(
    private readonly wide: boolean,
    readonly routes: number,
  ) {}

  reset(): void {
    this.#conf = 0
    this.#value = this.#mask
    this.#period = 0n
    this.#setsHigh = false
  }

  save(): v.InferOutput<typeof comparatorSaved> {
    const { value, period } = { value: this.#value, period: this.#period }
    return { conf: this.#conf, value: toHalves(value), period: toHalves(period), setsHigh: this.#setsHigh }
  }

  restore(saved: v.InferOutput<typeof comparatorSaved>): void {
    this.#conf = saved.conf & this.#writable
    this.#value = fromHalves(saved.value) & this.#mask
    this.#period = fromHalves(saved.period) & this.#mask
    this.#setsHigh = saved.setsHigh
  }

  get conf(): number {
    return this.#conf | (this.wide ? CONF.PER_INT_CAP | CONF.SIZE_CAP : 0)
  }

  set conf(value: number) {
    const wanted = (value & CONF.INT_ROUTE) >> 9
    const allowed = (this.routes & (1 << wanted)) !== 0
    // An input that it has no wire to is not taken; software reads back to find out.
    const route = allowed ? value & CONF.INT_ROUTE : this.#conf & CONF.INT_ROUTE
    this.#conf = (value & this.#writable & ~CONF.INT_ROUTE) | route
    this.#setsHigh = (this.#conf & CONF.VAL_SET) !== 0
    this.#value &= this.#mask
    this.#period &= this.#mask
  }

  get route(): number {
    return (this.#conf & CONF.INT_ROUTE) >> 9
  }

  get enabled(): boolean {
    return (this.#conf & CONF.INT_ENB) !== 0
  }

  get isLevel(): boolean {
    return (this.#conf & CONF.LEVEL) !== 0
  }

  get isPeriodic(): boolean {
    return (this.#conf & CONF.PERIODIC) !== 0
  }

  /** @param counter the main counter, up to which a periodic comparator has moved on */
  value(counter: bigint): bigint {
    this.#moveOn(counter)
    return this.#value
  }

  /** Half a register at a time. In periodic mode that is the period, and with VAL_SET the comparator too. */
  writeValue(half: number, high: boolean, counter: bigint): void {
    this.#moveOn(counter)
    const set = high ? this.#setsHigh : (this.#conf & CONF.VAL_SET) !== 0
    if (!this.isPeriodic || set) this.#value = withHalf(this.#value, half, high) & this.#mask
    if (this.isPeriodic) this.#period = withHalf(this.#period, half, high) & this.#mask
    if (high) this.#setsHigh = false
    else this.#conf &= ~CONF.VAL_SET
  }

  /** Counter steps until the next match, at least 1, or null when it would take longer than anybody waits. */
  stepsToMatch(counter: bigint): number | null {
    this.#moveOn(counter)
    const steps = (this.#value - counter) & this.#mask || this.#mask + 1n
    return steps < 1n << 50n ? Number(steps) : null
  }

  /** Length of the period in steps, or null when one-shot. */
  get periodSteps(): number | null {
    return this.isPeriodic && this.#period > 0n ? Number(this.#period) : null
  }

  get #mask(): bigint {
    return this.wide && !(this.#conf & CONF.MODE32) ? 0xffffffff_ffffffffn : 0xffffffffn
  }

  get #writable(): number {
    const wideOnly = this.wide ? CONF.PERIODIC | CONF.VAL_SET | CONF.MODE32 : 0
    return CONF.LEVEL | CONF.INT_ENB | CONF.INT_ROUTE | wideOnly
  }

  /** A periodic comparator lies at most one period ahead of the counter. */
  #moveOn(counter: bigint): void {
    if (!this.isPeriodic || this.#period === 0n) return
    // Half a new value is no value yet.
    if (this.#setsHigh && !(this.#conf & CONF.MODE32)) return
    const behind = (counter - this.#value) & this.#mask
    // More than half the range behind is ahead.
    if (behind > this.#mask >> 1n) return
    this.#value = (this.#value + (behind / this.#period + 1n) * this.#period) & this.#mask
  }
}
