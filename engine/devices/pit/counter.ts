import * as v from 'valibot'
import { bits } from '../../base/saved-state.ts'

const tick = v.pipe(v.number(), v.safeInteger())

export const counterSaved = v.object({
  /** RW, M and BCD as in the last control word (6 bits). */
  control: bits(6),
  /** CR, the value that the guest wrote. */
  countRegister: bits(16),
  /** A count has been written since the control word. */
  written: v.boolean(),
  /** CR has not reached the counting element yet. */
  nullCount: v.boolean(),
  gate: v.boolean(),
  /** When CR goes into the counting element, or null. */
  loadTick: v.nullable(tick),
  /** Mode 3: that load starts a low half. */
  loadsLowHalf: v.boolean(),
  /** The counting element has been loaded since the control word. */
  armed: v.boolean(),
  counting: v.boolean(),
  /** While counting: the tick at which the counting element had `value`. */
  sinceTick: tick,
  /** The counting element; below zero once it has gone past it. */
  value: tick,
  /** Modes 2 and 3: length of the running cycle in ticks. */
  period: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65536)),
})

export type CounterState = v.InferOutput<typeof counterSaved>

const powerOn: CounterState = {
  control: 0x30,
  countRegister: 0,
  written: false,
  nullCount: true,
  gate: true,
  loadTick: null,
  loadsLowHalf: false,
  armed: false,
  counting: false,
  sinceTick: 0,
  value: 0,
  period: 65536,
}

/** What OUT does from a tick on, as long as nobody writes. */
export type Output =
  | { kind: 'level'; high: boolean }
  /** Changes once, at `atTick`. */
  | { kind: 'step'; high: boolean; atTick: number }
  /** Repeats for ever: high for `highTicks` from `startTick` on, then low for `lowTicks`. */
  | { kind: 'wave'; startTick: number; highTicks: number; lowTicks: number }

/**
 * One counter of an 8254, as a function of its input clock's ticks: nothing happens between two calls but
 * that a pending load falls due. Ticks given must not go back.
 * @see Intel 8254 datasheet 231164, "Mode Definitions"
 */
export class Counter {
  #state: CounterState

  constructor(private readonly initialGate: boolean) {
    this.#state = { ...powerOn, gate: initialGate }
  }

  reset(): void {
    this.#state = { ...powerOn, gate: this.initialGate }
  }

  save(now: number): CounterState {
    this.#settle(now)
    return { ...this.#state }
  }

  restore(saved: CounterState): void {
    this.#state = { ...saved }
  }

  get control(): number {
    return this.#state.control
  }

  get gate(): boolean {
    return this.#state.gate
  }

  /** 0 to 5; 6 and 7 are other names of 2 and 3. */
  get mode(): number {
    const mode = (this.#state.control >> 1) & 7
    return mode > 5 ? mode - 4 : mode
  }

  /** @param control RW, M and BCD bits of a control word */
  setControl(control: number, now: number): void {
    const value = this.#value(now)
    Object.assign(this.#state, { control, value, written: false, nullCount: true, loadTick: null })
    Object.assign(this.#state, { armed: false, counting: false })
  }

  /** The first of two bytes has been written. In mode 0 that stops the count and lowers OUT. */
  startCountWrite(now: number): void {
    if (this.mode !== 0) return
    const state = this.#state
    state.value = this.#value(now)
    state.armed = state.counting = false
    state.loadTick = null
  }

  /** @param raw 16 bits; 0 is the greatest count */
  writeCount(raw: number, now: number): void {
    this.#settle(now)
    this.startCountWrite(now)
    const state = this.#state
    state.countRegister = raw
    state.written = state.nullCount = true
    const { mode } = this
    if (mode === 0 || mode === 4) state.loadTick = now + 1
    else if (mode === 2 || mode === 3) this.#loadAtEndOfCycle(now)
  }

  setGate(high: boolean, now: number): void {
    this.#settle(now)
    const state = this.#state
    if (high === state.gate) return
    state.gate = high
    const { mode } = this
    if (mode === 1 || mode === 5) {
      if (high && state.written) state.loadTick = now + 1
    } else if (mode === 2 || mode === 3) {
      if (high && state.armed) {
        state.loadTick = now + 1
        state.loadsLowHalf = false
      } else if (!high && state.armed) {
        state.value = this.#value(now)
        state.counting = false
        state.loadTick = null
      }
    } else if (!high) {
      state.value = this.#value(now)
      state.counting = false
    } else if (state.armed) {
      state.sinceTick = now
      state.counting = true
    }
  }

  /** The counting element as the guest reads it, in binary or BCD. */
  count(now: number): number {
    this.#settle(now)
    const { loadTick, counting, control } = this.#state
    // A real program cannot read sooner than one tick after its write; a fast processor can, and must not
    // see the count before last.
    const loading = loadTick !== null && !(this.#periodic && counting)
    const value = loading ? this.#initialCount() : this.#value(now)
    if (!(control & 1)) return value & 0xffff
    const decimal = ((value % 10_000) + 10_000) % 10_000
    let digits = 0
    for (let rest = decimal, shift = 0; rest > 0; rest = Math.floor(rest / 10), shift += 4)
      digits |= (rest % 10) << shift
    return digits
  }

  nullCount(now: number): boolean {
    this.#settle(now)
    return this.#state.nullCount
  }

  out(now: number): boolean {
    const value = this.#value(now)
    const { armed, counting, period } = this.#state
    switch (this.mode) {
      case 0:
        return armed && value <= 0
      case 1:
        return !armed || value <= 0
      case 2:
        return !counting || value !== 1 || period === 1
      case 3:
        return !counting || this.#position(now) < this.#highTicks
      default:
        return !armed || !counting || value !== 0
    }
  }

  /** What OUT does from `now` on. */
  output(now: number): Output {
    this.#settle(now)
    const { loadTick, counting, armed, gate, value, sinceTick, period } = this.#state
    const high = this.out(now)
    const { mode } = this
    if (mode === 2 || mode === 3) {
      const startsAt = counting ? now - this.#position(now) : loadTick
      if (startsAt === null || !gate) return { kind: 'level', high }
      const length = counting ? period : this.#initialCount()
      if (length === 1) return { kind: 'level', high }
      const lowTicks = mode === 2 ? 1 : length >> 1
      return { kind: 'wave', startTick: startsAt, highTicks: length - lowTicks, lowTicks }
    }
    if (loadTick !== null && (mode === 1 || mode === 5 || gate)) {
      // A trigger lowers the one-shot's OUT with the load itself.
      if (mode === 1 && high) return { kind: 'step', high, atTick: loadTick }
      return { kind: 'step', high, atTick: loadTick + this.#initialCount() }
    }
    if (!armed || !counting) return { kind: 'level', high }
    const end = sinceTick + value
    if (now < end) return { kind: 'step', high, atTick: end }
    if (!high) return { kind: 'step', high, atTick: end + 1 }
    return { kind: 'level', high }
  }

  /** True while a count for modes 2 and 3 waits for the end of the running cycle or half cycle. */
  get changing(): boolean {
    return this.#periodic && this.#state.counting && this.#state.loadTick !== null
  }

  get #periodic(): boolean {
    const { mode } = this
    return mode === 2 || mode === 3
  }

  get #highTicks(): number {
    return (this.#state.period + 1) >> 1
  }

  #initialCount(): number {
    const { countRegister: raw, control } = this.#state
    if (!(control & 1)) return raw || 65536
    const decimal = (raw >> 12) * 1000 + ((raw >> 8) & 15) * 100 + ((raw >> 4) & 15) * 10 + (raw & 15)
    return decimal || 10_000
  }

  #loadAtEndOfCycle(now: number): void {
    const state = this.#state
    if (!state.armed) {
      state.loadTick = now + 1
      state.loadsLowHalf = false
    } else if (state.counting) {
      const position = this.#position(now)
      const start = now - position
      const inHighHalf = this.mode === 3 && position < this.#highTicks && state.period > 1
      state.loadTick = start + (inHighHalf ? this.#highTicks : state.period)
      state.loadsLowHalf = inHighHalf
    }
  }

  /** Lets a load happen that fell due. */
  #settle(now: number): void {
    const state = this.#state
    const at = state.loadTick
    if (at === null || now < at) return
    const count = this.#initialCount()
    state.loadTick = null
    state.nullCount = false
    state.armed = true
    state.counting = state.gate || this.mode === 1 || this.mode === 5
    state.value = state.period = count
    state.sinceTick = at
    if (state.loadsLowHalf) state.sinceTick -= this.#highTicks
    state.loadsLowHalf = false
  }

  /** Ticks since the running cycle began. */
  #position(now: number): number {
    return Math.max(0, now - this.#state.sinceTick) % this.#state.period
  }

  #value(now: number): number {
    this.#settle(now)
    const { value, counting, sinceTick, period } = this.#state
    if (!counting) return value
    const { mode } = this
    if (mode === 2) return period - this.#position(now)
    if (mode !== 3) return value - (now - sinceTick)
    const position = this.#position(now)
    const high = this.#highTicks
    // Counts down by two, twice per cycle, from the even number at or below the count.
    return (period & ~1) - 2 * (position < high ? position : position - high)
  }
}
