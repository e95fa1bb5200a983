/** Between the 80-bit format and what memory holds: single, double, integers and packed decimal. */
import { isInfinite, isNaN80, isUnsupported } from './classify'
import { BIAS, C1, DE, EXPONENT_MAX, IE, NEGATIVE, OE, PE, QUIET, UE, invalid, raised, result, resultSe } from './machine'
import { CHOP, DOWN, UP, roundsUp } from './round'
import { TOP_BIT, shiftRightJam, wideLow } from './wide'

/** Widens single precision bits; NaNs stay as they are, a denormal raises DE. */
export function fromSingle(bits: u32): u64 {
  const sign = (bits >> 16) & NEGATIVE
  const exponent = (bits >> 23) & 0xff
  const sig = <u64>(bits & 0x7fffff) << 40
  if (exponent == 0xff) return result(TOP_BIT | sig, sign | EXPONENT_MAX)
  if (exponent != 0) return result(TOP_BIT | sig, sign | (exponent + (0x3fff - 0x7f)))
  if (sig == 0) return result(0, sign)
  raised |= DE
  const places = clz(sig)
  return result(sig << places, sign | (0x3fff - 0x7f + 1 - <u32>places))
}

/** Widens double precision bits; NaNs stay as they are, a denormal raises DE. */
export function fromDouble(bits: u64): u64 {
  const sign = <u32>(bits >> 48) & NEGATIVE
  const exponent = <u32>(bits >> 52) & 0x7ff
  const sig = (bits & 0xfffffffffffff) << 11
  if (exponent == 0x7ff) return result(TOP_BIT | sig, sign | EXPONENT_MAX)
  if (exponent != 0) return result(TOP_BIT | sig, sign | (exponent + (0x3fff - 0x3ff)))
  if (sig == 0) return result(0, sign)
  raised |= DE
  const places = clz(sig)
  return result(sig << places, sign | (0x3fff - 0x3ff + 1 - <u32>places))
}

export function fromInteger(value: i64): u64 {
  if (value == 0) return result(0, 0)
  const magnitude: u64 = value < 0 ? 0 - <u64>value : <u64>value
  const places = clz(magnitude)
  return result(magnitude << places, (value < 0 ? NEGATIVE : 0) | (BIAS + 63 - <u32>places))
}

/**
 * Rounds to single or double precision and gives the bits, raising OE, UE, PE and C1.
 * @param exponent biased as in the target format; may lie outside of its range
 * @param high top bit set; @param low further bits, jammed
 * @param underflowMasked when false, a tiny result raises UE even if it is exact, and is not denormalised
 * @param overflowMasked when false, an overflow raises PE only if the result would be inexact for any exponent
 * @param flush a masked tiny result becomes zero (MXCSR.FTZ)
 */
export function packBinary(negative: bool, exponent: i32, high: u64, low: u64, double: bool, mode: u32, underflowMasked: bool, overflowMasked: bool, flush: bool): u64 {
  const drop: u64 = double ? 11 : 40
  const fractionBits: u64 = 63 - drop
  const top: i32 = double ? 0x7ff : 0xff
  const sign: u64 = negative ? TOP_BIT >> (double ? 0 : 32) : 0
  let rest = (high << (64 - drop)) | u64(low != 0)
  let sig = high >> drop
  let increment = roundsUp(mode, negative, (sig & 1) != 0, rest)

  if (exponent <= 0) {
    const tiny = exponent < 0 || !increment || (sig + 1) >> (fractionBits + 1) == 0
    if (tiny && !underflowMasked) {
      raised |= rest != 0 ? UE | PE : UE
      return sign
    }
    if (tiny && flush) {
      raised |= UE | PE
      return sign
    }
    const shifted = shiftRightJam(high, low, <u32>(1 - exponent))
    rest = (shifted << (64 - drop)) | u64(wideLow != 0)
    sig = shifted >> drop
    increment = roundsUp(mode, negative, (sig & 1) != 0, rest)
    if (rest != 0) raised |= tiny ? PE | UE : PE
    if (increment) {
      sig++
      raised |= C1
    }
    // A carry into the implicit bit makes the exponent 1 by itself.
    return sign | sig
  }

  if (increment) {
    sig++
    if (sig >> (fractionBits + 1) != 0) {
      sig >>= 1
      exponent++
    }
  }
  if (exponent >= top) {
    raised |= overflowMasked || rest != 0 ? OE | PE : OE
    const toLargest = mode == CHOP || (mode == DOWN && !negative) || (mode == UP && negative)
    const infinity = <u64>top << fractionBits
    if (toLargest) return sign | (infinity - 1)
    raised |= C1
    return sign | infinity
  }
  if (rest != 0) raised |= increment ? PE | C1 : PE
  return sign | ((<u64>exponent << fractionBits) + (sig - (<u64>1 << fractionBits)))
}

/** Narrows an 80-bit value to the bits of a single or double. */
export function narrow(sig: u64, se: u32, double: bool, control: u32): u64 {
  const negative = (se & NEGATIVE) != 0
  const sign: u64 = negative ? TOP_BIT >> (double ? 0 : 32) : 0
  const infinity: u64 = double ? 0x7ff0000000000000 : 0x7f800000
  const quiet: u64 = double ? 0x8000000000000 : 0x400000
  if (isUnsupported(sig, se)) {
    raised = IE
    return (TOP_BIT >> (double ? 0 : 32)) | infinity | quiet
  }
  if (isNaN80(sig, se)) {
    if ((sig & QUIET) == 0) raised = IE
    return sign | infinity | quiet | ((sig << 1) >> (double ? 12 : 41))
  }
  if (isInfinite(sig, se)) return sign | infinity
  if (sig == 0) return sign
  const places = clz(sig)
  const exponent = max<i32>(<i32>(se & EXPONENT_MAX), 1) - <i32>places - BIAS + (double ? 0x3ff : 0x7f)
  return packBinary(negative, exponent, sig << places, 0, double, (control >> 10) & 3, (control & UE) != 0, (control & OE) != 0, false)
}

/** Magnitude of a value rounded to an integer, IE raised when it does not fit into 64 bits. */
export function integerMagnitude(sig: u64, se: u32, mode: u32): u64 {
  if (isUnsupported(sig, se) || (se & EXPONENT_MAX) == EXPONENT_MAX) return invalid()
  const exponent = <i32>(se & EXPONENT_MAX) - BIAS
  if (exponent > 63) return invalid()
  let magnitude: u64 = 0
  let rest: u64
  if (exponent >= 0) {
    magnitude = sig >> (63 - exponent)
    rest = exponent == 63 ? 0 : sig << (exponent + 1)
  } else if (exponent == -1) rest = sig
  else rest = u64(sig != 0)
  if (rest == 0) return magnitude
  raised |= PE
  if (roundsUp(mode, (se & NEGATIVE) != 0, (magnitude & 1) != 0, rest)) {
    raised |= C1
    magnitude++
    if (magnitude == 0) return invalid()
  }
  return magnitude
}

/** Rounds to a signed integer of 16, 32 or 64 bits; what does not fit raises IE and gives the integer indefinite. */
export function toInteger(sig: u64, se: u32, mode: u32, bits: u32): i64 {
  const limit: u64 = <u64>1 << (bits - 1)
  const magnitude = integerMagnitude(sig, se, mode)
  const negative = (se & NEGATIVE) != 0
  if ((raised & IE) != 0 || magnitude > limit || (magnitude == limit && !negative)) {
    raised = IE
    return 0 - <i64>limit
  }
  return negative ? 0 - <i64>magnitude : <i64>magnitude
}

/** Reads packed decimal: 18 digits and a sign. Digits above 9 count as what they are, as silicon does. */
export function fromDecimal(at: usize): u64 {
  let magnitude: u64 = 0
  for (let i = 8; i >= 0; i--) {
    const pair = load<u8>(at + i)
    magnitude = magnitude * 100 + <u64>(pair >> 4) * 10 + <u64>(pair & 15)
  }
  const sig = fromInteger(<i64>magnitude)
  return result(sig, resultSe | ((<u32>load<u8>(at, 9) << 8) & NEGATIVE))
}

/** Writes packed decimal; a value of more than 18 digits raises IE and gives the decimal indefinite. */
export function toDecimal(sig: u64, se: u32, mode: u32, at: usize): void {
  let magnitude = integerMagnitude(sig, se, mode)
  if ((raised & IE) != 0 || magnitude > 999999999999999999) {
    raised = IE
    store<u64>(at, 0xc000000000000000)
    store<u16>(at, 0xffff, 8)
    return
  }
  for (let i = 0; i < 9; i++) {
    const pair = magnitude % 100
    magnitude /= 100
    store<u8>(at + i, <u8>((pair / 10) << 4) | <u8>(pair % 10))
  }
  store<u8>(at, <u8>((se & NEGATIVE) >> 8), 9)
}
