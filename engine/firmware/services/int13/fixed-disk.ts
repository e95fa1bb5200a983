import { type FirmwareDisk, logicalGeometry } from '../../disk.ts'
import { readByte, type Service } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import { BDA, BDA_SEGMENT } from '../bda.ts'
import type { Context } from '../context.ts'
import { extended } from './extended.ts'
import { STATUS } from './status.ts'
import { readSectors, sectorOf, writeSectors } from './transfer.ts'

/** INT 13h for hard disks. @returns status for AH, null when AH and carry are set already */
export function* fixedDiskService(
  r: Registers,
  context: Context,
  disk: FirmwareDisk,
): Service<number | null> {
  if (!disk.geometry) return STATUS.timeout
  const geometry = logicalGeometry(disk.geometry, disk.sectorCount)
  switch (r.ah) {
    case 0x00: // reset
    case 0x09: // drive parameters
    case 0x0c: // seek
    case 0x0d: // alternate reset
    case 0x10: // ready?
    case 0x11: // recalibrate
    case 0x14: // controller diagnostic
      return STATUS.ok
    case 0x01: {
      const last = yield* readByte(BDA_SEGMENT, BDA.diskStatus)
      r.ah = last
      r.setCarry(last !== 0)
      return null
    }
    case 0x02:
    case 0x03:
    case 0x04: {
      const count = r.al
      r.al = 0
      if (count === 0 || count > 0x80) return STATUS.invalid
      const sector = sectorOf(r, geometry, 'disk')
      if (sector === null || sector + count > disk.sectorCount) return STATUS.sectorNotFound
      if (r.ah === 0x04) {
        r.al = count
        return STATUS.ok
      }
      const move = r.ah === 0x02 ? readSectors : writeSectors
      const result = yield* move(disk, sector, count, r.es, r.bx)
      r.al = result.count
      return result.status
    }
    case 0x05: // format a track: nothing to do on a drive that is formatted for good
      return disk.readonly ? STATUS.writeProtected : STATUS.ok
    case 0x08: {
      const last = geometry.cylinders - 1
      r.al = 0
      r.ch = last & 0xff
      r.cl = geometry.sectors | ((last >> 2) & 0xc0)
      r.dh = geometry.heads - 1
      r.dl = context.config.disks.length + (context.state.emulation?.media === 'disk' ? 1 : 0)
      return STATUS.ok
    }
    case 0x15: {
      const sectors = geometry.cylinders * geometry.heads * geometry.sectors
      r.ah = 3
      r.cx = sectors >>> 16
      r.dx = sectors & 0xffff
      r.setCarry(false)
      return null
    }
    default:
      if (r.ah >= 0x41 && r.ah <= 0x4e) return yield* extended(r, disk)
      return STATUS.invalid
  }
}
