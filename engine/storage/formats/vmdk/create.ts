import { basename, dirname, join } from 'node:path'
import { because } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import type { ImageFiles } from '../../image-files.ts'
import { type CreateRequest, SECTOR_BYTES } from '../disk-image.ts'
import { roundUp, viewOf } from '../fields.ts'
import { encodeDescriptor } from './descriptor.ts'
import { encodeSparseHeader, NEW_GRAIN_SECTORS, NEW_TABLE_ENTRIES } from './sparse-header.ts'

const TABLE_SECTORS = (NEW_TABLE_ENTRIES * 4) / SECTOR_BYTES
const DESCRIPTOR_SECTORS = 20
/** The longest extent of a split disk: 2 GiB less 64 KiB, as file systems of the time took it. */
const SPLIT_SECTORS = 2 ** 22 - 128

export const VMDK_VARIANTS = ['sparse', 'flat', 'split-sparse', 'split-flat', 'stream'] as const
export type VmdkVariant = (typeof VMDK_VARIANTS)[number]

export const CREATE_TYPES: Record<VmdkVariant, string> = {
  sparse: 'monolithicSparse',
  flat: 'monolithicFlat',
  'split-sparse': 'twoGbMaxExtentSparse',
  'split-flat': 'twoGbMaxExtentFlat',
  stream: 'streamOptimized',
}

/** Writes an empty VMDK of all variants but the stream, and its extents beside it. */
export function createVmdk(
  file: HostFile,
  variant: VmdkVariant,
  request: CreateRequest,
  files: ImageFiles,
): void {
  const { sizeBytes, backing, clusterBytes } = request
  if (clusterBytes !== undefined && clusterBytes !== NEW_GRAIN_SECTORS * SECTOR_BYTES)
    throw unusable(file.path, because('vmdk-grains'))
  const { identity = null, format } = backing?.image.details ?? {}
  if (backing && (format !== 'vmdk' || identity === null || variant.includes('flat')))
    throw unusable(file.path, because('vmdk-parent-format'))
  const sectors = sizeBytes / SECTOR_BYTES
  const name = request.name ?? basename(file.path)
  const parent = backing && identity !== null ? { contentId: identity, name: backing.name } : null
  const text = (extents: string[]): string =>
    encodeDescriptor({ createType: CREATE_TYPES[variant], sectors, extents, parent })
  if (variant === 'sparse') {
    writeSparse(file, sectors, text([`RW ${sectors} SPARSE "${name}"`]))
    return
  }
  const kind = variant.includes('flat') ? 'FLAT' : 'SPARSE'
  const stem = name.replace(/\.vmdk$/i, '')
  const lines: string[] = []
  const made: string[] = []
  try {
    for (let start = 0; start < sectors;) {
      const length = variant === 'flat' ? sectors : Math.min(SPLIT_SECTORS, sectors - start)
      const number = String(lines.length + 1).padStart(3, '0')
      const extent =
        variant === 'flat' ? `${stem}-flat.vmdk` : `${stem}-${kind === 'FLAT' ? 'f' : 's'}${number}.vmdk`
      const path = join(dirname(file.path), extent)
      const part = files.create(path)
      made.push(path)
      try {
        if (kind === 'FLAT') part.truncate(length * SECTOR_BYTES)
        else writeSparse(part, length, null)
        part.sync()
      } finally {
        part.close()
      }
      lines.push(`RW ${length} ${kind} "${extent}"${kind === 'FLAT' ? ' 0' : ''}`)
      start += length
    }
    file.writeAt(0, Buffer.from(text(lines), 'utf8'))
  } catch (error) {
    for (const path of made) files.remove(path)
    throw error
  }
}

/** An empty sparse extent: header, descriptor, and both directories with all of their tables. */
function writeSparse(file: HostFile, sectors: number, descriptor: string | null): void {
  const tables = Math.ceil(sectors / (NEW_GRAIN_SECTORS * NEW_TABLE_ENTRIES))
  const directorySectors = Math.ceil((tables * 4) / SECTOR_BYTES)
  const redundantSector = 1 + DESCRIPTOR_SECTORS
  const directorySector = redundantSector + directorySectors + tables * TABLE_SECTORS
  const overheadSectors = roundUp(
    directorySector + directorySectors + tables * TABLE_SECTORS,
    NEW_GRAIN_SECTORS,
  )
  file.truncate(overheadSectors * SECTOR_BYTES)
  const header = encodeSparseHeader({
    sectors,
    descriptorSector: descriptor === null ? 0 : 1,
    descriptorSectors: descriptor === null ? 0 : DESCRIPTOR_SECTORS,
    redundantSector,
    directorySector: BigInt(directorySector),
    overheadSectors,
    isCompressed: false,
  })
  file.writeAt(0, header)
  if (descriptor !== null) file.writeAt(SECTOR_BYTES, Buffer.from(descriptor, 'utf8'))
  for (const start of [redundantSector, directorySector]) {
    const directory = new Uint8Array(tables * 4)
    for (let table = 0; table < tables; table++)
      viewOf(directory).setUint32(table * 4, start + directorySectors + table * TABLE_SECTORS, true)
    file.writeAt(start * SECTOR_BYTES, directory)
  }
}
