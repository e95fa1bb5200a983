import { randomBytes } from 'node:crypto'
import { damagedImage, type HostFile } from '../../host-file.ts'
import type { CheckReport } from '../disk-image.ts'
import { readPadded, readPart, viewOf } from '../fields.ts'
import { ABSENT, type ClusterMap, ZEROS } from '../mapped-image.ts'
import { BLOCKS_ALLOCATED_AT, MODIFICATION_UUID_AT, type VdiHeader } from './header.ts'

const FREE = 0xffffffff
const DISCARDED = 0xfffffffe
const SECTOR = 512

/**
 * The block map of a VDI: for each block of the disk, which block of the file holds it. Blocks of the file are
 * given out in a row; the header counts them. The count is on the disk before the map uses what it counts, so that
 * a power failure leaves at most blocks that nothing uses; opening for writing closes such gaps.
 */
export class VdiMap implements ClusterMap {
  readonly #map: Uint32Array
  readonly #dirtySectors = new Set<number>()
  /** Blocks of the file given out so far. */
  #count: number
  #countOnDisk: number
  #isModified = false

  /** Throws `file-unusable` for a map that leads out of the file's blocks. */
  constructor(
    private readonly file: HostFile,
    private readonly header: VdiHeader,
  ) {
    const bytes = readPart(file, header.mapPosition, header.blocks * 4, 'block map')
    const view = viewOf(bytes)
    this.#map = Uint32Array.from({ length: header.blocks }, (_, block) => view.getUint32(block * 4, true))
    if (this.#map.some((entry) => entry < DISCARDED && entry >= header.blocks))
      throw damagedImage(file.path, 'VDI', 'its block map is damaged: it leads out of the file')
    this.#countOnDisk = header.blocksAllocated
    this.#count = header.blocksAllocated
  }

  get crowded(): boolean {
    return false // the whole map is in memory
  }

  locate(block: number): number {
    const entry = this.#map[block]!
    if (entry === FREE) return ABSENT
    return entry === DISCARDED ? ZEROS : this.#position(entry)
  }

  locateOwned(block: number): number {
    const entry = this.#map[block]!
    return entry >= DISCARDED ? ABSENT : this.#position(entry)
  }

  #position(entry: number): number {
    const { dataPosition, blockBytes, extraBytes } = this.header
    return dataPosition + entry * (blockBytes + extraBytes) + extraBytes
  }

  unpack(): void {
    throw new Error('a VDI has no packed blocks')
  }

  /** A first write: images made over this one are to see that it is another now. */
  modified(): void {
    if (this.#isModified) return
    this.#isModified = true
    this.file.writeAt(MODIFICATION_UUID_AT, randomBytes(16))
  }

  allocate(): number {
    return this.#position(this.#count++)
  }

  abandon(): void {
    this.#count--
  }

  assign(block: number, position: number): void {
    const { dataPosition, blockBytes, extraBytes } = this.header
    this.#set(block, (position - extraBytes - dataPosition) / (blockBytes + extraBytes))
  }

  #set(block: number, entry: number): void {
    this.#map[block] = entry
    this.#dirtySectors.add(Math.floor((block * 4) / SECTOR))
  }

  commit(): void {
    if (this.#count > this.#countOnDisk) {
      this.#writeCount()
      // Other programs may not take a short last block.
      const end = this.#position(this.#count) - this.header.extraBytes
      if (this.file.size < end) this.file.truncate(end)
    }
    this.file.sync()
    if (this.#dirtySectors.size === 0) return
    this.#writeMap()
    this.file.sync()
  }

  #writeCount(): void {
    const field = new Uint8Array(4)
    viewOf(field).setUint32(0, this.#count, true)
    this.file.writeAt(BLOCKS_ALLOCATED_AT, field)
    this.#countOnDisk = this.#count
  }

  #writeMap(): void {
    const perSector = SECTOR / 4
    for (const sector of this.#dirtySectors) {
      const entries = this.#map.subarray(sector * perSector, (sector + 1) * perSector)
      const bytes = new Uint8Array(entries.length * 4)
      for (let index = 0; index < entries.length; index++)
        viewOf(bytes).setUint32(index * 4, entries[index]!, true)
      this.file.writeAt(this.header.mapPosition + sector * SECTOR, bytes)
    }
    this.#dirtySectors.clear()
  }

  /** Blocks of the file by who uses them: the disk's block, or −1; and how many are used twice. */
  #users(): { users: Int32Array; twice: number } {
    const last = this.#map.reduce((most, entry) => (entry < DISCARDED && entry >= most ? entry + 1 : most), 0)
    const users = new Int32Array(Math.max(last, Math.min(this.#count, this.header.blocks))).fill(-1)
    let twice = 0
    for (const [block, entry] of this.#map.entries()) {
      if (entry >= DISCARDED) continue
      if (users[entry] !== -1) twice++
      users[entry] = block
    }
    return { users, twice }
  }

  /**
   * Blocks at the end move into the gaps that a power failure left, because programs give out the block that the
   * count names. First the copies, then the map, then the count: it may be interrupted anywhere and done again.
   */
  #closeGaps(users: Int32Array): void {
    const gaps = [...users.keys()].filter((entry) => users[entry] === -1)
    let end = users.length
    for (const gap of gaps) {
      while (end > 0 && users[end - 1] === -1) end--
      if (gap >= end) break
      end--
      this.#copy(end, gap)
      this.#set(users[end]!, gap)
    }
    while (end > 0 && users[end - 1] === -1) end--
    this.file.sync()
    this.#writeMap()
    this.file.sync()
    this.#count = users.length - gaps.length
    this.#writeCount()
    this.file.sync()
  }

  #copy(from: number, to: number): void {
    const bytes = new Uint8Array(this.header.blockBytes)
    readPadded(this.file, this.#position(from), bytes)
    this.file.writeAt(this.#position(to), bytes)
  }

  check(repair: boolean): CheckReport {
    const { users, twice } = this.#users()
    const used = users.length - users.filter((user) => user === -1).length
    const damage = [
      ...(twice > 0 ? [`${twice} blocks are used twice`] : []),
      ...(used > this.#count ? [`its header counts ${this.#count} blocks, but ${used} are used`] : []),
    ]
    const leaked = Math.max(0, this.#count - used)
    const isMendable = twice === 0
    const hasGaps = used !== users.length
    if (repair && isMendable && (hasGaps || used !== this.#count)) this.#closeGaps(users)
    return { damage, leakedBytes: leaked * this.header.blockBytes, repaired: repair && isMendable }
  }
}
