import type { Heads } from '../interpreter/heads.ts'
import { MAX_SLOTS, REGIONS_DROPPED } from '../isa/state.ts'
import { type Region, instructionsOf } from './region.ts'

/** A head that has been translated. */
export interface RegionEntry {
  readonly head: number
  readonly region: Pick<Region, 'mode' | 'eipBase' | 'pages'>
  readonly instructions: number
  /** How often it has been made anew. */
  readonly growths: number
  /** Place in the table. */
  readonly slot: number
}

/** Where the pages of a region are now. */
export interface PageFinder {
  /** JUMP_KEY as it is. */
  key(): number
  look(eip: number): { hostPage: number; variant: { low: number; high: number }; global: boolean } | null
}

/** The table that the interpreter calls through. */
export interface FunctionTable {
  readonly table: WebAssembly.Table
  readonly memory: WebAssembly.Memory
  /** See TranslatorHost. */
  readonly gone: (this: void, budget: number) => number
  forgetSlots(): void
}

export interface StoreOptions {
  /** Entries of a head before it is translated again after an eviction. */
  entriesUntilHot: number
  /** Exits by ways that could be part of a region before it is made again; null for never. */
  exitsUntilGrown: number | null
  /** Rewritten code is left to the interpreter for a while. */
  pausesWhenRewritten: boolean
  /** Regions that may live at a time. */
  maxRegions: number
}

/** Rewritten code is left to the interpreter for longer and longer. */
const FIRST_PAUSE = 2000
const LONGEST_PAUSE = 0x40000000
/** Of a count of entries or exits. */
export const NEVER = 0x7fffffff
const SLOTS_AT_ONCE = 1024
/** Each growth costs as much again: it must be worth more. */
const GROWTH_FACTOR = 4
/** Part of the regions that goes when there are too many. */
const EVICTED = 1 / 8
/** A record speaks for the instruction after its own too, and a region must not outlive the records that it exits to. */
const MAX_INSTRUCTION = 15

/** Translated regions by page, and their places in the table that the interpreter calls through. */
export class RegionStore {
  readonly #byHead = new Map<number, RegionEntry>()
  readonly #pages = new Map<number, Set<RegionEntry>>()
  /** How often code of a page has been thrown away, by page. */
  readonly #rewrites = new Map<number, number>()
  /** Heads whose guards hold in one address space only. */
  readonly #local = new Set<number>()
  readonly #free: number[] = []
  /** Places where regions were, which the jump cache may still name. */
  readonly #left: number[] = []
  readonly #dropped: Uint32Array
  #size = 0
  invalidated = 0
  evicted = 0

  constructor(
    private readonly heads: Heads,
    private readonly table: FunctionTable,
    private readonly finder: PageFinder,
    private readonly options: StoreOptions,
  ) {
    this.#dropped = new Uint32Array(table.memory.buffer, REGIONS_DROPPED, 1)
  }

  get size(): number {
    return this.#size
  }

  at(head: number): RegionEntry | undefined {
    return this.#byHead.get(head)
  }

  /** A region has been made for a head, instead of the one that is there. */
  install(head: number, region: Region, run: () => number): void {
    const before = this.#byHead.get(head)
    if (before) this.#drop(before, NEVER)
    if (this.#size >= this.options.maxRegions) this.#evict()
    const { mode, eipBase, pages } = region
    const slot = this.#take()
    const entry: RegionEntry = {
      head,
      region: { mode, eipBase, pages },
      instructions: instructionsOf(region),
      growths: before ? before.growths + 1 : 0,
      slot,
    }
    this.#byHead.set(head, entry)
    for (const { hostPage } of pages) {
      let entries = this.#pages.get(hostPage)
      if (!entries) this.#pages.set(hostPage, (entries = new Set()))
      entries.add(entry)
    }
    this.table.table.set(slot, run)
    this.#size++
    const { exitsUntilGrown } = this.options
    this.heads.setRegion(
      head,
      slot,
      exitsUntilGrown === null ? NEVER : exitsUntilGrown * GROWTH_FACTOR ** entry.growths,
    )
  }

  /** Back to a region that cannot grow. */
  settle({ head, slot }: RegionEntry): void {
    this.heads.setRegion(head, slot, NEVER)
  }

  /** Bytes [start, end) of a page have changed: regions that were made from one of them go. */
  written(hostPage: number, start: number, end: number): void {
    for (const entry of this.#pages.get(hostPage) ?? []) {
      const touched = entry.region.pages.some(
        (page) =>
          page.hostPage === hostPage &&
          page.ranges.some(([from, to]) => from < end && to + MAX_INSTRUCTION > start),
      )
      if (touched) this.#dropRewritten(entry, hostPage)
    }
  }

  #dropRewritten(entry: RegionEntry, hostPage: number): void {
    const times = (this.#rewrites.get(hostPage) ?? 0) + 1
    this.#rewrites.set(hostPage, times)
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(times, 20))
    this.#drop(entry, this.options.pausesWhenRewritten ? pause : 0)
    this.invalidated++
  }

  /** Back to counting `entries` of the head. */
  #drop(entry: RegionEntry, entries: number): void {
    const { head, region } = entry
    this.heads.count(head, entries)
    this.#byHead.delete(head)
    this.#local.delete(head)
    for (const { hostPage } of region.pages) {
      const others = this.#pages.get(hostPage)
      others?.delete(entry)
      if (others?.size === 0) this.#pages.delete(hostPage)
    }
    this.#release(entry)
  }

  /** Those go that have not been entered for longest. */
  #evict(): void {
    const live = [...this.#byHead.values()]
      .map((entry) => ({ entry, last: this.heads.lastEntered(entry.slot) }))
      .sort((a, b) => a.last - b.last)
    const count = Math.ceil(live.length * EVICTED)
    for (const { entry } of live.slice(0, count)) this.#drop(entry, this.options.entriesUntilHot)
    this.evicted += count
  }

  // Guards of regions over several pages.

  /**
   * True when the pages of a head's region are where they were, seen from this EIP_BASE; its guard holds then until
   * translations change. A region whose pages have been moved apart is dropped.
   */
  guard(head: number, eipBase: number): boolean {
    const entry = this.#byHead.get(head)
    if (!entry) return false
    const global = this.#pagesStand(entry, eipBase)
    if (global === null) {
      this.#drop(entry, this.options.pausesWhenRewritten ? FIRST_PAUSE : 0)
      return false
    }
    this.heads.setGuard(head, eipBase, this.finder.key())
    if (!global) this.#local.add(head)
    return true
  }

  /** Whether all pages are global; null when one is elsewhere. */
  #pagesStand({ region: { mode, eipBase: madeAt, pages } }: RegionEntry, eipBase: number): boolean | null {
    if (!mode.code32 && eipBase !== madeAt) return null
    let global = true
    for (const { hostPage, delta, ranges } of pages) {
      const place = this.finder.look((eipBase + delta + ranges[0]![0]) >>> 0)
      const end = ranges.at(-1)![1]
      if (place?.hostPage !== hostPage || ranges[0]![0] < place.variant.low || end > place.variant.high)
        return null
      global &&= place.global
    }
    return global
  }

  forgetLocal(): void {
    for (const head of this.#local) this.heads.dropGuard(head)
    this.#local.clear()
  }

  forgetKeys(): void {
    for (const head of this.#byHead.keys()) this.heads.dropGuard(head)
    this.#local.clear()
  }

  /** Heads are gone: so is what stood behind them. */
  flush(): void {
    for (const entry of this.#byHead.values()) this.#release(entry)
    this.#byHead.clear()
    this.#pages.clear()
    this.#rewrites.clear()
    this.#local.clear()
  }

  #take(): number {
    // A head that has a region again would be left to the interpreter where the jump cache names its old place.
    if (this.#left.length > 0) {
      this.table.forgetSlots()
      this.#free.push(...this.#left.splice(0))
    }
    const free = this.#free.pop()
    if (free !== undefined) return free
    const first = this.table.table.grow(SLOTS_AT_ONCE)
    // What stands behind the table of times is the TLB.
    if (first + SLOTS_AT_ONCE > MAX_SLOTS) throw new Error('more regions than there are places for')
    for (let slot = first + SLOTS_AT_ONCE - 1; slot > first; slot--) this.#free.push(slot)
    return first
  }

  #release(entry: RegionEntry): void {
    this.table.table.set(entry.slot, this.table.gone)
    this.#left.push(entry.slot)
    this.#size--
    this.#dropped[0]!++
  }
}
