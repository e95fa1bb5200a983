import { inflateRawSync } from 'node:zlib'
import { because } from '../../../protocol/reasons.ts'
import { DiskError } from '../../block-image.ts'
import type { HostFile } from '../../host-file.ts'
import { unpackZstd } from '../../zstd/zstd.ts'
import type { Checking, CheckReport } from '../disk-image.ts'
import { readPadded, readUpTo, viewOf } from '../fields.ts'
import { ABSENT, type ClusterMap, PACKED, ZEROS } from '../mapped-image.ts'
import { PackedPieces } from '../packed-pieces.ts'
import { type CachedTable, TableCache } from '../table-cache.ts'
import { checkQcow2 } from './check.ts'
import {
  hasPlace,
  isCompressed,
  isCopied,
  isZero,
  packedAt,
  type PackedPlace,
  positionAt,
  setEntry,
  setPacked,
} from './entries.ts'
import { AUTOCLEAR_RAW_DATA, entryBytesOf, type Qcow2Header } from './header.ts'
import { Refcounts } from './refcounts.ts'

const L2_CACHE_BYTES = 16 * 1024 ** 2

/**
 * The two levels of tables of a qcow2 file. A commit goes in two steps with a sync between them: data, counts and
 * tables that nothing points to yet; then the entries that make them part of the disk. What they replaced is
 * freed after that.
 */
export class Qcow2Map implements ClusterMap {
  readonly #clusterBytes: number
  readonly #entryBytes: number
  readonly #entriesPerTable: number
  readonly #l1: DataView
  readonly #l1Dirty = new Set<number>()
  readonly #l2: TableCache
  readonly #refcounts: Refcounts
  readonly #packed: PackedPieces
  /** Clusters to count down once nothing on the disk points to them. */
  #freed: number[] = []
  #clearsAutoclear: boolean
  /** Where the next compressed cluster may begin: right after the last one. */
  #packedEnd = 0

  /** @param dataFile what holds the clusters of the disk, where the image itself does not */
  constructor(
    private readonly file: HostFile,
    private readonly header: Qcow2Header,
    private readonly dataFile: HostFile | null = null,
  ) {
    this.#clusterBytes = 2 ** header.clusterBits
    this.#entryBytes = entryBytesOf(header)
    this.#entriesPerTable = this.#clusterBytes / this.#entryBytes
    const l1 = new Uint8Array(header.l1Entries * 8)
    readPadded(file, header.l1Position, l1)
    this.#l1 = viewOf(l1)
    const tables = Math.max(16, Math.floor(L2_CACHE_BYTES / this.#clusterBytes))
    this.#l2 = new TableCache(file, this.#clusterBytes, tables)
    this.#refcounts = new Refcounts(file, header)
    this.#packed = new PackedPieces(file.path)
    this.#clearsAutoclear = (header.autoclearFeatures & ~this.#keptAutoclear) !== 0n
  }

  get crowded(): boolean {
    return this.#l2.crowded || this.#refcounts.crowded
  }

  locate(cluster: number): number {
    const table = this.#table(cluster)
    if (!table) return ABSENT
    const at = this.#at(cluster)
    if (this.isPacked(table.view, at)) return PACKED
    if (isZero(table.view, at)) return ZEROS
    return this.placeOf(cluster, table.view, at)
  }

  locateOwned(cluster: number): number {
    const table = this.#table(cluster)
    if (!table || !isCopied(this.#l1, this.#l1At(cluster))) return ABSENT
    const at = this.#at(cluster)
    const { view } = table
    if (!isCopied(view, at) || this.isPacked(view, at) || isZero(view, at)) return ABSENT
    return this.placeOf(cluster, view, at)
  }

  /** Where an entry that is not packed has its cluster; `ABSENT` for nowhere. Throws `DiskError` for where nothing has one. */
  placeOf(cluster: number, view: DataView, at: number): number {
    const position = this.#position(view, at)
    if (!this.dataFile) return position || ABSENT
    if (!hasPlace(view, at, true)) return ABSENT
    if (position !== cluster * this.#clusterBytes) throw this.#damaged()
    return position
  }

  /** Whether a cluster is compressed. Throws `DiskError` where none can be. */
  isPacked(view: DataView, at: number): boolean {
    const packed = isCompressed(view, at)
    if (packed && this.dataFile) throw this.#damaged()
    return packed
  }

  /** Position in an entry. Throws `DiskError` for one within a cluster, which nothing writes. */
  #position(view: DataView, at: number): number {
    const position = positionAt(view, at)
    if (position % this.#clusterBytes !== 0) throw this.#damaged()
    return position
  }

  #damaged(): DiskError {
    return new DiskError('io', this.file.path, because('tables-damaged'))
  }

  /** The entry of a cluster, for what it says besides; null where there is none. */
  entryOf(cluster: number): { view: DataView; at: number } | null {
    const table = this.#table(cluster)
    return table && { view: table.view, at: this.#at(cluster) }
  }

  /** Changes what an entry says besides; its cluster is one that `locateOwned` or `assign` has. */
  changeEntry(cluster: number, change: (view: DataView, at: number) => void): void {
    const table = this.#ownTable(cluster)
    const at = this.#at(cluster)
    change(table.view, at)
    this.#l2.changed(table, at, this.#entryBytes)
  }

  #at(cluster: number): number {
    return (cluster % this.#entriesPerTable) * this.#entryBytes
  }

  #l1At(cluster: number): number {
    return Math.floor(cluster / this.#entriesPerTable) * 8
  }

  /** The L2 table with a cluster's entry, if there is one. */
  #table(cluster: number): CachedTable | null {
    const position = this.#position(this.#l1, this.#l1At(cluster))
    return position === 0 ? null : this.#l2.get(position)
  }

  unpack(cluster: number, into: Uint8Array): void {
    const table = this.#table(cluster)!
    const { position, bytes } = packedAt(table.view, this.#at(cluster), this.header.clusterBits)
    const packed = readUpTo(this.file, position, bytes)
    const unpacks = this.header.compression === 'zstd' ? unpackZstd : inflate
    this.#packed.unpack(
      cluster,
      `a compressed cluster at ${position}`,
      () => unpacks(packed, into) === into.length,
    )
  }

  /** What programs that do not know us noted about the contents, such as dirty bitmaps, is not true any more. */
  modified(): void {
    if (this.#clearsAutoclear) {
      const kept = new Uint8Array(8)
      viewOf(kept).setBigUint64(0, this.header.autoclearFeatures & this.#keptAutoclear)
      this.file.writeAt(88, kept)
    }
    this.#clearsAutoclear = false
  }

  /** A raw data file stays one: each cluster is written at its place, and whole where it was not shown before. */
  get #keptAutoclear(): bigint {
    return this.header.isDataRaw ? AUTOCLEAR_RAW_DATA : 0n
  }

  allocate(cluster: number): number {
    if (this.dataFile) return cluster * this.#clusterBytes
    return this.#refcounts.allocate(1) * this.#clusterBytes
  }

  abandon(position: number): void {
    if (!this.dataFile) this.#refcounts.set(position / this.#clusterBytes, 0)
  }

  assign(cluster: number, position: number): void {
    const table = this.#ownTable(cluster)
    const at = this.#at(cluster)
    if (!this.dataFile) this.#freeOld(table.view, at)
    setEntry(table.view, at, position)
    this.#l2.changed(table, at, 8)
  }

  /** Notes that what an entry points to is not used by it any more. */
  #freeOld(view: DataView, at: number): void {
    if (isCompressed(view, at)) {
      const { position, bytes } = packedAt(view, at, this.header.clusterBits)
      const last = Math.floor((position + bytes - 1) / this.#clusterBytes)
      for (let cluster = Math.floor(position / this.#clusterBytes); cluster <= last; cluster++)
        this.#freed.push(cluster)
    } else {
      const position = positionAt(view, at)
      // Nothing reads where an entry of zeros points to: one within a cluster comes to light here only, and is left alone.
      if (position !== 0 && position % this.#clusterBytes === 0)
        this.#freed.push(position / this.#clusterBytes)
    }
  }

  /** The table of a cluster, made or copied when it is missing or shared with a snapshot. */
  #ownTable(cluster: number): CachedTable {
    const l1At = this.#l1At(cluster)
    const old = this.#table(cluster)
    if (old && isCopied(this.#l1, l1At)) return old
    const position = this.#refcounts.allocate(1) * this.#clusterBytes
    const bytes = old?.bytes.slice()
    const table = this.#l2.add(position)
    if (bytes) table.bytes.set(bytes)
    if (old) this.#freed.push(old.position / this.#clusterBytes)
    setEntry(this.#l1, l1At, position)
    this.#l1Dirty.add(l1At)
    return table
  }

  /** Adds a compressed cluster, where none is yet. Compressed clusters share the clusters of the file. */
  addPacked(cluster: number, packed: Uint8Array): void {
    const position = this.#packedPlace(packed.length)
    this.file.writeAt(position, packed)
    this.#packedEnd = position + packed.length
    const table = this.#ownTable(cluster)
    const at = this.#at(cluster)
    const place: PackedPlace = { position, bytes: packed.length }
    setPacked(table.view, at, this.header.clusterBits, place)
    this.#l2.changed(table, at, 8)
  }

  #packedPlace(bytes: number): number {
    const shared = this.#packedEnd % this.#clusterBytes
    const room = shared === 0 ? 0 : this.#clusterBytes - shared
    if (room > 0 && bytes <= room) {
      const host = Math.floor(this.#packedEnd / this.#clusterBytes)
      this.#refcounts.set(host, this.#refcounts.get(host) + 1)
      return this.#packedEnd
    }
    return this.#refcounts.allocate(1) * this.#clusterBytes
  }

  commit(): void {
    const isDirty = this.#l2.isDirty || this.#refcounts.isDirty || this.#l1Dirty.size > 0
    if (isDirty) {
      this.#refcounts.write()
      this.#l2.write('new')
    }
    this.dataFile?.sync()
    this.file.sync()
    if (!isDirty) return
    this.#l2.write('known')
    this.#l2.settle()
    for (const at of this.#l1Dirty) this.file.writeAt(this.header.l1Position + at, this.#l1Bytes(at))
    this.#l1Dirty.clear()
    this.file.sync()
    const freed = this.#freed
    this.#freed = []
    for (const cluster of freed) this.#countDown(cluster)
    // Lost to a power failure, these are leaks.
    if (freed.length > 0) this.#refcounts.write()
  }

  #l1Bytes(at: number): Uint8Array {
    return new Uint8Array(this.#l1.buffer, this.#l1.byteOffset + at, 8)
  }

  #countDown(cluster: number): void {
    const count = this.#refcounts.get(cluster)
    if (count > 0) this.#refcounts.set(cluster, count - 1)
    if (count === 1) this.#l2.drop(cluster * this.#clusterBytes)
  }

  /** Within the clusters that the L1 table has; the rest of them is zeros. */
  grow(sizeBytes: number): boolean {
    const { l1Entries, l1Position } = this.header
    const entries = Math.ceil(sizeBytes / (this.#clusterBytes * this.#entriesPerTable))
    const inCluster = this.#clusterBytes / 8
    const room = Math.ceil(Math.max(1, l1Entries) / inCluster) * inCluster
    if (entries > room) return false
    if (entries > l1Entries) {
      const added = new Uint8Array((entries - l1Entries) * 8)
      this.file.writeAt(l1Position + l1Entries * 8, added)
    }
    this.commit()
    this.dataFile?.truncate(sizeBytes)
    this.dataFile?.sync()
    const fields = new Uint8Array(16)
    this.file.readAt(24, fields)
    viewOf(fields).setBigUint64(0, BigInt(sizeBytes))
    viewOf(fields).setUint32(12, Math.max(entries, l1Entries))
    this.file.writeAt(24, fields)
    this.file.sync()
    return true
  }

  check(repair: boolean): CheckReport {
    const work = this.checking(repair)
    let step = work.next()
    while (!step.done) step = work.next()
    return step.value
  }

  *checking(repair: boolean): Checking {
    this.commit()
    const { file, header } = this
    const report = yield* checkQcow2(
      { file, header, l1: this.#l1, l2: this.#l2, refcounts: this.#refcounts },
      repair,
    )
    if (report.repaired) this.commit()
    return report
  }
}

/** @returns bytes that were filled; null for what is damaged, or too long */
function inflate(packed: Uint8Array, into: Uint8Array): number | null {
  try {
    const plain = inflateRawSync(packed, { maxOutputLength: into.length })
    into.set(plain)
    return plain.length
  } catch {
    return null // whatever zlib has against it
  }
}
