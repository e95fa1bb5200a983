import * as v from 'valibot'
import type { Line } from '../../base/line.ts'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import { bits } from '../../base/saved-state.ts'

const ICW1 = { IC4: 0x01, SNGL: 0x02, LTIM: 0x08, SELECT: 0x10 } as const
const ICW4 = { AEOI: 0x02, SFNM: 0x10 } as const
const OCW3 = { RIS: 0x01, RR: 0x02, P: 0x04, SELECT: 0x08, SMM: 0x20, ESMM: 0x40 } as const
const OCW2 = { EOI: 0x20, SL: 0x40, R: 0x80 } as const

/** The input of the master that carries the slave's INT. */
export const CASCADE = 2
/** The level that an acknowledge gives when no request is left. */
const SPURIOUS = 7

export const picSaved = v.object({
  /** The ICW that the next write with A0 = 1 is, or 0 when initialised. */
  expectedIcw: v.picklist([0, 2, 3, 4]),
  icw1: bits(8),
  icw2: bits(8),
  icw3: bits(8),
  icw4: bits(8),
  irr: bits(8),
  isr: bits(8),
  imr: bits(8),
  pins: bits(8),
  elcr: bits(8),
  lowestPriority: bits(3),
  rotateOnAutoEoi: v.boolean(),
  specialMask: v.boolean(),
  readIsr: v.boolean(),
  poll: v.boolean(),
})

const powerOn: v.InferOutput<typeof picSaved> = {
  expectedIcw: 0,
  icw1: 0,
  icw2: 0,
  icw3: 0,
  icw4: 0,
  irr: 0,
  isr: 0,
  imr: 0,
  pins: 0,
  elcr: 0,
  lowestPriority: 7,
  rotateOnAutoEoi: false,
  specialMask: false,
  readIsr: false,
  poll: false,
}

/**
 * One Intel 8259A, as the chipsets contain it: always in 8086 mode, ICW3 kept but without effect because
 * the cascade is fixed, and an edge/level register (ELCR) beside ICW1.LTIM.
 * @see Intel 8259A datasheet 231468; Intel 82371SB (PIIX3) 290550, section 2.5.5
 */
export class Pic implements BusDevice {
  #state = { ...powerOn }
  #intHigh = false

  /** @param special fully nested mode has an effect only on the chip that carries a slave */
  constructor(
    private readonly int: Line,
    private readonly role: 'master' | 'slave',
  ) {}

  reset(): void {
    this.#state = { ...powerOn }
    this.#setInt(false)
  }

  save(): v.InferOutput<typeof picSaved> {
    return { ...this.#state }
  }

  restore(saved: v.InferOutput<typeof picSaved>): void {
    this.#state = { ...saved }
  }

  /** Drives INT again after a restore: the slave first, since its INT is an input of the master. */
  drive(): void {
    this.#intHigh = this.#highestRequest() >= 0
    this.int.set(this.#intHigh)
  }

  /** @param input 0 to 7 */
  setInput(input: number, high: boolean): void {
    const state = this.#state
    const bit = 1 << input
    if (high === ((state.pins & bit) !== 0)) return
    if (high) {
      state.pins |= bit
      state.irr |= bit
    } else {
      // A request that goes away before the acknowledge is forgotten; the acknowledge then gets level 7.
      state.pins &= ~bit
      state.irr &= ~bit
    }
    if (state.imr & bit) return
    this.#update()
  }

  get elcr(): number {
    return this.#state.elcr
  }

  set elcr(value: number) {
    this.#state.elcr = value
    this.#update()
  }

  get vectorBase(): number {
    return this.#state.icw2 & 0xf8
  }

  /** The two INTA pulses: the level, 0 to 7, that is now in service (or 7 alone when nothing was requested). */
  acknowledge(): number {
    const state = this.#state
    const level = this.#highestRequest()
    // INT drops with the first INTA and rises again for what is left: the master must see that as an edge.
    this.#setInt(false)
    if (level < 0) return SPURIOUS
    const bit = 1 << level
    state.irr &= ~bit
    if (!(state.icw4 & ICW4.AEOI)) state.isr |= bit
    else if (state.rotateOnAutoEoi) state.lowestPriority = level
    this.#update()
    return level
  }

  read(offset: number, _size: AccessSize): number {
    const state = this.#state
    if (state.poll) {
      state.poll = false
      return this.#highestRequest() < 0 ? 0 : 0x80 | this.acknowledge()
    }
    if (offset & 1) return state.imr
    return state.readIsr ? state.isr : this.#requests()
  }

  write(offset: number, value: number, _size: AccessSize): void {
    if (offset & 1) this.#writeData(value & 0xff)
    else if (value & ICW1.SELECT) this.#writeIcw1(value & 0xff)
    else if (value & OCW3.SELECT) this.#writeOcw3(value)
    else this.#writeOcw2(value & 0xff)
  }

  #writeIcw1(value: number): void {
    const { pins, elcr, icw4 } = this.#state
    // An input that is high now must fall and rise again to count as an edge.
    this.#state = { ...powerOn, pins, elcr, icw1: value, icw4: value & ICW1.IC4 ? icw4 : 0, expectedIcw: 2 }
    this.#update()
  }

  #writeData(value: number): void {
    const state = this.#state
    const { IC4, SNGL } = ICW1
    if (state.expectedIcw === 0) state.imr = value
    else if (state.expectedIcw === 2) {
      state.icw2 = value
      state.expectedIcw = !(state.icw1 & SNGL) ? 3 : state.icw1 & IC4 ? 4 : 0
    } else if (state.expectedIcw === 3) {
      state.icw3 = value
      state.expectedIcw = state.icw1 & IC4 ? 4 : 0
    } else {
      state.icw4 = value
      state.expectedIcw = 0
    }
    this.#update()
  }

  #writeOcw2(value: number): void {
    const state = this.#state
    const rotate = (value & OCW2.R) !== 0
    const specific = (value & OCW2.SL) !== 0
    if (value & OCW2.EOI) {
      const level = specific ? value & 7 : this.#highestInService()
      if (level < 0) return
      state.isr &= ~(1 << level)
      if (rotate) state.lowestPriority = level
    } else if (!specific) state.rotateOnAutoEoi = rotate
    else if (rotate) state.lowestPriority = value & 7
    this.#update()
  }

  #writeOcw3(value: number): void {
    const state = this.#state
    if (value & OCW3.P) state.poll = true
    else if (value & OCW3.RR) state.readIsr = (value & OCW3.RIS) !== 0
    if (value & OCW3.ESMM) {
      state.specialMask = (value & OCW3.SMM) !== 0
      this.#update()
    }
  }

  /** IRR as the guest reads it: latched edges, and the pins themselves where inputs are level-triggered. */
  #requests(): number {
    const { irr, pins, icw1, elcr } = this.#state
    const levels = icw1 & ICW1.LTIM ? 0xff : elcr
    return (irr & ~levels) | (pins & levels)
  }

  /** Position of the most urgent of `levels`, 0 first in turn, or -1 for none. */
  #rank(levels: number): number {
    const rotated = ((levels | (levels << 8)) >>> (this.#state.lowestPriority + 1)) & 0xff
    return 31 - Math.clz32(rotated & -rotated)
  }

  #level(rank: number): number {
    return (rank + this.#state.lowestPriority + 1) & 7
  }

  #blocking(): number {
    const { isr, imr, specialMask } = this.#state
    return specialMask ? isr & ~imr : isr
  }

  /** The level that INT stands for, or -1. */
  #highestRequest(): number {
    const wanted = this.#requests() & ~this.#state.imr
    if (wanted === 0 || this.#state.expectedIcw !== 0) return -1
    const rank = this.#rank(wanted)
    const level = this.#level(rank)
    const busy = this.#rank(this.#blocking())
    if (busy < 0 || rank < busy) return level
    // Special fully nested mode: a more urgent input of the slave may interrupt a less urgent one.
    const nested = this.role === 'master' && (this.#state.icw4 & ICW4.SFNM) !== 0
    return nested && rank === busy && level === CASCADE ? level : -1
  }

  /** In special mask mode a non-specific EOI passes over masked levels. */
  #highestInService(): number {
    const rank = this.#rank(this.#blocking())
    return rank < 0 ? -1 : this.#level(rank)
  }

  #update(): void {
    this.#setInt(this.#highestRequest() >= 0)
  }

  #setInt(high: boolean): void {
    if (high === this.#intHigh) return
    this.#intHigh = high
    this.int.set(high)
  }
}
