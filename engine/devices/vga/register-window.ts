import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import type { Dispi } from './dispi.ts'
import { displayIdentification } from './edid.ts'

/** Size of the window: what base address register 2 moves. */
export const REGISTER_WINDOW_BYTES = 0x1000

/** Where each part begins, and its length. */
const PORTS = { at: 0x400, bytes: 0x20 }
const DISPI = { at: 0x500, bytes: 2 * 11 }
const EXTENSION = { at: 0x600, bytes: 8 }
/** The extension's size, and that pixels are little-endian; a request for the other order is ignored. */
const EXTENSION_VALUES = [EXTENSION.bytes, 0, 0, 0, 0x1e, 0x1e, 0x1e, 0x1e]

const within = (offset: number, { at, bytes }: { at: number; bytes: number }): boolean =>
  offset >= at && offset < at + bytes

/**
 * The adapter's registers once more, in memory, where drivers read the monitor's EDID: Linux's bochs-drm takes its
 * modes from it. Ports 3C0h to 3DFh lie there byte by byte, the VBE registers without their index.
 * @see QEMU, docs/specs/standard-vga.rst, "MMIO area spec"
 */
export class RegisterWindow implements BusDevice {
  readonly #edid = displayIdentification()

  /** @param ports offset 0 is port 3C0h */
  constructor(
    private readonly ports: BusDevice,
    private readonly dispi: Dispi,
  ) {}

  read(offset: number, size: AccessSize): number {
    let value = 0
    for (let index = size - 1; index >= 0; index--) value = (value << 8) | this.#byte(offset + index)
    return value >>> 0
  }

  write(offset: number, value: number, size: AccessSize): void {
    if (within(offset, PORTS))
      for (let index = 0; index < size && within(offset + index, PORTS); index++)
        this.ports.write(offset + index - PORTS.at, (value >>> (8 * index)) & 0xff, 1)
    // These registers have 16 bits: half of one cannot be written.
    if (within(offset, DISPI) && !(offset & 1))
      for (let index = 0; index + 2 <= size && within(offset + index, DISPI); index += 2)
        this.dispi.setRegister((offset + index - DISPI.at) >> 1, (value >>> (8 * index)) & 0xffff)
  }

  #byte(offset: number): number {
    if (within(offset, PORTS)) return this.ports.read(offset - PORTS.at, 1) & 0xff
    if (within(offset, EXTENSION)) return EXTENSION_VALUES[offset - EXTENSION.at]!
    if (within(offset, DISPI)) {
      const register = this.dispi.register((offset - DISPI.at) >> 1)
      return (offset & 1 ? register >> 8 : register) & 0xff
    }
    return this.#edid[offset] ?? 0
  }
}
