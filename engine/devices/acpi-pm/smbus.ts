import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'

const SMBHSTSTS = 0
const SMBHSTCNT = 2
const HSTSTS_DEV_ERR = 1 << 2
const HSTSTS_CLEARABLE = 0x1e
const HSTCNT_START = 1 << 6

/** Ports that the host controller takes. */
export const SMBUS_PORTS = 16

/**
 * The SMBus host controller with nothing on the bus: every transaction ends at once with a device error, so that
 * drivers which look for sensors or memory modules find none and go on.
 * @see Intel 82371AB datasheet 290562, section 7.3
 */
export class SmbusHost implements BusDevice {
  readonly registers = new Uint8Array(SMBUS_PORTS)

  read(offset: number, _size: AccessSize): number {
    return this.registers[offset] ?? 0xff
  }

  write(offset: number, value: number, _size: AccessSize): void {
    if (offset === SMBHSTSTS) this.registers[SMBHSTSTS]! &= ~(value & HSTSTS_CLEARABLE)
    else this.registers[offset] = offset === SMBHSTCNT ? value & ~HSTCNT_START : value
    if (offset === SMBHSTCNT && value & HSTCNT_START) this.registers[SMBHSTSTS]! |= HSTSTS_DEV_ERR
  }
}
