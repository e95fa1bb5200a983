import type { HotPlace, Translator, TranslatorHost } from '../interpreter/soft-vcpu.ts'
import { USUAL, USUAL_MASK } from '../isa/sse-native.ts'
import { REGION_RETIRED, State } from '../isa/state.ts'
import { InlineCompiler, type RegionCompiler } from './compiler.ts'
import { exitCounts } from './exit-reason.ts'
import { DEFAULT_LIMITS, type RegionLimits, findRegion } from './region-finder.ts'
import { type RegionModule, exportName } from './region-module.ts'
import { type RegionEntry, RegionStore } from './region-store.ts'

/** Entries until a place is asked about again for which the compiler had no time. */
const ASK_AGAIN = 500
/** An instance and its machine code take some 40 KiB of the host's memory. */
const MAX_REGIONS = 8192
const NEVER = 0x7fffffff

export interface TranslatorOptions {
  /** Entries of a place before it is translated: a region takes milliseconds to make and saves nanoseconds an instruction. */
  entriesUntilHot?: number
  limits?: RegionLimits
  pausesWhenRewritten?: boolean
  /** Regions that may live at a time. */
  maxRegions?: number
  compiler?: RegionCompiler
}

/** Makes WebAssembly of code that runs often. */
export class RegionTranslator implements Translator {
  readonly entriesUntilHot: number
  readonly #host: TranslatorHost
  readonly #store: RegionStore
  readonly #compiler: RegionCompiler
  readonly #limits: RegionLimits
  readonly #waiting = new Map<number, RegionEntry>()
  #nextId = 0
  readonly #stats = { regions: 0, modules: 0, regionBytes: 0, regionInstructions: 0, compileMs: 0, findMs: 0 }

  constructor(host: TranslatorHost, options: TranslatorOptions = {}) {
    const {
      entriesUntilHot = 3000,
      limits = DEFAULT_LIMITS,
      pausesWhenRewritten = true,
      maxRegions = MAX_REGIONS,
    } = options
    this.entriesUntilHot = entriesUntilHot
    this.#host = host
    this.#limits = limits
    this.#compiler = options.compiler ?? new InlineCompiler()
    this.#store = new RegionStore(host.code, host.table, host, {
      entriesUntilHot,
      pausesWhenRewritten,
      maxRegions,
    })
  }

  hot(head: number, place: HotPlace): void {
    const host = this.#host
    const { code } = host
    if (!this.#compiler.takesMore) return code.setHead(head, ASK_AGAIN)
    const began = performance.now()
    const region = code.nearlyFull ? null : findRegion(code, place, (eip) => host.reached(eip), this.#limits)
    this.#stats.findMs += performance.now() - began
    if (region === null) return code.setHead(head, NEVER)
    const id = this.#nextId++
    this.#waiting.set(id, this.#store.expect(head, region))
    this.#compiler.submit({ id, head, region, usualMxcsr: this.#usualMxcsr() })
    this.poll()
  }

  poll(): void {
    for (const made of this.#compiler.finished()) this.#install(made)
  }

  #install({ ids, module, bytes, instructions, ms }: RegionModule): void {
    const { memory, fpu } = this.#host
    const began = performance.now()
    const { exports } = new WebAssembly.Instance(module, { env: { memory }, fpu })
    ids.forEach((id, i) => {
      this.#store.install(this.#waiting.get(id)!, exports[exportName(i)] as () => number)
      this.#waiting.delete(id)
    })
    const stats = this.#stats
    stats.regions += ids.length
    stats.modules++
    stats.regionBytes += bytes
    stats.regionInstructions += instructions
    stats.compileMs += ms + performance.now() - began
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
    this.#store.flush()
  }

  forgetLocal(): void {
    this.#store.forgetLocal()
  }

  forgetKeys(): void {
    this.#store.forgetKeys()
  }

  close(): void {
    this.#compiler.close()
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
