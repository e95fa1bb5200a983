import { type Expr, I64, V128, and, i32, vector } from '../wasm/expression.ts'
import type { Options } from './description.ts'
import type { Operand, Semantics } from './semantics.ts'
import { State } from './state.ts'

export const MMX: Options = { unit: 'mmx', feature: 'mmx' }
/** Added to MMX with the Pentium III. */
export const MMX2: Options = { unit: 'mmx', feature: 'sse' }
export const SSE2: Options = { unit: 'sse', feature: 'sse2' }
export const RARE: Options = { rare: true }

export type Lanes = (a: Expr, b: Expr) => Expr

export const op =
  (sub: number): Lanes =>
  (a, b) =>
    vector(sub, V128, [a, b])
export const one = (sub: number, a: Expr, lane = -1): Expr => vector(sub, V128, [a], lane)
export const shift = (sub: number, a: Expr, count: Expr): Expr => vector(sub, V128, [a, count])

export const AND = op(78)
export const OR = op(80)
/** Both halves alike. */
export const splat64 = (e: Expr): Expr => vector(18, V128, [e])
export const low64 = (v: Expr): Expr => vector(29, I64, [v], 0)
export const high64 = (v: Expr): Expr => vector(29, I64, [v], 1)
export const withHigh64 = (v: Expr, e: Expr): Expr => vector(30, V128, [v, e], 1)

/** What any MMX instruction does to the x87 state: all registers in use, TOP 0. */
export function enter(b: Semantics): void {
  b.setWord(State.FPU_TAG, i32(0))
  b.setWord(State.FPU_STATUS, and(b.word(State.FPU_STATUS), i32(~0x3800)))
}

/** Writes an MMX register; exponent and sign of the x87 register become ones. */
export function writeMmx(b: Semantics, register: Operand, value: Expr): void {
  const at = register.registerAddress()
  register.write(value)
  b.later(i32(0xffff), (v) => b.fn.store(at, v, 2, 8))
  enter(b)
}
