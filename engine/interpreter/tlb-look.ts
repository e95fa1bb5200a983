import { type Expr, and, eqz, gtU, i32, shl, shrS, shrU, load, sub } from '../wasm/expression.ts'
import type { FunctionBuilder, Label } from '../wasm/function-builder.ts'
import { TLB } from '../isa/state.ts'

/** The TLB's entry for the page of a linear address (see isa/state.ts). */
export const tlbEntry = (linear: Expr): Expr => load(shl(shrU(linear, i32(12)), i32(2)), 4, TLB)

/**
 * Non-zero when the entry does not answer an access of `size` bytes: the permission is missing, or the bytes lie in two
 * pages. One value and so one branch, which makes the interpreter's one function smaller.
 */
export function missesTlb(entry: Expr, permission: Expr, linear: Expr, size: number): Expr {
  const allowed = and(entry, permission)
  if (size === 1) return eqz(allowed)
  return eqz(and(allowed, withinPage(linear, size)))
}

/** All ones while as many bytes from a linear address on lie in one page, else 0. */
const withinPage = (linear: Expr, bytes: number): Expr =>
  // The offset in the page is at most 1000h - bytes.
  shrS(sub(and(linear, i32(0xfff)), i32(0x1001 - bytes)), i32(31))

/** The same by two branches: what runs often has less to do so. */
export function branchIfMissed(
  fn: FunctionBuilder,
  missed: Label,
  entry: Expr,
  permission: Expr,
  linear: Expr,
  size: number,
): void {
  fn.branchIfRarely(missed, eqz(and(entry, permission)))
  if (size > 1) fn.branchIfRarely(missed, gtU(and(linear, i32(0xfff)), i32(0x1000 - size)))
}
