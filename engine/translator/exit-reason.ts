import { REGION_EXITS } from '../isa/state.ts'

/** Why a region is left; the order is that of the counters at REGION_EXITS. */
export const EXIT_REASONS = [
  /** An access that the TLB or the segment's limit does not answer at once. */
  'memory',
  /** An exception, a unit that must be asked first, or arithmetic that is left to helpers. */
  'raise',
  /** An instruction that only the interpreter does. */
  'system',
  /** The budget is used up. */
  'budget',
  /** A way that leaves the pages of the region. */
  'page',
  /** A way that was not known, or was too much, when the region was made. */
  'unknown',
  /** A return to a place outside. */
  'return',
  /** Another jump to an address that was computed. */
  'indirect',
  /** A transfer to another segment or privilege level. */
  'far',
] as const
export type ExitReason = (typeof EXIT_REASONS)[number]

/** Exits that the regions of a processor have counted, by reason. */
export function exitCounts(memory: WebAssembly.Memory): Record<ExitReason, number> {
  const counts = new BigInt64Array(memory.buffer, REGION_EXITS, EXIT_REASONS.length)
  return Object.fromEntries(EXIT_REASONS.map((reason, i) => [reason, Number(counts[i])])) as Record<
    ExitReason,
    number
  >
}
