/** FSIN, FCOS, FSINCOS, FPTAN. @see Intel SDM vol. 1, 8.3.8: arguments are reduced with a pi of 66 bits */
import { normalExponent, normalSignificand } from './basic'
import { isDenormal, isInfinite, isNaN80, isUnsupported, quieten } from './classify'
import {
  divideFraction,
  leadingZeros,
  multiplyFraction,
  packInexact,
  restOfSeries,
  shiftLeft,
  shiftRight,
} from './fixed'
import {
  BIAS,
  C1,
  C2,
  DE,
  EXPONENT_MAX,
  NEGATIVE,
  addressOf,
  deliver,
  invalid,
  isEmpty,
  physical,
  push,
  put,
  raised,
  result,
  resultSe,
  setStatus,
  signExponent,
  significand,
  statusWord,
  underflowInto,
} from './machine'
import { pushTwoFault } from './partial'
import { COS_SERIES, COS_TAIL, SIN_SERIES, SIN_TAIL, TAIL_SHIFT } from './tables'
import { TOP_BIT, divideWide, multiplyHigh, wideLow } from './wide'

/** pi / 2 of 66 bits in units of 2^-65: its upper 64 bits, and the two below. */
const HALF_PI_HIGH: u64 = 0xc90fdaa22168c234
const HALF_PI_BELOW: u64 = 3
/** Terms of the series that are computed to 128 bits, and those after them, to 64. */
const EXACT_TERMS = 9
const TAIL_TERMS = 5

/** The reduced argument: its quadrant, sign, and magnitude (angle / 2^128) * 2^anglePower, top bit set. */
let quadrant: u32 = 0
let angleNegative: bool = false
let angleHigh: u64 = 0
let angleLow: u64 = 0
let anglePower: i32 = 0
/** Sine and cosine of the angle's magnitude: as the angle, and with 127 bits after the point. */
let sineHigh: u64 = 0
let sineLow: u64 = 0
let cosineHigh: u64 = 0
let cosineLow: u64 = 0
const SINE: u32 = 1
const COSINE: u32 = 2

/** @param exponent unbiased, below 63 */
function reduce(sig: u64, exponent: i32): void {
  quadrant = 0
  angleNegative = false
  if (exponent < -1) {
    angleHigh = sig
    angleLow = 0
    anglePower = exponent + 1
    return
  }
  // x in units of 2^-65 has up to 128 bits.
  const high = shiftRight(sig, 0, <u32>(62 - exponent))
  const low = wideLow
  // The divisor without its two lowest bits makes the quotient too large by at most two.
  let quotient = divideWide(high >> 2, (high << 62) | (low >> 2), HALF_PI_HIGH)
  const pLow: u64 = (HALF_PI_HIGH << 2) | HALF_PI_BELOW
  const pHigh: u64 = HALF_PI_HIGH >> 62
  let productLow = quotient * pLow
  let productHigh = quotient * pHigh + multiplyHigh(quotient, pLow)
  let restLow = low - productLow
  let restHigh = high - productHigh - u64(low < productLow)
  while (<i64>restHigh < 0) {
    quotient--
    restLow += pLow
    restHigh += pHigh + u64(restLow < pLow)
  }
  // To the nearer multiple.
  const otherLow = pLow - restLow
  const otherHigh = pHigh - restHigh - u64(pLow < restLow)
  if (otherHigh < restHigh || (otherHigh == restHigh && otherLow < restLow)) {
    quotient++
    angleNegative = true
    restHigh = otherHigh
    restLow = otherLow
  }
  quadrant = <u32>quotient & 3
  const places = leadingZeros(restHigh, restLow)
  angleHigh = shiftLeft(restHigh, restLow, places)
  angleLow = wideLow
  anglePower = 63 - <i32>places
}

/** The series of sin(x) / x or cos(x) in z = x^2, below 1. */
function angleSeries(table: usize, tail: usize, zHigh: u64, zLow: u64): u64 {
  let at = tail + ((<usize>(TAIL_TERMS - 1)) << 3)
  let sum = load<u64>(at)
  while (at > tail) {
    at -= 8
    sum = load<u64>(at) - multiplyHigh(sum, zHigh)
  }
  const high = sum >> TAIL_SHIFT
  const ratio = restOfSeries(table, EXACT_TERMS, high, sum << (64 - TAIL_SHIFT), zHigh, zLow, true)
  // It never reaches one, which tiny angles would make it by underflow.
  if (ratio != TOP_BIT) return ratio
  wideLow = 0xffffffffffffffff
  return TOP_BIT - 1
}

/** @param needed which of SINE and COSINE */
function evaluate(needed: u32): void {
  const high = shiftRight(angleHigh, angleLow, <u32>-anglePower)
  const low = wideLow
  const zHigh = multiplyFraction(high, low, high, low)
  const zLow = wideLow
  if ((needed & COSINE) != 0) {
    cosineHigh = angleSeries(COS_SERIES, COS_TAIL, zHigh, zLow)
    cosineLow = wideLow
  }
  if ((needed & SINE) != 0) {
    const ratioHigh = angleSeries(SIN_SERIES, SIN_TAIL, zHigh, zLow)
    sineHigh = multiplyFraction(angleHigh, angleLow, ratioHigh, wideLow)
    sineLow = wideLow
  }
}

function packSine(sign: u32): u64 {
  const flipped = angleNegative == quadrant < 2
  if ((quadrant & 1) == 0)
    return packInexact(flipped ? sign ^ NEGATIVE : sign, anglePower + 1, sineHigh, sineLow)
  return packInexact(quadrant == 3 ? sign ^ NEGATIVE : sign, 1, cosineHigh, cosineLow)
}

function packCosine(): u64 {
  if ((quadrant & 1) == 0) return packInexact(quadrant == 2 ? NEGATIVE : 0, 1, cosineHigh, cosineLow)
  const flipped = angleNegative == (quadrant == 3)
  return packInexact(flipped ? NEGATIVE : 0, anglePower + 1, sineHigh, sineLow)
}

function packTangent(sign: u32): u64 {
  // sine = s / 2^127 * 2^anglePower, cosine = c / 2^127.
  let negative = sign != 0
  if (angleNegative) negative = !negative
  // So small that the quotient of the two fractions would not show that the tangent is the larger one.
  if (anglePower < -60 && quadrant == 0) return packInexact(sign, anglePower, angleHigh, angleLow)
  const sinePlaces = leadingZeros(sineHigh, sineLow)
  let sHigh = shiftLeft(sineHigh, sineLow, sinePlaces)
  let sLow = wideLow
  const sPower = anglePower + 1 - <i32>sinePlaces
  const cosinePlaces = leadingZeros(cosineHigh, cosineLow)
  let cHigh = shiftLeft(cosineHigh, cosineLow, cosinePlaces)
  let cLow = wideLow
  const cPower = 1 - <i32>cosinePlaces
  let power = sPower - cPower
  if ((quadrant & 1) != 0) {
    negative = !negative
    power = -power
    const high = sHigh
    const low = sLow
    sHigh = cHigh
    sLow = cLow
    cHigh = high
    cLow = low
  }
  // Halved, so that the quotient is below one.
  const high = divideFraction(sHigh >> 1, (sHigh << 63) | (sLow >> 1), cHigh, cLow)
  return packInexact(negative ? NEGATIVE : 0, power + 1, high, wideLow)
}

const SIN = 0
const COS = 1
const SINCOS = 2
const TAN = 3

function angleInstruction(operation: i32): i32 {
  const pushes = operation >= SINCOS
  const register = physical(0)
  if (pushes) {
    if (pushTwoFault() != 0) {
      setStatus(statusWord() & ~C2)
      return 1
    }
  } else if (isEmpty(register)) {
    const forbidden = underflowInto(register)
    setStatus(statusWord() & ~C2)
    return forbidden
  }
  raised = 0
  const at = addressOf(register)
  const sig = significand(at)
  const se = signExponent(at)
  const exponent = <i32>(se & EXPONENT_MAX) - BIAS
  if (exponent >= 63 && exponent < 0x4000 && <i64>sig < 0) {
    setStatus((statusWord() & ~C1) | C2)
    return 0
  }
  setStatus(statusWord() & ~C2)

  let first: u64
  let firstSe: u32
  let second: u64 = TOP_BIT
  let secondSe: u32 = BIAS
  if (isUnsupported(sig, se) || isNaN80(sig, se) || isInfinite(sig, se)) {
    first = isNaN80(sig, se) && !isUnsupported(sig, se) ? quieten(sig, se) : invalid()
    firstSe = resultSe
    second = first
    secondSe = firstSe
  } else if (sig == 0) {
    first = operation == COS ? TOP_BIT : 0
    firstSe = operation == COS ? BIAS : se
  } else {
    if (isDenormal(sig, se)) raised |= DE
    reduce(normalSignificand(sig), normalExponent(sig, se) - BIAS)
    // Every second quadrant takes the other one.
    const one: u32 = (operation == COS) == ((quadrant & 1) != 0) ? SINE : COSINE
    evaluate(operation >= SINCOS ? SINE | COSINE : one)
    const sign = se & NEGATIVE
    if (operation == SINCOS) {
      second = packCosine()
      secondSe = resultSe
    }
    // C1 is that of the last result to be rounded.
    raised &= ~C1
    first = operation == COS ? packCosine() : operation == TAN ? packTangent(sign) : packSine(sign)
    firstSe = resultSe
  }
  const forbidding = deliver(at, first, firstSe)
  if (forbidding == 0 && pushes) put(addressOf(push()), second, secondSe)
  return forbidding
}

export function fsin(): i32 {
  return angleInstruction(SIN)
}
export function fcos(): i32 {
  return angleInstruction(COS)
}
export function fsincos(): i32 {
  return angleInstruction(SINCOS)
}
export function fptan(): i32 {
  return angleInstruction(TAN)
}
