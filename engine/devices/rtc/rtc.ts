import * as v from 'valibot'
import { type Clock, NS_PER_SECOND, type Timer } from '../../base/clock.ts'
import type { Line } from '../../base/line.ts'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'
import { advance, secondsToAlarm, setTime, TIME, type TimeFormat } from './calendar.ts'
import { writeChecksum } from './cmos.ts'

const REGISTER = { A: 0x0a, B: 0x0b, C: 0x0c, D: 0x0d } as const
const A = { UIP: 0x80, DV_RESET: 0x60, RS: 0x0f } as const
const B = { SET: 0x80, PIE: 0x40, AIE: 0x20, UIE: 0x10, SQWE: 0x08, DM: 0x04, H24: 0x02 } as const
/** The flags lie where register B has their enable bits. */
const C = { IRQF: 0x80, PF: 0x40, AF: 0x20, UF: 0x10 } as const
const D_VRT = 0x80

const BANK = 128
/** From UIP to the end of the update: 244 µs of warning and 1984 µs of update, with a 32.768 kHz crystal. */
const UIP_NS = 2_228_000
const CRYSTAL_PERIOD_NS = NS_PER_SECOND / 32_768

const ram = v.pipe(v.instance(Uint8Array), v.length(BANK))
const time = v.pipe(v.number(), v.safeInteger())
const saved = v.object({
  version: v.literal(1),
  ram,
  extended: ram,
  index: bits(8),
  extendedIndex: bits(7),
  flags: bits(8),
  updatedNs: time,
  dividerNs: time,
  settledNs: time,
})

export interface RtcOptions {
  /** What the clock shows at guest time 0, in ns since 1970-01-01, in the time zone that the guest keeps. */
  unixNs: bigint
}

/**
 * Motorola MC146818 real-time clock with the 128 bytes of a PC's CMOS RAM at ports 70h-71h, and 128 more at
 * 72h-73h. Both are kept by a battery: `reset` is the chip's RESET pin, which only disables interrupts.
 * The time-base divider knows one crystal, 32.768 kHz, whatever the guest selects.
 * @see Motorola MC146818 datasheet; Intel 82371SB (PIIX3) for the ports
 */
export class Rtc implements Device, BusDevice {
  readonly id = 'rtc'
  readonly #timer: Timer
  #ram = new Uint8Array(BANK)
  #extended = new Uint8Array(BANK)
  /** As written to port 70h, with the NMI mask in bit 7. */
  #index = 0
  #extendedIndex = 0
  #flags = 0
  /** End of the last update, when the time registers changed or would have. */
  #updatedNs: number
  /** When the divider chain was last released: the phase of the periodic interrupt. */
  #dividerNs: number
  /** Time up to which the flags are right. */
  #settledNs = 0
  /** When AF is due; follows from the registers, so it is not saved. */
  #alarmNs: number | null = null

  /** @param irq8 high while IRQF is set */
  constructor(
    private readonly clock: Clock,
    private readonly irq8: Line,
    { unixNs }: RtcOptions,
  ) {
    this.#timer = clock.createTimer(() => this.#refresh())
    this.#ram[REGISTER.A] = 0x26
    this.#ram[REGISTER.B] = B.H24
    const fraction = ((unixNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    setTime(this.#ram, Number((unixNs - fraction) / 1_000_000n), this.#format)
    this.#updatedNs = this.#dividerNs = -Number(fraction)
    this.#refresh()
  }

  /** Port 70h bit 7. */
  get nmiMasked(): boolean {
    return (this.#index & 0x80) !== 0
  }

  /** Sets bytes of the CMOS RAM (addresses 0Eh to 7Fh) and the checksum over the configuration. */
  fillCmos(bytes: Iterable<readonly [address: number, value: number]>): void {
    for (const [address, value] of bytes)
      if (address > REGISTER.D && address < BANK) this.#ram[address] = value
    writeChecksum(this.#ram)
  }

  /** Port offsets 0 to 3 from 70h. */
  read(offset: number, _size: AccessSize): number {
    switch (offset & 3) {
      case 0:
        return this.#index
      case 1:
        return this.#readRegister(this.#index & 0x7f)
      case 2:
        return this.#extendedIndex
      default:
        return this.#extended[this.#extendedIndex]!
    }
  }

  write(offset: number, value: number, _size: AccessSize): void {
    switch (offset & 3) {
      case 0:
        this.#index = value & 0xff
        break
      case 1:
        this.#writeRegister(this.#index & 0x7f, value & 0xff)
        break
      case 2:
        this.#extendedIndex = value & 0x7f
        break
      default:
        this.#extended[this.#extendedIndex] = value
    }
  }

  reset(): void {
    this.#settle()
    this.#ram[REGISTER.B]! &= ~(B.PIE | B.AIE | B.UIE | B.SQWE)
    this.#flags = 0
    this.#index = this.#extendedIndex = 0
    this.#refresh()
  }

  save(): v.InferOutput<typeof saved> {
    this.#settle()
    return {
      version: 1,
      ram: this.#ram.slice(),
      extended: this.#extended.slice(),
      index: this.#index,
      extendedIndex: this.#extendedIndex,
      flags: this.#flags,
      updatedNs: this.#updatedNs,
      dividerNs: this.#dividerNs,
      settledNs: this.#settledNs,
    }
  }

  restore(state: unknown): void {
    const parsed = parseSaved(this.id, saved, state)
    this.#ram = parsed.ram.slice()
    this.#extended = parsed.extended.slice()
    this.#index = parsed.index
    this.#extendedIndex = parsed.extendedIndex
    this.#flags = parsed.flags & (C.PF | C.AF | C.UF)
    this.#updatedNs = parsed.updatedNs
    this.#dividerNs = parsed.dividerNs
    this.#settledNs = parsed.settledNs
    this.#findAlarm()
    this.#refresh()
  }

  get #format(): TimeFormat {
    const b = this.#ram[REGISTER.B]!
    return { binary: (b & B.DM) !== 0, hours24: (b & B.H24) !== 0 }
  }

  /** SET holds the time registers; the divider chain may be held in reset besides. */
  get #set(): boolean {
    return (this.#ram[REGISTER.B]! & B.SET) !== 0
  }

  get #dividerHeld(): boolean {
    return (this.#ram[REGISTER.A]! & A.DV_RESET) === A.DV_RESET
  }

  /** Of the periodic interrupt, or null for none. Rates 1 and 2 repeat 8 and 9. */
  get #periodNs(): number | null {
    const rate = this.#ram[REGISTER.A]! & A.RS
    if (rate === 0 || this.#dividerHeld) return null
    return CRYSTAL_PERIOD_NS * 2 ** ((rate < 3 ? rate + 7 : rate) - 1)
  }

  #readRegister(register: number): number {
    this.#settle()
    switch (register) {
      case REGISTER.A:
        return (this.#ram[register]! & ~A.UIP) | (this.#updating ? A.UIP : 0)
      case REGISTER.C: {
        const flags = this.#flags | (this.#interrupting ? C.IRQF : 0)
        if (flags === 0) return 0
        this.#flags = 0
        // IRQF falls in any case: a flag that comes while we are here must be a new edge.
        this.irq8.set(false)
        this.#findAlarm()
        this.#refresh()
        return flags
      }
      case REGISTER.D:
        return D_VRT
      default:
        return this.#ram[register]!
    }
  }

  #writeRegister(register: number, value: number): void {
    if (register === REGISTER.C || register === REGISTER.D) return
    this.#settle()
    if (register === REGISTER.A) {
      const held = this.#dividerHeld
      this.#ram[register] = value & ~A.UIP
      if (held && !this.#dividerHeld) {
        // The first update comes half a second after the divider is let go.
        this.#dividerNs = this.clock.nowNs
        this.#updatedNs = this.clock.nowNs - NS_PER_SECOND / 2
      }
    } else {
      this.#ram[register] = value
      if (register === TIME.CENTURY || register === TIME.CENTURY_PS2)
        this.#ram[TIME.CENTURY] = this.#ram[TIME.CENTURY_PS2] = value
    }
    if (register > REGISTER.B) return
    this.#findAlarm()
    this.#refresh()
  }

  get #updating(): boolean {
    if (this.#set || this.#dividerHeld) return false
    return this.clock.nowNs - this.#updatedNs >= NS_PER_SECOND - UIP_NS
  }

  get #interrupting(): boolean {
    return (this.#flags & this.#ram[REGISTER.B]! & (C.PF | C.AF | C.UF)) !== 0
  }

  /** Brings time registers and flags up to now. */
  #settle(): void {
    const now = this.clock.nowNs
    const period = this.#periodNs
    if (period !== null) {
      const edges = (ns: number) => Math.floor((ns - this.#dividerNs) / period)
      if (edges(now) > edges(this.#settledNs)) this.#flags |= C.PF
    }
    this.#settledNs = now
    if (this.#dividerHeld) return
    const seconds = Math.floor((now - this.#updatedNs) / NS_PER_SECOND)
    if (seconds <= 0) return
    this.#updatedNs += seconds * NS_PER_SECOND
    if (this.#set) return
    advance(this.#ram, seconds, this.#format)
    this.#flags |= C.UF
    if (this.#alarmNs !== null && this.#updatedNs >= this.#alarmNs) {
      this.#flags |= C.AF
      this.#findAlarm()
    }
  }

  #findAlarm(): void {
    const counts = !this.#set && !this.#dividerHeld
    const seconds = counts ? secondsToAlarm(this.#ram, this.#format) : null
    this.#alarmNs = seconds === null ? null : this.#updatedNs + seconds * NS_PER_SECOND
  }

  /** Drives IRQ 8 and schedules the next flag that would raise it. */
  #refresh(): void {
    this.#settle()
    this.irq8.set(this.#interrupting)
    const next = this.#interrupting ? Infinity : this.#nextFlagNs()
    if (next === Infinity) this.#timer.cancel()
    else this.#timer.arm(Math.ceil(next))
  }

  #nextFlagNs(): number {
    const enabled = this.#ram[REGISTER.B]!
    let next = Infinity
    const period = this.#periodNs
    if (enabled & B.PIE && period !== null) {
      const edges = Math.floor((this.clock.nowNs - this.#dividerNs) / period)
      next = this.#dividerNs + (edges + 1) * period
    }
    if (enabled & B.UIE && !this.#set && !this.#dividerHeld)
      next = Math.min(next, this.#updatedNs + NS_PER_SECOND)
    if (enabled & B.AIE && this.#alarmNs !== null) next = Math.min(next, this.#alarmNs)
    return next
  }
}
