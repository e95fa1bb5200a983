import {
  type Expr,
  F32,
  F64,
  I32,
  I64,
  add,
  and,
  and64,
  ctz64,
  eqz,
  eqz64,
  float,
  geU,
  i32,
  i64,
  ltS,
  ne64,
  or,
  or64,
  select,
  shl64,
  shrU64,
  sub,
  widenU,
  wrap,
} from '../wasm/expression.ts'
import type { FunctionBuilder, Label } from '../wasm/function-builder.ts'
import type { InMemory, Real } from '../isa/x87-stack.ts'

/**
 * 80-bit numbers that are doubles, too: zeros, and those with at most 53 significant bits whose exponent is that of
 * a normal double. Where a result is exact and such a number again, no precision control and no rounding changes it,
 * and no flag is raised: so the host's arithmetic gives it. What is not goes to `slow`.
 */
type Exact = (fn: FunctionBuilder, x: Expr, y: Expr, slow: Label) => Expr

/**
 * Bits of the control word that must be as follows: precision of at least 53 bits, and rounding to nearest, which
 * decides the sign of a difference of equals.
 */
export const EXACT_MASK = 0xe00
export const EXACT = 0x200

const SIGN = 0x8000
const EXPONENT = 0x7fff
/** Between the exponents of the two formats. */
const BIAS = 0x3fff - 0x3ff
const TOP = i64(BigInt.asIntN(64, 1n << 63n))
/** More than there are bits in the significand of a double. */
const SIGNIFICANT = 53

export const bitsOf = (x: Expr): Expr => float(0xbd, I64, x)
const fromBits = (bits: Expr): Expr => float(0xbf, F64, bits)
const plus = (x: Expr, y: Expr): Expr => float(0xa0, F64, x, y)
const minus = (x: Expr, y: Expr): Expr => float(0xa1, F64, x, y)
const times = (x: Expr, y: Expr): Expr => float(0xa2, F64, x, y)
const differ = (x: Expr, y: Expr): Expr => float(0x62, I32, x, y)
const isZero = (bits: Expr): Expr => eqz64(shl64(bits, i64(1)))
const ZERO = fromBits(i64(0))
/** The smallest normal double. */
const SMALLEST = fromBits(i64(1n << 52n))
const isTiny = (x: Expr): Expr => float(0x63, I32, float(0x99, F64, x), SMALLEST)

/** A sum, whose error is computed without one. @see D. Knuth, TAOCP vol. 2, 4.2.2, theorem B */
const sum: Exact = (fn, x, y, slow) => {
  const s = fn.let(plus(x, y))
  const part = fn.let(minus(s, x))
  // What is infinite makes a NaN of it.
  fn.branchIf(slow, differ(plus(minus(x, minus(s, part)), minus(y, part)), ZERO))
  const fine = fn.block()
  fn.branchIf(fine, eqz(isTiny(s)))
  fn.branchIf(slow, differ(s, ZERO))
  fn.end()
  return s
}

/** A product of numbers that have 53 significant bits together, or one of which is a power of two. */
const product: Exact = (fn, x, y, slow) => {
  const [a, b] = [fn.let(bitsOf(x)), fn.let(bitsOf(y))]
  const short = fn.block()
  fn.branchIf(short, eqz(ltS(wrap(addCounts(ctz64(a), ctz64(b))), i32(SIGNIFICANT))))
  fn.branchIf(slow, and(isLong(a), isLong(b)))
  fn.end()
  const r = fn.let(times(x, y))
  fn.branchIf(slow, eqz(float(0x63, I32, float(0x99, F64, r), INFINITY)))
  const fine = fn.block()
  fn.branchIf(fine, eqz(isTiny(r)))
  fn.branchIf(slow, eqz(or(isZero(a), isZero(b))))
  fn.end()
  return r
}
const INFINITY = fromBits(i64(0x7ffn << 52n))
const addCounts = (a: Expr, b: Expr): Expr => ({ op: 0x7c, type: I64, value: 0, args: [a, b] })
const isLong = (bits: Expr): Expr => ne64(and64(bits, i64((1n << 52n) - 1n)), i64(0))

export const EXACT_OPERATIONS: ReadonlyMap<string, Exact> = new Map<string, Exact>([
  ['add', sum],
  ['sub', (fn, x, y, slow) => sum(fn, x, fn.let(float(0x9a, F64, y)), slow)],
  ['subr', (fn, x, y, slow) => sum(fn, y, fn.let(float(0x9a, F64, x)), slow)],
  ['mul', product],
])

/** A number in memory that is zero or normal. */
export function doubleInMemory(fn: FunctionBuilder, { kind, bits }: InMemory, slow: Label): Expr {
  if (kind === 'Integer') return fn.let(float(0xb7, F64, bits))
  const double = kind === 'Double'
  const top = double ? wrap(shrU64(bits, i64(52))) : wrap(shrU64(widenU(bits), i64(23)))
  const ordinary = fn.block()
  const exponents = double ? 0x7ff : 0xff
  fn.branchIf(ordinary, ltUnsigned(sub(and(top, i32(exponents)), i32(1)), exponents - 1))
  fn.branchIf(slow, double ? eqz(isZero(bits)) : and(bits, i32(0x7fffffff)))
  fn.end()
  return fn.let(double ? fromBits(bits) : float(0xbb, F64, float(0xbe, F32, bits)))
}
const ltUnsigned = (e: Expr, limit: number): Expr => eqz(geU(e, i32(limit)))

/** Puts a double into two locals as an 80-bit number. */
export function widen(fn: FunctionBuilder, x: Expr, significand: number, signExponent: number): void {
  const bits = fn.let(bitsOf(x))
  const zero = fn.let(isZero(bits))
  fn.set(significand, select(zero, i64(0), or64(TOP, shl64(bits, i64(11)))))
  const exponent = add(and(wrap(shrU64(bits, i64(52))), i32(0x7ff)), i32(BIAS))
  fn.set(signExponent, or(signOf(bits), select(zero, i32(0), exponent)))
}
const signOf = (bits: Expr): Expr => and(wrap(shrU64(bits, i64(48))), i32(SIGN))

/** Puts an 80-bit number into a local as a double and does `then`, if it is one. */
export function narrow(fn: FunctionBuilder, [sig, se]: Real, double: number, then: () => void): void {
  const exponent = fn.let(and(se, i32(EXPONENT)))
  const sign = shl64(widenU(and(se, i32(SIGN))), i64(48))
  const done = fn.block()
  const normal = fn.block()
  fn.branchIf(normal, ltUnsigned(sub(exponent, i32(BIAS + 1)), 0x7fe))
  fn.branchIf(done, or(exponent, ne64(sig, i64(0))))
  fn.set(double, fromBits(sign))
  then()
  fn.branch(done)
  fn.end()
  fn.branchIf(done, or(and(wrap(sig), i32(0x7ff)), eqz64(shrU64(sig, i64(63)))))
  const fraction = shrU64(shl64(sig, i64(1)), i64(12))
  fn.set(double, fromBits(or64(or64(sign, shl64(widenU(sub(exponent, i32(BIAS))), i64(52))), fraction)))
  then()
  fn.end()
}

/** A double as the bits of a single, when it is one that is zero or normal. */
export function singleBits(fn: FunctionBuilder, x: Expr, slow: Label): Expr {
  const single = fn.let(float(0xb6, F32, x))
  fn.branchIf(slow, differ(float(0xbb, F64, single), x))
  const bits = fn.let(float(0xbc, I32, single))
  fn.branchIf(slow, and(eqz(and(bits, i32(0x7f800000))), ne64(shl64(widenU(bits), i64(33)), i64(0))))
  return bits
}

/** C3, C2 and C0 of two doubles. */
export const conditionsOf = (x: Expr, y: Expr): Expr =>
  select(float(0x63, I32, x, y), i32(0x100), select(float(0x61, I32, x, y), i32(0x4000), i32(0)))
