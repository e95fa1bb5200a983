import { because, technical } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { type DiskFormat, SECTOR_BYTES } from '../disk-image.ts'
import { asciiAt, readPart, readU64, viewOf } from '../fields.ts'
import { ABSENT, MappedImage } from '../mapped-image.ts'
import { ReadOnlyMap } from '../read-only-map.ts'

const MAGIC = 'WithoutFreeSpace'
/** Entries of its table count clusters instead of sectors. */
const EXTENDED_MAGIC = 'WithouFreSpacExt'
const HEADER_BYTES = 64
const MAX_TABLE_BYTES = 128 * 1024 ** 2

/** Parallels' expanding disk, to be read. Source: QEMU, docs/interop/parallels.txt. */
export const parallels: DiskFormat = {
  name: 'parallels',
  variants: [],

  recognises: (first) => [MAGIC, EXTENDED_MAGIC].includes(asciiAt(first, 0, 16)),

  open(file) {
    const { sectors, clusterBytes, table } = readHeader(file)
    const map = new ReadOnlyMap(file, (cluster) => table[cluster] || ABSENT)
    return new MappedImage(
      file,
      map,
      sectors,
      clusterBytes,
      {
        format: 'parallels',
        variant: 'expanding',
        clusterBytes,
        backingFile: null,
        identity: null,
        snapshots: [],
        files: [file.path],
      },
      null,
    )
  },
}

/** The header, checked, and the position of each cluster; 0 for one that is not there. */
function readHeader(file: HostFile): { sectors: number; clusterBytes: number; table: Float64Array } {
  const bytes = readPart(file, 0, HEADER_BYTES, 'header')
  const view = viewOf(bytes)
  const u32 = (at: number): number => view.getUint32(at, true)
  const wrong = (reason: string) =>
    unusable(file.path, because('header-damaged', { format: 'Parallels', detail: technical(reason) }))
  if (u32(16) !== 2) throw unusable(file.path, because('parallels-version', { version: u32(16) }))
  const isExtended = asciiAt(bytes, 0, 16) === EXTENDED_MAGIC
  const clusterSectors = u32(28)
  if (clusterSectors === 0 || clusterSectors > 2 ** 19) throw wrong(`clusters of ${clusterSectors} sectors`)
  // Older images have something else in the high half.
  const sectors = isExtended ? readU64(file, view, 36, true, 'its disk size') : u32(36)
  const entries = u32(32)
  if (entries * 4 > MAX_TABLE_BYTES || entries < Math.ceil(sectors / clusterSectors) || sectors === 0)
    throw wrong(`a table of ${entries} clusters for a disk of ${sectors} sectors`)
  const unit = (isExtended ? clusterSectors : 1) * SECTOR_BYTES
  const stored = viewOf(readPart(file, HEADER_BYTES, entries * 4, 'table'))
  const table = Float64Array.from(
    { length: entries },
    (_, cluster) => stored.getUint32(cluster * 4, true) * unit,
  )
  if (table.some((position) => position >= file.size + clusterSectors * SECTOR_BYTES))
    throw wrong('its table leads out of the file')
  return { sectors, clusterBytes: clusterSectors * SECTOR_BYTES, table }
}
