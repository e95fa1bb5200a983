/** Addition, subtraction, multiplication, division and square root of 80-bit numbers. */
import { isDenormal, isInfinite, isNaN80, isNormal, isUnsupported, isZero, propagate, quieten } from './classify'
import { BIAS, DE, EXPONENT_MAX, NEGATIVE, ZE, invalid, raised, result } from './machine'
import { DOWN, roundPack, roundingMode } from './round'
import { TOP_BIT, divideWide, multiplyHigh, shiftRightJam, squareRootWide, wideLow } from './wide'

/** The exponent of a number once a denormal one has been shifted up. */
// @ts-ignore: decorator
@inline
export function normalExponent(sig: u64, se: u32): i32 {
  const exponent = <i32>(se & EXPONENT_MAX)
  return exponent == 0 ? 1 - <i32>clz(sig) : exponent
}

// @ts-ignore: decorator
@inline
export function normalSignificand(sig: u64): u64 {
  return sig << clz(sig)
}

export function add80(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  const aExp = aSe & EXPONENT_MAX
  const bExp = bSe & EXPONENT_MAX
  if (!(isNormal(aSig, aExp) && isNormal(bSig, bExp))) return addSpecial(aSig, aSe, bSig, bSe)
  if (((aSe ^ bSe) & NEGATIVE) == 0) return addMagnitudes(aSe & NEGATIVE, aExp, aSig, bExp, bSig)
  return subtractMagnitudes(aSe & NEGATIVE, aExp, aSig, bExp, bSig)
}

// @ts-ignore: decorator
@inline
export function subtract80(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  // A NaN must keep its sign, so only numbers are negated.
  return add80(aSig, aSe, bSig, isNaN80(bSig, bSe) ? bSe : bSe ^ NEGATIVE)
}

function addMagnitudes(sign: u32, aExp: i32, aSig: u64, bExp: i32, bSig: u64): u64 {
  let exponent = aExp
  let large = aSig
  let small = bSig
  let distance = aExp - bExp
  if (distance < 0) {
    distance = -distance
    exponent = bExp
    large = bSig
    small = aSig
  }
  let shifted: u64
  let low: u64
  if (distance < 64) {
    shifted = small >> distance
    low = distance == 0 ? 0 : small << (64 - distance)
  } else {
    shifted = 0
    low = distance == 64 ? small : 1
  }
  let high = large + shifted
  if (high < large) {
    low = (high << 63) | (low >> 1) | (low & 1)
    high = (high >> 1) | TOP_BIT
    exponent++
  }
  return roundPack(sign, exponent, high, low)
}

function subtractMagnitudes(sign: u32, aExp: i32, aSig: u64, bExp: i32, bSig: u64): u64 {
  let exponent = aExp
  let large = aSig
  let small = bSig
  let distance = aExp - bExp
  if (distance < 0 || (distance == 0 && aSig < bSig)) {
    distance = -distance
    exponent = bExp
    large = bSig
    small = aSig
    sign ^= NEGATIVE
  }
  if (distance == 0 && large == small) return result(0, roundingMode() == DOWN ? NEGATIVE : 0)
  const shifted = shiftRightJam(small, 0, distance)
  let low = 0 - wideLow
  let high = large - shifted - u64(low != 0)
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
  return roundPack(sign, exponent, high, low)
}

function addSpecial(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  if (isUnsupported(aSig, aSe) || isUnsupported(bSig, bSe)) return invalid()
  if (isNaN80(aSig, aSe) || isNaN80(bSig, bSe)) return propagate(aSig, aSe, bSig, bSe)
  if (isInfinite(aSig, aSe) && isInfinite(bSig, bSe) && aSe != bSe) return invalid()
  if (isDenormal(aSig, aSe) || isDenormal(bSig, bSe)) raised |= DE
  if (isInfinite(aSig, aSe)) return result(aSig, aSe)
  if (isInfinite(bSig, bSe)) return result(bSig, bSe)
  const aSign = aSe & NEGATIVE
  const bSign = bSe & NEGATIVE
  if (bSig == 0) {
    if (aSig == 0) return result(0, aSign == bSign ? aSign : roundingMode() == DOWN ? NEGATIVE : 0)
    return roundPack(aSign, normalExponent(aSig, aSe), normalSignificand(aSig), 0)
  }
  const bExp = normalExponent(bSig, bSe)
  bSig = normalSignificand(bSig)
  if (aSig == 0) return roundPack(bSign, bExp, bSig, 0)
  const aExp = normalExponent(aSig, aSe)
  aSig = normalSignificand(aSig)
  if (aSign == bSign) return addMagnitudes(aSign, aExp, aSig, bExp, bSig)
  return subtractMagnitudes(aSign, aExp, aSig, bExp, bSig)
}

export function multiply80(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  const sign = (aSe ^ bSe) & NEGATIVE
  const aExp = aSe & EXPONENT_MAX
  const bExp = bSe & EXPONENT_MAX
  if (isNormal(aSig, aExp) && isNormal(bSig, bExp)) return multiplyNormal(sign, aExp + bExp, aSig, bSig)
  if (isUnsupported(aSig, aSe) || isUnsupported(bSig, bSe)) return invalid()
  if (isNaN80(aSig, aSe) || isNaN80(bSig, bSe)) return propagate(aSig, aSe, bSig, bSe)
  if (isInfinite(aSig, aSe) || isInfinite(bSig, bSe)) {
    if (aSig == 0 || bSig == 0) return invalid()
    if (isDenormal(aSig, aSe) || isDenormal(bSig, bSe)) raised |= DE
    return result(TOP_BIT, sign | EXPONENT_MAX)
  }
  if (isDenormal(aSig, aSe) || isDenormal(bSig, bSe)) raised |= DE
  if (aSig == 0 || bSig == 0) return result(0, sign)
  const exponents = normalExponent(aSig, aSe) + normalExponent(bSig, bSe)
  return multiplyNormal(sign, exponents, normalSignificand(aSig), normalSignificand(bSig))
}

// @ts-ignore: decorator
@inline
function multiplyNormal(sign: u32, exponents: i32, aSig: u64, bSig: u64): u64 {
  let exponent = exponents - (BIAS - 1)
  let high = multiplyHigh(aSig, bSig)
  let low = aSig * bSig
  if (<i64>high >= 0) {
    high = (high << 1) | (low >> 63)
    low <<= 1
    exponent--
  }
  return roundPack(sign, exponent, high, low)
}

export function divide80(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  const sign = (aSe ^ bSe) & NEGATIVE
  const aExp = aSe & EXPONENT_MAX
  const bExp = bSe & EXPONENT_MAX
  if (isNormal(aSig, aExp) && isNormal(bSig, bExp)) return divideNormal(sign, aExp - bExp, aSig, bSig)
  if (isUnsupported(aSig, aSe) || isUnsupported(bSig, bSe)) return invalid()
  if (isNaN80(aSig, aSe) || isNaN80(bSig, bSe)) return propagate(aSig, aSe, bSig, bSe)
  if (isInfinite(aSig, aSe)) {
    if (isInfinite(bSig, bSe)) return invalid()
    if (isDenormal(bSig, bSe)) raised |= DE
    return result(TOP_BIT, sign | EXPONENT_MAX)
  }
  if (isInfinite(bSig, bSe)) {
    if (isDenormal(aSig, aSe)) raised |= DE
    return result(0, sign)
  }
  if (isZero(bSig, bSe)) {
    if (aSig == 0) return invalid()
    raised = ZE
    return result(TOP_BIT, sign | EXPONENT_MAX)
  }
  if (isDenormal(aSig, aSe) || isDenormal(bSig, bSe)) raised |= DE
  if (aSig == 0) return result(0, sign)
  const exponents = normalExponent(aSig, aSe) - normalExponent(bSig, bSe)
  return divideNormal(sign, exponents, normalSignificand(aSig), normalSignificand(bSig))
}

function divideNormal(sign: u32, exponents: i32, aSig: u64, bSig: u64): u64 {
  let exponent = exponents + BIAS
  let quotient: u64
  if (aSig >= bSig) quotient = divideWide(aSig >> 1, aSig << 63, bSig)
  else {
    quotient = divideWide(aSig, 0, bSig)
    exponent--
  }
  const remainder = wideLow
  // Only whether the remainder is below or above half of the divisor matters.
  const low: u64 = remainder == 0 ? 0 : remainder > bSig - remainder ? TOP_BIT | 1 : remainder == bSig - remainder ? TOP_BIT : 1
  return roundPack(sign, exponent, quotient, low)
}

export function squareRoot80(sig: u64, se: u32): u64 {
  if (isUnsupported(sig, se)) return invalid()
  if (isNaN80(sig, se)) return quieten(sig, se)
  if (isZero(sig, se)) return result(sig, se)
  if ((se & NEGATIVE) != 0) return invalid()
  if (isInfinite(sig, se)) return result(sig, se)
  if (isDenormal(sig, se)) raised |= DE
  const exponent = normalExponent(sig, se) - BIAS
  sig = normalSignificand(sig)
  const root = (exponent & 1) == 0 ? squareRootWide(sig >> 1, sig << 63) : squareRootWide(sig, 0)
  const low: u64 = wideLow == 0 ? 0 : wideLow == 1 ? 1 : TOP_BIT | 1
  return roundPack(0, (exponent >> 1) + BIAS, root, low)
}
