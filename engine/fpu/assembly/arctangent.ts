/** FPATAN. */
import { normalExponent, normalSignificand } from './basic'
import { isDenormal, isInfinite, isNaN80, isUnsupported, propagate } from './classify'
import {
  divideFraction,
  leadingZeros,
  multiplyFraction,
  packInexact,
  series,
  shiftLeft,
  shiftRight,
} from './fixed'
import {
  DE,
  NEGATIVE,
  addressOf,
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
import { ARCTAN_STEPS, ODD_SERIES, PI } from './tables'
import { TOP_BIT, wideLow } from './wide'

const TERMS = 12
/** The others have z^5 as a factor, which is below 2^-60. */
const EXACT_TERMS = 5

/** Angles in sums have 126 bits after the point. */
let sumHigh: u64 = 0
let sumLow: u64 = 0

function sumIs(at: usize, halvings: u32): void {
  sumHigh = shiftRight(load<u64>(at), load<u64>(at, 8), halvings)
  sumLow = wideLow
}

function sumAdd(high: u64, low: u64): void {
  sumLow += low
  sumHigh += high + u64(sumLow < low)
}

function sumSubtract(high: u64, low: u64): void {
  const borrow = u64(sumLow < low)
  sumLow -= low
  sumHigh -= high + borrow
}

/** u times the series of arctan(u) / u, u = (high:low) / 2^128 * 2^power below 1/32. Gives the same form. */
function smallArctangent(high: u64, low: u64, power: i32): u64 {
  const fixedHigh = shiftRight(high, low, <u32>-power)
  const fixedLow = wideLow
  const zHigh = multiplyFraction(fixedHigh, fixedLow, fixedHigh, fixedLow)
  let ratioHigh = series(ODD_SERIES, TERMS, EXACT_TERMS, zHigh, wideLow, true)
  let ratioLow = wideLow
  if (ratioHigh == TOP_BIT) {
    ratioHigh--
    ratioLow = 0xffffffffffffffff
  }
  return multiplyFraction(high, low, ratioHigh, ratioLow)
}

/** pi (halvings 0), pi/2 (1), pi/4 (2) or 3 pi/4 (3). */
function packFraction(sign: u32, which: u32): u64 {
  if (which == 3) {
    sumIs(PI, 1)
    const quarterHigh = shiftRight(load<u64>(PI), load<u64>(PI, 8), 2)
    sumAdd(quarterHigh, wideLow)
  } else sumIs(PI, which)
  return packInexact(sign, 2, sumHigh, sumLow)
}

function arctangent80(ySig: u64, ySe: u32, xSig: u64, xSe: u32): u64 {
  if (isUnsupported(ySig, ySe) || isUnsupported(xSig, xSe)) return invalid()
  if (isNaN80(ySig, ySe) || isNaN80(xSig, xSe)) return propagate(xSig, xSe, ySig, ySe)
  const sign = ySe & NEGATIVE
  const xNegative = (xSe & NEGATIVE) != 0
  if (isDenormal(ySig, ySe) || isDenormal(xSig, xSe)) raised |= DE
  if (isInfinite(ySig, ySe)) {
    if (isInfinite(xSig, xSe)) return packFraction(sign, xNegative ? 3 : 2)
    return packFraction(sign, 1)
  }
  if (isInfinite(xSig, xSe) || ySig == 0) {
    if (xNegative) return packFraction(sign, 0)
    return result(0, sign)
  }
  if (xSig == 0) return packFraction(sign, 1)

  // The quotient of the smaller magnitude by the larger one.
  let n = normalSignificand(ySig)
  let nExponent = normalExponent(ySig, ySe)
  let d = normalSignificand(xSig)
  let dExponent = normalExponent(xSig, xSe)
  if (n == d && nExponent == dExponent) return packFraction(sign, xNegative ? 3 : 2)
  const steep = nExponent > dExponent || (nExponent == dExponent && n > d)
  if (steep) {
    const sig = n
    n = d
    d = sig
    const exponent = nExponent
    nExponent = dExponent
    dExponent = exponent
  }
  let power = nExponent - dExponent + 1
  let qHigh = divideFraction(n >> 1, n << 63, d, 0)
  let qLow = wideLow
  if (<i64>qHigh >= 0) {
    qHigh = (qHigh << 1) | (qLow >> 63)
    qLow <<= 1
    power--
  }

  if (power < -5) {
    // Below 1/64: small beside pi, or the result itself.
    const high = smallArctangent(qHigh, qLow, power)
    const low = wideLow
    power++
    if (!steep && !xNegative) return packInexact(sign, power, high, low)
    sumIs(PI, steep ? 1 : 0)
    const partHigh = shiftRight(high, low, <u32>(2 - power))
    if (steep && xNegative) sumAdd(partHigh, wideLow)
    else sumSubtract(partHigh, wideLow)
    return packInexact(sign, 2, sumHigh, sumLow)
  }

  // arctan(t) = arctan(k/32) + arctan((t - k/32) / (1 + t k/32))
  const tHigh = shiftRight(qHigh, qLow, <u32>-power)
  const tLow = wideLow
  const k = ((tHigh >> 58) + 1) >> 1
  sumIs(ARCTAN_STEPS + ((<usize>k) << 4), 0)
  const cHigh = k << 59
  // k = 32 is 2^64: everything below it.
  let negative: bool
  let deltaHigh: u64
  let deltaLow: u64
  if (k < 32 && tHigh >= cHigh) {
    negative = false
    deltaHigh = tHigh - cHigh
    deltaLow = tLow
  } else {
    negative = true
    deltaLow = 0 - tLow
    deltaHigh = cHigh - tHigh - u64(tLow != 0)
  }
  if ((deltaHigh | deltaLow) != 0) {
    // 1 + t k/32 in units of 2^-127.
    const scaled = shiftRight(tHigh, tLow, 6)
    const scaledLow = wideLow
    const denominatorLow = scaledLow * k
    const denominatorHigh = TOP_BIT + scaled * k + multiplyHighSmall(scaledLow, k)
    const places = leadingZeros(deltaHigh, deltaLow)
    const up = shiftLeft(deltaHigh, deltaLow, places)
    const upLow = wideLow
    const uHigh = divideFraction(up >> 1, (up << 63) | (upLow >> 1), denominatorHigh, denominatorLow)
    // delta / 2^128 over denominator / 2^127, the numerator halved once more.
    const uPower = -(<i32>places)
    const high = smallArctangent(uHigh, wideLow, uPower)
    const low = wideLow
    const partHigh = shiftRight(high, low, <u32>(1 - uPower))
    if (negative) sumSubtract(partHigh, wideLow)
    else sumAdd(partHigh, wideLow)
  }
  if (steep || xNegative) {
    const high = sumHigh
    const low = sumLow
    sumIs(PI, steep ? 1 : 0)
    if (steep && xNegative) sumAdd(high, low)
    else sumSubtract(high, low)
  }
  return packInexact(sign, 2, sumHigh, sumLow)
}

// @ts-ignore: decorator
@inline
function multiplyHighSmall(a: u64, b: u64): u64 {
  return ((a >> 32) * b + (((a & 0xffffffff) * b) >> 32)) >> 32
}

/** ST(1) = arctan(ST(1) / ST(0)) in the quadrant of the two, then pop. */
export function fpatan(): i32 {
  const destination = physical(1)
  const source = physical(0)
  let forbidding: u32
  if (isEmpty(destination) || isEmpty(source)) forbidding = underflowInto(destination)
  else {
    raised = 0
    const y = addressOf(destination)
    const x = addressOf(source)
    const sig = arctangent80(significand(y), signExponent(y), significand(x), signExponent(x))
    forbidding = deliver(y, sig, resultSe)
  }
  if (forbidding == 0) pop()
  return forbidding
}
