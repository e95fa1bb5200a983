/** Codes of CMOS byte 10h. */
export const FLOPPY_TYPE = { none: 0, '360K': 1, '1.2M': 2, '720K': 3, '1.44M': 4, '2.88M': 5 } as const
export type FloppyType = keyof typeof FLOPPY_TYPE

export interface CmosDisk {
  cylinders: number
  heads: number
  sectors: number
}

/** What a PC's set-up program would have found out. */
export interface CmosSetup {
  ramBytes: number
  floppies: readonly [FloppyType, FloppyType]
  /** Fixed disks C and D as drive type 47 of the AT, whose geometry follows; null for none. */
  disks: readonly [CmosDisk | null, CmosDisk | null]
  numericProcessor: boolean
  pointingDevice: boolean
  /** Devices in the order to try, first three. Where SeaBIOS looks. */
  bootOrder: readonly ('floppy' | 'disk' | 'cdrom' | 'network')[]
  processors: number
}

const USER_TYPE = 47
const BOOT_CODE = { floppy: 1, disk: 2, cdrom: 3, network: 4 } as const
const KIB = 1024
const MIB = 1024 * KIB

/**
 * The configuration bytes for a machine, by CMOS address. The checksum is not among them: `Rtc.fillCmos`
 * computes it.
 * @see IBM PC/AT Technical Reference, "Real-time clock/CMOS RAM"; SeaBIOS src/hw/rtc.h for 34h-5Fh
 */
export function cmosBytes(setup: CmosSetup): Map<number, number> {
  const bytes = new Map<number, number>()
  const word = (address: number, value: number) => {
    bytes.set(address, value & 0xff)
    bytes.set(address + 1, value >> 8)
  }
  const [floppyA, floppyB] = setup.floppies.map((type) => FLOPPY_TYPE[type]) as [number, number]
  bytes.set(0x0e, 0)
  bytes.set(0x10, (floppyA << 4) | floppyB)
  bytes.set(0x14, equipment(setup))

  const baseKiB = Math.min(640, Math.floor(setup.ramBytes / KIB))
  const extendedKiB = Math.min(0xffff, Math.max(0, Math.floor((setup.ramBytes - MIB) / KIB)))
  const above16MiB = Math.max(0, Math.floor((setup.ramBytes - 16 * MIB) / (64 * KIB)))
  word(0x15, baseKiB)
  word(0x17, extendedKiB)
  word(0x30, extendedKiB)
  word(0x34, Math.min(0xffff, above16MiB))

  const [diskC, diskD] = setup.disks
  bytes.set(0x12, (diskC ? 0xf0 : 0) | (diskD ? 0x0f : 0))
  for (const [disk, type, geometry] of [
    [diskC, 0x19, 0x1b],
    [diskD, 0x1a, 0x24],
  ] as const) {
    if (!disk) continue
    const cylinders = Math.min(0xffff, disk.cylinders)
    bytes.set(type, USER_TYPE)
    word(geometry, cylinders)
    bytes.set(geometry + 2, disk.heads & 0xff)
    word(geometry + 3, 0xffff) // no write precompensation
    bytes.set(geometry + 5, 0xc0 | (disk.heads > 8 ? 0x08 : 0))
    word(geometry + 6, cylinders) // landing zone
    bytes.set(geometry + 8, disk.sectors & 0xff)
  }

  const [first, second, third] = setup.bootOrder.map((device) => BOOT_CODE[device])
  bytes.set(0x3d, (first ?? 0) | ((second ?? 0) << 4))
  bytes.set(0x38, ((third ?? 0) << 4) | 1)
  bytes.set(0x5f, Math.max(0, setup.processors - 1) & 0xff)
  return bytes
}

/** Byte 14h; the display bits stay 0, which is a display with its own BIOS: EGA and later. */
function equipment({ floppies, numericProcessor, pointingDevice }: CmosSetup): number {
  const drives = floppies.filter((type) => type !== 'none').length
  return (drives ? 1 | ((drives - 1) << 6) : 0) | (numericProcessor ? 0x02 : 0) | (pointingDevice ? 0x04 : 0)
}

/** Bytes 10h to 2Dh, whose sum stands at 2Eh (high) and 2Fh (low). */
export function writeChecksum(ram: Uint8Array): void {
  let sum = 0
  for (let address = 0x10; address < 0x2e; address++) sum += ram[address]!
  ram[0x2e] = sum >> 8
  ram[0x2f] = sum & 0xff
}
