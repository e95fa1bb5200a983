import type { HostFile } from '../../host-file.ts'
import { damagedImage } from '../../host-file.ts'
import { type CheckReport, type DiskImage, SECTOR_BYTES } from '../disk-image.ts'
import { readPadded, readPart, readUpTo, roundUp, viewOf } from '../fields.ts'
import { ABSENT, type ClusterMap, PACKED } from '../mapped-image.ts'
import { FOOTER_BYTES, isFooter, type VhdHeader } from './structures.ts'

const UNUSED = 0xffffffff
/**
 * What a new block's data begin at a multiple of: a host whose cache holds a file in pieces up to this size takes a third less
 * for them. The bitmap before them is a sector, so there is a hole before each.
 */
const DATA_ALIGNMENT = 65536

/**
 * The block allocation table of a dynamic or differencing VHD. Each block begins with a bitmap of the sectors that
 * were written; the footer stands behind the last block and moves on with each new one. A copy of it at the
 * start of the file opens an image that lost the one at its end.
 */
export class VhdMap implements ClusterMap {
  readonly #table: Uint32Array
  readonly #dirtyTableSectors = new Set<number>()
  readonly #bitmapBytes: number
  readonly #blockSectors: number
  /** Blocks whose bitmap is known to be full. */
  readonly #full = new Set<number>()
  /** Blocks whose bitmap in the file is still to be filled. */
  readonly #newlyFull = new Set<number>()
  /** Where the next block begins, and the footer for now. */
  #end: number
  #footerAt: number

  /** @param parent what shows where a differencing disk has not been written; null for a dynamic one */
  constructor(
    private readonly file: HostFile,
    private readonly header: VhdHeader,
    private readonly footer: Uint8Array,
    private readonly parent: DiskImage | null,
  ) {
    const view = viewOf(readPart(file, header.tablePosition, header.tableEntries * 4, 'block table'))
    this.#table = Uint32Array.from({ length: header.tableEntries }, (_, block) => view.getUint32(block * 4))
    this.#blockSectors = header.blockBytes / SECTOR_BYTES
    this.#bitmapBytes = roundUp(this.#blockSectors / 8, SECTOR_BYTES)
    let end = roundUp(header.end, SECTOR_BYTES)
    for (const sector of this.#table)
      if (sector !== UNUSED)
        end = Math.max(end, sector * SECTOR_BYTES + this.#bitmapBytes + header.blockBytes)
    if (end > file.size + header.blockBytes + this.#bitmapBytes)
      throw damagedImage(file.path, 'VHD', 'its block table is damaged: it leads out of the file')
    const last = file.size - FOOTER_BYTES
    // Programs may keep things of their own between the blocks and the footer.
    const hasFooter = last >= end && last % SECTOR_BYTES === 0 && isFooter(readUpTo(file, last, FOOTER_BYTES))
    this.#end = hasFooter ? last : end
    this.#footerAt = hasFooter ? last : -1
  }

  get crowded(): boolean {
    return false // the whole table is in memory
  }

  locate(block: number): number {
    const sector = this.#table[block]!
    if (sector === UNUSED) return ABSENT
    return this.parent && !this.#isFull(block) ? PACKED : this.#dataPosition(sector)
  }

  locateOwned(block: number): number {
    const where = this.locate(block)
    // The data of sectors without a bit are zeros in a dynamic disk; now every sector gets its bit.
    if (where >= 0 && !this.#isFull(block)) this.#fill(block)
    return where >= 0 ? where : ABSENT
  }

  #dataPosition(sector: number): number {
    return sector * SECTOR_BYTES + this.#bitmapBytes
  }

  #isFull(block: number): boolean {
    if (this.#full.has(block)) return true
    const isFull = this.#bitmap(block).every((byte) => byte === 0xff)
    if (isFull) this.#full.add(block)
    return isFull
  }

  #bitmap(block: number): Uint8Array {
    const bitmap = new Uint8Array(this.#blockSectors / 8)
    readPadded(this.file, this.#table[block]! * SECTOR_BYTES, bitmap)
    return bitmap
  }

  #fill(block: number): void {
    this.#full.add(block)
    this.#newlyFull.add(block)
  }

  /** A block of which some sectors are the parent's. */
  unpack(block: number, into: Uint8Array): void {
    readPadded(this.file, this.#dataPosition(this.#table[block]!), into)
    const bitmap = this.#bitmap(block)
    const isOurs = (sector: number): boolean => (bitmap[sector >> 3]! & (0x80 >> (sector & 7))) !== 0
    for (let from = 0; from < this.#blockSectors;) {
      let to = from + 1
      while (to < this.#blockSectors && isOurs(to) === isOurs(from)) to++
      if (!isOurs(from))
        this.#readParent(block * this.#blockSectors + from, into.subarray(from * 512, to * 512))
      from = to
    }
  }

  #readParent(sector: number, into: Uint8Array): void {
    const parent = this.parent!
    const below = Math.max(0, Math.min(into.length / SECTOR_BYTES, parent.sectorCount - sector))
    parent.read(sector, below, into.subarray(0, below * SECTOR_BYTES))
    into.fill(0, below * SECTOR_BYTES)
  }

  modified(): void {}

  /** The block's own place when it has one, whose sectors without a bit nobody sees. */
  allocate(block: number): number {
    if (this.#table[block] !== UNUSED) return this.#dataPosition(this.#table[block]!)
    const position = roundUp(this.#end + this.#bitmapBytes, DATA_ALIGNMENT)
    this.#end = position + this.header.blockBytes
    return position
  }

  abandon(position: number): void {
    if (position + this.header.blockBytes === this.#end) this.#end = position - this.#bitmapBytes
  }

  assign(block: number, position: number): void {
    this.#fill(block)
    if (this.#table[block] !== UNUSED) return
    this.#table[block] = (position - this.#bitmapBytes) / SECTOR_BYTES
    this.#dirtyTableSectors.add(Math.floor((block * 4) / SECTOR_BYTES))
  }

  commit(): void {
    if (this.#end !== this.#footerAt) {
      this.file.writeAt(this.#end, this.footer)
      // What a power failure left behind the last block.
      if (this.file.size > this.#end + FOOTER_BYTES) this.file.truncate(this.#end + FOOTER_BYTES)
      this.#footerAt = this.#end
    }
    this.file.sync()
    if (this.#dirtyTableSectors.size === 0 && this.#newlyFull.size === 0) return
    // A table entry without its bitmap, or the other way round, shows what was there before.
    for (const block of this.#newlyFull) this.#writeBitmap(block)
    this.#newlyFull.clear()
    this.#writeTable()
    this.file.sync()
  }

  #writeBitmap(block: number): void {
    this.file.writeAt(this.#table[block]! * SECTOR_BYTES, new Uint8Array(this.#bitmapBytes).fill(0xff))
  }

  #writeTable(): void {
    const perSector = SECTOR_BYTES / 4
    for (const sector of this.#dirtyTableSectors) {
      const entries = this.#table.subarray(sector * perSector, (sector + 1) * perSector)
      const bytes = new Uint8Array(entries.length * 4)
      for (let index = 0; index < entries.length; index++) viewOf(bytes).setUint32(index * 4, entries[index]!)
      this.file.writeAt(this.header.tablePosition + sector * SECTOR_BYTES, bytes)
    }
    this.#dirtyTableSectors.clear()
  }

  check(repair: boolean): CheckReport {
    const blockBytes = this.#bitmapBytes + this.header.blockBytes
    const starts = Array.from(this.#table)
      .filter((sector) => sector !== UNUSED)
      .map((sector) => sector * SECTOR_BYTES)
    const twice = starts.length - new Set(starts).size
    let leaked = 0
    let end = roundUp(this.header.end, SECTOR_BYTES)
    // Less than a block between two of them is nothing that was lost.
    for (const start of [...starts.toSorted((a, b) => a - b), this.#end]) {
      if (start - end >= blockBytes) leaked += start - end
      end = Math.max(end, start + blockBytes)
    }
    const damage = [
      ...(twice > 0 ? [`${twice} blocks are used twice`] : []),
      ...(this.#footerAt === -1 ? ['its footer is missing at its end'] : []),
    ]
    if (repair) this.commit()
    return { damage, leakedBytes: leaked, repaired: repair && twice === 0 }
  }
}
