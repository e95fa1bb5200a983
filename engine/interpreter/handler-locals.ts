import { State } from '../isa/state.ts'
import { I32, type ValueType, i32, load } from '../wasm/expression.ts'
import type { FunctionBuilder, Label } from '../wasm/function-builder.ts'

/** Parameters and locals of the generated functions, hot and cold alike. */
export const Local = {
  /** Parameter: the record being executed. */
  REC: 0,
  /** Parameter: the budget, less what has been retired before START. */
  BUDGET: 1,
  /** First record of the straight run that REC is in. */
  START: 2,
  LINEAR: 3,
  ENTRY: 4,
  HOST: 5,
  WHY: 6,
  /** The record whose link is being followed. */
  FROM: 7,
  READ_BIT: 8,
  WRITE_BIT: 9,
  JUMP_KEY: 10,
  /** Non-zero while a bounce buffer waits to be written back. */
  BOUNCED: 11,
  COUNT: 12,
} as const
export const LOCAL_TYPES: ValueType[] = Array<ValueType>(Local.COUNT).fill(I32)

/** Locals that hold a word of the state: at the start of a function, and when a change of mode may have altered them. */
export function loadCached(fn: FunctionBuilder): void {
  fn.set(Local.READ_BIT, load(i32(State.READ_BIT), 4))
  fn.set(Local.WRITE_BIT, load(i32(State.WRITE_BIT), 4))
  fn.set(Local.JUMP_KEY, load(i32(State.JUMP_KEY), 4))
}

/** Functions that generated code imports, by index; helpers of the FPU module follow. */
export const Import = {
  /** (effective address, segment cache or 0 for flat, size | write << 8 | read-modify-write << 9, record, budget, start): linear-memory address, 0 for a fault. */
  ACCESS: 0,
  /** Writes bounce buffers back; the result is taken off the budget, so that a device can end the run. */
  WRITE_BACK: 1,
  /** (operation, a, b): 0 to go on with the next record. */
  SYSTEM: 2,
  /** (operation, size | addressSize << 8 | repeat << 16, segment cache): repetitions done. */
  BULK: 3,
  /** (port, size): the value. */
  READ_PORT: 4,
  /** (port, value, size): 0. */
  WRITE_PORT: 5,
  /** (EIP): its record, or 0. */
  FIND: 6,
  /** Called before and after a region that is timed; the result means nothing. */
  CLOCK: 7,
  /** Sets EDX:EAX to the time-stamp counter; the result means nothing. */
  TIME_STAMP: 8,
  COUNT: 9,
} as const

/** Segment of an access that names none: base 0, limit 4 GiB. */
export const FLAT = 0

/** Where the pieces of the surrounding function are. */
export interface Frame {
  /** Branching here leaves the function with WHY. */
  out: Label
  /** Loop that dispatches REC; null in a cold function, which returns instead. */
  top: Label | null
  /** Index of a function of the FPU module by name. */
  helperIndex(name: string): number
}
