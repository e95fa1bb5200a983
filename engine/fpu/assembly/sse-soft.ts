/** Single and double precision in software, for every rounding mode, with exact flags. */
import { packBinary } from './formats'
import { DE, IE, ZE, raised } from './machine'
import { DOWN } from './round'
import { DAZ, FLUSH, OVERFLOW_MASK, UNDERFLOW_MASK, mxcsr, sseRounding } from './sse-machine'
import { TOP_BIT, divideWide, multiplyHigh, shiftRightJam, squareRootWide, wideLow } from './wide'

export const ADD = 0
export const SUB = 1
export const MUL = 2
export const DIV = 3
export const MIN = 4
export const MAX = 5

// @ts-ignore: decorator
@inline
export function signBit(double: bool): u64 {
  return double ? TOP_BIT : 0x80000000
}

// @ts-ignore: decorator
@inline
export function infinityBits(double: bool): u64 {
  return double ? 0x7ff0000000000000 : 0x7f800000
}

// @ts-ignore: decorator
@inline
export function quietBit(double: bool): u64 {
  return double ? 0x8000000000000 : 0x400000
}

// @ts-ignore: decorator
@inline
export function magnitudeBits(bits: u64, double: bool): u64 {
  return bits & (signBit(double) - 1)
}

// @ts-ignore: decorator
@inline
export function isNaNBits(bits: u64, double: bool): bool {
  return magnitudeBits(bits, double) > infinityBits(double)
}

// @ts-ignore: decorator
@inline
export function isSignallingBits(bits: u64, double: bool): bool {
  return isNaNBits(bits, double) && (bits & quietBit(double)) == 0
}

// @ts-ignore: decorator
@inline
export function isDenormalBits(bits: u64, double: bool): bool {
  const magnitude = magnitudeBits(bits, double)
  const smallestNormal: u64 = double ? 0x10000000000000 : 0x800000
  return magnitude != 0 && magnitude < smallestNormal
}

/** The operand as DAZ lets it be seen. */
// @ts-ignore: decorator
@inline
export function withoutDenormal(bits: u64, double: bool): u64 {
  return (mxcsr() & DAZ) != 0 && isDenormalBits(bits, double) ? bits & signBit(double) : bits
}

/** The result of an invalid operation. */
export function invalidBits(double: bool): u64 {
  raised |= IE
  return signBit(double) | infinityBits(double) | quietBit(double)
}

/** The NaN that two operands give, the first one before the second. */
export function propagateBits(a: u64, b: u64, double: bool): u64 {
  if (isSignallingBits(a, double) || isSignallingBits(b, double)) raised |= IE
  return (isNaNBits(a, double) ? a : b) | quietBit(double)
}

/** Biased exponent of a number that is not zero, as if denormal ones were normalised. */
// @ts-ignore: decorator
@inline
export function exponentOf(bits: u64, double: bool): i32 {
  const magnitude = magnitudeBits(bits, double)
  const exponent = <i32>(magnitude >> (double ? 52 : 23))
  if (exponent != 0) return exponent
  return (double ? 12 : 41) - <i32>clz(magnitude)
}

/** Significand with its top bit set of a number that is not zero. */
// @ts-ignore: decorator
@inline
export function significandOf(bits: u64, double: bool): u64 {
  const magnitude = magnitudeBits(bits, double)
  const drop: u64 = double ? 11 : 40
  if (magnitude >> (63 - drop) != 0) return (magnitude << drop) | TOP_BIT
  return magnitude << clz(magnitude)
}

// @ts-ignore: decorator
@inline
export function pack(negative: bool, exponent: i32, high: u64, low: u64, double: bool): u64 {
  const state = mxcsr()
  const mode = (state >> 13) & 3
  const underflowMasked = (state & UNDERFLOW_MASK) != 0
  const overflowMasked = (state & OVERFLOW_MASK) != 0
  return packBinary(negative, exponent, high, low, double, mode, underflowMasked, overflowMasked, (state & FLUSH) != 0)
}

/** One lane of ADD to MAX on bits. */
export function arithmeticSoft(operation: i32, a: u64, b: u64, double: bool): u64 {
  if (operation >= MIN) return extremum(operation == MAX, a, b, double)
  if (isNaNBits(a, double) || isNaNBits(b, double)) return propagateBits(a, b, double)
  a = withoutDenormal(a, double)
  b = withoutDenormal(b, double)
  const infinity = infinityBits(double)
  const sign = signBit(double)
  if (operation == SUB) b ^= sign
  const aMagnitude = magnitudeBits(a, double)
  const bMagnitude = magnitudeBits(b, double)
  const denormal: u32 = isDenormalBits(a, double) || isDenormalBits(b, double) ? DE : 0
  if (operation <= SUB) {
    if (aMagnitude == infinity && bMagnitude == infinity && a != b) return invalidBits(double)
    raised |= denormal
    if (aMagnitude == infinity) return a
    if (bMagnitude == infinity) return b
    return sum(a, b, double)
  }
  const negative = ((a ^ b) & sign) != 0
  const signed: u64 = negative ? sign : 0
  if (operation == MUL) {
    if ((aMagnitude == infinity && bMagnitude == 0) || (bMagnitude == infinity && aMagnitude == 0)) return invalidBits(double)
    raised |= denormal
    if (aMagnitude == infinity || bMagnitude == infinity) return signed | infinity
    if (aMagnitude == 0 || bMagnitude == 0) return signed
    return product(negative, a, b, double)
  }
  if (aMagnitude == bMagnitude && (aMagnitude == infinity || aMagnitude == 0)) return invalidBits(double)
  if (aMagnitude == infinity) {
    raised |= denormal
    return signed | infinity
  }
  if (bMagnitude == 0) {
    raised |= ZE
    return signed | infinity
  }
  raised |= denormal
  if (bMagnitude == infinity || aMagnitude == 0) return signed
  return quotient(negative, a, b, double)
}

function sum(a: u64, b: u64, double: bool): u64 {
  const sign = signBit(double)
  let aNegative = (a & sign) != 0
  const bNegative = (b & sign) != 0
  const aMagnitude = magnitudeBits(a, double)
  const bMagnitude = magnitudeBits(b, double)
  if (aMagnitude == 0 && bMagnitude == 0) {
    if (aNegative == bNegative) return a
    return sseRounding() == DOWN ? sign : 0
  }
  // Even an exact operand is packed, which flushes what is tiny.
  if (bMagnitude == 0) return pack(aNegative, exponentOf(a, double), significandOf(a, double), 0, double)
  if (aMagnitude == 0) return pack(bNegative, exponentOf(b, double), significandOf(b, double), 0, double)
  let large = a
  let small = b
  if (aMagnitude < bMagnitude) {
    large = b
    small = a
    aNegative = bNegative
  } else if (aMagnitude == bMagnitude && ((a ^ b) & sign) != 0) return sseRounding() == DOWN ? sign : 0
  let exponent = exponentOf(large, double)
  const top = significandOf(large, double)
  const shifted = shiftRightJam(significandOf(small, double), 0, <u32>(exponent - exponentOf(small, double)))
  let low = wideLow
  let high: u64
  if (((a ^ b) & sign) == 0) {
    high = top + shifted
    if (high < top) {
      low = (high << 63) | (low >> 1) | (low & 1)
      high = (high >> 1) | TOP_BIT
      exponent++
    }
  } else {
    low = 0 - low
    high = top - shifted - u64(low != 0)
    if (high == 0) {
      high = low
      low = 0
      exponent -= 64
    }
    const places = clz(high)
    if (places != 0) {
      high = (high << places) | (low >> (64 - places))
      low <<= places
      exponent -= <i32>places
    }
  }
  return pack(aNegative, exponent, high, low, double)
}

function product(negative: bool, a: u64, b: u64, double: bool): u64 {
  const aSig = significandOf(a, double)
  const bSig = significandOf(b, double)
  let high = multiplyHigh(aSig, bSig)
  let low = aSig * bSig
  let exponent = exponentOf(a, double) + exponentOf(b, double) - (double ? 0x3fe : 0x7e)
  if (<i64>high >= 0) {
    high = (high << 1) | (low >> 63)
    low <<= 1
    exponent--
  }
  return pack(negative, exponent, high, low, double)
}

function quotient(negative: bool, a: u64, b: u64, double: bool): u64 {
  const aSig = significandOf(a, double)
  const bSig = significandOf(b, double)
  let exponent = exponentOf(a, double) - exponentOf(b, double) + (double ? 0x3ff : 0x7f)
  let digits: u64
  if (aSig >= bSig) digits = divideWide(aSig >> 1, aSig << 63, bSig)
  else {
    digits = divideWide(aSig, 0, bSig)
    exponent--
  }
  // At least eleven bits of the quotient are below the result's last place: a sticky bit is enough.
  return pack(negative, exponent, digits, u64(wideLow != 0), double)
}

/** The second operand unless the first is really smaller or larger; any NaN is invalid. */
function extremum(larger: bool, a: u64, b: u64, double: bool): u64 {
  if (isNaNBits(a, double) || isNaNBits(b, double)) {
    raised |= IE
    return withoutDenormal(b, double)
  }
  if ((mxcsr() & DAZ) == 0 && (isDenormalBits(a, double) || isDenormalBits(b, double))) raised |= DE
  a = withoutDenormal(a, double)
  b = withoutDenormal(b, double)
  const before = isBefore(a, b, double)
  const after = isBefore(b, a, double)
  return (larger ? after : before) ? a : b
}

/** a < b for two numbers. */
export function isBefore(a: u64, b: u64, double: bool): bool {
  const aMagnitude = magnitudeBits(a, double)
  const bMagnitude = magnitudeBits(b, double)
  if ((aMagnitude | bMagnitude) == 0) return false
  const aNegative = aMagnitude != a
  const bNegative = bMagnitude != b
  if (aNegative != bNegative) return aNegative
  return aNegative ? aMagnitude > bMagnitude : aMagnitude < bMagnitude
}

/** One lane of SQRT on bits. */
export function squareRootSoft(a: u64, double: bool): u64 {
  if (isNaNBits(a, double)) return propagateBits(a, a, double)
  a = withoutDenormal(a, double)
  const magnitude = magnitudeBits(a, double)
  if (magnitude == 0) return a
  if (a != magnitude) return invalidBits(double)
  if (magnitude == infinityBits(double)) return a
  if (isDenormalBits(a, double)) raised |= DE
  const bias = double ? 0x3ff : 0x7f
  const exponent = exponentOf(a, double) - bias
  const sig = significandOf(a, double)
  const root = (exponent & 1) == 0 ? squareRootWide(sig >> 1, sig << 63) : squareRootWide(sig, 0)
  return pack(false, (exponent >> 1) + bias, root, wideLow, double)
}
