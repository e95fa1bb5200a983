import * as v from 'valibot'
import type { Clock, Timer } from '../../base/clock.ts'
import { type Line, pulse } from '../../base/line.ts'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved, timeNs } from '../../base/saved-state.ts'
import { Comparator, comparatorSaved } from './comparator.ts'
import { fromHalves, toHalves, uint64Saved, withHalf } from './uint64.ts'

/** Register offsets, each of 64 bits. */
const GCAP_ID = 0x000
const GEN_CONF = 0x010
const GINTR_STA = 0x020
const MAIN_CNT = 0x0f0
const TIMERS = 0x100
const TIMER_CONF = 0x00
const TIMER_COMP = 0x08

const ENABLE_CNF = 1
const LEG_RT_CNF = 2

const STEP_NS = 10
const FEMTOSECONDS = BigInt(STEP_NS) * 1_000_000n
/** Revision 1, three timers, 64-bit counter, legacy replacement, vendor 8086h. */
const CAPABILITIES = (FEMTOSECONDS << 32n) | 0x8086a201n
/** Shortest time between two interrupts of one timer. */
const MIN_PERIOD_NS = 10_000

const saved = v.object({
  version: v.literal(1),
  conf: bits(2),
  status: bits(3),
  /** The main counter, when halted, or else what it was at guest time 0. */
  counter: uint64Saved,
  timers: v.tuple([comparatorSaved, comparatorSaved, comparatorSaved]),
  legacyInputs: v.tuple([v.boolean(), v.boolean()]),
  deadlines: v.tuple([v.nullable(timeNs), v.nullable(timeNs), v.nullable(timeNs)]),
})

export interface HpetWiring {
  /** I/O APIC inputs by number; those missing cannot be routed to. */
  routes: ReadonlyMap<number, Line>
  /** IRQ 0 and IRQ 8, which in legacy replacement mode are timers 0 and 1. */
  irq0: Line
  irq8: Line
}

/**
 * High precision event timer at FED00000h: a 100 MHz counter of 64 bits and three comparators, the first of
 * them periodic, as in Intel's ICH. Firmware must not give it IRQ 8 in its tables: Windows XP stops at that.
 * @see IA-PC HPET specification 1.0a
 */
export class Hpet implements Device, BusDevice {
  readonly id = 'hpet'
  /** OUT0 of the 8254 on its way to IRQ 0. */
  readonly timerInput: Line
  /** The real-time clock's interrupt on its way to IRQ 8. */
  readonly clockInput: Line
  readonly #comparators: readonly Comparator[]
  readonly #timers: readonly Timer[]
  #legacyInputs: [boolean, boolean] = [false, false]
  #conf = 0
  #status = 0
  #counter = 0n

  constructor(
    private readonly clock: Clock,
    private readonly wiring: HpetWiring,
  ) {
    let routes = 0
    for (const input of wiring.routes.keys()) routes |= 1 << input
    this.#comparators = [0, 1, 2].map((index) => new Comparator(index === 0, routes >>> 0))
    this.#timers = [0, 1, 2].map((index) => clock.createTimer(() => this.#match(index)))
    for (const comparator of this.#comparators) comparator.reset()
    this.timerInput = { set: (high) => this.#legacyInput(0, high) }
    this.clockInput = { set: (high) => this.#legacyInput(1, high) }
  }

  read(offset: number, size: AccessSize): number {
    const value = Number((this.#readRegister(offset & 0x3f8) >> BigInt(8 * (offset & 7))) & 0xffffffffn)
    return size === 4 ? value : size === 2 ? value & 0xffff : value & 0xff
  }

  /** Only aligned dwords are defined; a qword comes as two of them, low half first. */
  write(offset: number, value: number, size: AccessSize): void {
    if (size !== 4 || offset & 3) return
    const high = (offset & 4) !== 0
    const register = offset & 0x3f8
    if (register === GEN_CONF && !high) this.#configure(value & (ENABLE_CNF | LEG_RT_CNF))
    else if (register === GINTR_STA && !high) this.#clearStatus(value & 7)
    else if (register === MAIN_CNT && !this.#running)
      this.#counter = withHalf(this.#counter, value >>> 0, high)
    else if (register >= TIMERS) this.#writeTimer(register, value >>> 0, high)
  }

  reset(): void {
    this.#configure(0)
    this.#clearStatus(7)
    this.#counter = 0n
    this.#legacyInputs = [false, false]
    for (const comparator of this.#comparators) comparator.reset()
    for (const timer of this.#timers) timer.cancel()
    this.wiring.irq0.set(false)
    this.wiring.irq8.set(false)
  }

  save(): v.InferOutput<typeof saved> {
    const [a, b, c] = this.#comparators.map((comparator) => comparator.save())
    const [x, y, z] = this.#timers.map(({ deadlineNs }) => deadlineNs)
    return {
      version: 1,
      conf: this.#conf,
      status: this.#status,
      counter: toHalves(this.#counter),
      timers: [a!, b!, c!],
      legacyInputs: [...this.#legacyInputs],
      deadlines: [x!, y!, z!],
    }
  }

  restore(state: unknown): void {
    const { conf, status, counter, timers, legacyInputs, deadlines } = parseSaved(this.id, saved, state)
    this.#conf = conf
    this.#legacyInputs = legacyInputs
    this.#status = status
    this.#counter = fromHalves(counter)
    for (const [index, comparator] of timers.entries()) {
      this.#comparators[index]!.restore(comparator)
      const deadlineNs = deadlines[index]!
      if (deadlineNs === null) this.#timers[index]!.cancel()
      else this.#timers[index]!.arm(deadlineNs)
      // An edge-triggered interrupt leaves its line high; lowering it here could take back a request.
      if (status & (1 << index)) this.#line(index)?.set(true)
    }
  }

  get #running(): boolean {
    return (this.#conf & ENABLE_CNF) !== 0
  }

  get #steps(): bigint {
    return BigInt(Math.floor(this.clock.nowNs / STEP_NS))
  }

  get #mainCounter(): bigint {
    return this.#running ? BigInt.asUintN(64, this.#counter + this.#steps) : this.#counter
  }

  #readRegister(register: number): bigint {
    switch (register) {
      case GCAP_ID:
        return CAPABILITIES
      case GEN_CONF:
        return BigInt(this.#conf)
      case GINTR_STA:
        return BigInt(this.#status)
      case MAIN_CNT:
        return this.#mainCounter
    }
    const comparator = register < TIMERS ? undefined : this.#comparators[(register - TIMERS) >> 5]
    if (!comparator) return 0n
    if ((register & 0x18) === TIMER_CONF) return (BigInt(comparator.routes) << 32n) | BigInt(comparator.conf)
    return (register & 0x18) === TIMER_COMP ? comparator.value(this.#mainCounter) : 0n
  }

  #writeTimer(register: number, value: number, high: boolean): void {
    const index = (register - TIMERS) >> 5
    const comparator = this.#comparators[index]
    if (!comparator) return
    if ((register & 0x18) === TIMER_CONF && !high) {
      const before = this.#line(index)
      comparator.conf = value & 0x3fff
      if (before !== this.#line(index) || !comparator.isLevel) this.#lower(index, before)
    } else if ((register & 0x18) === TIMER_COMP) comparator.writeValue(value, high, this.#mainCounter)
    this.#schedule(index)
  }

  #configure(conf: number): void {
    const counter = this.#mainCounter
    const changesLegacy = ((conf ^ this.#conf) & LEG_RT_CNF) !== 0
    if (changesLegacy) for (const index of [0, 1]) this.#lower(index, this.#line(index))
    this.#conf = conf
    this.#counter = this.#running ? BigInt.asUintN(64, counter - this.#steps) : counter
    if (changesLegacy) this.#driveLegacy()
    for (const index of this.#timers.keys()) this.#schedule(index)
  }

  /** In legacy replacement mode the old devices are cut off from their interrupts. */
  #driveLegacy(): void {
    const through = !(this.#conf & LEG_RT_CNF)
    this.wiring.irq0.set(through && this.#legacyInputs[0])
    this.wiring.irq8.set(through && this.#legacyInputs[1])
  }

  #legacyInput(index: 0 | 1, high: boolean): void {
    this.#legacyInputs[index] = high
    if (!(this.#conf & LEG_RT_CNF)) (index === 0 ? this.wiring.irq0 : this.wiring.irq8).set(high)
  }

  #line(index: number): Line | undefined {
    if (this.#conf & LEG_RT_CNF && index < 2) return index === 0 ? this.wiring.irq0 : this.wiring.irq8
    return this.wiring.routes.get(this.#comparators[index]!.route)
  }

  #lower(index: number, line: Line | undefined): void {
    this.#status &= ~(1 << index)
    line?.set(false)
  }

  #clearStatus(timers: number): void {
    for (const index of this.#timers.keys())
      if (timers & this.#status & (1 << index)) this.#lower(index, this.#line(index))
  }

  #match(index: number): void {
    const comparator = this.#comparators[index]!
    this.#schedule(index)
    if (!comparator.enabled) return
    const line = this.#line(index)
    if (!comparator.isLevel) {
      if (line) pulse(line)
      return
    }
    this.#status |= 1 << index
    line?.set(true)
  }

  #schedule(index: number): void {
    const comparator = this.#comparators[index]!
    const timer = this.#timers[index]!
    const steps = this.#running && comparator.enabled ? comparator.stepsToMatch(this.#mainCounter) : null
    if (steps === null) return timer.cancel()
    const { nowNs } = this.clock
    const deadline = (Math.floor(nowNs / STEP_NS) + steps) * STEP_NS
    const period = comparator.periodSteps
    const tooShort = period !== null && period * STEP_NS < MIN_PERIOD_NS
    timer.arm(tooShort ? Math.max(deadline, nowNs + MIN_PERIOD_NS) : deadline)
  }
}
