import type { StringMoves } from './string-moves.ts'
import type { AccessSize } from '../bus/bus-device.ts'
import type { CodeCache } from './code-cache.ts'
import type { CodePlace } from './code-finder.ts'
import type { CodeVariant, TranslatedCode } from './code-variant.ts'

/** Where a place that is entered often lies. */
export interface HotPlace {
  hostPage: number
  offset: number
  mode: CodeVariant
  /** EIP of the first byte of the page. */
  eipBase: number
}

/** Makes code of places that are entered often. */
export interface Translator extends TranslatedCode {
  /** A head has counted down; it must be set to something else, sooner or later. */
  hot(head: number, place: HotPlace): void
  /** True when the pages of a head's region are where they were, seen from this EIP_BASE; its guard holds then. */
  guard(head: number, eipBase: number): boolean
  /** Exits of its code by reason. */
  exits(): Record<string, number>
  stats(): Record<string, number>
}

/** What translated code shares with the interpreter. */
export interface TranslatorHost {
  code: CodeCache
  memory: WebAssembly.Memory
  /** The interpreter's functions, then those of regions. */
  table: WebAssembly.Table
  fpu: FpuExports
  /** Where regions go when they are left by a jump: see chain.ts. */
  chain: (eip: number, budget: number) => number
  /** Where a write beside decoded code goes: see memory-access.ts. */
  beside: (offset: number, segment: number, size: number) => number
  /** Where a look for several accesses goes that finds nothing: see memory-access.ts. */
  reach: (linear: number, size: number, write: number) => number
  /** Repeated string instructions all at once. */
  strings: StringMoves
  /** What regions call of the runtime, which finds registers and counts where the interpreter leaves them. */
  calls: HostCalls
  /** Stands in the table where a region was, until `forgetSlots`. */
  gone: (budget: number) => number
  /** Jump cache entries name no places of the table any more. */
  forgetSlots(): void
  /** JUMP_KEY as it is. */
  key(): number
  /** Where an EIP leads that a jump has led to lately; null for others, and for what would fault. */
  reached(eip: number): CodePlace | null
  /**
   * Where an EIP leads, and whether in every address space that the key stands for, which at level 3 is one; null for
   * what would fault.
   */
  look(eip: number): (CodePlace & { global: boolean }) | null
}

/** Calls of the runtime for single instructions: see Import. */
export interface HostCalls {
  readPort: (port: number, size: AccessSize) => number
  writePort: (port: number, value: number, size: AccessSize) => number
  timeStamp: () => number
}

/** Functions of the FPU module that generated code calls. */
export type FpuExports = Record<string, (...args: number[]) => number>
