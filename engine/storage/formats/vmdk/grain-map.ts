import { inflateSync } from 'node:zlib'
import { because } from '../../../protocol/reasons.ts'
import { DiskError } from '../../block-image.ts'
import { type HostFile, damagedImage } from '../../host-file.ts'
import { type CheckReport, SECTOR_BYTES } from '../disk-image.ts'
import { readPadded, readPart, readUpTo, roundUp, viewOf } from '../fields.ts'
import { ABSENT, type ClusterMap, PACKED, ZEROS } from '../mapped-image.ts'
import { PackedPieces } from '../packed-pieces.ts'
import { type CachedTable, TableCache } from '../table-cache.ts'
import type { SparseHeader } from './sparse-header.ts'

const TABLE_CACHE_BYTES = 8 * 1024 ** 2
const GRAIN_MARKER_BYTES = 12

/**
 * Grain directory and grain tables of a sparse extent, which most programs keep twice. Grains are given out at the
 * end of the file; an entry is written once its grain is on the disk.
 */
export class GrainMap implements ClusterMap {
  /** Sector of each grain table; 0 for one that is missing. */
  readonly #directory: DataView
  readonly #redundant: DataView | null
  readonly #dirtyTables = new Set<number>()
  readonly #tables: TableCache
  readonly #packed: PackedPieces
  #copies: Map<number, number> | null = null
  #end: number

  constructor(
    private readonly file: HostFile,
    private readonly header: SparseHeader,
  ) {
    const { grainBytes, entriesPerTable, directoryPosition, redundantPosition } = header
    const count = Math.ceil((header.sectors * SECTOR_BYTES) / (grainBytes * entriesPerTable))
    const directory = (position: number): DataView =>
      viewOf(readPart(file, position, count * 4, 'grain directory'))
    this.#directory = directory(directoryPosition)
    this.#redundant = redundantPosition === null ? null : directory(redundantPosition)
    const tableBytes = entriesPerTable * 4
    this.#tables = new TableCache(file, tableBytes, Math.max(16, Math.floor(TABLE_CACHE_BYTES / tableBytes)))
    this.#packed = new PackedPieces(file.path)
    this.#end = roundUp(file.size, grainBytes)
    for (let table = 0; table < count; table++)
      if (this.#tablePosition(table) >= file.size)
        throw damagedImage(file.path, 'VMDK', 'its grain directory is damaged')
  }

  get crowded(): boolean {
    return this.#tables.crowded
  }

  #tablePosition(table: number): number {
    return this.#directory.getUint32(table * 4, true) * SECTOR_BYTES
  }

  #entry(grain: number): number {
    const { entriesPerTable } = this.header
    const position = this.#tablePosition(Math.floor(grain / entriesPerTable))
    if (position === 0) return 0
    return this.#tables.get(position).view.getUint32((grain % entriesPerTable) * 4, true)
  }

  locate(grain: number): number {
    const entry = this.#entry(grain)
    if (entry === 0) return ABSENT
    if (entry === 1 && this.header.hasZeroGrains) return ZEROS
    return this.header.isCompressed ? PACKED : entry * SECTOR_BYTES
  }

  locateOwned(grain: number): number {
    const where = this.locate(grain)
    return where >= 0 ? where : ABSENT
  }

  unpack(grain: number, into: Uint8Array): void {
    const position = this.#entry(grain) * SECTOR_BYTES
    this.#packed.unpack(grain, `a compressed grain at ${position}`, () =>
      this.#unpacks(grain, position, into),
    )
  }

  /** A compressed grain follows its first sector's number and its length. */
  #unpacks(grain: number, position: number, into: Uint8Array): boolean {
    const marker = viewOf(readUpTo(this.file, position, GRAIN_MARKER_BYTES))
    if (marker.byteLength < GRAIN_MARKER_BYTES) return false
    const bytes = marker.getUint32(8, true)
    const isOfThisPlace = marker.getBigUint64(0, true) === BigInt((grain * into.length) / SECTOR_BYTES)
    if (!isOfThisPlace || bytes > into.length * 2) return false
    const packed = readUpTo(this.file, position + GRAIN_MARKER_BYTES, bytes)
    try {
      const plain = inflateSync(packed, { maxOutputLength: into.length })
      into.set(plain)
      into.fill(0, plain.length)
      return true
    } catch {
      return false // whatever zlib has against it
    }
  }

  modified(): void {}

  allocate(): number {
    return this.#take(this.header.grainBytes)
  }

  #take(bytes: number): number {
    const position = this.#end
    if (position + bytes > 2 ** 32 * SECTOR_BYTES)
      throw new DiskError('limit', this.file.path, because('grown-format'))
    this.#end += bytes
    return position
  }

  abandon(position: number): void {
    if (position + this.header.grainBytes === this.#end) this.#end = position
  }

  assign(grain: number, position: number): void {
    const { entriesPerTable } = this.header
    const table = this.#ownTable(Math.floor(grain / entriesPerTable))
    const at = (grain % entriesPerTable) * 4
    table.view.setUint32(at, position / SECTOR_BYTES, true)
    this.#tables.changed(table, at, 4)
  }

  #ownTable(number: number): CachedTable {
    const position = this.#tablePosition(number)
    if (position !== 0) return this.#tables.get(position)
    const { tableBytes } = this.#tables
    const added = this.#take(roundUp(2 * roundUp(tableBytes, SECTOR_BYTES), this.header.grainBytes))
    this.#directory.setUint32(number * 4, added / SECTOR_BYTES, true)
    this.#redundant?.setUint32(number * 4, (added + roundUp(tableBytes, SECTOR_BYTES)) / SECTOR_BYTES, true)
    this.#copies = null
    this.#dirtyTables.add(number)
    return this.#tables.add(added)
  }

  commit(): void {
    const copyOf = (position: number): number | null => this.#copy(position)
    if (this.#tables.isDirty) {
      this.#tables.write('new', copyOf)
      // Other programs may not take a short last grain.
      if (this.file.size < this.#end) this.file.truncate(this.#end)
    }
    this.file.sync()
    if (!this.#tables.isDirty && this.#dirtyTables.size === 0) return
    this.#tables.write('known', copyOf)
    this.#tables.settle()
    this.#writeDirectories()
    this.file.sync()
  }

  /** Position of the second copy of a table; one that a damaged directory has out of the file is left alone. */
  #copy(position: number): number | null {
    const redundant = this.#redundant
    if (!redundant) return null
    if (!this.#copies) {
      this.#copies = new Map()
      for (let at = 0; at < redundant.byteLength; at += 4)
        this.#copies.set(
          this.#directory.getUint32(at, true) * SECTOR_BYTES,
          redundant.getUint32(at, true) * SECTOR_BYTES,
        )
    }
    const copy = this.#copies.get(position) ?? 0
    return copy > 0 && copy < Math.max(this.#end, this.file.size) ? copy : null
  }

  #writeDirectories(): void {
    const { directoryPosition, redundantPosition } = this.header
    for (const number of this.#dirtyTables) {
      const entry = (view: DataView): Uint8Array =>
        new Uint8Array(view.buffer, view.byteOffset + number * 4, 4)
      this.file.writeAt(directoryPosition + number * 4, entry(this.#directory))
      if (this.#redundant && redundantPosition !== null)
        this.file.writeAt(redundantPosition + number * 4, entry(this.#redundant))
    }
    this.#dirtyTables.clear()
  }

  check(repair: boolean): CheckReport {
    const { grainBytes, entriesPerTable, descriptorPosition, descriptorBytes } = this.header
    const uses = new Uint8Array(Math.ceil(this.file.size / grainBytes))
    const found = { outside: 0, twice: 0, copies: 0 }
    const useTables = (position: number, bytes: number): void => {
      for (let at = Math.floor(position / grainBytes); at * grainBytes < position + bytes; at++) uses[at] = 1
    }
    useTables(0, SECTOR_BYTES)
    useTables(descriptorPosition, descriptorBytes)
    useTables(this.header.directoryPosition, this.#directory.byteLength)
    useTables(this.header.redundantPosition ?? 0, this.#directory.byteLength)
    for (let number = 0; number < this.#directory.byteLength / 4; number++) {
      const position = this.#tablePosition(number)
      if (position === 0) continue
      useTables(position, this.#tables.tableBytes)
      useTables(this.#copy(position) ?? 0, this.#tables.tableBytes)
    }
    for (let number = 0; number < this.#directory.byteLength / 4; number++) {
      const position = this.#tablePosition(number)
      if (position === 0) continue
      const { view, bytes } = this.#tables.get(position)
      for (let index = 0; index < entriesPerTable; index++) {
        const entry = view.getUint32(index * 4, true)
        if (entry === 0 || (entry === 1 && this.header.hasZeroGrains)) continue
        const at = Math.floor((entry * SECTOR_BYTES) / grainBytes)
        if (at >= uses.length) found.outside++
        else if (!this.header.isCompressed && uses[at]!++) found.twice++
      }
      if (this.#mendCopy(position, bytes, repair)) found.copies++
    }
    if (repair && found.copies > 0) this.file.sync()
    return {
      damage: [
        ...(found.outside > 0 ? [`${found.outside} grains lie outside of the file`] : []),
        ...(found.twice > 0 ? [`${found.twice} grains are used twice`] : []),
        ...(found.copies > 0 ? [`${found.copies} grain tables differ from their copies`] : []),
      ],
      leakedBytes: this.header.isCompressed ? 0 : uses.filter((count) => count === 0).length * grainBytes,
      repaired: repair && found.outside + found.twice === 0,
    }
  }

  /** Whether a table's copy differs; it is written anew when asked to. */
  #mendCopy(position: number, table: Uint8Array, repair: boolean): boolean {
    const copy = this.#copy(position)
    if (copy === null) return false
    const stored = new Uint8Array(table.length)
    readPadded(this.file, copy, stored)
    if (Buffer.compare(stored, table) === 0) return false
    if (repair) this.file.writeAt(copy, table)
    return true
  }
}
