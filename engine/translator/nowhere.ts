import { FunctionBuilder } from '../wasm/function-builder.ts'
import { KIND_COUNT } from './flag-kind.ts'
import { RegionSemantics } from './region-semantics.ts'
import type { Region } from './region.ts'
import { LOCAL_TYPES } from './register-file.ts'

/** Translates into a function that nobody wants, to learn what instructions do. */
export function nowhere(): RegionSemantics {
  const fn = new FunctionBuilder(1, LOCAL_TYPES)
  const byKind = Array<number>(KIND_COUNT).fill(fn.block())
  return new RegionSemantics(fn, { byKind, dynamic: fn.block(), helperIndex: () => 0, usualMxcsr: false })
}

/** Registers, one bit each, of which a region never uses more than the lower 16 bits. */
export function halvesOf({ blocks, mode }: Region): number {
  // In 32-bit code they are too few to be worth translating it twice.
  if (mode.code32) return 0
  const steps = blocks.flatMap((block) => block.steps)
  const semantics = nowhere()
  for (const step of steps) semantics.translate(step, mode)
  return ~semantics.registers.whole & 0xff
}
