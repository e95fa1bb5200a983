import * as v from 'valibot'
import { State } from '../isa/state.ts'
import { SAVED_QUEUE } from './prefetch-queue.ts'

const word = v.pipe(v.number(), v.integer())

/** Architectural state of a processor, whichever accelerator ran it. */
export const SAVED_VCPU = v.object({
  version: v.literal(1),
  /** Everything that CpuState describes. */
  words: v.pipe(v.instance(Uint8Array), v.length(State.END)),
  /** Number, low and high word of each model-specific register. */
  msrs: v.pipe(v.array(v.tuple([word, word, word])), v.maxLength(1000)),
  /** The four page-directory pointers of PAE as the processor holds them, two words each. */
  pdpt: v.pipe(v.array(word), v.length(8)),
  /** TR0 to TR7, as far as there are. Missing in states of earlier builds. */
  testRegisters: v.optional(v.pipe(v.array(word), v.length(8)), () => new Array<number>(8).fill(0)),
  halted: v.boolean(),
  /** An NMI waits. */
  nmi: v.boolean(),
  /** Others wait for IRET out of the handler of one. Missing in states of earlier builds. */
  nmiBlocked: v.optional(v.boolean(), false),
  /** An SMI waits. Missing in states of earlier builds. */
  smi: v.optional(v.boolean(), false),
  /** Level of INTR. */
  interrupt: v.boolean(),
  /** A debug trap is due before the next instruction. */
  debugPending: v.boolean(),
  /** What was fetched before paging was switched. */
  prefetched: v.optional(v.nullable(SAVED_QUEUE), null),
})
export type SavedVcpu = v.InferOutput<typeof SAVED_VCPU>
