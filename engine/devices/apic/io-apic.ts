import * as v from 'valibot'
import type { Line } from '../../base/line.ts'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'
import { DELIVERY, type InterruptBus, type InterruptSource } from './interrupt-bus.ts'

const PINS = 24
/** Offsets in the page. */
const IOREGSEL = 0x00
const IOWIN = 0x10
/** Indirect registers. */
const IOAPICID = 0
const IOAPICVER = 1
const IOAPICARB = 2
const IOREDTBL = 0x10
const VERSION = 0x11 | ((PINS - 1) << 16)

/** Low half of a redirection entry. Delivery status (bit 12) always reads idle. */
const RTE = { LOGICAL: 0x800, REMOTE_IRR: 0x4000, LEVEL: 0x8000, MASKED: 0x10000, WRITABLE: 0x1afff } as const

const saved = v.object({
  version: v.literal(1),
  id: bits(4),
  select: bits(8),
  pins: bits(PINS),
  low: v.pipe(v.array(bits(17)), v.length(PINS)),
  destination: v.pipe(v.array(bits(8)), v.length(PINS)),
})

/**
 * Intel 82093AA I/O APIC with 24 inputs, memory-mapped at FEC00000h. Trigger modes are those of the
 * redirection table alone, whatever the 8259A's edge/level registers say. Polarities are kept but not
 * modelled: a line says whether its interrupt is asserted, so both programmings of a pin work.
 * @see Intel 82093AA datasheet 290566
 */
export class IoApic implements Device, BusDevice, InterruptSource {
  readonly id = 'io-apic'
  readonly inputs: readonly Line[]
  #id: number
  #select = 0
  #pins = 0
  #low = Array.from({ length: PINS }, (): number => RTE.MASKED)
  #destination = Array.from({ length: PINS }, () => 0)

  /** @param apicId initial identifier, 0 to 15 */
  constructor(
    private readonly bus: InterruptBus,
    private readonly apicId = 0,
  ) {
    this.#id = apicId
    this.inputs = Array.from({ length: PINS }, (_, pin) => ({
      set: (high: boolean) => this.#setPin(pin, high),
    }))
    bus.attachSource(this)
  }

  reset(): void {
    this.#id = this.apicId
    this.#select = 0
    this.#pins = 0
    this.#low.fill(RTE.MASKED)
    this.#destination.fill(0)
  }

  save(): v.InferOutput<typeof saved> {
    return {
      version: 1,
      id: this.#id,
      select: this.#select,
      pins: this.#pins,
      low: [...this.#low],
      destination: [...this.#destination],
    }
  }

  restore(state: unknown): void {
    const parsed = parseSaved(this.id, saved, state)
    this.#id = parsed.id
    this.#select = parsed.select
    this.#pins = parsed.pins
    this.#low = parsed.low
    this.#destination = parsed.destination
  }

  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < PINS; pin++) {
      const low = this.#low[pin]!
      if (!(low & RTE.REMOTE_IRR) || (low & 0xff) !== vector) continue
      this.#low[pin] = low & ~RTE.REMOTE_IRR
      this.#offerLevel(pin)
    }
  }

  retry(): void {
    for (let pin = 0; pin < PINS; pin++) this.#offerLevel(pin)
  }

  read(offset: number, size: AccessSize): number {
    const register = offset & 0xfc
    const whole = register === IOREGSEL ? this.#select : register === IOWIN ? this.#readSelected() : 0
    const value = whole >>> (8 * (offset & 3))
    return size === 4 ? value : size === 2 ? value & 0xffff : value & 0xff
  }

  write(offset: number, value: number, size: AccessSize): void {
    const register = offset & 0xff
    if (register === IOREGSEL) this.#select = value & 0xff
    else if (register === IOWIN && size === 4) this.#writeSelected(value >>> 0)
  }

  #setPin(pin: number, high: boolean): void {
    const bit = 1 << pin
    if (high === ((this.#pins & bit) !== 0)) return
    this.#pins ^= bit
    if (!high) return
    const low = this.#low[pin]!
    // An edge on a masked pin is lost, says the datasheet; a level waits.
    if (this.#isLevel(low)) this.#offerLevel(pin)
    else if (!(low & RTE.MASKED)) this.#send(pin)
  }

  /** Of the delivery modes only fixed and lowest priority can be level-triggered. */
  #isLevel(low: number): boolean {
    return (low & RTE.LEVEL) !== 0 && ((low >> 8) & 7) <= DELIVERY.LOWEST_PRIORITY
  }

  /** Sends what a level-triggered pin asks for, unless a processor has it already. */
  #offerLevel(pin: number): void {
    const low = this.#low[pin]!
    if (!this.#isLevel(low) || low & (RTE.MASKED | RTE.REMOTE_IRR) || !(this.#pins & (1 << pin))) return
    if (this.#send(pin)) this.#low[pin] = low | RTE.REMOTE_IRR
  }

  #send(pin: number): boolean {
    const low = this.#low[pin]!
    return this.bus.send({
      mode: (low >> 8) & 7,
      vector: low & 0xff,
      level: this.#isLevel(low),
      destination: this.#destination[pin]!,
      logical: (low & RTE.LOGICAL) !== 0,
    })
  }

  #readSelected(): number {
    const register = this.#select
    if (register === IOAPICID || register === IOAPICARB) return this.#id << 24
    if (register === IOAPICVER) return VERSION
    const pin = (register - IOREDTBL) >> 1
    if (pin < 0 || pin >= PINS) return 0
    return register & 1 ? (this.#destination[pin]! << 24) >>> 0 : this.#low[pin]!
  }

  #writeSelected(value: number): void {
    const register = this.#select
    if (register === IOAPICID) this.#id = (value >>> 24) & 15
    const pin = (register - IOREDTBL) >> 1
    if (pin < 0 || pin >= PINS) return
    if (register & 1) this.#destination[pin] = value >>> 24
    else {
      const remoteIrr = value & RTE.LEVEL ? this.#low[pin]! & RTE.REMOTE_IRR : 0
      this.#low[pin] = (value & RTE.WRITABLE) | remoteIrr
    }
    this.#offerLevel(pin)
  }
}
