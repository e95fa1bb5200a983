import * as v from 'valibot'
import { bits } from '../../base/saved-state.ts'
import { DELIVERY } from './interrupt-bus.ts'
import { deliveryMode, LVT, LVT_BITS, LVT_COUNT, LVT_WRITABLE } from './local-apic-registers.ts'

export const vectorTableSaved = v.object({
  entries: v.pipe(v.array(bits(18)), v.length(LVT_COUNT)),
  pins: v.tuple([v.boolean(), v.boolean()]),
})

/** Where local interrupts go. */
export interface LocalInterrupts {
  accept(vector: number, level: boolean): void
  /** NMI or SMI. @param mode one of DELIVERY */
  signal(mode: number): void
  /** `extInt` may have changed. */
  extIntChanged(): void
}

/**
 * The local vector table of an APIC and the pins LINT0 and LINT1.
 * @see Intel SDM vol. 3A, "Local Vector Table"
 */
export class LocalVectorTable {
  #entries = Array.from({ length: LVT_COUNT }, (): number => LVT_BITS.MASKED)
  #pins: [boolean, boolean] = [false, false]

  constructor(private readonly target: LocalInterrupts) {}

  /** Masks everything, but LINT0 in virtual-wire mode, which passes the 8259A on. The pins stay. */
  initialize(virtualWire: boolean): void {
    this.#entries.fill(LVT_BITS.MASKED)
    if (virtualWire) this.#entries[LVT.LINT0] = DELIVERY.EXTINT << 8
  }

  releasePins(): void {
    this.#pins = [false, false]
  }

  save(): v.InferOutput<typeof vectorTableSaved> {
    return { entries: [...this.#entries], pins: [...this.#pins] }
  }

  restore(saved: v.InferOutput<typeof vectorTableSaved>): void {
    this.#entries = [...saved.entries]
    this.#pins = [...saved.pins]
  }

  get lint0High(): boolean {
    return this.#pins[0]
  }

  /** An 8259A interrupt waits at LINT0. */
  get extInt(): boolean {
    const entry = this.read(LVT.LINT0)
    return this.#pins[0] && !(entry & LVT_BITS.MASKED) && deliveryMode(entry) === DELIVERY.EXTINT
  }

  get timerIsPeriodic(): boolean {
    return (this.read(LVT.TIMER) & LVT_BITS.PERIODIC) !== 0
  }

  get timerIsMasked(): boolean {
    return (this.read(LVT.TIMER) & LVT_BITS.MASKED) !== 0
  }

  /** @returns false when the pin had that level */
  setPin(pin: 0 | 1, high: boolean): boolean {
    if (high === this.#pins[pin]) return false
    this.#pins[pin] = high
    return true
  }

  read(entry: number): number {
    return this.#entries[entry]!
  }

  /** @param enabled false while software has the APIC disabled, when nothing can be unmasked */
  write(entry: number, value: number, enabled: boolean): void {
    const level = (value & LVT_BITS.LEVEL) !== 0
    const remoteIrr = level ? this.read(entry) & LVT_BITS.REMOTE_IRR : 0
    const masked = enabled ? 0 : LVT_BITS.MASKED
    this.#entries[entry] = (value & LVT_WRITABLE[entry]!) | masked | remoteIrr
    if (entry !== LVT.LINT0) return
    // A level that is there already counts once it is unmasked; an edge that went by does not.
    if (level && this.#pins[0] && deliveryMode(value) === DELIVERY.FIXED) this.raise(entry)
    this.target.extIntChanged()
  }

  maskAll(): void {
    for (let entry = 0; entry < LVT_COUNT; entry++) this.#entries[entry]! |= LVT_BITS.MASKED
  }

  /** The source of an entry wants to interrupt. */
  raise(entry: number): void {
    const lvt = this.read(entry)
    if (lvt & LVT_BITS.MASKED) return
    const mode = entry === LVT.TIMER || entry === LVT.ERROR ? DELIVERY.FIXED : deliveryMode(lvt)
    if (mode === DELIVERY.EXTINT) this.target.extIntChanged()
    else if (mode !== DELIVERY.FIXED) this.target.signal(mode)
    else if (entry === LVT.LINT0 && lvt & LVT_BITS.LEVEL) {
      if (lvt & LVT_BITS.REMOTE_IRR) return
      this.#entries[entry] = lvt | LVT_BITS.REMOTE_IRR
      this.target.accept(lvt & 0xff, true)
    } else this.target.accept(lvt & 0xff, false)
  }

  /** A level-triggered LINT0 interrupt ended: it comes again while the pin is high. */
  endOfInterrupt(vector: number): void {
    const lvt = this.read(LVT.LINT0)
    if (!(lvt & LVT_BITS.REMOTE_IRR) || (lvt & 0xff) !== vector) return
    this.#entries[LVT.LINT0] = lvt & ~LVT_BITS.REMOTE_IRR
    if (this.#pins[0]) this.raise(LVT.LINT0)
  }
}
