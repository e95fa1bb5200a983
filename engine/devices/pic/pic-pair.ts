import * as v from 'valibot'
import type { Line } from '../../base/line.ts'
import type { BusDevice } from '../../bus/bus-device.ts'
import type { Device } from '../device.ts'
import { parseSaved } from '../../base/saved-state.ts'
import { CASCADE, Pic, picSaved } from './pic.ts'

const saved = v.object({ version: v.literal(1), master: picSaved, slave: picSaved })

/** The timer, the keyboard and the cascade stay edge-triggered, as do the clock and the numeric processor. */
const ELCR_MASKS = [0xf8, 0xde] as const

/**
 * The two interrupt controllers of a PC/AT: inputs 0 to 7 on the master, 8 to 15 on the slave, whose INT is
 * the master's input 2.
 */
export class PicPair implements Device {
  readonly id = 'pic'
  /** Ports 20h-21h. */
  readonly master: Pic
  /** Ports A0h-A1h. */
  readonly slave: Pic
  /** Ports 4D0h-4D1h, the edge/level control registers of the PIIX3: 1 makes an input level-triggered. */
  readonly elcr: BusDevice
  /** IRQ 0 to 15. Number 2 is the cascade and goes nowhere. */
  readonly inputs: readonly Line[]

  /** @param intr high while an interrupt waits for `acknowledge` */
  constructor(intr: Line) {
    this.master = new Pic(intr, 'master')
    const cascade: Line = { set: (high) => this.master.setInput(CASCADE, high) }
    this.slave = new Pic(cascade, 'slave')
    this.inputs = Array.from({ length: 16 }, (_, irq) => this.#input(irq))
    const chip = (offset: number) => (offset & 1 ? this.slave : this.master)
    this.elcr = {
      read: (offset) => chip(offset).elcr,
      write: (offset, value) => void (chip(offset).elcr = value & ELCR_MASKS[offset & 1 ? 1 : 0]),
    }
  }

  /** The processor's interrupt acknowledge: the vector, spurious (IRQ 7 or 15) when the request is gone. */
  acknowledge(): number {
    const level = this.master.acknowledge()
    if (level !== CASCADE) return this.master.vectorBase | level
    return this.slave.vectorBase | this.slave.acknowledge()
  }

  reset(): void {
    this.slave.reset()
    this.master.reset()
  }

  save(): v.InferOutput<typeof saved> {
    return { version: 1, master: this.master.save(), slave: this.slave.save() }
  }

  restore(state: unknown): void {
    const { master, slave } = parseSaved(this.id, saved, state)
    this.master.restore(master)
    this.slave.restore(slave)
    this.slave.drive()
    this.master.drive()
  }

  #input(irq: number): Line {
    const chip = irq < 8 ? this.master : this.slave
    if (irq === CASCADE) return { set() {} }
    return { set: (high) => chip.setInput(irq & 7, high) }
  }
}
