import { because, technical } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { readPart, readU64, viewOf } from '../fields.ts'

/** The header of a sparse extent, checked; positions in bytes. Source: "Virtual Disk Format 5.0", chapter 4. */
export interface SparseHeader {
  sectors: number
  grainBytes: number
  /** Grains that one grain table has entries for. */
  entriesPerTable: number
  directoryPosition: number
  /** The second directory, where there is one. */
  redundantPosition: number | null
  descriptorPosition: number
  descriptorBytes: number
  /** Grains are compressed and have their number in front. */
  isCompressed: boolean
  /** An entry of 1 is a grain of zeros. */
  hasZeroGrains: boolean
}

export const VMDK_MAGIC = 0x564d444b
const REDUNDANT_TABLES = 2
const ZERO_GRAINS = 4
const COMPRESSED = 0x10000
const MARKERS = 0x20000
export const DIRECTORY_AT_END = 0xffffffffffffffffn
const MAX_DIRECTORY_BYTES = 64 * 1024 ** 2
const MAX_DESCRIPTOR_BYTES = 1024 ** 2

export const isSparse = (start: Uint8Array): boolean =>
  start.length >= 512 && viewOf(start).getUint32(0, true) === VMDK_MAGIC

/** Throws `file-unusable`. */
export function readSparseHeader(file: HostFile): SparseHeader {
  const bytes = readPart(file, 0, 512, 'header')
  if (!isSparse(bytes)) throw unusable(file.path, because('vmdk-no-extent'))
  // Stream-optimised files are written in one go: where the directory is, only the footer knows.
  if (viewOf(bytes).getBigUint64(56, true) !== DIRECTORY_AT_END) return parse(file, bytes)
  if (file.size < 1536) throw unusable(file.path, because('cut-short'))
  const footer = readPart(file, file.size - 1024, 512, 'footer')
  if (!isSparse(footer)) throw unusable(file.path, because('cut-short-footer'))
  return parse(file, footer)
}

function parse(file: HostFile, bytes: Uint8Array): SparseHeader {
  const view = viewOf(bytes)
  const wrong = (reason: string) =>
    unusable(file.path, because('header-damaged', { format: 'VMDK', detail: technical(reason) }))
  const sectors = (at: number, what: string): number => {
    const value = readU64(file, view, at, true, what)
    if (value >= 2 ** 43) throw wrong(`${what} of ${value} sectors`)
    return value
  }
  const version = view.getUint32(4, true)
  if (version < 1 || version > 3) throw unusable(file.path, because('vmdk-version', { version }))
  const flags = view.getUint32(8, true)
  const grainSectors = sectors(20, 'its grain')
  if (grainSectors < 8 || grainSectors > 65536 || (grainSectors & (grainSectors - 1)) !== 0)
    throw wrong(`grains of ${grainSectors} sectors`)
  const entriesPerTable = view.getUint32(44, true)
  if (entriesPerTable < 1 || entriesPerTable > 65536) throw wrong(`tables of ${entriesPerTable} entries`)
  const capacity = sectors(12, 'its capacity')
  if (capacity === 0) throw wrong('a disk of no sectors')
  const tables = Math.ceil(capacity / (grainSectors * entriesPerTable))
  if (tables * 4 > MAX_DIRECTORY_BYTES) throw wrong(`a directory of ${tables} tables`)
  const isCompressed = (flags & COMPRESSED) !== 0
  if (isCompressed && (view.getUint16(77, true) !== 1 || (flags & MARKERS) === 0))
    throw wrong('it is compressed in an unknown way')
  const descriptorBytes = sectors(36, 'its descriptor') * 512
  if (descriptorBytes > MAX_DESCRIPTOR_BYTES) throw wrong(`a descriptor of ${descriptorBytes} bytes`)
  return {
    sectors: capacity,
    grainBytes: grainSectors * 512,
    entriesPerTable,
    directoryPosition: sectors(56, 'the position of its directory') * 512,
    redundantPosition:
      (flags & REDUNDANT_TABLES) === 0 ? null : sectors(48, 'the position of its second directory') * 512,
    descriptorPosition: sectors(28, 'the position of its descriptor') * 512,
    descriptorBytes,
    isCompressed,
    hasZeroGrains: (flags & ZERO_GRAINS) !== 0,
  }
}

/** Where things are in a new extent with grains of 64 KiB; in sectors. */
export interface SparseLayout {
  sectors: number
  descriptorSector: number
  descriptorSectors: number
  redundantSector: number
  directorySector: bigint
  overheadSectors: number
  isCompressed: boolean
}

export const NEW_GRAIN_SECTORS = 128
export const NEW_TABLE_ENTRIES = 512

export function encodeSparseHeader(layout: SparseLayout): Uint8Array {
  const bytes = new Uint8Array(512)
  const view = viewOf(bytes)
  const u64 = (at: number, value: number | bigint): void => view.setBigUint64(at, BigInt(value), true)
  view.setUint32(0, VMDK_MAGIC, true)
  view.setUint32(4, layout.isCompressed ? 3 : 1, true)
  view.setUint32(8, 1 | (layout.isCompressed ? COMPRESSED | MARKERS : REDUNDANT_TABLES), true)
  u64(12, layout.sectors)
  u64(20, NEW_GRAIN_SECTORS)
  u64(28, layout.descriptorSector)
  u64(36, layout.descriptorSectors)
  view.setUint32(44, NEW_TABLE_ENTRIES, true)
  u64(48, layout.redundantSector)
  u64(56, layout.directorySector)
  u64(64, layout.overheadSectors)
  // A file that was sent as text has lost one of these.
  bytes.set([0x0a, 0x20, 0x0d, 0x0a], 73)
  view.setUint16(77, layout.isCompressed ? 1 : 0, true)
  return bytes
}
