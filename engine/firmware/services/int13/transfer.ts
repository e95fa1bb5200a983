import type { FirmwareDisk, Geometry } from '../../disk.ts'
import { read, type Service, write } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import { STATUS } from './status.ts'

/** Sectors moved in one go: a whole call is answered at once, but memory for it stays small. */
const PIECE_BYTES = 0x8000

export interface Transfer {
  status: number
  /** Sectors done, all of them when the status is good. */
  count: number
}

const linear = (segment: number, offset: number): { segment: number; offset: number } => ({
  segment: (segment + (offset >>> 4)) & 0xffff,
  offset: offset & 15,
})

/** Sectors of a drive into the caller's memory. */
export function* readSectors(
  disk: FirmwareDisk,
  sector: number,
  count: number,
  segment: number,
  offset: number,
): Service<Transfer> {
  const bytesPerSector = disk.sectorBytes
  const piece = Math.max(1, Math.floor(PIECE_BYTES / bytesPerSector))
  for (let done = 0; done < count;) {
    const now = Math.min(piece, count - done)
    const data = new Uint8Array(now * bytesPerSector)
    try {
      disk.read(sector + done, now, data)
    } catch {
      return { status: STATUS.badSector, count: done }
    }
    const at = linear(segment, offset + done * bytesPerSector)
    yield* write(at.segment, at.offset, data)
    done += now
  }
  return { status: STATUS.ok, count }
}

/** The caller's memory onto sectors of a drive. */
export function* writeSectors(
  disk: FirmwareDisk,
  sector: number,
  count: number,
  segment: number,
  offset: number,
): Service<Transfer> {
  if (disk.readonly) return { status: STATUS.writeProtected, count: 0 }
  const bytesPerSector = disk.sectorBytes
  const piece = Math.max(1, Math.floor(PIECE_BYTES / bytesPerSector))
  for (let done = 0; done < count;) {
    const now = Math.min(piece, count - done)
    const at = linear(segment, offset + done * bytesPerSector)
    const data = yield* read(at.segment, at.offset, now * bytesPerSector)
    try {
      disk.write(sector + done, now, data)
    } catch {
      return { status: STATUS.writeFault, count: done }
    }
    done += now
  }
  return { status: STATUS.ok, count }
}

/** CH, CL and DH as AH=02h to 04h take them; null when the place is outside of the geometry. */
export function sectorOf(
  r: Registers,
  { cylinders, heads, sectors }: Geometry,
  drive: 'floppy' | 'disk',
): number | null {
  const cylinder = r.ch | (drive === 'disk' ? (r.cl & 0xc0) << 2 : 0)
  const head = r.dh
  const sector = drive === 'disk' ? r.cl & 0x3f : r.cl
  if (cylinder >= cylinders || head >= heads || sector < 1 || sector > sectors) return null
  return (cylinder * heads + head) * sectors + sector - 1
}
