import type { HotPlace, Translator, TranslatorHost } from '../interpreter/translator-host.ts'
import { USUAL, USUAL_MASK } from '../isa/sse-native.ts'
import { REGION_RETIRED, State } from '../isa/state.ts'
import { exitCounts } from './exit-reason.ts'
import { FlagFlow } from './flag-flow.ts'
import { type FinderLimits, FIRST_LIMITS, GROWN_LIMITS, findRegion } from './region-finder.ts'
import { type NewRegion, makeRegions } from './region-module.ts'
import { NEVER, type RegionEntry, RegionStore } from './region-store.ts'
import { type Region, instructionsOf } from './region.ts'

/** With its part of an instance and its machine code a region takes some 20 KiB of the host's memory. */
const MAX_REGIONS = 8192
/**
 * A hot place waits for others to share a module with: until it, or one of those, has been entered this many times as
 * often again. Neighbours in one module are neighbours in the host's caches (decision 20).
 */
const PATIENCE = 2
/**
 * What is entered less often than this is watched in shorter pieces, and taken when one of them is fast, or after so many: to make
 * a region of it takes longer than the region saves in half a minute, and the little that an idle guest does comes to be entered
 * thousands of times too.
 */
const ENTRIES_PER_MS = 2
const SLOW_PIECES = 64
/** Part of the entries until hot that such a piece has: a place may have been entered seldom first and become busy since. */
const PIECE = 1 / 8
/** A region that has been made anew so often stays as it is. */
const MAX_GROWTHS = 4

export interface TranslatorOptions {
  /** Entries of a place before it is translated: a region takes milliseconds to make and saves nanoseconds an instruction. */
  entriesUntilHot?: number
  /** Exits by ways that could have been part of a region before it is made again with them; null, the default, for never (decision 15). */
  exitsUntilGrown?: number | null
  /** What a region may be when it is made first, and when it grows. */
  limits?: FinderLimits
  grownLimits?: FinderLimits
  pausesWhenRewritten?: boolean
  /** Regions that may live at a time. */
  maxRegions?: number
  /** Regions of one module at most. */
  regionsAtOnce?: number
}

/** Makes WebAssembly of code that runs often. */
export class RegionTranslator implements Translator {
  readonly entriesUntilHot: number
  readonly #host: TranslatorHost
  readonly #store: RegionStore
  readonly #limits: FinderLimits
  readonly #grownLimits: FinderLimits
  readonly #grows: boolean
  readonly #flagFlow = new FlagFlow()
  /** Hot places by their heads. */
  readonly #waiting = new Map<number, HotPlace>()
  /** Of heads that have counted down too slowly: how often. */
  readonly #slowPieces = new Map<number, number>()
  readonly #piece: number
  readonly #patience: number
  readonly #regionsAtOnce: number
  readonly #stats = {
    modules: 0,
    regions: 0,
    grownRegions: 0,
    regionBytes: 0,
    regionInstructions: 0,
    compileMs: 0,
    findMs: 0,
  }

  constructor(host: TranslatorHost, options: TranslatorOptions = {}) {
    const {
      entriesUntilHot = 3000,
      exitsUntilGrown = null,
      limits = FIRST_LIMITS,
      grownLimits = GROWN_LIMITS,
      pausesWhenRewritten = true,
      maxRegions = MAX_REGIONS,
      regionsAtOnce = 64,
    } = options
    this.entriesUntilHot = entriesUntilHot
    this.#patience = entriesUntilHot * PATIENCE
    this.#piece = Math.ceil(entriesUntilHot * PIECE)
    this.#regionsAtOnce = regionsAtOnce
    this.#host = host
    this.#limits = limits
    this.#grownLimits = grownLimits
    this.#grows = exitsUntilGrown !== null
    this.#store = new RegionStore(host.code.heads, host, host, {
      entriesUntilHot,
      exitsUntilGrown,
      pausesWhenRewritten,
      maxRegions,
    })
  }

  hot(head: number, place: HotPlace): void {
    const { code } = this.#host
    const before = this.#store.at(head)
    if (before) return this.#grow(before, place)
    const waits = !this.#waiting.has(head)
    if (this.#isSeldom(head, waits)) {
      this.#waiting.delete(head)
      return code.heads.count(head, this.#piece)
    }
    this.#waiting.set(head, place)
    if (waits && this.#waiting.size < this.#regionsAtOnce) return code.heads.count(head, this.#patience)
    this.#makeWaiting()
  }

  /** Whether a head has counted down too slowly for a region, and not yet often enough. */
  #isSeldom(head: number, waits: boolean): boolean {
    const slow = this.#slowPieces.get(head) ?? 0
    const entries = !waits ? this.#patience : slow > 0 ? this.#piece : this.entriesUntilHot
    const isSlow = this.#host.code.heads.countedMs(head) > entries / ENTRIES_PER_MS
    if (isSlow && slow < SLOW_PIECES) {
      this.#slowPieces.set(head, slow + 1)
      return true
    }
    this.#slowPieces.delete(head)
    return false
  }

  #grow(before: RegionEntry, place: HotPlace): void {
    const region = this.#host.code.records.nearlyFull ? null : this.#find(place, before)
    if (region === null || instructionsOf(region) <= before.instructions) return this.#store.settle(before)
    this.#make([{ head: before.head, region }])
    this.#stats.grownRegions++
  }

  /** All places that have become hot lately. */
  #makeWaiting(): void {
    const { code } = this.#host
    const regions: NewRegion[] = []
    for (const [head, place] of this.#waiting) {
      const { hostPage, offset, mode } = place
      // The page has been decoded anew since: another head stands for this place.
      if (code.records.nearlyFull || code.headAt(hostPage, offset, mode) !== head) continue
      const region = this.#find(place, undefined)
      if (region === null) code.heads.count(head, NEVER)
      else regions.push({ head, region })
    }
    this.#waiting.clear()
    if (regions.length === 0) return
    this.#make(regions)
    this.#stats.regions += regions.length
  }

  #make(regions: readonly NewRegion[]): void {
    const began = performance.now()
    const { memory, fpu, chain, beside, reach, strings, calls } = this.#host
    const options = { usualMxcsr: this.#usualMxcsr(), grows: this.#grows }
    const { module, bytes } = makeRegions(regions, this.#flagFlow, options)
    const { exports } = new WebAssembly.Instance(module, {
      env: { memory },
      fpu,
      interpreter: { chain, beside, reach, ...strings, ...calls },
    })
    const stats = this.#stats
    regions.forEach(({ head, region }, i) => {
      this.#store.install(head, region, exports[i] as () => number)
      stats.regionInstructions += instructionsOf(region)
    })
    stats.modules++
    stats.regionBytes += bytes
    stats.compileMs += performance.now() - began
  }

  /** @param before what is to grow, undefined for a place without a region */
  #find(place: HotPlace, before: RegionEntry | undefined): Region | null {
    if (before && before.growths >= MAX_GROWTHS) return null
    const began = performance.now()
    const { code } = this.#host
    const limits = before ? this.#grownLimits : this.#limits
    const region = findRegion(code, place, (eip) => this.#host.reached(eip), limits)
    this.#stats.findMs += performance.now() - began
    return region
  }

  guard(head: number, eipBase: number): boolean {
    return this.#store.guard(head, eipBase)
  }

  #usualMxcsr(): boolean {
    const mxcsr = new DataView(this.#host.memory.buffer).getUint32(State.MXCSR, true)
    return (mxcsr & USUAL_MASK) === USUAL
  }

  written(hostPage: number, start: number, end: number): void {
    this.#store.written(hostPage, start, end)
  }

  flushed(): void {
    this.#waiting.clear()
    this.#slowPieces.clear()
    this.#store.flush()
  }

  forgetLocal(): void {
    this.#store.forgetLocal()
  }

  forgetKeys(): void {
    this.#store.forgetKeys()
  }

  exits(): Record<string, number> {
    const counts = Object.entries(exitCounts(this.#host.memory))
    return Object.fromEntries(counts.map(([reason, count]) => [`region-${reason}`, count]))
  }

  stats(): Record<string, number> {
    const { compileMs, findMs, ...counts } = this.#stats
    return {
      translatedInstructions: Number(new BigInt64Array(this.#host.memory.buffer, REGION_RETIRED, 1)[0]),
      ...counts,
      liveRegions: this.#store.size,
      invalidatedRegions: this.#store.invalidated,
      evictedRegions: this.#store.evicted,
      compileMs: Math.round(compileMs),
      findMs: Math.round(findMs),
    }
  }
}
