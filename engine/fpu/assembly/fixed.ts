/** Fractions of 128 bits for the transcendental instructions; the lower half of a result is in `wideLow`. */
import { BIAS, controlWord } from './machine'
import { roundPackGeneral } from './round'
import { divideWide, multiplyHigh, wideLow } from './wide'

/** Upper 128 bits of a product, at most three units of the last place too small. */
export function multiplyFraction(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): u64 {
  let high = multiplyHigh(aHigh, bHigh)
  let low = aHigh * bHigh
  const first = multiplyHigh(aHigh, bLow)
  const second = multiplyHigh(aLow, bHigh)
  low += first
  high += u64(low < first)
  low += second
  high += u64(low < second)
  wideLow = low
  return high
}

/**
 * Sum of the first terms of a series in a fraction z: c0 + z (c1 + z (...)), or with minus signs. Those from `exact`
 * on are computed to 64 bits: z to that power must make them small enough for it.
 */
export function series(
  table: usize,
  terms: i32,
  exact: i32,
  zHigh: u64,
  zLow: u64,
  alternating: bool,
): u64 {
  let at = table + ((<usize>(terms - 1)) << 4)
  const last = table + ((<usize>exact) << 4)
  let sum = load<u64>(at)
  while (at > last) {
    at -= 16
    const product = multiplyHigh(sum, zHigh)
    sum = alternating ? load<u64>(at) - product : load<u64>(at) + product
  }
  return restOfSeries(table, exact, sum, 0, zHigh, zLow, alternating)
}

/** The sum of a series when that of the terms from `exact` on, as a factor of z to this power, is known. */
export function restOfSeries(
  table: usize,
  exact: i32,
  high: u64,
  low: u64,
  zHigh: u64,
  zLow: u64,
  alternating: bool,
): u64 {
  let at = table + ((<usize>exact) << 4)
  while (at > table) {
    at -= 16
    const productHigh = multiplyFraction(high, low, zHigh, zLow)
    const productLow = wideLow
    const cHigh = load<u64>(at)
    const cLow = load<u64>(at, 8)
    if (alternating) {
      low = cLow - productLow
      high = cHigh - productHigh - u64(cLow < productLow)
    } else {
      low = cLow + productLow
      high = cHigh + productHigh + u64(low < cLow)
    }
  }
  wideLow = low
  return high
}

let restHigh: u64 = 0
let restLow: u64 = 0

/** One digit of 64 bits of (high:low) / d; the remainder goes to restHigh:restLow. */
function fractionDigit(high: u64, low: u64, dHigh: u64, dLow: u64): u64 {
  let digit: u64 = high >= dHigh ? 0xffffffffffffffff : divideWide(high, low, dHigh)
  // (high:low:0) - digit * d, in three words.
  const bottom = digit * dLow
  const crossLow = digit * dHigh
  let middle = crossLow + multiplyHigh(digit, dLow)
  let top = multiplyHigh(digit, dHigh) + u64(middle < crossLow)
  let r0: u64 = 0 - bottom
  const borrow0 = u64(bottom != 0)
  let r1 = low - middle - borrow0
  const borrow1 = u64(low < middle) | u64(low - middle < borrow0)
  let r2 = high - top - borrow1
  while (<i64>r2 < 0) {
    digit--
    r0 += dLow
    const carry = u64(r0 < dLow)
    r1 += carry
    const carry1 = u64(r1 < carry)
    r1 += dHigh
    r2 += u64(r1 < dHigh) + carry1
  }
  restHigh = r1
  restLow = r0
  return digit
}

/** 2^128 n / d for n < d and a d with its top bit set, rounded down. */
export function divideFraction(nHigh: u64, nLow: u64, dHigh: u64, dLow: u64): u64 {
  const first = fractionDigit(nHigh, nLow, dHigh, dLow)
  wideLow = fractionDigit(restHigh, restLow, dHigh, dLow)
  return first
}

/** (high:low) shifted right, without rounding. */
export function shiftRight(high: u64, low: u64, count: u32): u64 {
  if (count == 0) {
    wideLow = low
    return high
  }
  if (count < 64) {
    wideLow = (high << (64 - count)) | (low >> count)
    return high >> count
  }
  wideLow = count < 128 ? high >> (count - 64) : 0
  return 0
}

/** Places by which a value that is not zero must go left to have its top bit set. */
// @ts-ignore: decorator
@inline
export function leadingZeros(high: u64, low: u64): u32 {
  return high != 0 ? <u32>clz(high) : 64 + <u32>clz(low)
}

export function shiftLeft(high: u64, low: u64, count: u32): u64 {
  if (count == 0) {
    wideLow = low
    return high
  }
  if (count < 64) {
    wideLow = low << count
    return (high << count) | (low >> (64 - count))
  }
  wideLow = 0
  return low << (count - 64)
}

/**
 * Rounds an inexact result (high:low) / 2^128 * 2^power; precision control does not apply.
 * @param sign 0 or 0x8000
 */
export function packInexact(sign: u32, power: i32, high: u64, low: u64): u64 {
  const places = leadingZeros(high, low)
  const top = shiftLeft(high, low, places)
  return roundPackGeneral(sign, power - <i32>places + (BIAS - 1), top, wideLow | 1, controlWord() | 0x300)
}
