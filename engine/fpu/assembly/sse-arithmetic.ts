/** ADD, SUB, MUL, DIV, MIN, MAX and SQRT of SSE and SSE2: (destination, source) are addresses. */
import { PE, raised } from './machine'
import { GATHER, finish, isPlainMode, isQuietMode, mxcsr } from './sse-machine'
import { ADD, DIV, MAX, MIN, MUL, SUB, arithmeticSoft, squareRootSoft } from './sse-soft'

const SQRT = 6

/** Twice the bits: exponents 2 to the largest finite one. At exponent 1 tininess is not easily told. */
// @ts-ignore: decorator
@inline
function isSafeDouble(bits: u64): bool {
  return (bits << 1) - 0x40000000000000 < 0xffa0000000000000
}

// @ts-ignore: decorator
@inline
function isSafeSingle(bits: u32): bool {
  return (bits << 1) - 0x2000000 < 0xfd000000
}

// @ts-ignore: decorator
@inline
function nativeDouble(operation: i32, a: f64, b: f64): f64 {
  if (operation == ADD) return a + b
  if (operation == SUB) return a - b
  if (operation == MUL) return a * b
  if (operation == DIV) return a / b
  return Math.sqrt(b)
}

// @ts-ignore: decorator
@inline
function nativeSingle(operation: i32, a: f32, b: f32): f32 {
  if (operation == ADD) return a + b
  if (operation == SUB) return a - b
  if (operation == MUL) return a * b
  if (operation == DIV) return a / b
  return Mathf.sqrt(b)
}

const EXACT = 0
const INEXACT = 1
const UNKNOWN = 2

/** Whether r = a op b was rounded, all three being safe numbers. */
// @ts-ignore: decorator
@inline
function exactnessDouble(operation: i32, a: f64, b: f64, r: f64): i32 {
  if (operation == ADD || operation == SUB) {
    // Knuth's two-sum: the error of a rounded sum is itself a number.
    const c = operation == SUB ? -b : b
    const part = r - a
    return a - (r - part) + (c - part) == 0 ? EXACT : INEXACT
  }
  if (operation == MUL) {
    const zeros = ctz(reinterpret<u64>(a) | 0x10000000000000) + ctz(reinterpret<u64>(b) | 0x10000000000000)
    return zeros >= 53 ? EXACT : zeros < 52 ? INEXACT : UNKNOWN
  }
  if (operation == SQRT) return (reinterpret<u64>(r) & 0x3ffffff) == 0 && r * r == b ? EXACT : INEXACT
  return UNKNOWN
}

// @ts-ignore: decorator
@inline
function exactnessSingle(operation: i32, a: f32, b: f32, r: f32): i32 {
  if (operation == ADD || operation == SUB) {
    const c = operation == SUB ? -b : b
    const part = r - a
    return a - (r - part) + (c - part) == 0 ? EXACT : INEXACT
  }
  // Products of singles are exact in double precision.
  if (operation == MUL) return <f64>a * <f64>b == <f64>r ? EXACT : INEXACT
  if (operation == DIV) return <f64>r * <f64>b == <f64>a ? EXACT : INEXACT
  return <f64>r * <f64>r == <f64>b ? EXACT : INEXACT
}

// @ts-ignore: decorator
@inline
function laneDouble(operation: i32, aBits: u64, bBits: u64): u64 {
  const state = mxcsr()
  if (operation != MIN && operation != MAX && isPlainMode(state) && isSafeDouble(bBits) && (operation == SQRT || isSafeDouble(aBits))) {
    const a = reinterpret<f64>(aBits)
    const b = reinterpret<f64>(bBits)
    const r = nativeDouble(operation, a, b)
    const rBits = reinterpret<u64>(r)
    if (isSafeDouble(rBits)) {
      if ((state & PE) != 0) return rBits
      const exactness = exactnessDouble(operation, a, b, r)
      if (exactness != UNKNOWN) {
        if (exactness == INEXACT) raised |= PE
        return rBits
      }
    }
  }
  return operation == SQRT ? squareRootSoft(bBits, true) : arithmeticSoft(operation, aBits, bBits, true)
}

// @ts-ignore: decorator
@inline
function laneSingle(operation: i32, aBits: u32, bBits: u32): u32 {
  const state = mxcsr()
  if (operation != MIN && operation != MAX && isPlainMode(state) && isSafeSingle(bBits) && (operation == SQRT || isSafeSingle(aBits))) {
    const a = reinterpret<f32>(aBits)
    const b = reinterpret<f32>(bBits)
    const r = nativeSingle(operation, a, b)
    const rBits = reinterpret<u32>(r)
    if (isSafeSingle(rBits)) {
      if ((state & PE) == 0 && exactnessSingle(operation, a, b, r) != EXACT) raised |= PE
      return rBits
    }
  }
  return <u32>(operation == SQRT ? squareRootSoft(bBits, false) : arithmeticSoft(operation, aBits, bBits, false))
}

// @ts-ignore: decorator
@inline
function scalarDouble(operation: i32, to: usize, from: usize): i32 {
  raised = 0
  const r = laneDouble(operation, load<u64>(to), load<u64>(from))
  if (raised != 0) {
    const unmasked = finish()
    if (unmasked != 0) return unmasked
  }
  store<u64>(to, r)
  return 0
}

// @ts-ignore: decorator
@inline
function scalarSingle(operation: i32, to: usize, from: usize): i32 {
  raised = 0
  const r = laneSingle(operation, load<u32>(to), load<u32>(from))
  if (raised != 0) {
    const unmasked = finish()
    if (unmasked != 0) return unmasked
  }
  store<u32>(to, r)
  return 0
}

// @ts-ignore: decorator
@inline
function areSafeDoubles(v: v128): bool {
  const doubled = i64x2.shl(v, 1)
  // Unsigned comparison by shifting the range to the bottom of the signed one.
  const moved = i64x2.sub(doubled, i64x2.splat(0x40000000000000 - 0x8000000000000000))
  return i64x2.all_true(i64x2.lt_s(moved, i64x2.splat(<i64>(0xffa0000000000000 - 0x8000000000000000))))
}

// @ts-ignore: decorator
@inline
function areSafeSingles(v: v128): bool {
  const moved = i32x4.sub(i32x4.shl(v, 1), i32x4.splat(0x2000000))
  return i32x4.all_true(i32x4.lt_u(moved, i32x4.splat(0xfd000000)))
}

// @ts-ignore: decorator
@inline
function packedDouble(operation: i32, to: usize, from: usize): i32 {
  if (operation != MIN && operation != MAX && isQuietMode(mxcsr())) {
    const a = v128.load(to)
    const b = v128.load(from)
    if (areSafeDoubles(b) && (operation == SQRT || areSafeDoubles(a))) {
      let r: v128
      if (operation == ADD) r = f64x2.add(a, b)
      else if (operation == SUB) r = f64x2.sub(a, b)
      else if (operation == MUL) r = f64x2.mul(a, b)
      else if (operation == DIV) r = f64x2.div(a, b)
      else r = f64x2.sqrt(b)
      if (areSafeDoubles(r)) {
        v128.store(to, r)
        return 0
      }
    }
  }
  raised = 0
  for (let at: usize = 0; at < 16; at += 8)
    store<u64>(GATHER + at, laneDouble(operation, load<u64>(to + at), load<u64>(from + at)))
  return deliver(to)
}

// @ts-ignore: decorator
@inline
function packedSingle(operation: i32, to: usize, from: usize): i32 {
  if (operation != MIN && operation != MAX && isQuietMode(mxcsr())) {
    const a = v128.load(to)
    const b = v128.load(from)
    if (areSafeSingles(b) && (operation == SQRT || areSafeSingles(a))) {
      let r: v128
      if (operation == ADD) r = f32x4.add(a, b)
      else if (operation == SUB) r = f32x4.sub(a, b)
      else if (operation == MUL) r = f32x4.mul(a, b)
      else if (operation == DIV) r = f32x4.div(a, b)
      else r = f32x4.sqrt(b)
      if (areSafeSingles(r)) {
        v128.store(to, r)
        return 0
      }
    }
  }
  raised = 0
  for (let at: usize = 0; at < 16; at += 4)
    store<u32>(GATHER + at, laneSingle(operation, load<u32>(to + at), load<u32>(from + at)))
  return deliver(to)
}

/** Moves the gathered lanes to the destination unless an exception is unmasked. */
export function deliver(to: usize): i32 {
  const unmasked = finish()
  if (unmasked == 0) v128.store(to, v128.load(GATHER))
  return unmasked
}

export function addps(to: usize, from: usize): i32 {
  return packedSingle(ADD, to, from)
}
export function addss(to: usize, from: usize): i32 {
  return scalarSingle(ADD, to, from)
}
export function addpd(to: usize, from: usize): i32 {
  return packedDouble(ADD, to, from)
}
export function addsd(to: usize, from: usize): i32 {
  return scalarDouble(ADD, to, from)
}
export function subps(to: usize, from: usize): i32 {
  return packedSingle(SUB, to, from)
}
export function subss(to: usize, from: usize): i32 {
  return scalarSingle(SUB, to, from)
}
export function subpd(to: usize, from: usize): i32 {
  return packedDouble(SUB, to, from)
}
export function subsd(to: usize, from: usize): i32 {
  return scalarDouble(SUB, to, from)
}
export function mulps(to: usize, from: usize): i32 {
  return packedSingle(MUL, to, from)
}
export function mulss(to: usize, from: usize): i32 {
  return scalarSingle(MUL, to, from)
}
export function mulpd(to: usize, from: usize): i32 {
  return packedDouble(MUL, to, from)
}
export function mulsd(to: usize, from: usize): i32 {
  return scalarDouble(MUL, to, from)
}
export function divps(to: usize, from: usize): i32 {
  return packedSingle(DIV, to, from)
}
export function divss(to: usize, from: usize): i32 {
  return scalarSingle(DIV, to, from)
}
export function divpd(to: usize, from: usize): i32 {
  return packedDouble(DIV, to, from)
}
export function divsd(to: usize, from: usize): i32 {
  return scalarDouble(DIV, to, from)
}
export function minps(to: usize, from: usize): i32 {
  return packedSingle(MIN, to, from)
}
export function minss(to: usize, from: usize): i32 {
  return scalarSingle(MIN, to, from)
}
export function minpd(to: usize, from: usize): i32 {
  return packedDouble(MIN, to, from)
}
export function minsd(to: usize, from: usize): i32 {
  return scalarDouble(MIN, to, from)
}
export function maxps(to: usize, from: usize): i32 {
  return packedSingle(MAX, to, from)
}
export function maxss(to: usize, from: usize): i32 {
  return scalarSingle(MAX, to, from)
}
export function maxpd(to: usize, from: usize): i32 {
  return packedDouble(MAX, to, from)
}
export function maxsd(to: usize, from: usize): i32 {
  return scalarDouble(MAX, to, from)
}
export function sqrtps(to: usize, from: usize): i32 {
  return packedSingle(SQRT, to, from)
}
export function sqrtss(to: usize, from: usize): i32 {
  return scalarSingle(SQRT, to, from)
}
export function sqrtpd(to: usize, from: usize): i32 {
  return packedDouble(SQRT, to, from)
}
export function sqrtsd(to: usize, from: usize): i32 {
  return scalarDouble(SQRT, to, from)
}
