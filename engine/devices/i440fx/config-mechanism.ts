import * as v from 'valibot'
import { type AccessSize, type BusDevice, floating } from '../../bus/bus-device.ts'
import type { PciBus } from '../../bus/pci.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'

const CONFADD_MASK = 0x80fffffc
const CONFADD_ENABLE = 0x80000000

const schema = v.object({ version: v.literal(1), CONFADD: bits(32) })

/**
 * PCI configuration mechanism #1 (82441FX datasheet, section 3.1): CONFADD at CF8h, CONFDATA at CFCh.
 * Takes the eight ports CF8h to CFFh with a width of 4.
 */
export class ConfigMechanism implements Device, BusDevice {
  readonly id = 'pci-config'
  #confadd = 0

  /**
   * @param passedThrough what answers bytes and words at CF8h to CFBh, which are no accesses to CONFADD but
   *   ordinary ones: the reset control register of the ISA bridge at CF9h. Offsets are from CF8h.
   */
  constructor(
    private readonly bus: PciBus,
    private readonly passedThrough: BusDevice | null = null,
  ) {}

  reset(): void {
    this.#confadd = 0
  }

  save(): v.InferOutput<typeof schema> {
    return { version: 1, CONFADD: this.#confadd }
  }

  restore(state: unknown): void {
    this.#confadd = (parseSaved(this.id, schema, state).CONFADD & CONFADD_MASK) >>> 0
  }

  read(offset: number, size: AccessSize): number {
    if (offset === 0 && size === 4) return this.#confadd
    if (offset >= 4) return this.#readData(offset - 4, size)
    let value = 0
    for (let at = offset + size - 1; at >= offset; at--)
      value = value * 256 + (at < 4 ? (this.passedThrough?.read(at, 1) ?? 0xff) : this.#readData(at - 4, 1))
    return value
  }

  write(offset: number, value: number, size: AccessSize): void {
    if (offset === 0 && size === 4) {
      this.#confadd = (value & CONFADD_MASK) >>> 0
      return
    }
    if (offset >= 4) return this.#writeData(offset - 4, value, size)
    for (let at = offset; at < offset + size; at++, value >>>= 8)
      if (at < 4) this.passedThrough?.write(at, value & 0xff, 1)
      else this.#writeData(at - 4, value & 0xff, 1)
  }

  #readData(offset: number, size: AccessSize): number {
    if (!(this.#confadd & CONFADD_ENABLE)) return floating(size)
    return this.bus.readConfig((this.#confadd >>> 8) & 0xffff, (this.#confadd & 0xfc) + offset, size)
  }

  #writeData(offset: number, value: number, size: AccessSize): void {
    if (!(this.#confadd & CONFADD_ENABLE)) return
    this.bus.writeConfig((this.#confadd >>> 8) & 0xffff, (this.#confadd & 0xfc) + offset, value, size)
  }
}
