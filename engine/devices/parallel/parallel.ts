import * as v from 'valibot'
import { ByteBatch } from '../../base/byte-batch.ts'
import type { Clock } from '../../base/clock.ts'
import { type Line, pulse } from '../../base/line.ts'
import type { BusDevice } from '../../bus/bus-device.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'

const DATA = 0
const STATUS = 1
const CONTROL = 2

const CONTROL_STROBE = 1 << 0
const CONTROL_IRQ_ENABLE = 1 << 4
const CONTROL_INPUT = 1 << 5
/** Bits 6 and 7 are not there and read as ones. */
const CONTROL_UNUSED = 0xc0
/** Ready (BUSY# high), ACK# idle, paper, selected, no error; bits 0 to 2 are not there. */
const STATUS_READY = 0xdf

const schema = v.object({ version: v.literal(1), data: bits(8), control: bits(6) })

/**
 * PC parallel port in its standard mode (IBM PC/AT technical reference, "Printer adapter"), with a printer on it
 * that is always ready and takes any byte at once. Three ports: data, status, control.
 */
export class Parallel implements Device, BusDevice {
  readonly id: string
  #data = 0
  #control = 0
  #output: ByteBatch

  constructor(
    config: { id: string },
    clock: Clock,
    private readonly irq: Line,
  ) {
    this.id = config.id
    this.#output = new ByteBatch(clock)
  }

  /** Replaces the listener for what the guest prints. */
  onOutput(listener: (bytes: Uint8Array) => void): void {
    this.#output.onOutput(listener)
  }

  flush(): void {
    this.#output.flush()
  }

  reset(): void {
    this.#output.flush()
    this.#data = this.#control = 0
    this.irq.set(false)
  }

  save(): v.InferOutput<typeof schema> {
    this.#output.flush()
    return { version: 1, data: this.#data, control: this.#control }
  }

  restore(state: unknown): void {
    const saved = parseSaved(this.id, schema, state)
    this.#output.flush()
    this.#data = saved.data
    this.#control = saved.control
    this.irq.set(false)
  }

  read(offset: number): number {
    switch (offset) {
      case DATA:
        return this.#control & CONTROL_INPUT ? 0xff : this.#data // nothing drives the lines as input
      case STATUS:
        return STATUS_READY
      default:
        return this.#control | CONTROL_UNUSED
    }
  }

  write(offset: number, value: number): void {
    if (offset === DATA) this.#data = value
    if (offset !== CONTROL) return
    const strobed = value & ~this.#control & CONTROL_STROBE
    this.#control = value & 0x3f
    if (!strobed) return
    this.#output.push(this.#data)
    // The printer answers with a short ACK#, which is the interrupt.
    if (value & CONTROL_IRQ_ENABLE) {
      pulse(this.irq)
      this.irq.set(false)
    }
  }
}
