import type { HotPlace, Translator, TranslatorHost } from '../interpreter/soft-vcpu.ts'
import { writeModule } from '../wasm/module-writer.ts'
import { FlagFlow } from './flag-flow.ts'
import { USUAL, USUAL_MASK } from '../isa/sse-native.ts'
import { State } from '../isa/state.ts'
import { helperImport } from './helper-import.ts'
import { emitRegion } from './region-function.ts'
import { findRegion } from './region.ts'
import { RegionStore } from './region-store.ts'

/** Makes WebAssembly of code that runs often. */
export class RegionTranslator implements Translator {
  /** Entries of a place before it is translated: a region takes milliseconds to make and saves nanoseconds an instruction. */
  readonly entriesUntilHot: number
  readonly #host: TranslatorHost
  readonly #store: RegionStore
  readonly #flagFlow = new FlagFlow()
  #regions = 0
  #bytes = 0
  #instructions = 0
  #compileMs = 0
  #entries = 0
  #retired = 0

  constructor(host: TranslatorHost, { entriesUntilHot = 3000, pausesWhenRewritten = true } = {}) {
    this.entriesUntilHot = entriesUntilHot
    this.#host = host
    this.#store = new RegionStore(host.code, host.table, pausesWhenRewritten)
  }

  hot(head: number, { hostPage, offset, mode }: HotPlace): void {
    const { code } = this.#host
    const began = performance.now()
    const region = code.nearlyFull ? null : findRegion(code, hostPage, offset, mode)
    if (region === null) return code.setHead(head, -1, 0x7fffffff)
    const helpers = new Map<string, number>()
    const fn = emitRegion(
      region,
      this.#flagFlow,
      (name) => {
        let index = helpers.get(name)
        if (index === undefined) helpers.set(name, (index = helpers.size))
        return index
      },
      this.#usualMxcsr(),
    )
    const wasm = writeModule({
      imports: [...helpers.keys()].map(helperImport),
      functions: [fn],
      exports: new Map([['region', 0]]),
      memoryPages: [1, 65536],
    })
    const { memory, fpu } = this.#host
    const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
      env: { memory },
      fpu,
    })
    this.#store.add(head, region, instance.exports['region'] as () => number)
    this.#regions++
    this.#bytes += wasm.length
    this.#instructions += region.blocks.reduce((sum, { steps }) => sum + steps.length, 0)
    this.#compileMs += performance.now() - began
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

  /** A run of generated code has ended. */
  noteRun(entries: number, retired: number): void {
    this.#entries += entries
    this.#retired += retired
  }

  stats(): Record<string, number> {
    return {
      regionEntries: this.#entries,
      translatedInstructions: this.#retired,
      regions: this.#regions,
      liveRegions: this.#store.size,
      regionBytes: this.#bytes,
      regionInstructions: this.#instructions,
      compileMs: Math.round(this.#compileMs),
      invalidatedRegions: this.#store.invalidated,
    }
  }
}
