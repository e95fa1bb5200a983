import {
  type Expr,
  F32,
  F64,
  I32,
  I64,
  V128,
  and,
  and64,
  eqz,
  eqz64,
  float,
  i32,
  i64,
  ltU,
  or,
  select,
  shl,
  shrU,
  shrU64,
  sub,
  vector,
  wrap,
  zeroVector,
} from '../wasm/expression.ts'
import type { FunctionBuilder } from '../wasm/function-builder.ts'
import type { Operand, Semantics } from './semantics.ts'
import { readAligned } from './vector-operand.ts'

/**
 * SSE arithmetic by the host's own, where that gives the result to the last bit and raises nothing new: MXCSR
 * is quiet (see QUIET) and neither operands nor result are such that a flag could be due. What is left goes
 * to the helpers. SDM vol. 1, 11.5.
 */

/** Bits of MXCSR that matter here, and what they are when it is quiet: all masked, to nearest, PE already set, no FTZ and DAZ. */
export const QUIET_MASK = 0xffe0
export const QUIET = 0x1fa0
/** The same but for PE, which the first inexact result sets. */
export const USUAL_MASK = 0xffc0
export const USUAL = 0x1f80

export type NativeOperation = 'add' | 'sub' | 'mul' | 'div' | 'sqrt' | 'min' | 'max'
export type ScalarKind = 'ss' | 'sd'
export type Kind = ScalarKind | 'ps' | 'pd'

/** What differs between the two precisions. */
export const SCALARS = {
  ss: {
    size: 4,
    type: F32,
    sqrt: 0x91,
    binary: { add: 0x92, sub: 0x93, mul: 0x94, div: 0x95 },
    lessThan: 0x5d,
    equal: 0x5b,
    bits: 0xbc,
    value: 0xbe,
  },
  sd: {
    size: 8,
    type: F64,
    sqrt: 0x9f,
    binary: { add: 0xa0, sub: 0xa1, mul: 0xa2, div: 0xa3 },
    lessThan: 0x63,
    equal: 0x61,
    bits: 0xbd,
    value: 0xbf,
  },
} as const
export type BinaryOperation = keyof typeof SCALARS.sd.binary
export const isBinaryOperation = (name: string): name is BinaryOperation => name in SCALARS.sd.binary

const PACKED = {
  ps: { sqrt: 227, binary: { add: 228, sub: 229, mul: 230, div: 231 } },
  pd: { sqrt: 239, binary: { add: 240, sub: 241, mul: 242, div: 243 } },
} as const

type Slow = () => void
/** Goes the other way when a condition holds. */
type Unless = (condition: Expr) => void

/** Runs `fast` while MXCSR is quiet, whose tests leave by the function it is given; or else `slow`. */
function either(b: Semantics, fast: (unless: Unless) => void, slow: Slow): void {
  const { fn } = b
  b.requireQuietMxcsr()
  const done = fn.block()
  const otherwise = fn.block()
  const unless: Unless = (condition) => fn.branchIf(otherwise, condition)
  const quiet = b.quietMxcsr()
  if (quiet) unless(eqz(quiet))
  fast(unless)
  b.settle()
  fn.branch(done)
  fn.end()
  b.unusual(slow)
  fn.end()
}

/** Integer bits of a scalar whose exponent field is all zeros: zero or denormal. */
const hasNoExponent = (bits: Expr): Expr =>
  bits.type === I64 ? eqz(and(wrap(shrU64(bits, i64(52))), i32(0x7ff))) : eqz(and(bits, i32(0x7f800000)))
const isZero = (bits: Expr): Expr =>
  bits.type === I64 ? eqz64(and64(bits, i64(0x7fffffffffffffffn))) : eqz(and(bits, i32(0x7fffffff)))
const isDenormal = (bits: Expr): Expr => and(hasNoExponent(bits), eqz(isZero(bits)))

/** Goes the other way for denormal numbers; others mostly pass with one test each. */
function unlessDenormal(fn: FunctionBuilder, numbers: readonly Expr[], unless: Unless): void {
  const fine = fn.block()
  const doubtful = fn.block()
  for (const bits of numbers) fn.branchIf(doubtful, hasNoExponent(bits))
  fn.branch(fine)
  fn.end()
  for (const bits of numbers) unless(isDenormal(bits))
  fn.end()
}

const magnitude = (value: Expr): Expr => float(value.type === F64 ? 0x99 : 0x8b, value.type, value)
const below = (a: Expr, b: Expr): Expr => float(a.type === F64 ? 0x63 : 0x5d, I32, a, b)
const constant = (value: number, type: typeof F32 | typeof F64): Expr =>
  type === F64 ? float(0xbf, F64, i64(doubleBits(value))) : float(0xbe, F32, i32(singleBits(value)))
const notBelow = (a: Expr, limit: number): Expr => eqz(below(a, constant(limit, a.type as typeof F32)))

function doubleBits(value: number): bigint {
  return new BigInt64Array(new Float64Array([value]).buffer)[0]!
}

function singleBits(value: number): number {
  return new Int32Array(new Float32Array([value]).buffer)[0]!
}

/** At the smallest exponent tininess is not easily told, so results must have at least the next. */
const SMALLEST = { [F32]: 2 ** -125, [F64]: 2 ** -1021 } as const

/** True when the exponent lies between that of SMALLEST and the largest. */
function isSafe(bits: Expr): Expr {
  const double = bits.type === I64
  const exponent = double ? and(wrap(shrU64(bits, i64(52))), i32(0x7ff)) : and(shrU(bits, i32(23)), i32(0xff))
  return ltU(sub(exponent, i32(2)), i32(double ? 0x7fd : 0xfd))
}

/** An infinity and a NaN differ from themselves by a NaN. */
function isNotFinite(fn: FunctionBuilder, r: Expr): Expr {
  const double = r.type === F64
  const difference = fn.let(float(double ? 0xa1 : 0x93, r.type, r, r))
  return float(double ? 0x62 : 0x5c, I32, difference, difference)
}

/** Reads a source operand without its address: 4 or 8 bytes, or 16 aligned ones. */
export function sourceValue(b: Semantics, s: Operand, size: number): Expr {
  if (size === 16) return b.let(readAligned(b, s))
  return s.isRegister ? s.readPart(size, 0) : s.read()
}

/** The lowest part of an operand as a number; its bits have been read when it is in memory. */
function numberOf(b: Semantics, operand: Operand, kind: ScalarKind, bits: Expr | null = null): Expr {
  const { size, value, type } = SCALARS[kind]
  return operand.isRegister || !bits ? operand.readReal(size) : b.let(float(value, type, bits))
}

const bitsOf = (fn: FunctionBuilder, kind: ScalarKind, number: Expr): Expr =>
  fn.let(float(SCALARS[kind].bits, kind === 'sd' ? I64 : I32, number))

/** @returns whether it has emitted the operation */
export function arithmetic(
  b: Semantics,
  operation: NativeOperation,
  kind: Kind,
  d: Operand,
  s: Operand,
  slow: (value: Expr) => void,
): boolean {
  if (!b.hasNativeArithmetic) return false
  const packed = kind === 'ps' || kind === 'pd'
  if (packed && (operation === 'min' || operation === 'max')) return false
  if (!packed && isBinaryOperation(operation) && b.batchArithmetic(operation, kind, s)) return true
  const value = sourceValue(b, s, packed ? 16 : SCALARS[kind].size)
  either(
    b,
    (unless) => {
      if (packed) packedArithmetic(b, operation as keyof typeof PACKED.ps.binary, kind, d, value, unless)
      else scalarArithmetic(b, operation, kind, d, numberOf(b, s, kind, value), unless)
    },
    () => slow(value),
  )
  return true
}

function scalarArithmetic(
  b: Semantics,
  operation: NativeOperation,
  kind: ScalarKind,
  d: Operand,
  y: Expr,
  unless: Unless,
): void {
  const { fn } = b
  const { size, type, sqrt } = SCALARS[kind]
  const write = (r: Expr): void => d.writePart(r, size, 0)
  if (operation === 'sqrt') {
    unlessDenormal(fn, [bitsOf(fn, kind, y)], unless)
    const r = b.let(float(sqrt, type, y))
    unless(isNotFinite(fn, r))
    return write(r)
  }
  const a = numberOf(b, d, kind)
  if (isBinaryOperation(operation)) return write(scalarResult(fn, operation, kind, a, y, unless))
  unlessDenormal(fn, [bitsOf(fn, kind, a), bitsOf(fn, kind, y)], unless)
  const smaller = b.let(below(a, y))
  const larger = b.let(below(y, a))
  unless(eqz(or(or(smaller, larger), float(SCALARS[kind].equal, I32, a, y))))
  write(select(operation === 'min' ? smaller : larger, a, y))
}

/** The result of one operation, where it raises nothing new. */
export function scalarResult(
  fn: FunctionBuilder,
  operation: BinaryOperation,
  kind: ScalarKind,
  a: Expr,
  y: Expr,
  unless: Unless,
): Expr {
  const { type, binary } = SCALARS[kind]
  const [aBits, yBits] = [bitsOf(fn, kind, a), bitsOf(fn, kind, y)]
  unlessDenormal(fn, [aBits, yBits], unless)
  const r = fn.let(float(binary[operation], type, a, y))
  if (operation === 'mul' || operation === 'div') {
    const fine = fn.block()
    fn.branchIf(fine, isSafe(bitsOf(fn, kind, r)))
    // What is left are exact zeros.
    unless(isNotFinite(fn, r))
    const zero = operation === 'mul' ? or(isZero(aBits), isZero(yBits)) : isZero(aBits)
    unless(eqz(zero))
    fn.end()
  } else unless(isNotFinite(fn, r)) // Tiny sums are exact.
  return r
}

/** Lanes whose exponents lie between 2 and that of the largest number, as lanes of ones. */
function safeLanes(kind: 'ps' | 'pd', v: Expr): Expr {
  if (kind === 'pd') {
    const moved = vector(209, V128, [
      vector(203, V128, [v, i32(1)]),
      vector(18, V128, [i64(BigInt.asIntN(64, 0x40000000000000n - 0x8000000000000000n))]),
    ])
    const limit = vector(18, V128, [i64(BigInt.asIntN(64, 0xffa0000000000000n - 0x8000000000000000n))])
    return vector(216, V128, [moved, limit])
  }
  const moved = vector(177, V128, [
    vector(171, V128, [v, i32(1)]),
    vector(17, V128, [i32(0x2000000 - 0x80000000)]),
  ])
  return vector(57, V128, [moved, vector(17, V128, [i32(0xfd000000 - 0x80000000)])])
}

/** Lanes of zeros, as lanes of ones. */
const zeroLanes = (kind: 'ps' | 'pd', v: Expr): Expr =>
  kind === 'pd' ? vector(71, V128, [v, zeroVector]) : vector(65, V128, [v, zeroVector])
const EITHER = (a: Expr, b: Expr): Expr => vector(80, V128, [a, b])

function packedArithmetic(
  b: Semantics,
  operation: 'sqrt' | 'add' | 'sub' | 'mul' | 'div',
  kind: 'ps' | 'pd',
  d: Operand,
  y: Expr,
  unless: Unless,
): void {
  const { sqrt, binary } = PACKED[kind]
  const all = (lanes: Expr): Expr => vector(kind === 'pd' ? 195 : 163, I32, [lanes])
  const safe = (v: Expr): Expr => safeLanes(kind, v)
  const zero = (v: Expr): Expr => zeroLanes(kind, v)
  unless(eqz(all(EITHER(safe(y), zero(y)))))
  if (operation === 'sqrt') {
    const r = b.let(vector(sqrt, V128, [y]))
    unless(eqz(all(EITHER(safe(r), zero(y)))))
    return d.write(r)
  }
  const a = d.read()
  unless(eqz(all(EITHER(safe(a), zero(a)))))
  const r = b.let(vector(binary[operation], V128, [a, y]))
  // Zeros that are exact: sums, products with zero, and its quotients.
  const exact = operation === 'mul' ? EITHER(zero(a), zero(y)) : operation === 'div' ? zero(a) : zero(r)
  unless(eqz(all(EITHER(safe(r), operation === 'div' ? vector(79, V128, [exact, zero(y)]) : exact))))
  d.write(r)
}

/** UCOMIS and COMIS: the result is EFLAGS, of which CF, PF and ZF tell the outcome. */
export function comparison(
  b: Semantics,
  kind: ScalarKind,
  d: Operand,
  s: Operand,
  slow: (value: Expr) => Expr,
): Expr | null {
  if (!b.hasNativeArithmetic) return null
  const { size, equal } = SCALARS[kind]
  const yBits = sourceValue(b, s, size)
  const flags = b.fn.temp(I32)
  either(
    b,
    (unless) => {
      const [a, y] = [numberOf(b, d, kind), numberOf(b, s, kind, yBits)]
      unlessDenormal(b.fn, [bitsOf(b.fn, kind, a), bitsOf(b.fn, kind, y)], unless)
      const [same, less] = [b.let(float(equal, I32, a, y)), b.let(below(a, y))]
      unless(eqz(or(or(same, less), below(y, a))))
      b.fn.set(flags, or(shl(same, i32(6)), less))
    },
    () => b.fn.set(flags, slow(yBits)),
  )
  return b.fn.read(flags)
}

/** CVT(T)SS2SI and CVT(T)SD2SI. */
export function toInteger(
  b: Semantics,
  kind: ScalarKind,
  truncate: boolean,
  s: Operand,
  slow: (value: Expr) => Expr,
): Expr | null {
  if (!b.hasNativeArithmetic) return null
  const { size, type } = SCALARS[kind]
  const bits = sourceValue(b, s, size)
  const result = b.fn.temp(I32)
  const double = type === F64
  either(
    b,
    (unless) => {
      const x = numberOf(b, s, kind, bits)
      const whole = b.let(truncate ? x : float(double ? 0x9e : 0x90, type, x))
      unless(notBelow(magnitude(whole), 2 ** 31))
      b.fn.set(result, float(double ? 0xaa : 0xa8, I32, whole))
    },
    () => b.fn.set(result, slow(bits)),
  )
  return b.fn.read(result)
}

/** CVTSS2SD and CVTSD2SS. */
export function convert(
  b: Semantics,
  from: ScalarKind,
  d: Operand,
  s: Operand,
  slow: (value: Expr) => void,
): boolean {
  if (!b.hasNativeArithmetic) return false
  const bits = sourceValue(b, s, SCALARS[from].size)
  either(
    b,
    (unless) => {
      const x = numberOf(b, s, from, bits)
      if (from === 'ss') {
        unlessDenormal(b.fn, [bitsOf(b.fn, from, x)], unless)
        unless(notBelow(magnitude(x), Infinity))
        return d.writePart(float(0xbb, F64, x), 8, 0)
      }
      const r = b.let(float(0xb6, F32, x))
      unless(notBelow(magnitude(r), Infinity))
      unless(and(below(magnitude(r), constant(SMALLEST[F32], F32)), eqz(isZero(bitsOf(b.fn, from, x)))))
      d.writePart(r, 4, 0)
    },
    () => slow(bits),
  )
  return true
}
