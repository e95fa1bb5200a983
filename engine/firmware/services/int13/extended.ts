import type { FirmwareDisk } from '../../disk.ts'
import { Packer, read, readWord, type Service, toDword, write, writeWord } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import { STATUS } from './status.ts'
import { readSectors, writeSectors } from './transfer.ts'

const VERSION_3_0 = 0x30
const INTERFACES = 0x07 // extended access, removable media control, EDD

/** INT 13h/41h-4Eh. @see Phoenix Enhanced Disk Drive specification 3.0 */
export function* extended(r: Registers, disk: FirmwareDisk): Service<number | null> {
  const removable = disk.kind === 'cdrom'
  switch (r.ah) {
    case 0x41:
      if (r.bx !== 0x55aa) return STATUS.invalid
      r.bx = 0xaa55
      r.cx = removable ? (INTERFACES & ~1) | 1 : INTERFACES
      r.ah = VERSION_3_0
      r.setCarry(false)
      return null
    case 0x42:
    case 0x43:
    case 0x44:
    case 0x47:
      return yield* packet(r, disk)
    case 0x45: {
      // Locks nothing: the medium changes only when the user says so. AL = 0 tells "not locked".
      const request = r.al
      if (request > 2) return STATUS.invalid
      r.al = 0
      return STATUS.ok
    }
    case 0x46:
      return removable ? STATUS.ok : STATUS.notRemovable
    case 0x48:
      return yield* driveParameters(r, disk)
    case 0x49:
      return disk.takeChanged() ? STATUS.changed : STATUS.ok
    case 0x4e: {
      // Prefetch and transfer modes: nothing that another drive would notice, so AL = 0.
      const request = r.al
      if (request > 6) return STATUS.invalid
      r.al = 0
      return STATUS.ok
    }
    default:
      return STATUS.invalid
  }
}

/** Disk address packet at DS:SI. The count in it becomes the number of sectors done. */
function* packet(r: Registers, disk: FirmwareDisk): Service<number> {
  const head = yield* read(r.ds, r.si, 16)
  const size = head[0]!
  if (size < 16) return STATUS.invalid
  const count = head[2]! | (head[3]! << 8)
  const offset = head[4]! | (head[5]! << 8)
  const segment = head[6]! | (head[7]! << 8)
  const sector = toDword(head.subarray(8))
  const high = toDword(head.subarray(12))
  if (high !== 0 || sector + count > disk.sectorCount) {
    yield* writeWord(r.ds, r.si + 2, 0)
    return disk.sectorCount ? STATUS.sectorNotFound : STATUS.noMedium
  }
  if (r.ah === 0x44 || r.ah === 0x47) return STATUS.ok
  // FFFF:FFFF announces a flat 64-bit address, which real mode cannot reach.
  if (segment === 0xffff && offset === 0xffff) return STATUS.boundary
  const move = r.ah === 0x42 ? readSectors : writeSectors
  const result = yield* move(disk, sector, count, segment, offset)
  if (result.status) yield* writeWord(r.ds, r.si + 2, result.count)
  return result.status
}

function* driveParameters(r: Registers, disk: FirmwareDisk): Service<number> {
  const room = yield* readWord(r.ds, r.si)
  if (room < 26) return STATUS.invalid
  const { geometry } = disk
  const length = room >= 74 ? 74 : room >= 30 ? 30 : 26
  const packer = new Packer()
    .u16(length)
    .u16(disk.kind === 'cdrom' ? 0x74 : 0x02) // geometry valid; removable, lockable, no CHS
    .u32(geometry?.cylinders ?? 0xffffffff)
    .u32(geometry?.heads ?? 0xffffffff)
    .u32(geometry?.sectors ?? 0xffffffff)
    .u32(disk.sectorCount)
    .u32(0)
    .u16(disk.sectorBytes)
  // No DPTE: FFFF:FFFF says so, while 0:0 would be taken for one.
  if (length >= 30) packer.u32(0xffffffff)
  if (length >= 74) packer.u16(0xbedd).u8(44).u8(0).u16(0)
  const bytes = new Uint8Array(length)
  bytes.set(packer.bytes)
  if (length >= 74) bytes.set(devicePath(disk), 36)
  if (length >= 74) bytes[73] = -bytes.subarray(30, 73).reduce((sum, byte) => sum + byte, 0) & 0xff
  yield* write(r.ds, r.si, bytes)
  return STATUS.ok
}

/** Host bus, interface type, interface path and device path of EDD 3.0: the second function of PCI device 1. */
function devicePath(disk: FirmwareDisk): Uint8Array {
  const bytes = new Uint8Array(37)
  const text = (value: string) => Uint8Array.from(value, (c) => c.charCodeAt(0))
  bytes.set(text('PCI '), 0)
  bytes.set(text(disk.kind === 'cdrom' ? 'ATAPI   ' : 'ATA     '), 4)
  bytes.set([0, 1, 1, disk.ide?.channel ?? 0], 12)
  bytes[20] = disk.ide?.slave ? 1 : 0
  return bytes
}
