import type { FirmwareDisk } from '../../disk.ts'
import { toDword, type Service, write } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import type { Context } from '../context.ts'
import type { Emulation } from '../int13/emulation.ts'
import { enterBootCode } from './boot-code.ts'

const CD_SECTOR = 2048
const BOOT_RECORD_SECTOR = 17
const DEFAULT_SEGMENT = 0x7c0
/** Floppy emulation takes the number of A:, a disk that of C:, and no emulation one behind all of them. */
const DRIVES = { none: 0xe0, floppy: 0x00, disk: 0x80 } as const
/** Sectors per track of media types 1 to 3: 1.2, 1.44 and 2.88 MB. */
const FLOPPY_SECTORS = [0, 15, 18, 36]
const MAX_LOAD_BYTES = 0x80000

const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
const word = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8)

/**
 * Boots a CD. @see El Torito bootable CD-ROM format specification 1.0
 * @returns null, or why it cannot be booted
 */
export function* startCd(
  r: Registers,
  context: Context,
  cd: FirmwareDisk,
  index: number,
): Service<string | null> {
  const sector = new Uint8Array(CD_SECTOR)
  try {
    cd.read(BOOT_RECORD_SECTOR, 1, sector)
    if (
      text(sector.subarray(1, 6)) !== 'CD001' ||
      !text(sector.subarray(7, 39)).startsWith('EL TORITO SPECIFICATION')
    )
      return 'not a bootable CD'
    cd.read(toDword(sector.subarray(0x47)), 1, sector)
  } catch {
    return 'cannot be read'
  }
  if (sector[0] !== 1 || sector[30] !== 0x55 || sector[31] !== 0xaa) return 'its boot catalog is damaged'
  const entry = sector.slice(32, 64)
  if (entry[0] !== 0x88) return 'its boot catalog has no entry to boot'
  const emulation = describe(entry, cd, index)
  if (!emulation) return 'its boot image is of an unknown kind'

  const bytes = Math.min(emulation.loadSectors * 512, MAX_LOAD_BYTES)
  const image = new Uint8Array(Math.ceil(bytes / CD_SECTOR) * CD_SECTOR)
  try {
    const available = Math.min(image.length / CD_SECTOR, cd.sectorCount - emulation.start)
    cd.read(emulation.start, available, image.subarray(0, available * CD_SECTOR))
  } catch {
    return 'cannot be read'
  }
  // No look at what it holds: some boot sectors begin with zeros.
  yield* write(emulation.loadSegment, 0, image.subarray(0, bytes))
  context.state.emulation = emulation
  const { loadSegment } = emulation
  enterBootCode(r, loadSegment & 0xf000, (loadSegment & 0xfff) << 4, emulation.drive)
  return null
}

function describe(entry: Uint8Array, cd: FirmwareDisk, index: number): Emulation | null {
  const mediaType = entry[1]! & 0xf
  const common = {
    mediaType,
    cd: index,
    start: toDword(entry.subarray(8)),
    loadSegment: word(entry, 2) || DEFAULT_SEGMENT,
    loadSectors: word(entry, 6) || 1,
  }
  if (common.start >= cd.sectorCount) return null
  if (mediaType === 0)
    return { ...common, media: 'none', drive: DRIVES.none, cylinders: 1, heads: 1, sectors: 1 }
  if (mediaType <= 3)
    return {
      ...common,
      media: 'floppy',
      drive: DRIVES.floppy,
      cylinders: 80,
      heads: 2,
      sectors: FLOPPY_SECTORS[mediaType]!,
    }
  if (mediaType !== 4) return null
  const mbr = new Uint8Array(CD_SECTOR)
  try {
    cd.read(common.start, 1, mbr)
  } catch {
    return null
  }
  // The first partition's end tells the geometry that the image was made with.
  const heads = mbr[446 + 5]! + 1
  const sectors = mbr[446 + 6]! & 0x3f || 63
  const last = toDword(mbr.subarray(446 + 8)) + toDword(mbr.subarray(446 + 12))
  const cylinders = Math.min(1024, Math.max(1, Math.ceil(last / (heads * sectors))))
  return { ...common, media: 'disk', drive: DRIVES.disk, cylinders, heads, sectors }
}
