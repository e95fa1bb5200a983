/** Arithmetic on 128 bits in two u64 halves. A second result is left in `wideLow`. */
export const TOP_BIT: u64 = 0x8000000000000000

/** Lower half, or remainder, that belongs to the last result of this file. */
export let wideLow: u64 = 0

// @ts-ignore: decorator
@inline
export function multiplyHigh(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff
  const a1 = a >> 32
  const b0 = b & 0xffffffff
  const b1 = b >> 32
  const cross = a0 * b1
  const middle = a1 * b0 + ((a0 * b0) >> 32) + (cross & 0xffffffff)
  return a1 * b1 + (middle >> 32) + (cross >> 32)
}

/**
 * (high:low) / divisor for a divisor with its top bit set and high < divisor; the remainder goes to `wideLow`.
 * @see Knuth, The Art of Computer Programming vol. 2, 4.3.1, algorithm D with two digits of 32 bits
 */
export function divideWide(high: u64, low: u64, divisor: u64): u64 {
  const d1 = divisor >> 32
  const d0 = divisor & 0xffffffff
  const first = quotientDigit(high, low >> 32, d1, d0, divisor)
  const middle = ((high << 32) | (low >> 32)) - first * divisor
  const second = quotientDigit(middle, low & 0xffffffff, d1, d0, divisor)
  wideLow = ((middle << 32) | (low & 0xffffffff)) - second * divisor
  return (first << 32) | second
}

// @ts-ignore: decorator
@inline
function quotientDigit(high: u64, next: u64, d1: u64, d0: u64, divisor: u64): u64 {
  let digit = high / d1
  let rest = high - digit * d1
  // The estimate is at most two too large.
  while (digit >> 32 != 0 || digit * d0 > ((rest << 32) | next)) {
    digit--
    rest += d1
    if (rest >> 32 != 0) break
  }
  return digit
}

/** Integer square root of (high:low) with high >= 2^62; `wideLow` becomes 0 exact, 1 below half, 2 above half. */
export function squareRootWide(high: u64, low: u64): u64 {
  const estimate = Math.sqrt(<f64>high * 18446744073709551616.0 + <f64>low)
  let root: u64 = estimate >= 18446744073709549568.0 ? 0xffffffffffffffff : <u64>estimate
  // One Newton step in double precision brings the error from 2^12 to about one unit.
  let squareHigh = multiplyHigh(root, root)
  let square = root * root
  let diffLow = low - square
  let diffHigh = <i64>(high - squareHigh - u64(low < square))
  const correction = (<f64>diffHigh * 18446744073709551616.0 + <f64>diffLow) / (2.0 * <f64>root)
  const step = <i64>Math.floor(correction)
  const moved = root + <u64>step
  // Near 2^64 the sum may wrap.
  if (step > 0 && moved < root) root = 0xffffffffffffffff
  else root = moved
  while (true) {
    squareHigh = multiplyHigh(root, root)
    square = root * root
    diffLow = low - square
    diffHigh = <i64>(high - squareHigh - u64(low < square))
    if (diffHigh < 0) {
      root--
      continue
    }
    // The remainder may be up to 2 * root, one bit more than 64.
    if (diffHigh > 1 || (diffHigh == 1 && diffLow > root << 1) || (diffHigh == 0 && root >> 63 == 0 && diffLow > root << 1)) {
      root++
      continue
    }
    break
  }
  if (diffHigh == 0 && diffLow == 0) wideLow = 0
  else wideLow = diffHigh != 0 || diffLow > root ? 2 : 1
  return root
}

/** Shifts (high:low) right by 0 to any number of places; bits shifted out stay visible in the lowest bit. */
// @ts-ignore: decorator
@inline
export function shiftRightJam(high: u64, low: u64, count: u32): u64 {
  if (count == 0) {
    wideLow = low
    return high
  }
  if (count < 64) {
    wideLow = (high << (64 - count)) | (low >> count) | u64(low << (64 - count) != 0)
    return high >> count
  }
  if (count == 64) wideLow = high | u64(low != 0)
  else if (count < 128) wideLow = (high >> (count - 64)) | u64(((high << (128 - count)) | low) != 0)
  else wideLow = u64((high | low) != 0)
  return 0
}
