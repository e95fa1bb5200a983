/** Conversions of SSE and SSE2, and the approximations RCP and RSQRT. */
import { FPU_SCRATCH } from './layout'
import { DE, IE, PE, raised } from './machine'
import { CHOP, NEAREST, roundsUp } from './round'
import { deliver } from './sse-arithmetic'
import { GATHER, finish, isPlainMode, mxcsr, sseRounding } from './sse-machine'
import { exponentOf, infinityBits, isDenormalBits, isNaNBits, isSignallingBits, magnitudeBits, pack, quietBit, signBit, significandOf, withoutDenormal } from './sse-soft'
import { TOP_BIT } from './wide'

/** Between single and double precision. */
function changeWidth(bits: u64, fromDouble: bool): u64 {
  const toDouble = !fromDouble
  const sign: u64 = (bits & signBit(fromDouble)) != 0 ? signBit(toDouble) : 0
  if (isNaNBits(bits, fromDouble)) {
    if (isSignallingBits(bits, fromDouble)) raised |= IE
    const fraction = fromDouble ? (bits & 0xfffffffffffff) >> 29 : (bits & 0x7fffff) << 29
    return sign | infinityBits(toDouble) | quietBit(toDouble) | fraction
  }
  bits = withoutDenormal(bits, fromDouble)
  const magnitude = magnitudeBits(bits, fromDouble)
  if (magnitude == 0) return sign
  if (magnitude == infinityBits(fromDouble)) return sign | infinityBits(toDouble)
  if (isDenormalBits(bits, fromDouble)) raised |= DE
  const shift = fromDouble ? 0x7f - 0x3ff : 0x3ff - 0x7f
  return pack(sign != 0, exponentOf(bits, fromDouble) + shift, significandOf(bits, fromDouble), 0, toDouble)
}

/** A signed 32-bit integer; what does not fit gives 80000000h and IE. Denormals raise nothing but PE. */
function toInteger(bits: u64, double: bool, mode: u32): i32 {
  bits = withoutDenormal(bits, double)
  const magnitude = magnitudeBits(bits, double)
  if (magnitude == 0) return 0
  const exponent = exponentOf(bits, double) - (double ? 0x3ff : 0x7f)
  if (magnitude >= infinityBits(double) || exponent > 31) return invalidInteger()
  const sig = significandOf(bits, double)
  let whole: u64 = 0
  let rest: u64
  if (exponent >= 0) {
    whole = sig >> (63 - exponent)
    rest = sig << (exponent + 1)
  } else if (exponent == -1) rest = sig
  else rest = 1
  const negative = magnitude != bits
  if (roundsUp(mode, negative, (whole & 1) != 0, rest)) whole++
  if (whole > 0x80000000 || (whole == 0x80000000 && !negative)) return invalidInteger()
  if (rest != 0) raised |= PE
  return negative ? 0 - <i32>whole : <i32>whole
}

function invalidInteger(): i32 {
  raised |= IE
  return 0x80000000
}

function fromInteger(value: i32, double: bool): u64 {
  if (value == 0) return 0
  const magnitude: u64 = value < 0 ? 0 - <u64>(<i64>value) : <u64>value
  const places = clz(magnitude)
  return pack(value < 0, (double ? 0x3ff : 0x7f) + 63 - <i32>places, magnitude << places, 0, double)
}

export function cvtss2sd(to: usize, from: usize): i32 {
  raised = 0
  const r = changeWidth(load<u32>(from), false)
  const unmasked = finish()
  if (unmasked == 0) store<u64>(to, r)
  return unmasked
}

export function cvtsd2ss(to: usize, from: usize): i32 {
  raised = 0
  const r = <u32>changeWidth(load<u64>(from), true)
  const unmasked = finish()
  if (unmasked == 0) store<u32>(to, r)
  return unmasked
}

/** Reads 8 bytes at `from`. */
export function cvtps2pd(to: usize, from: usize): i32 {
  raised = 0
  const low = changeWidth(load<u32>(from), false)
  const high = changeWidth(load<u32>(from, 4), false)
  store<u64>(GATHER, low)
  store<u64>(GATHER, high, 8)
  return deliver(to)
}

export function cvtpd2ps(to: usize, from: usize): i32 {
  raised = 0
  const low = changeWidth(load<u64>(from), true)
  const high = changeWidth(load<u64>(from, 8), true)
  store<u32>(GATHER, <u32>low)
  store<u32>(GATHER, <u32>high, 4)
  store<u64>(GATHER, 0, 8)
  return deliver(to)
}

export function cvtdq2ps(to: usize, from: usize): i32 {
  raised = 0
  for (let at: usize = 0; at < 16; at += 4) store<u32>(GATHER + at, <u32>fromInteger(load<i32>(from + at), false))
  return deliver(to)
}

/** Exact, so nothing is raised. Reads 8 bytes at `from`. */
export function cvtdq2pd(to: usize, from: usize): i32 {
  const low = <f64>load<i32>(from)
  const high = <f64>load<i32>(from, 4)
  store<f64>(to, low)
  store<f64>(to, high, 8)
  return 0
}

/** @param mode rounding; @param chop for the truncating form */
function singlesToIntegers(to: usize, from: usize, lanes: usize, mode: u32): i32 {
  raised = 0
  for (let at: usize = 0; at < lanes << 2; at += 4) store<i32>(GATHER + at, toInteger(load<u32>(from + at), false, mode))
  const unmasked = finish()
  if (unmasked == 0) memory.copy(to, GATHER, lanes << 2)
  return unmasked
}

export function cvtps2dq(to: usize, from: usize): i32 {
  return singlesToIntegers(to, from, 4, sseRounding())
}
export function cvttps2dq(to: usize, from: usize): i32 {
  return singlesToIntegers(to, from, 4, CHOP)
}
/** To 8 bytes of an MMX register. */
export function cvtps2pi(to: usize, from: usize): i32 {
  return singlesToIntegers(to, from, 2, sseRounding())
}
export function cvttps2pi(to: usize, from: usize): i32 {
  return singlesToIntegers(to, from, 2, CHOP)
}

function doublesToIntegers(to: usize, from: usize, bytes: usize, mode: u32): i32 {
  raised = 0
  store<i32>(GATHER, toInteger(load<u64>(from), true, mode))
  store<i32>(GATHER, toInteger(load<u64>(from, 8), true, mode), 4)
  store<u64>(GATHER, 0, 8)
  const unmasked = finish()
  if (unmasked == 0) memory.copy(to, GATHER, bytes)
  return unmasked
}

export function cvtpd2dq(to: usize, from: usize): i32 {
  return doublesToIntegers(to, from, 16, sseRounding())
}
export function cvttpd2dq(to: usize, from: usize): i32 {
  return doublesToIntegers(to, from, 16, CHOP)
}
export function cvtpd2pi(to: usize, from: usize): i32 {
  return doublesToIntegers(to, from, 8, sseRounding())
}
export function cvttpd2pi(to: usize, from: usize): i32 {
  return doublesToIntegers(to, from, 8, CHOP)
}

/** The integer goes to FPU_SCRATCH. */
// @ts-ignore: decorator
@inline
function scalarToInteger(bits: u64, double: bool, mode: u32): i32 {
  raised = 0
  const value = toInteger(bits, double, mode)
  const unmasked = finish()
  if (unmasked == 0) store<i32>(FPU_SCRATCH, value)
  return unmasked
}

export function cvtss2si(from: usize): i32 {
  return scalarToInteger(load<u32>(from), false, sseRounding())
}
export function cvttss2si(from: usize): i32 {
  return scalarToInteger(load<u32>(from), false, CHOP)
}
export function cvtsd2si(from: usize): i32 {
  return scalarToInteger(load<u64>(from), true, sseRounding())
}
export function cvttsd2si(from: usize): i32 {
  return scalarToInteger(load<u64>(from), true, CHOP)
}

export function cvtsi2ss(to: usize, value: i32): i32 {
  raised = 0
  const r = <u32>fromInteger(value, false)
  const unmasked = finish()
  if (unmasked == 0) store<u32>(to, r)
  return unmasked
}

export function cvtsi2sd(to: usize, value: i32): i32 {
  store<f64>(to, <f64>value)
  return 0
}

/** Two integers of 8 bytes into the lower half of an XMM register. */
export function cvtpi2ps(to: usize, from: usize): i32 {
  raised = 0
  const low = <u32>fromInteger(load<i32>(from), false)
  const high = <u32>fromInteger(load<i32>(from, 4), false)
  const unmasked = finish()
  if (unmasked == 0) {
    store<u32>(to, low)
    store<u32>(to, high, 4)
  }
  return unmasked
}

export function cvtpi2pd(to: usize, from: usize): i32 {
  return cvtdq2pd(to, from)
}

/** What is left of a magnitude's fraction by the approximations: 12 bits, rounded. */
function shorten(value: f64): u32 {
  const bits = reinterpret<u32>(<f32>value)
  return (bits + 0x400) & ~0x7ff
}

/**
 * 1 / x with 12 bits of fraction, an error of at most 2^-13 where the manual allows 1.5 * 2^-12; every kind of
 * processor has a table of its own. Denormals count as zero, tiny results become zero, no flag changes.
 */
function reciprocal(bits: u32): u32 {
  const sign = bits & 0x80000000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return bits | 0x400000
  if (magnitude == 0x7f800000) return sign
  if (magnitude < 0x800000) return sign | 0x7f800000
  const r = shorten(1.0 / <f64>reinterpret<f32>(magnitude))
  return r < 0x800000 ? sign : sign | r
}

function reciprocalRoot(bits: u32): u32 {
  const sign = bits & 0x80000000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return bits | 0x400000
  if (magnitude < 0x800000) return sign | 0x7f800000
  if (sign != 0) return 0xffc00000
  if (magnitude == 0x7f800000) return 0
  return shorten(1.0 / Math.sqrt(<f64>reinterpret<f32>(magnitude)))
}

export function rcpps(to: usize, from: usize): i32 {
  for (let at: usize = 0; at < 16; at += 4) store<u32>(to + at, reciprocal(load<u32>(from + at)))
  return 0
}
export function rcpss(to: usize, from: usize): i32 {
  store<u32>(to, reciprocal(load<u32>(from)))
  return 0
}
export function rsqrtps(to: usize, from: usize): i32 {
  for (let at: usize = 0; at < 16; at += 4) store<u32>(to + at, reciprocalRoot(load<u32>(from + at)))
  return 0
}
export function rsqrtss(to: usize, from: usize): i32 {
  store<u32>(to, reciprocalRoot(load<u32>(from)))
  return 0
}
