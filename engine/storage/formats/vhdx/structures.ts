import { because, technical } from '../../../protocol/reasons.ts'
import { type HostFile, unusable, damagedImage } from '../../host-file.ts'
import { asciiAt, readPart, readU64, readUpTo, viewOf } from '../fields.ts'
import { crc32c } from './crc32c.ts'
import type { LogPlace } from './log.ts'
import { guidText, type ParentLocator, readParentLocator } from './parent-locator.ts'

/** What is needed to find a VHDX's blocks. Source: Microsoft, [MS-VHDX], version 2 of the format's description. */
export interface VhdxLayout {
  sizeBytes: number
  blockBytes: number
  /** Payload blocks after each of which follows the entry of a sector bitmap. */
  chunkRatio: number
  /** Of the disk, for which a bitmap has a bit each. */
  sectorBytes: number
  /** What it was made over, of a differencing disk. */
  parent: ParentLocator | null
  tablePosition: number
  tableBytes: number
}

const HEADERS = [0x10000, 0x20000]
const HEADER_BYTES = 4096
const REGION_TABLES = [0x30000, 0x40000]
const REGION_TABLE_BYTES = 65536
const MAX_TABLE_BYTES = 256 * 1024 ** 2
const MAX_METADATA_BYTES = 16 * 1024 ** 2

// GUIDs, in the order of their bytes in the file.
const BLOCK_TABLE = '6677c22d23f600429d64115e9bfd4a08'
const METADATA = '06a27c8b90479a4bb8fe575f050f886e'
const FILE_PARAMETERS = '3767a1ca36fa434db3b633f0aa44e76b'
const DISK_SIZE = '2442a52f1bcd7648b2115dbed83bf4b8'
const PARENT_LOCATOR = '2d5fd3a80bb34d45abf7d3d84834ab0c'
const LOGICAL_SECTOR = '1dbf41816fa90947ba47f233a8faab5f'

/** A flag of the file's parameters. */
const HAS_PARENT = 2

const guidAt = (bytes: Uint8Array, at: number): string =>
  Buffer.from(bytes.subarray(at, at + 16)).toString('hex')

/** Throws `file-unusable`. */
export function readVhdxLayout(file: HostFile): VhdxLayout {
  const regions = readRegions(file)
  const table = regions.get(BLOCK_TABLE)
  const metadata = regions.get(METADATA)
  if (!table || !metadata)
    throw damagedImage(file.path, 'VHDX', 'its region table is damaged: a part is missing')
  if (table.bytes > MAX_TABLE_BYTES || metadata.bytes > MAX_METADATA_BYTES)
    throw damagedImage(file.path, 'VHDX', 'its region table is damaged: a part is too large')
  return { ...readMetadata(file, metadata), tablePosition: table.position, tableBytes: table.bytes }
}

/** What counts of a file's headers. */
interface VhdxHeader {
  /** What disks over this one note of it: another one whenever its contents have changed. */
  dataGuid: string
  /** What has to be replayed before anything else is read; null where it was closed. */
  log: LogPlace | null
}

/** The newer of two headers counts; one of them may be lost. Throws `file-unusable`. */
export function readVhdxHeader(file: HostFile): VhdxHeader {
  let newest: { sequence: bigint; bytes: Uint8Array } | null = null
  for (const position of HEADERS) {
    const bytes = readUpTo(file, position, HEADER_BYTES)
    if (bytes.length < HEADER_BYTES || asciiAt(bytes, 0, 4) !== 'head') continue
    const view = viewOf(bytes)
    if (view.getUint32(4, true) !== crc32c(bytes, 4)) continue
    const sequence = view.getBigUint64(8, true)
    if (!newest || newest.sequence < sequence) newest = { sequence, bytes }
  }
  if (!newest) throw damagedImage(file.path, 'VHDX', 'both of its VHDX headers are damaged')
  const { bytes } = newest
  const view = viewOf(bytes)
  const [logVersion, version] = [view.getUint16(64, true), view.getUint16(66, true)]
  if (version !== 1) throw unusable(file.path, because('vhdx-version', { version }))
  const dataGuid = guidText(bytes.subarray(32, 48))
  const guid = guidAt(bytes, 48)
  if (/^0*$/.test(guid)) return { dataGuid, log: null }
  if (logVersion !== 0) throw unusable(file.path, because('vhdx-log-version', { version: logVersion }))
  const position = readU64(file, view, 72, true, 'the place of its log')
  return { dataGuid, log: { guid, position, bytes: view.getUint32(68, true) } }
}

interface Region {
  position: number
  bytes: number
}

function readRegions(file: HostFile): Map<string, Region> {
  for (const start of REGION_TABLES) {
    const bytes = readUpTo(file, start, REGION_TABLE_BYTES)
    if (bytes.length < REGION_TABLE_BYTES || asciiAt(bytes, 0, 4) !== 'regi') continue
    const view = viewOf(bytes)
    if (view.getUint32(4, true) !== crc32c(bytes, 4)) continue
    const count = view.getUint32(8, true)
    if (count > 2047) continue
    const regions = new Map<string, Region>()
    for (let at = 16; at < 16 + count * 32; at += 32) {
      const guid = guidAt(bytes, at)
      if (guid !== BLOCK_TABLE && guid !== METADATA) {
        if (view.getUint32(at + 28, true) & 1) throw unusable(file.path, because('vhdx-part-unknown'))
        continue
      }
      const position = readU64(file, view, at + 16, true, 'the position of a part')
      regions.set(guid, { position, bytes: view.getUint32(at + 24, true) })
    }
    return regions
  }
  throw damagedImage(file.path, 'VHDX', 'both of its region tables are damaged')
}

function readMetadata(file: HostFile, region: Region): Omit<VhdxLayout, 'tablePosition' | 'tableBytes'> {
  const bytes = readPart(file, region.position, region.bytes, 'metadata')
  const view = viewOf(bytes)
  const wrong = (reason: string) =>
    unusable(file.path, because('metadata-damaged', { detail: technical(reason) }))
  if (bytes.length < 65536 || asciiAt(bytes, 0, 8) !== 'metadata') throw wrong('it is missing')
  const count = view.getUint16(10, true)
  if (count > 2047) throw wrong(`${count} items`)
  const items = new Map<string, number>()
  let locatorBytes = 0
  for (let at = 32; at < 32 + count * 32; at += 32) {
    const offset = view.getUint32(at + 16, true)
    if (offset < 65536 || offset + 8 > bytes.length) throw wrong('an item is out of place')
    items.set(guidAt(bytes, at), offset)
    if (guidAt(bytes, at) === PARENT_LOCATOR) locatorBytes = view.getUint32(at + 20, true)
  }
  const [parameters, size, sector] = [FILE_PARAMETERS, DISK_SIZE, LOGICAL_SECTOR].map((guid) =>
    items.get(guid),
  )
  if (parameters === undefined || size === undefined || sector === undefined)
    throw wrong('an item is missing')
  const blockBytes = view.getUint32(parameters, true)
  if (blockBytes < 2 ** 20 || blockBytes > 2 ** 28 || (blockBytes & (blockBytes - 1)) !== 0)
    throw wrong(`blocks of ${blockBytes} bytes`)
  const sectorBytes = view.getUint32(sector, true)
  if (sectorBytes !== 512 && sectorBytes !== 4096) throw wrong(`sectors of ${sectorBytes} bytes`)
  const sizeBytes = readU64(file, view, size, true, 'its disk size')
  if (sizeBytes === 0 || sizeBytes % sectorBytes !== 0) throw wrong(`a disk of ${sizeBytes} bytes`)
  const chunkRatio = (2 ** 23 * sectorBytes) / blockBytes
  if (!(view.getUint32(parameters + 4, true) & HAS_PARENT))
    return { sizeBytes, blockBytes, chunkRatio, sectorBytes, parent: null }
  const locator = items.get(PARENT_LOCATOR)
  if (locator === undefined) throw wrong('it has a parent, but no word of it')
  const item = bytes.subarray(locator, locator + locatorBytes)
  return { sizeBytes, blockBytes, chunkRatio, sectorBytes, parent: readParentLocator(file, item) }
}
