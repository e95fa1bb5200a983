import type { CodeMode } from '../isa/decoder.ts'

/** What the records of a page depend on besides its bytes. */
export interface CodeVariant extends CodeMode {
  flat: boolean
  /** Offsets of the page that lie within the code segment: [low, high). */
  low: number
  high: number
}

/** What was translated from code, and must not outlive it. */
export interface TranslatedCode {
  /** How often a head is entered before it is hot. */
  readonly entriesUntilHot: number
  /** Bytes [start, end) of a linear-memory page have changed. */
  written(hostPage: number, start: number, end: number): void
  /** Nothing that was decoded is valid any more, heads included. */
  flushed(): void
  /** Another address space: where pages that are not global lie must be looked at again. */
  forgetLocal(): void
  /** Keys are used again: where any page lies must be looked at again. */
  forgetKeys(): void
}
