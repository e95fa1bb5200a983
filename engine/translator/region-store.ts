import type { CodeCache } from '../interpreter/code-cache.ts'
import type { Region } from './region.ts'

interface Entry {
  readonly head: number
  readonly slot: number
  readonly ranges: Region['ranges']
}

/** Rewritten code is left to the interpreter for longer and longer. */
const FIRST_PAUSE = 2000
const LONGEST_PAUSE = 0x40000000
const SLOTS_AT_ONCE = 1024
/** A record speaks for the instruction after its own too, and a region must not outlive the records that it exits to. */
const MAX_INSTRUCTION = 15

/** Translated regions by page, and their places in the table that the interpreter calls through. */
export class RegionStore {
  readonly #pages = new Map<number, Set<Entry>>()
  /** How often code of a page has been thrown away, by page. */
  readonly #rewrites = new Map<number, number>()
  #free: number[] = []
  #size = 0
  invalidated = 0

  constructor(
    private readonly code: CodeCache,
    private readonly table: WebAssembly.Table,
    private readonly pausesWhenRewritten: boolean,
  ) {}

  get size(): number {
    return this.#size
  }

  add(head: number, { hostPage, ranges }: Region, run: () => number): void {
    const slot = this.#take()
    this.table.set(slot, run)
    let entries = this.#pages.get(hostPage)
    if (!entries) this.#pages.set(hostPage, (entries = new Set()))
    entries.add({ head, slot, ranges })
    this.#size++
    this.code.setHead(head, slot)
  }

  /** Bytes [start, end) of a page have changed: regions that were made from one of them go. */
  written(hostPage: number, start: number, end: number): void {
    const entries = this.#pages.get(hostPage)
    if (!entries) return
    for (const entry of entries) {
      if (!entry.ranges.some(([from, to]) => from < end && to + MAX_INSTRUCTION > start)) continue
      const times = (this.#rewrites.get(hostPage) ?? 0) + 1
      this.#rewrites.set(hostPage, times)
      const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(times, 20))
      this.code.setHead(entry.head, -1, this.pausesWhenRewritten ? pause : 0)
      entries.delete(entry)
      this.#release(entry.slot)
      this.invalidated++
    }
    if (entries.size === 0) this.#pages.delete(hostPage)
  }

  /** Heads are gone: so is what stood behind them. */
  flush(): void {
    for (const entries of this.#pages.values()) for (const { slot } of entries) this.#release(slot)
    this.#pages.clear()
    this.#rewrites.clear()
  }

  #take(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const first = this.table.grow(SLOTS_AT_ONCE)
    for (let slot = first + SLOTS_AT_ONCE - 1; slot > first; slot--) this.#free.push(slot)
    return first
  }

  #release(slot: number): void {
    this.table.set(slot, null)
    this.#free.push(slot)
    this.#size--
  }
}
