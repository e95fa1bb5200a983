import { AbsentMemory, type ChunkSource } from '../memory/absent-memory.ts'
import type { GuestMemory } from '../memory/guest-memory.ts'
import { PAGE_SHIFT, PAGE_SIZE, RAM_BASE, RAM_MAP, RAM_MAP_BYTES } from '../memory/layout.ts'
import { type AccessSize, type BusDevice, floating } from './bus-device.ts'

/** Where an access to a page goes: bytes of the linear memory at this offset, a device, or nowhere. */
export type Backing = { offset: number } | { device: BusDevice } | null

export interface MemoryRegion {
  name: string
  /** Guest-physical, page-aligned. */
  base: number
  /** In bytes, a multiple of the page size. */
  length: number
  read: Backing
  write: Backing
  /** Later regions cover earlier ones of the same or a lower priority: RAM 0, holes and windows 1, overlays 2. */
  priority: number
  /** Writes are noted by page: see `RegionHandle.takeDirty`. */
  tracksDirty?: boolean
}

export interface RegionHandle {
  /** Moves, changes or hides (`null`) the region; the processors forget what they knew of the old place. */
  update(change: Partial<Omit<MemoryRegion, 'name'>> | null): void
  /**
   * Page numbers, relative to the region, written since the last call. The processors are told to report
   * the next write to each again.
   */
  takeDirty(): number[]
}

/** What the processors register to stay coherent with the map and with writes by devices. */
export interface MemoryObserver {
  /** Translations to any page of the range (guest-physical, in pages) must be forgotten. */
  remapped(firstPage: number, pageCount: number): void
  /** The next write to each page of the range is to be noted again; nothing else has changed. Missing: as `remapped`. */
  toBeNoted?(firstPage: number, pageCount: number): void
  /** A device wrote these linear-memory bytes: code decoded from them is stale. */
  written(offset: number, length: number): void
  /** Somebody wants to know what was written to these pages: an observer that notes it elsewhere says so now. */
  collectDirty?(firstPage: number, pageCount: number): void
}

/** Pages in a row that are reached in the same way, one after the other in linear memory. */
export interface PageRun {
  firstPage: number
  pageCount: number
  /** Linear-memory offset that reads of the first page reach. */
  offset: number
  /** Writes go to the same place. */
  isWritable: boolean
  /** Writes are to be noted. */
  tracksDirty: boolean
}

/** Memory that only fetches of code reach. */
export interface CodeOverlay {
  /** Guest-physical, page-aligned. */
  base: number
  /** In bytes, a multiple of the page size. */
  length: number
  /** In linear memory. */
  offset: number
}

const PAGES = 1 << 20
/** Offsets of pages that no bytes are behind: of none, and of a device. */
const NOWHERE = -PAGE_SIZE
const DEVICE = -2 * PAGE_SIZE

/**
 * Linear-memory offsets by page for direct accesses, or NOWHERE, or DEVICE. Kept so that the zeros of a fresh array
 * mean NOWHERE: the host then gives memory only for the part of the 4 GiB where something is.
 */
class PageOffsets {
  #pages = new Int32Array(PAGES)

  get(page: number): number {
    return (this.#pages[page]! - 1) * PAGE_SIZE
  }

  set(page: number, offset: number): void {
    this.#pages[page] = offset / PAGE_SIZE + 1
  }

  /** The same for pages `from` to before `to`. */
  fill(offset: number, from: number, to: number): void {
    this.#pages.fill(offset / PAGE_SIZE + 1, from, to)
  }

  /** @param start page at which the backing begins */
  fillWith(backing: Backing, start: number, from: number, to: number): void {
    if (!backing) this.fill(NOWHERE, from, to)
    else if ('device' in backing) this.fill(DEVICE, from, to)
    else for (let page = from; page < to; page++) this.set(page, backing.offset + (page - start) * PAGE_SIZE)
  }
}

/** How many of `length` bytes from an address lie in its page. */
function pieceWithinPage(address: number, length: number): number {
  return Math.min(length, PAGE_SIZE - (address & (PAGE_SIZE - 1)))
}

/** The first flag from an index on that is set, -1 where none is: few are, as a rule, and then a search is quickest. */
function nextSet(flags: Uint8Array, from: number): number {
  return flags[from] ? from : flags.indexOf(1, from)
}

interface Region extends MemoryRegion {
  hidden: boolean
  dirty: Uint8Array | null
  order: number
  /** By its device, since creation. */
  accesses: number
}

/**
 * Guest-physical memory below 4 GiB: RAM, ROM and memory-mapped devices by page of 4 KiB.
 * Addresses from 4 GiB on exist for a PAE guest but nothing answers there.
 */
export class MemoryMap {
  #regions: Region[] = []
  #readOffset = new PageOffsets()
  #writeOffset = new PageOffsets()
  /** The region that answers, by page: one more than its index, 0 where none does. */
  #owners = new Uint16Array(PAGES)
  #observers: MemoryObserver[] = []
  #a20Mask = 0xffffffff
  #codeOverlay: CodeOverlay | null = null
  /** RAM_MAP of the linear memory. */
  readonly #ramMap: Uint8Array

  constructor(readonly memory: GuestMemory) {
    this.#ramMap = memory.bytes.subarray(RAM_MAP, RAM_MAP + RAM_MAP_BYTES)
  }

  observe(observer: MemoryObserver): void {
    this.#observers.push(observer)
  }

  /** All ones, or all ones but bit 20 while the A20 gate is closed. */
  get a20Mask(): number {
    return this.#a20Mask
  }

  setA20(open: boolean): void {
    const mask = open ? 0xffffffff : 0xffefffff
    if (mask === this.#a20Mask) return
    this.#a20Mask = mask
    for (const observer of this.#observers) observer.remapped(0, PAGES)
  }

  map(region: MemoryRegion): RegionHandle {
    const own: Region = {
      ...region,
      hidden: false,
      order: this.#regions.length,
      accesses: 0,
      dirty: region.tracksDirty ? new Uint8Array(region.length >>> PAGE_SHIFT) : null,
    }
    this.#regions.push(own)
    this.#rebuild(own.base, own.length)
    return {
      update: (change) => {
        const { base, length } = own
        if (change) Object.assign(own, change, { hidden: false })
        else own.hidden = true
        this.#rebuild(base, length)
        if (own.base !== base || own.length !== length) this.#rebuild(own.base, own.length)
      },
      takeDirty: () => this.#takeDirty(own),
    }
  }

  /** How often the device behind each region was accessed, by the region's name. */
  deviceAccesses(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { name, accesses } of this.#regions)
      if (accesses > 0) counts[name] = (counts[name] ?? 0) + accesses
    return counts
  }

  /** The linear-memory offset that reads of this physical page (number) reach directly, or a negative number. */
  readOffset(page: number): number {
    return page < PAGES ? this.#reached(this.#readOffset.get(page)) : NOWHERE
  }

  /** The same for what the processor fetches as code. */
  codeOffset(page: number): number {
    const overlay = this.#codeOverlay
    const into = overlay ? page * PAGE_SIZE - overlay.base : -1
    return overlay && into >= 0 && into < overlay.length
      ? this.#reached(overlay.offset + into)
      : this.readOffset(page)
  }

  /** A byte of code. */
  fetch(address: number): number {
    const overlay = this.#codeOverlay
    const into = overlay ? (address >>> 0) - overlay.base : -1
    if (!overlay || into < 0 || into >= overlay.length) return this.read(address, 1)
    return this.memory.view.getUint8(this.#reached(overlay.offset + into))
  }

  /** Shows memory to the processor's fetches alone, over whatever other accesses reach there; null for nothing. */
  showToCode(overlay: CodeOverlay | null): void {
    const before = this.#codeOverlay
    if (overlay === before) return
    this.#codeOverlay = overlay
    for (const part of [before, overlay])
      if (part)
        for (const observer of this.#observers)
          observer.remapped(part.base >>> PAGE_SHIFT, part.length >>> PAGE_SHIFT)
  }

  /** The same for writes. A page whose writes are being noted gives a negative number until `noteWrite`. */
  writeOffset(page: number): number {
    return page < PAGES ? this.#reached(this.#writeOffset.get(page)) : NOWHERE
  }

  /**
   * RAM, which is zeros, is filled from here on when it is first reached; `memory.absent` is null once all of it is.
   * Whoever has asked for offsets of its pages before asks again.
   */
  fillWhenReached(source: ChunkSource): void {
    const { memory } = this
    const lookAgain = (firstPage: number, pageCount: number): void => {
      for (let page = firstPage; page < firstPage + pageCount; page++) this.#noteRam(page)
    }
    memory.absent = new AbsentMemory(memory.ramAsItIs, source, lookAgain, () => (memory.absent = null))
    lookAgain(0, memory.ramAsItIs.length / PAGE_SIZE)
    for (const observer of this.#observers) observer.remapped(0, PAGES)
  }

  /** The offset itself, whose page is here now: this is where every access to RAM comes by, before it has an address. */
  #reached(offset: number): number {
    const { absent } = this.memory
    if (absent && offset >= RAM_BASE) absent.reach(offset - RAM_BASE)
    return offset
  }

  #owner(page: number): Region | undefined {
    return this.#regions[this.#owners[page]! - 1]
  }

  /** Notes a write to a page that tracks them; afterwards `writeOffset` is direct until `takeDirty`. */
  noteWrite(page: number): void {
    const region = this.#owner(page)
    if (!region?.dirty || !region.write || !('offset' in region.write)) return
    const index = page - (region.base >>> PAGE_SHIFT)
    region.dirty[index] = 1
    this.#writeOffset.set(page, region.write.offset + index * PAGE_SIZE)
  }

  /** True when a write to this page would be direct once noted. */
  needsNote(page: number): boolean {
    return page < PAGES && this.#writeOffset.get(page) === DEVICE && !!this.#owner(page)?.dirty
  }

  /** What of a range of pages can be read directly, in order of addresses. */
  directRuns(firstPage: number, pageCount: number): PageRun[] {
    const runs: PageRun[] = []
    let last: PageRun | undefined
    for (let page = firstPage; page < firstPage + pageCount; page++) {
      const offset = this.readOffset(page)
      if (offset < 0) {
        last = undefined
        continue
      }
      const tracksDirty = !!this.#owner(page)?.dirty
      const isWritable = tracksDirty || this.writeOffset(page) === offset
      if (
        last &&
        offset === last.offset + last.pageCount * PAGE_SIZE &&
        last.isWritable === isWritable &&
        last.tracksDirty === tracksDirty
      )
        last.pageCount++
      else runs.push((last = { firstPage: page, pageCount: 1, offset, isWritable, tracksDirty }))
    }
    return runs
  }

  /** One access as a device or the slow path of a CPU makes it, within one page. */
  read(address: number, size: AccessSize): number {
    const page = address >>> PAGE_SHIFT
    const at = this.#reached(this.#readOffset.get(page))
    if (at >= 0) {
      const { view } = this.memory
      const offset = at + (address & (PAGE_SIZE - 1))
      return size === 1
        ? view.getUint8(offset)
        : size === 2
          ? view.getUint16(offset, true)
          : view.getUint32(offset, true)
    }
    const region = this.#owner(page)
    const backing = region?.read
    if (!region || !backing || !('device' in backing)) return floating(size)
    region.accesses++
    return backing.device.read((address >>> 0) - region.base, size)
  }

  write(address: number, value: number, size: AccessSize): void {
    const page = address >>> PAGE_SHIFT
    if (this.needsNote(page)) this.noteWrite(page)
    const at = this.#reached(this.#writeOffset.get(page))
    if (at >= 0) {
      const { view } = this.memory
      const offset = at + (address & (PAGE_SIZE - 1))
      if (size === 1) view.setUint8(offset, value)
      else if (size === 2) view.setUint16(offset, value, true)
      else view.setUint32(offset, value, true)
      this.#tellWritten(offset, size)
      return
    }
    const region = this.#owner(page)
    const backing = region?.write
    if (!region || !backing || !('device' in backing)) return
    region.accesses++
    backing.device.write((address >>> 0) - region.base, value, size)
  }

  /** Direct memory access by a device. Only RAM and ROM take part: what a device answers reads as all ones. */
  dmaRead(address: number, into: Uint8Array): void {
    const { bytes } = this.memory
    for (let done = 0; done < into.length;) {
      const at = (address + done) >>> 0
      const count = pieceWithinPage(at, into.length - done)
      const base = this.#reached(this.#readOffset.get(at >>> PAGE_SHIFT))
      const offset = base + (at & (PAGE_SIZE - 1))
      if (base < 0) into.fill(0xff, done, done + count)
      else into.set(bytes.subarray(offset, offset + count), done)
      done += count
    }
  }

  dmaWrite(address: number, from: Uint8Array): void {
    const { bytes } = this.memory
    for (let done = 0; done < from.length;) {
      const at = (address + done) >>> 0
      const page = at >>> PAGE_SHIFT
      const count = pieceWithinPage(at, from.length - done)
      if (this.needsNote(page)) this.noteWrite(page)
      const base = this.#reached(this.#writeOffset.get(page))
      if (base >= 0) {
        const offset = base + (at & (PAGE_SIZE - 1))
        bytes.set(from.subarray(done, done + count), offset)
        this.#tellWritten(offset, count)
      }
      done += count
    }
  }

  #tellWritten(offset: number, length: number): void {
    for (const observer of this.#observers) observer.written(offset, length)
  }

  #takeDirty(region: Region): number[] {
    const pages: number[] = []
    const { dirty, base } = region
    if (!dirty) return pages
    for (const observer of this.#observers) observer.collectDirty?.(base >>> PAGE_SHIFT, dirty.length)
    const first = base >>> PAGE_SHIFT
    for (let index = nextSet(dirty, 0); index >= 0; index = nextSet(dirty, index + 1)) {
      pages.push(index)
      dirty[index] = 0
      if (this.#owner(first + index) === region) this.#writeOffset.set(first + index, DEVICE)
    }
    // One call for the whole span: forgetting a translation too many costs less than a hundred calls.
    if (pages.length > 0)
      for (const observer of this.#observers) {
        const range = [first + pages[0]!, pages.at(-1)! - pages[0]! + 1] as const
        if (observer.toBeNoted) observer.toBeNoted(...range)
        else observer.remapped(...range)
      }
    return pages
  }

  #rebuild(base: number, length: number): void {
    const first = base >>> PAGE_SHIFT
    const last = Math.min(PAGES, first + (length >>> PAGE_SHIFT))
    this.#owners.fill(0, first, last)
    this.#readOffset.fill(NOWHERE, first, last)
    this.#writeOffset.fill(NOWHERE, first, last)
    const present = this.#regions.filter(
      (r) => !r.hidden && r.base < base + length && base < r.base + r.length,
    )
    // Painter's order: what covers the others comes last.
    for (const region of present.sort((a, b) => a.priority - b.priority || a.order - b.order))
      this.#paint(region, first, last)
    const ramEnd = Math.min(last, this.memory.ramAsItIs.length >>> PAGE_SHIFT)
    for (let page = first; page < ramEnd; page++) this.#noteRam(page)
    for (const observer of this.#observers) observer.remapped(first, last - first)
  }

  #noteRam(page: number): void {
    const at = RAM_BASE + page * PAGE_SIZE
    const isRam =
      this.#readOffset.get(page) === at &&
      this.#writeOffset.get(page) === at &&
      !this.#owner(page)?.dirty &&
      !this.memory.absent?.hasPage(page)
    const bit = 1 << (page & 7)
    if (isRam) this.#ramMap[page >> 3]! |= bit
    else this.#ramMap[page >> 3]! &= ~bit
  }

  /** Makes a region the owner of its pages from `first` to before `last`. */
  #paint(region: Region, first: number, last: number): void {
    const start = region.base >>> PAGE_SHIFT
    const from = Math.max(first, start)
    const to = Math.min(last, start + (region.length >>> PAGE_SHIFT))
    this.#owners.fill(region.order + 1, from, to)
    this.#readOffset.fillWith(region.read, start, from, to)
    const { dirty, write } = region
    if (!dirty || !write || !('offset' in write)) return this.#writeOffset.fillWith(write, start, from, to)
    this.#writeOffset.fill(DEVICE, from, to)
    for (let index = nextSet(dirty, from - start); index >= 0; index = nextSet(dirty, index + 1)) {
      if (start + index >= to) break
      this.#writeOffset.set(start + index, write.offset + index * PAGE_SIZE)
    }
  }
}
