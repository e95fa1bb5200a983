import { because } from '../../../protocol/reasons.ts'
import { DiskError } from '../../block-image.ts'
import type { HostFile } from '../../host-file.ts'
import { readPadded, viewOf } from '../fields.ts'
import { TableCache } from '../table-cache.ts'
import { MAX_REFCOUNT_TABLE_BYTES, type Qcow2Header } from './header.ts'

const BLOCK_CACHE_BYTES = 4 * 1024 ** 2

/**
 * How often each cluster of a qcow2 file is used: a table of positions of blocks of counts. A count on the disk
 * may be too high (a leak), but never too low, so counts are raised before the tables that use them are written
 * and lowered after.
 */
export class Refcounts {
  /** Positions of the blocks, by their number; 0 is a block that is missing: its counts are all 0. */
  #blocks: number[]
  readonly #cache: TableCache
  readonly #countsPerBlock: number
  readonly #width: number
  readonly #clusterBytes: number
  /** Every cluster below this number is in use. */
  #firstFree = 0
  /** Numbers of table entries that the disk does not have yet. */
  #newEntries = new Set<number>()
  /** A longer table that the header does not name yet. */
  #movedFrom: { position: number; clusters: number } | null = null
  #tablePosition: number
  #tableClusters: number

  constructor(
    private readonly file: HostFile,
    header: Qcow2Header,
  ) {
    this.#clusterBytes = 2 ** header.clusterBits
    this.#width = 2 ** header.refcountOrder
    this.#countsPerBlock = (this.#clusterBytes * 8) / this.#width
    this.#tablePosition = header.refcountTablePosition
    this.#tableClusters = header.refcountTableClusters
    const table = new Uint8Array(header.refcountTableClusters * this.#clusterBytes)
    readPadded(file, header.refcountTablePosition, table)
    const view = viewOf(table)
    const { size } = file
    this.#blocks = []
    for (let at = 0; at < table.length; at += 8) {
      const position = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4)
      // One that lies nowhere counts as missing; a check of the image tells.
      this.#blocks.push(position % this.#clusterBytes === 0 && position < size ? position : 0)
    }
    this.#cache = new TableCache(
      file,
      this.#clusterBytes,
      Math.max(8, BLOCK_CACHE_BYTES / this.#clusterBytes),
    )
  }

  get isDirty(): boolean {
    return this.#cache.isDirty || this.#newEntries.size > 0
  }

  get crowded(): boolean {
    return this.#cache.crowded
  }

  /** Positions of all blocks and the table, with the table's length, for a check. */
  get own(): { tablePosition: number; tableClusters: number; blocks: readonly number[] } {
    return { tablePosition: this.#tablePosition, tableClusters: this.#tableClusters, blocks: this.#blocks }
  }

  /** Clusters that the table can count. */
  get span(): number {
    return this.#blocks.length * this.#countsPerBlock
  }

  get(cluster: number): number {
    const position = this.#blocks[Math.floor(cluster / this.#countsPerBlock)]
    if (!position) return 0
    return this.#read(this.#cache.get(position).view, cluster % this.#countsPerBlock)
  }

  /** Throws `DiskError` when there is no room for the count or the count does not fit. */
  set(cluster: number, count: number): void {
    if (count >= 2 ** Math.min(this.#width, 53))
      throw new DiskError('limit', this.file.path, because('refcount-limit'))
    const number = Math.floor(cluster / this.#countsPerBlock)
    if (number >= this.#blocks.length) this.#growTable(number)
    if (!this.#blocks[number]) this.#addBlock(number)
    this.#write(number, cluster % this.#countsPerBlock, count)
    if (count === 0) this.#firstFree = Math.min(this.#firstFree, cluster)
  }

  #write(number: number, index: number, count: number): void {
    const table = this.#cache.get(this.#blocks[number]!)
    const { view } = table
    const bit = index * this.#width
    const at = bit >>> 3
    switch (this.#width) {
      case 64:
        view.setBigUint64(at, BigInt(count))
        break
      case 32:
        view.setUint32(at, count)
        break
      case 16:
        view.setUint16(at, count)
        break
      case 8:
        view.setUint8(at, count)
        break
      default: {
        const mask = ((1 << this.#width) - 1) << (bit & 7)
        view.setUint8(at, (view.getUint8(at) & ~mask) | (count << (bit & 7)))
      }
    }
    this.#cache.changed(table, at, Math.max(1, this.#width / 8))
  }

  #read(view: DataView, index: number): number {
    const bit = index * this.#width
    const at = bit >>> 3
    switch (this.#width) {
      case 64:
        return Number(view.getBigUint64(at))
      case 32:
        return view.getUint32(at)
      case 16:
        return view.getUint16(at)
      case 8:
        return view.getUint8(at)
      default:
        return (view.getUint8(at) >> (bit & 7)) & ((1 << this.#width) - 1)
    }
  }

  /** Takes `count` free clusters in a row and returns the number of the first. */
  allocate(count: number): number {
    let first = this.#firstFree
    for (let found = 0; found < count;) {
      const cluster = first + found
      // The first cluster of a range without a block becomes that block.
      if (cluster % this.#countsPerBlock === 0 && !this.#blocks[cluster / this.#countsPerBlock])
        this.set(cluster, 1)
      if (this.get(cluster) === 0) found++
      else {
        first = cluster + 1
        found = 0
      }
    }
    for (let index = 0; index < count; index++) this.set(first + index, 1)
    if (count === 1) this.#firstFree = first + 1
    return first
  }

  /** A block of counts lies in the first cluster that it counts: nothing can be there yet. */
  #addBlock(number: number): void {
    this.#newBlock(number, number * this.#countsPerBlock)
    this.#write(number, 0, 1)
  }

  #newBlock(number: number, cluster: number): void {
    const position = cluster * this.#clusterBytes
    this.#blocks[number] = position
    this.#cache.add(position)
    this.#newEntries.add(number)
  }

  /** A longer table lies behind everything that the old one could count, after the blocks that count it. */
  #growTable(number: number): void {
    const perTable = this.#clusterBytes / 8
    const clusters = Math.ceil((Math.max(number + 1, this.#blocks.length * 1.5) + 1) / perTable)
    if (clusters * this.#clusterBytes > MAX_REFCOUNT_TABLE_BYTES)
      throw new DiskError('limit', this.file.path, because('grown-clusters'))
    const start = this.span
    let blocks = 1
    while (blocks * this.#countsPerBlock < blocks + clusters) blocks++
    this.#movedFrom ??= { position: this.#tablePosition, clusters: this.#tableClusters }
    this.#tablePosition = (start + blocks) * this.#clusterBytes
    this.#tableClusters = clusters
    const firstBlock = this.#blocks.length
    while (this.#blocks.length < clusters * perTable) this.#blocks.push(0)
    for (let index = 0; index < blocks; index++) this.#newBlock(firstBlock + index, start + index)
    for (let index = 0; index < blocks + clusters; index++) this.set(start + index, 1)
  }

  /**
   * Raised counts and what they need, in an order that keeps the counts of the disk whole. A sync has to follow
   * before anything uses what they count.
   */
  write(): void {
    if (this.#newEntries.size > 0) {
      this.#cache.write('new')
      if (this.#movedFrom) this.#writeTable(this.#movedFrom)
      else {
        this.file.sync()
        for (const number of this.#newEntries)
          this.file.writeAt(this.#tablePosition + number * 8, this.#entry(number))
      }
      this.#newEntries.clear()
      this.#cache.settle()
    }
    this.#cache.write('known')
  }

  #writeTable(old: { position: number; clusters: number }): void {
    const table = Buffer.concat(this.#blocks.map((_, number) => this.#entry(number)))
    this.file.writeAt(this.#tablePosition, table)
    this.file.sync()
    const fields = new Uint8Array(12)
    viewOf(fields).setBigUint64(0, BigInt(this.#tablePosition))
    viewOf(fields).setUint32(8, this.#tableClusters)
    this.file.writeAt(48, fields)
    // The counts of the old table's clusters may not reach the disk before the header does.
    this.file.sync()
    this.#movedFrom = null
    for (let index = 0; index < old.clusters; index++) this.set(old.position / this.#clusterBytes + index, 0)
  }

  #entry(number: number): Uint8Array {
    const entry = new Uint8Array(8)
    viewOf(entry).setBigUint64(0, BigInt(this.#blocks[number]!))
    return entry
  }
}
