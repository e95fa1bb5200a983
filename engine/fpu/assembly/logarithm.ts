/** FYL2X, FYL2XP1 and F2XM1. */
import { normalExponent, normalSignificand } from './basic'
import { isDenormal, isInfinite, isNaN80, isUnsupported, propagate, quieten } from './classify'
import {
  divideFraction,
  leadingZeros,
  multiplyFraction,
  packInexact,
  series,
  shiftLeft,
  shiftRight,
} from './fixed'
import { fromInteger } from './formats'
import {
  BIAS,
  DE,
  EXPONENT_MAX,
  NEGATIVE,
  PE,
  UE,
  ZE,
  addressOf,
  controlWord,
  deliver,
  invalid,
  isEmpty,
  physical,
  pop,
  raised,
  result,
  resultSe,
  signExponent,
  significand,
  underflowInto,
} from './machine'
import { roundPackGeneral } from './round'
import { EXP_SERIES, LN2, LOG2_E, LOG_STEPS, ODD_SERIES, POWER_STEPS, RECIPROCALS } from './tables'
import { TOP_BIT, multiplyHigh, wideLow } from './wide'

const LOG_TERMS = 12
const EXP_TERMS = 15
/** The others have z^5, below 2^-60, or w^9, below 2^-58, as a factor. */
const EXACT_LOG_TERMS = 5
const EXACT_EXP_TERMS = 9
/** Bits after the point in sums of logarithms. */
const LOG_SCALE: i32 = 112

/** The logarithm computed last: sign, and (high:low) / 2^128 * 2^power. */
let logNegative: bool = false
let logHigh: u64 = 0
let logLow: u64 = 0
let logPower: i32 = 0

/**
 * log2(1 + u) for u = +-(high:low) / 2^128 * 2^power with its top bit set, |u| below 1/32.
 * log(1 + u) = 2 artanh(u / (2 + u))
 */
function smallLogarithm(negative: bool, high: u64, low: u64, power: i32): void {
  // 2 + u with 126 bits after the point.
  const partHigh = shiftRight(high, low, <u32>(2 - power))
  const partLow = wideLow
  let dHigh: u64 = TOP_BIT
  let dLow: u64 = 0
  if (negative) {
    dLow = 0 - partLow
    dHigh = TOP_BIT - partHigh - u64(partLow != 0)
  } else {
    dLow = partLow
    dHigh = TOP_BIT + partHigh
  }
  let dPower: i32 = 2
  if (<i64>dHigh >= 0) {
    dHigh = (dHigh << 1) | (dLow >> 63)
    dLow <<= 1
    dPower = 1
  }
  const sHigh = divideFraction(high >> 1, (high << 63) | (low >> 1), dHigh, dLow)
  const sLow = wideLow
  const sPower = power + 1 - dPower
  const fixedHigh = shiftRight(sHigh, sLow, <u32>-sPower)
  const fixedLow = wideLow
  const zHigh = multiplyFraction(fixedHigh, fixedLow, fixedHigh, fixedLow)
  const ratioHigh = series(ODD_SERIES, LOG_TERMS, EXACT_LOG_TERMS, zHigh, wideLow, false)
  const ratioLow = wideLow
  // The series and log2(e) each have 127 bits after the point, and artanh is to be doubled: 2^3.
  const first = multiplyFraction(sHigh, sLow, ratioHigh, ratioLow)
  const second = multiplyFraction(first, wideLow, load<u64>(LOG2_E), load<u64>(LOG2_E, 8))
  const places = leadingZeros(second, wideLow)
  logHigh = shiftLeft(second, wideLow, places)
  logLow = wideLow
  logPower = sPower + 3 - <i32>places
  logNegative = negative
}

/** log2 of (high:low) / 2^127 * 2^exponent, top bit set. Returns false when it is an integer, in logPower. */
function logarithm(high: u64, low: u64, exponent: i32): bool {
  if (high == TOP_BIT && low == 0) {
    logPower = exponent
    return false
  }
  const j = <u32>(high >> 57) & 63
  if (j >= 32) exponent++
  const reciprocal = <u64>load<u16>(RECIPROCALS + ((<usize>j) << 1))
  // u = m c - 1 with 127 bits after the point: c has 8, so m gives up 8 of its zeros only after the product.
  const productLow = low * reciprocal
  const carry = ((low >> 32) * reciprocal + (((low & 0xffffffff) * reciprocal) >> 32)) >> 32
  const productHigh = high * reciprocal + carry
  const productTop = multiplyHigh(high, reciprocal) + u64(productHigh < carry)
  // The product has 135 bits after the point; one is 2^7 in productTop. What is below it is u, or 1 + u for u < 0.
  let negative: bool
  let uTop: u64
  let uHigh = productHigh
  let uLow = productLow
  if (productTop >= 128) {
    negative = false
    uTop = productTop - 128
  } else {
    negative = true
    uLow = 0 - productLow
    uHigh = 0 - productHigh - u64(productLow != 0)
    uTop = 128 - productTop - u64((productHigh | productLow) != 0)
  }
  // 2^-135 units in three words; |u| < 2^-5, so uTop < 4: normalise.
  let power: i32
  if (uTop != 0) {
    const places = <u32>clz(uTop)
    uHigh = (uTop << places) | productShift(uHigh, 64 - places)
    const kept = negative ? 0 - productHigh - u64(productLow != 0) : productHigh
    uLow = (kept << places) | productShift(uLow, 64 - places)
    power = 57 - <i32>places
  } else {
    const places = leadingZeros(uHigh, uLow)
    uHigh = shiftLeft(uHigh, uLow, places)
    uLow = wideLow
    power = -7 - <i32>places
  }
  const isZero = (uHigh | uLow) == 0
  if (!isZero) {
    smallLogarithm(negative, uHigh, uLow, power)
    if (exponent == 0 && (j == 0 || j == 63)) return true
  }
  // Sum in two's complement.
  let sumHigh = load<u64>(LOG_STEPS + ((<usize>j) << 4))
  let sumLow = load<u64>(LOG_STEPS + ((<usize>j) << 4), 8)
  sumHigh += (<u64>(<i64>exponent)) << (LOG_SCALE - 64)
  if (!isZero) {
    const partHigh = shiftRight(logHigh, logLow, <u32>(128 - LOG_SCALE - logPower))
    const partLow = wideLow
    if (logNegative) {
      sumHigh -= partHigh + u64(sumLow < partLow)
      sumLow -= partLow
    } else {
      sumLow += partLow
      sumHigh += partHigh + u64(sumLow < partLow)
    }
  }
  logNegative = <i64>sumHigh < 0
  if (logNegative) {
    sumLow = 0 - sumLow
    sumHigh = 0 - sumHigh - u64(sumLow != 0)
  }
  const places = leadingZeros(sumHigh, sumLow)
  logHigh = shiftLeft(sumHigh, sumLow, places)
  logLow = wideLow
  logPower = 128 - LOG_SCALE - <i32>places
  return true
}

// @ts-ignore: decorator
@inline
function productShift(value: u64, count: u32): u64 {
  return count >= 64 ? 0 : value >> count
}

/** y times the logarithm computed last. */
function packProduct(ySig: u64, ySe: u32): u64 {
  const sign = (ySe & NEGATIVE) ^ (logNegative ? NEGATIVE : 0)
  const high = multiplyFraction(normalSignificand(ySig), 0, logHigh, logLow)
  return packInexact(sign, normalExponent(ySig, ySe) - (BIAS - 1) + logPower, high, wideLow)
}

/** y times the logarithm of a power of two, which raises PE even when it is exact. */
function packInteger(ySig: u64, ySe: u32, value: i32): u64 {
  if (value == 0) return result(0, ySe & NEGATIVE)
  raised |= PE
  const sig = fromInteger(value)
  const se = resultSe
  const high = multiplyHigh(normalSignificand(ySig), sig)
  const low = normalSignificand(ySig) * sig
  const places = <u32>clz(high)
  const exponent = normalExponent(ySig, ySe) + <i32>(se & EXPONENT_MAX) - (BIAS - 1) - <i32>places
  const top = shiftLeft(high, low, places)
  const product = roundPackGeneral((ySe ^ se) & NEGATIVE, exponent, top, wideLow, controlWord() | 0x300)
  if ((resultSe & EXPONENT_MAX) == 0) raised |= UE
  return product
}

/** ST(1) = ST(1) * log2(ST(0)) */
function yTimesLog80(ySig: u64, ySe: u32, xSig: u64, xSe: u32): u64 {
  if (isUnsupported(ySig, ySe) || isUnsupported(xSig, xSe)) return invalid()
  if (isNaN80(ySig, ySe) || isNaN80(xSig, xSe)) return propagate(xSig, xSe, ySig, ySe)
  const sign = ySe & NEGATIVE
  const yInfinite = isInfinite(ySig, ySe)
  if (xSig == 0) {
    if (ySig == 0) return invalid()
    if (!yInfinite) raised = ZE
    return result(TOP_BIT, (sign ^ NEGATIVE) | EXPONENT_MAX)
  }
  if ((xSe & NEGATIVE) != 0) return invalid()
  const exponent = normalExponent(xSig, xSe) - BIAS
  const m = normalSignificand(xSig)
  if (isInfinite(xSig, xSe)) {
    if (ySig == 0) return invalid()
    if (isDenormal(ySig, ySe)) raised |= DE
    return result(TOP_BIT, sign | EXPONENT_MAX)
  }
  const isOne = exponent == 0 && m == TOP_BIT
  if (yInfinite && isOne) return invalid()
  if (isDenormal(ySig, ySe) || isDenormal(xSig, xSe)) raised |= DE
  if (yInfinite) return result(TOP_BIT, (exponent < 0 ? sign ^ NEGATIVE : sign) | EXPONENT_MAX)
  if (ySig == 0) return result(0, exponent < 0 ? sign ^ NEGATIVE : sign)
  if (!logarithm(m, 0, exponent)) return packInteger(ySig, ySe, logPower)
  return packProduct(ySig, ySe)
}

/** ST(1) = ST(1) * log2(ST(0) + 1); the result is that for all x above -1, which is more than the manual asks. */
function yTimesLogPlus80(ySig: u64, ySe: u32, xSig: u64, xSe: u32): u64 {
  if (isUnsupported(ySig, ySe) || isUnsupported(xSig, xSe)) return invalid()
  if (isNaN80(ySig, ySe) || isNaN80(xSig, xSe)) return propagate(xSig, xSe, ySig, ySe)
  const ySign = ySe & NEGATIVE
  const xNegative = (xSe & NEGATIVE) != 0
  const sign = ySign ^ (xSe & NEGATIVE)
  if (isInfinite(xSig, xSe)) {
    if (xNegative || ySig == 0) return invalid()
    if (isDenormal(ySig, ySe)) raised |= DE
    return result(TOP_BIT, ySign | EXPONENT_MAX)
  }
  if (isInfinite(ySig, ySe)) {
    if (xSig == 0) return invalid()
    if (isDenormal(xSig, xSe)) raised |= DE
    return result(TOP_BIT, sign | EXPONENT_MAX)
  }
  const exponent = normalExponent(xSig, xSe) - BIAS
  if (isDenormal(ySig, ySe) || isDenormal(xSig, xSe)) raised |= DE
  if (xSig == 0 || ySig == 0) return result(0, sign)
  if (xNegative && exponent >= 0) {
    // Undefined; this is what the Zen does.
    raised |= PE
    return result(xSig, xSe)
  }
  const x = normalSignificand(xSig)
  if (exponent < -6) smallLogarithm(xNegative, x, 0, exponent + 1)
  else if (exponent >= 64) logarithm(x, TOP_BIT >> 63, exponent)
  else {
    // 1 + x with 127 - exponent bits after the point, or with 126 below one.
    let high: u64
    let low: u64
    let power: i32
    if (exponent < 0) {
      high = shiftRight(x, 0, <u32>-exponent)
      low = wideLow
      if (xNegative) {
        low = 0 - low
        high = TOP_BIT - high - u64(low != 0)
        const places = leadingZeros(high, low)
        high = shiftLeft(high, low, places)
        low = wideLow
        power = -(<i32>places)
      } else {
        const sum = TOP_BIT + high
        // The sum stays below two.
        high = sum
        power = 0
      }
    } else {
      const oneHigh = shiftRight(TOP_BIT, 0, <u32>exponent)
      low = wideLow
      high = x + oneHigh
      power = exponent
      if (high < x) {
        low = (high << 63) | (low >> 1)
        high = (high >> 1) | TOP_BIT
        power++
      }
    }
    if (!logarithm(high, low, power)) return packInteger(ySig, ySe, logPower)
  }
  return packProduct(ySig, ySe)
}

function logInstruction(plusOne: bool): i32 {
  const destination = physical(1)
  const source = physical(0)
  let forbidding: u32
  if (isEmpty(destination) || isEmpty(source)) forbidding = underflowInto(destination)
  else {
    raised = 0
    const y = addressOf(destination)
    const x = addressOf(source)
    const sig = plusOne
      ? yTimesLogPlus80(significand(y), signExponent(y), significand(x), signExponent(x))
      : yTimesLog80(significand(y), signExponent(y), significand(x), signExponent(x))
    forbidding = deliver(y, sig, resultSe)
  }
  if (forbidding == 0) pop()
  return forbidding
}

export function fyl2x(): i32 {
  return logInstruction(false)
}
export function fyl2xp1(): i32 {
  return logInstruction(true)
}

function powerMinusOne80(sig: u64, se: u32): u64 {
  if (isUnsupported(sig, se)) return invalid()
  if (isNaN80(sig, se)) return quieten(sig, se)
  const sign = se & NEGATIVE
  if (isInfinite(sig, se)) return sign != 0 ? result(TOP_BIT, NEGATIVE | BIAS) : result(sig, se)
  if (sig == 0) return result(sig, se)
  if (isDenormal(sig, se)) raised |= DE
  const exponent = normalExponent(sig, se) - BIAS
  const x = normalSignificand(sig)
  if (exponent >= 0) {
    // Beyond one the outcome is undefined, and this what the Zen does; at one it is exact, but says PE.
    raised |= PE
    if (exponent > 0 || x != TOP_BIT) return result(sig, se)
    return sign != 0 ? result(TOP_BIT, NEGATIVE | (BIAS - 1)) : result(TOP_BIT, BIAS)
  }
  const ln2High = load<u64>(LN2)
  const ln2Low = load<u64>(LN2, 8)
  if (exponent < -6) {
    const wHigh = multiplyFraction(x, 0, ln2High, ln2Low)
    const wLow = wideLow
    const fixed = shiftRight(wHigh, wLow, <u32>(-exponent - 1))
    const ratioHigh = series(EXP_SERIES, EXP_TERMS, EXACT_EXP_TERMS, fixed, wideLow, sign != 0)
    const high = multiplyFraction(wHigh, wLow, ratioHigh, wideLow)
    return packInexact(sign, exponent + 2, high, wideLow)
  }
  // x = k/32 + f; 2^x - 1 = (2^(k/32) - 1) + 2^(k/32) (2^f - 1)
  const xHigh = shiftRight(x, 0, <u32>(-exponent - 1))
  const xLow = wideLow
  const k = ((xHigh >> 58) + 1) >> 1
  const stepHigh = k << 59
  const below = k == 32 || xHigh < stepHigh
  let fHigh: u64
  let fLow: u64
  if (below) {
    fLow = 0 - xLow
    fHigh = stepHigh - xHigh - u64(xLow != 0)
  } else {
    fHigh = xHigh - stepHigh
    fLow = xLow
  }
  const partNegative = below != (sign != 0)
  const wHigh = multiplyFraction(fHigh, fLow, ln2High, ln2Low)
  const wLow = wideLow
  const ratioHigh = series(EXP_SERIES, EXP_TERMS, EXACT_EXP_TERMS, wHigh, wLow, partNegative)
  const pHigh = multiplyFraction(wHigh, wLow, ratioHigh, wideLow)
  const pLow = wideLow
  const at = POWER_STEPS + ((<usize>(sign != 0 ? 32 - k : 32 + k)) << 4)
  let sumHigh = load<u64>(at)
  let sumLow = load<u64>(at, 8)
  // The power has 126 bits after the point and p 127: one place to the right of the product's 125.
  const product = multiplyFraction(pHigh, pLow, sumHigh, sumLow)
  const partHigh = (product << 1) | (wideLow >> 63)
  const partLow = wideLow << 1
  sumHigh -= TOP_BIT >> 1
  if (partNegative) {
    sumHigh -= partHigh + u64(sumLow < partLow)
    sumLow -= partLow
  } else {
    sumLow += partLow
    sumHigh += partHigh + u64(sumLow < partLow)
  }
  if (sign != 0) {
    sumLow = 0 - sumLow
    sumHigh = 0 - sumHigh - u64(sumLow != 0)
  }
  return packInexact(sign, 2, sumHigh, sumLow)
}

/** ST(0) = 2^ST(0) - 1 for -1 <= ST(0) <= 1 */
export function f2xm1(): i32 {
  const register = physical(0)
  if (isEmpty(register)) return underflowInto(register)
  raised = 0
  const at = addressOf(register)
  const sig = powerMinusOne80(significand(at), signExponent(at))
  return deliver(at, sig, resultSe)
}
