import { because, technical } from '../../../protocol/reasons.ts'
import { type HostFile, unusable, damagedImage } from '../../host-file.ts'
import type { InternalSnapshot } from '../disk-image.ts'
import { asciiAt, readPart, readU64, readUpTo, roundUp, viewOf } from '../fields.ts'
import { MAX_LUKS_AREA_BYTES } from '../luks/header.ts'

/** The header of a qcow2 file, checked. Source: QEMU, docs/interop/qcow2.txt. */
export interface Qcow2Header {
  version: 2 | 3
  clusterBits: number
  sizeBytes: number
  l1Entries: number
  l1Position: number
  refcountTablePosition: number
  refcountTableClusters: number
  /** Width of a reference count: 2 to the power of this many bits. */
  refcountOrder: number
  /** The image was not closed properly and its reference counts are not to be trusted. */
  isDirty: boolean
  /** Somebody found its tables damaged: to be read only. */
  isCorrupt: boolean
  /** Notes on the contents that go once these are changed by who does not know them. */
  autoclearFeatures: bigint
  /** Its L2 entries tell of each 32nd part of a cluster what it has (extended L2). */
  hasSubclusters: boolean
  /** Of its compressed clusters. */
  compression: (typeof COMPRESSION)[number]
  /** Name of the file that holds the contents of its clusters; null where they lie in the image itself. */
  dataFile: string | null
  /** The data file is at all times the disk as a raw image. */
  isDataRaw: boolean
  backingFile: string | null
  backingFormat: string | null
  snapshots: SnapshotEntry[]
  /** Where the header of its encryption lies, as LUKS has it; null when it is not encrypted. */
  encryption: { position: number; bytes: number } | null
  /** Where their table lies, if there are any. */
  snapshotTable: { position: number; bytes: number } | null
}

export interface SnapshotEntry extends InternalSnapshot {
  l1Position: number
  l1Entries: number
}

export const QCOW2_MAGIC = 0x514649fb
export const MAX_L1_BYTES = 32 * 1024 ** 2
export const MAX_REFCOUNT_TABLE_BYTES = 8 * 1024 ** 2
const MAX_SNAPSHOTS = 65536
const MAX_SNAPSHOT_TABLE_BYTES = 16 * 1024 ** 2
/** What this program knows of a v3 header; longer ones are allowed. */
const V3_HEADER_BYTES = 104

const INCOMPATIBLE_DIRTY = 1n
const INCOMPATIBLE_CORRUPT = 2n
const INCOMPATIBLE_COMPRESSION = 8n
const INCOMPATIBLE_DATA_FILE = 4n
const INCOMPATIBLE_SUBCLUSTERS = 16n
export const AUTOCLEAR_RAW_DATA = 2n
/** A part of less than a sector would be none. */
const LEAST_CLUSTER_BITS_OF_PARTS = 14
export const BACKING_FORMAT_EXTENSION = 0xe2792aca
/** Numbers of the ways in which clusters are compressed. */
const COMPRESSION = ['deflate', 'zstd'] as const
const COMPRESSION_AT = 104
const DATA_FILE_EXTENSION = 0x44415441
/** Full disk encryption header pointer. */
export const ENCRYPTION_EXTENSION = 0x0537be77
const METHOD_LUKS = 2

/** Of an entry of an L2 table. */
export const entryBytesOf = ({ hasSubclusters }: Pick<Qcow2Header, 'hasSubclusters'>): number =>
  hasSubclusters ? 16 : 8

/** Throws `file-unusable`. */
export function readQcow2Header(file: HostFile): Qcow2Header {
  const bytes = readUpTo(file, 0, 4096)
  const wrong = (reason: string) =>
    unusable(file.path, because('header-damaged', { format: 'qcow2', detail: technical(reason) }))
  if (bytes.length < 72) throw wrong('it is cut short')
  const view = viewOf(bytes)
  const version = view.getUint32(4)
  if (version !== 2 && version !== 3) throw unusable(file.path, because('qcow-version', { version }))
  if (version === 3 && bytes.length < V3_HEADER_BYTES) throw wrong('it is cut short')
  const clusterBits = view.getUint32(20)
  if (clusterBits < 9 || clusterBits > 21) throw wrong(`clusters of 2^${clusterBits} bytes`)
  const clusterBytes = 2 ** clusterBits
  const position = (at: number, tableBytes: number, what: string): number => {
    const value = readU64(file, view, at, false, what)
    if (value % clusterBytes !== 0) throw wrong(`${what} at ${value}, which is within a cluster`)
    // What is written there would make the file as long.
    if (value + tableBytes > roundUp(file.size, clusterBytes))
      throw wrong(`${what} behind the end of the file`)
    return value
  }
  const method = view.getUint32(32)
  if (method !== 0 && method !== METHOD_LUKS) throw unusable(file.path, because('qcow-old-encryption'))
  const sizeBytes = readU64(file, view, 24, false, 'its disk size')
  const l1Entries = view.getUint32(36)
  const features = version === 3 ? view.getBigUint64(72) : 0n
  const hasSubclusters = (features & INCOMPATIBLE_SUBCLUSTERS) !== 0n
  if (hasSubclusters && clusterBits < LEAST_CLUSTER_BITS_OF_PARTS)
    throw wrong(`subclusters of clusters of 2^${clusterBits} bytes`)
  const l1Needed = Math.ceil(sizeBytes / (clusterBytes * (clusterBytes / entryBytesOf({ hasSubclusters }))))
  if (l1Entries * 8 > MAX_L1_BYTES) throw wrong(`an L1 table of ${l1Entries} entries`)
  if (l1Entries < l1Needed) throw wrong(`an L1 table of ${l1Entries} entries where ${l1Needed} are needed`)
  const refcountTableClusters = view.getUint32(56)
  if (refcountTableClusters === 0 || refcountTableClusters * clusterBytes > MAX_REFCOUNT_TABLE_BYTES)
    throw wrong(`a refcount table of ${refcountTableClusters} clusters`)
  if (features >> 5n)
    throw unusable(file.path, because('qcow-features-unknown', { bits: features.toString(16) }))
  const refcountOrder = version === 3 ? view.getUint32(96) : 4
  if (refcountOrder > 6) throw wrong(`reference counts of 2^${refcountOrder} bits`)
  const headerBytes = version === 3 ? view.getUint32(100) : 72
  if (
    headerBytes < (version === 3 ? V3_HEADER_BYTES : 72) ||
    headerBytes > clusterBytes ||
    headerBytes % 8 !== 0
  )
    throw wrong(`a header of ${headerBytes} bytes`)
  // The field came later, and need not be there; the flag says when it matters.
  const hasMethod = version === 3 && headerBytes > COMPRESSION_AT && bytes.length > COMPRESSION_AT
  const compression = COMPRESSION[hasMethod ? bytes[COMPRESSION_AT]! : 0]
  const isFlagged = (features & INCOMPATIBLE_COMPRESSION) !== 0n
  if (!compression || isFlagged !== (compression !== 'deflate'))
    throw unusable(file.path, because('qcow-compression-unknown'))
  const hasDataFile = (features & INCOMPATIBLE_DATA_FILE) !== 0n
  const dataFile = hasDataFile ? readDataFile(file, headerBytes, clusterBytes) : null
  const autoclearFeatures = version === 3 ? view.getBigUint64(88) : 0n
  return {
    version,
    clusterBits,
    sizeBytes,
    l1Entries,
    l1Position: position(40, l1Entries * 8, 'its L1 table'),
    refcountTablePosition: position(48, refcountTableClusters * clusterBytes, 'its refcount table'),
    refcountTableClusters,
    refcountOrder,
    hasSubclusters,
    compression,
    isDirty: (features & INCOMPATIBLE_DIRTY) !== 0n,
    isCorrupt: (features & INCOMPATIBLE_CORRUPT) !== 0n,
    autoclearFeatures,
    dataFile,
    isDataRaw: dataFile !== null && (autoclearFeatures & AUTOCLEAR_RAW_DATA) !== 0n,
    backingFile: readBackingFile(file, view, clusterBytes),
    backingFormat: readBackingFormat(file, headerBytes, clusterBytes),
    encryption: method === METHOD_LUKS ? readEncryption(file, headerBytes, clusterBytes) : null,
    ...readSnapshots(file, view, clusterBytes),
  }
}

function readBackingFile(file: HostFile, view: DataView, clusterBytes: number): string | null {
  const at = readU64(file, view, 8, false, 'the position of its backing file name')
  const length = view.getUint32(16)
  if (at === 0) return null
  if (length === 0 || length > 1023 || at + length > clusterBytes)
    throw unusable(file.path, because('backing-name-damaged'))
  return Buffer.from(readPart(file, at, length, 'backing file name')).toString('utf8')
}

function readBackingFormat(file: HostFile, start: number, clusterBytes: number): string | null {
  const data = readExtension(file, start, clusterBytes, BACKING_FORMAT_EXTENSION)
  return data && asciiAt(data, 0, Math.min(data.length, 64))
}

function readDataFile(file: HostFile, start: number, clusterBytes: number): string {
  const data = readExtension(file, start, clusterBytes, DATA_FILE_EXTENSION)
  if (data) return Buffer.from(data).toString('utf8')
  throw damagedImage(file.path, 'qcow2', 'its data lie in another file, and the name of that is missing')
}

function readEncryption(
  file: HostFile,
  start: number,
  clusterBytes: number,
): { position: number; bytes: number } {
  const data = readExtension(file, start, clusterBytes, ENCRYPTION_EXTENSION)
  if (data?.length !== 16)
    throw damagedImage(file.path, 'qcow2', 'it is encrypted, and where its keys lie is missing')
  const position = readU64(file, viewOf(data), 0, false, 'the position of its keys')
  const bytes = readU64(file, viewOf(data), 8, false, 'the size of its keys')
  if (position % clusterBytes !== 0 || bytes > MAX_LUKS_AREA_BYTES || position + bytes > file.size)
    throw damagedImage(file.path, 'qcow2', 'the place of its keys is damaged')
  return { position, bytes }
}

/** Extensions follow the header: type, length, data padded to 8 bytes; type 0 ends them. */
function readExtension(
  file: HostFile,
  start: number,
  clusterBytes: number,
  wanted: number,
): Uint8Array | null {
  const area = readUpTo(file, 0, Math.min(clusterBytes, 65536))
  const view = viewOf(area)
  for (let at = start; at + 8 <= area.length;) {
    const type = view.getUint32(at)
    const length = view.getUint32(at + 4)
    if (type === 0) break
    if (length > area.length - at - 8)
      throw damagedImage(file.path, 'qcow2', 'a header extension is cut short')
    if (type === wanted) return area.subarray(at + 8, at + 8 + length)
    at += 8 + Math.ceil(length / 8) * 8
  }
  return null
}

function readSnapshots(
  file: HostFile,
  header: DataView,
  clusterBytes: number,
): Pick<Qcow2Header, 'snapshots' | 'snapshotTable'> {
  const count = header.getUint32(60)
  const start = readU64(file, header, 64, false, 'the position of its snapshots')
  if (count === 0) return { snapshots: [], snapshotTable: null }
  const wrong = () => damagedImage(file.path, 'qcow2', 'its table of snapshots is damaged')
  if (count > MAX_SNAPSHOTS || start % clusterBytes !== 0 || start >= file.size) throw wrong()
  const bytes = readUpTo(file, start, MAX_SNAPSHOT_TABLE_BYTES)
  const view = viewOf(bytes)
  const snapshots: SnapshotEntry[] = []
  let at = 0
  while (snapshots.length < count) {
    if (at + 40 > bytes.length) throw wrong()
    const idBytes = view.getUint16(at + 12)
    const nameBytes = view.getUint16(at + 14)
    const extraBytes = view.getUint32(at + 36)
    const idAt = at + 40 + extraBytes
    const end = idAt + idBytes + nameBytes
    if (extraBytes > 1024 || end > bytes.length) throw wrong()
    const l1Entries = view.getUint32(at + 8)
    const l1Position = readU64(file, view, at, false, 'a table of a snapshot')
    if (l1Entries * 8 > MAX_L1_BYTES || l1Position % clusterBytes !== 0) throw wrong()
    snapshots.push({
      id: Buffer.from(bytes.subarray(idAt, idAt + idBytes)).toString('utf8'),
      name: Buffer.from(bytes.subarray(idAt + idBytes, end)).toString('utf8'),
      createdAt: view.getUint32(at + 16),
      stateBytes: extraBytes >= 8 ? Number(view.getBigUint64(at + 40)) : view.getUint32(at + 32),
      l1Position,
      l1Entries,
    })
    at = Math.ceil(end / 8) * 8
  }
  return { snapshots, snapshotTable: { position: start, bytes: at } }
}

/** What a new image's header says; everything else is zero. */
export interface NewHeader {
  version: 2 | 3
  clusterBits: number
  sizeBytes: number
  l1Entries: number
  l1Position: number
  refcountTablePosition: number
  backing: { name: string; format: string } | null
  encryption: { position: number; bytes: number } | null
}

/** The first cluster of a new image, with reference counts of 16 bits. */
export function encodeHeader(header: NewHeader): Uint8Array {
  const bytes = new Uint8Array(2 ** header.clusterBits)
  const view = viewOf(bytes)
  view.setUint32(0, QCOW2_MAGIC)
  view.setUint32(4, header.version)
  view.setUint32(20, header.clusterBits)
  view.setBigUint64(24, BigInt(header.sizeBytes))
  view.setUint32(36, header.l1Entries)
  view.setBigUint64(40, BigInt(header.l1Position))
  view.setBigUint64(48, BigInt(header.refcountTablePosition))
  view.setUint32(56, 1)
  let at = 72
  if (header.version === 3) {
    view.setUint32(96, 4)
    view.setUint32(100, V3_HEADER_BYTES)
    at = V3_HEADER_BYTES
  }
  if (header.encryption) {
    view.setUint32(32, METHOD_LUKS)
    view.setUint32(at, ENCRYPTION_EXTENSION)
    view.setUint32(at + 4, 16)
    view.setBigUint64(at + 8, BigInt(header.encryption.position))
    view.setBigUint64(at + 16, BigInt(header.encryption.bytes))
    at += 24
  }
  if (!header.backing) return bytes
  const format = Buffer.from(header.backing.format, 'latin1')
  view.setUint32(at, BACKING_FORMAT_EXTENSION)
  view.setUint32(at + 4, format.length)
  bytes.set(format, at + 8)
  at += 8 + Math.ceil(format.length / 8) * 8 + 8
  const name = Buffer.from(header.backing.name, 'utf8')
  view.setBigUint64(8, BigInt(at))
  view.setUint32(16, name.length)
  bytes.set(name, at)
  return bytes
}
