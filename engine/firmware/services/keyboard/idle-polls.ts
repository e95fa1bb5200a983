import type { Context } from '../context.ts'

/** What a program that does nothing else executes between two polls, DOS's own way there and back included. */
const MAX_INSTRUCTIONS = 1000
/** How long it must have done nothing else, in ns of guest time: two ticks of the clock. */
const PATIENCE_NS = 110_000_000

/**
 * Notes that a program asked for a key when there was none. DOS at its prompt asks without end and would have the
 * processor for itself; one that works between its questions, or calls the BIOS for anything else, does not count.
 * @returns whether the processor may as well halt until the next interrupt
 */
export function isIdlePoll({ state: { polls }, clock, instructions }: Context): boolean {
  const between = instructions() - polls.lastAt
  if (!(between >= 0 && between <= MAX_INSTRUCTIONS)) polls.sinceNs = clock.nowNs
  return clock.nowNs - polls.sinceNs >= PATIENCE_NS
}
