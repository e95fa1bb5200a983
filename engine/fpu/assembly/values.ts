/**
 * The same arithmetic on values in hand, for translated code, which keeps registers of its own. A function gives
 * the significand, or what a store writes; sign, exponent and what was raised go to State.FPU_OUTCOME. Nothing
 * else changes. Operands are numbered from the destination: SUB and DIV are the first by the second.
 */
import { add80, divide80, multiply80, squareRoot80, subtract80 } from './basic'
import { isNaN80, isNormal, quieten } from './classify'
import { compare80 } from './compare'
import { fromDouble, fromInteger, fromSingle, narrow, toInteger } from './formats'
import { FPU_OUTCOME } from './layout'
import { BIAS, C1, EXCEPTIONS, EXPONENT_MAX, NEGATIVE, PE, controlWord, raised, resultSe } from './machine'
import { roundingMode } from './round'
import { TOP_BIT, multiplyHigh } from './wide'

/** Bit 31 of State.FPU_OUTCOME: an exception is not masked, so that the instruction must be done in memory. */
const UNMASKED: u32 = 0x80000000

// @ts-ignore: decorator
@inline
function concluded(se: u32): void {
  const unmasked = (raised & ~controlWord() & EXCEPTIONS) != 0
  store<u32>(FPU_OUTCOME, se | (raised << 16) | (unmasked ? UNMASKED : 0))
}

// @ts-ignore: decorator
@inline
function outcome(sig: u64): u64 {
  concluded(resultSe)
  return sig
}

// @ts-ignore: decorator
@inline
function single(bits: u32): u64 {
  raised = 0
  return fromSingle(bits)
}

// @ts-ignore: decorator
@inline
function double(bits: u64): u64 {
  raised = 0
  return fromDouble(bits)
}

// @ts-ignore: decorator
@inline
function integer(value: i32): u64 {
  raised = 0
  return fromInteger(value)
}

/** Bits of the control word that must be as follows for the quick ways: full precision, to nearest, PE masked. */
const QUICK_MASK: u32 = 0xf20
const QUICK: u32 = 0x320
/** An exponent less one below this is normal, and stays so when rounding carries. */
const IN_RANGE: u32 = 0x7ffd

/** Rounds a significand of 128 bits with its top bit set. */
// @ts-ignore: decorator
@inline
function quickRound(sign: u32, exponent: i32, high: u64, low: u64): u64 {
  if (low == 0) {
    store<u32>(FPU_OUTCOME, sign | exponent)
    return high
  }
  const up = low > TOP_BIT || (low == TOP_BIT && (high & 1) != 0)
  const sig = high + u64(up)
  const carried = sig < high
  store<u32>(FPU_OUTCOME, (sign | (exponent + i32(carried))) | (up ? (PE | C1) << 16 : PE << 16))
  return carried ? TOP_BIT : sig
}

// @ts-ignore: decorator
@inline
function areQuick(aSig: u64, aSe: u32, bSig: u64, bSe: u32): bool {
  return <bool>(
    (i32(isNormal(aSig, aSe & EXPONENT_MAX)) &
      i32(isNormal(bSig, bSe & EXPONENT_MAX)) &
      i32((controlWord() & QUICK_MASK) == QUICK))
  )
}

// @ts-ignore: decorator
@inline
function add(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  if (areQuick(aSig, aSe, bSig, bSe)) {
    const difference = <i32>(aSe & EXPONENT_MAX) - <i32>(bSe & EXPONENT_MAX)
    const swap = difference < 0 || (difference == 0 && aSig < bSig)
    const largeSe = swap ? bSe : aSe
    const large = swap ? bSig : aSig
    const small = swap ? aSig : bSig
    const distance = <u64>(swap ? -difference : difference)
    if (distance < 64) {
      let exponent = <i32>(largeSe & EXPONENT_MAX)
      const sign = largeSe & NEGATIVE
      const shifted = small >> distance
      let low = (small << 1) << (63 - distance)
      let high: u64
      if (((aSe ^ bSe) & NEGATIVE) == 0) {
        high = large + shifted
        const carried = u64(high < large)
        low = (low >> carried) | (low & carried) | ((high & carried) << 63)
        high = (high >> carried) | (carried << 63)
        exponent += <i32>carried
        if (<u32>(exponent - 1) < IN_RANGE) return quickRound(sign, exponent, high, low)
      } else {
        high = large - shifted - u64(low != 0)
        low = 0 - low
        const places = clz(high)
        exponent -= <i32>places
        if (high != 0 && <u32>(exponent - 1) < IN_RANGE) {
          high = (high << places) | ((low >> 1) >> (63 - places))
          return quickRound(sign, exponent, high, low << places)
        }
      }
    }
  }
  raised = 0
  return outcome(add80(aSig, aSe, bSig, bSe))
}

// @ts-ignore: decorator
@inline
function multiply(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  if (areQuick(aSig, aSe, bSig, bSe)) {
    let high = multiplyHigh(aSig, bSig)
    let low = aSig * bSig
    const places = (high >> 63) ^ 1
    const exponent = <i32>((aSe & EXPONENT_MAX) + (bSe & EXPONENT_MAX)) - (BIAS - 1) - <i32>places
    high = (high << places) | ((low >> 63) & places)
    low <<= places
    if (<u32>(exponent - 1) < IN_RANGE) return quickRound((aSe ^ bSe) & NEGATIVE, exponent, high, low)
  }
  raised = 0
  return outcome(multiply80(aSig, aSe, bSig, bSe))
}

// @ts-ignore: decorator
@inline
function isNormalSingle(bits: u32): bool {
  return ((bits >> 23) & 0xff) - 1 < 0xfe
}
// @ts-ignore: decorator
@inline
function isNormalDouble(bits: u64): bool {
  return (<u32>(bits >> 52) & 0x7ff) - 1 < 0x7fe
}
/** Significand, and sign and exponent, of normal numbers. */
// @ts-ignore: decorator
@inline
function singleSig(bits: u32): u64 {
  return TOP_BIT | ((<u64>bits) << 40)
}
// @ts-ignore: decorator
@inline
function singleSe(bits: u32): u32 {
  return ((bits >> 16) & NEGATIVE) | (((bits >> 23) & 0xff) + (0x3fff - 0x7f))
}
// @ts-ignore: decorator
@inline
function doubleSig(bits: u64): u64 {
  return TOP_BIT | (bits << 11)
}
// @ts-ignore: decorator
@inline
function doubleSe(bits: u64): u32 {
  return (<u32>(bits >> 48) & NEGATIVE) | ((<u32>(bits >> 52) & 0x7ff) + (0x3fff - 0x3ff))
}

export function addReal(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  return add(aSig, aSe, bSig, bSe)
}
export function addSingle(aSig: u64, aSe: u32, bits: u32): u64 {
  if (isNormalSingle(bits)) return add(aSig, aSe, singleSig(bits), singleSe(bits))
  const sig = single(bits)
  return outcome(add80(aSig, aSe, sig, resultSe))
}
export function addDouble(aSig: u64, aSe: u32, bits: u64): u64 {
  if (isNormalDouble(bits)) return add(aSig, aSe, doubleSig(bits), doubleSe(bits))
  const sig = double(bits)
  return outcome(add80(aSig, aSe, sig, resultSe))
}
export function addInteger(aSig: u64, aSe: u32, value: i32): u64 {
  const sig = integer(value)
  return add(aSig, aSe, sig, resultSe)
}

export function mulReal(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  return multiply(aSig, aSe, bSig, bSe)
}
export function mulSingle(aSig: u64, aSe: u32, bits: u32): u64 {
  if (isNormalSingle(bits)) return multiply(aSig, aSe, singleSig(bits), singleSe(bits))
  const sig = single(bits)
  return outcome(multiply80(aSig, aSe, sig, resultSe))
}
export function mulDouble(aSig: u64, aSe: u32, bits: u64): u64 {
  if (isNormalDouble(bits)) return multiply(aSig, aSe, doubleSig(bits), doubleSe(bits))
  const sig = double(bits)
  return outcome(multiply80(aSig, aSe, sig, resultSe))
}
export function mulInteger(aSig: u64, aSe: u32, value: i32): u64 {
  const sig = integer(value)
  return multiply(aSig, aSe, sig, resultSe)
}

export function subReal(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  if (isNormal(bSig, bSe & EXPONENT_MAX)) return add(aSig, aSe, bSig, bSe ^ NEGATIVE)
  raised = 0
  return outcome(subtract80(aSig, aSe, bSig, bSe))
}
export function subSingle(aSig: u64, aSe: u32, bits: u32): u64 {
  if (isNormalSingle(bits)) return add(aSig, aSe, singleSig(bits), singleSe(bits) ^ NEGATIVE)
  const sig = single(bits)
  return outcome(subtract80(aSig, aSe, sig, resultSe))
}
export function subDouble(aSig: u64, aSe: u32, bits: u64): u64 {
  if (isNormalDouble(bits)) return add(aSig, aSe, doubleSig(bits), doubleSe(bits) ^ NEGATIVE)
  const sig = double(bits)
  return outcome(subtract80(aSig, aSe, sig, resultSe))
}
export function subInteger(aSig: u64, aSe: u32, value: i32): u64 {
  const sig = integer(value)
  return outcome(subtract80(aSig, aSe, sig, resultSe))
}

export function subrReal(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  if (isNormal(aSig, aSe & EXPONENT_MAX)) return add(bSig, bSe, aSig, aSe ^ NEGATIVE)
  raised = 0
  return outcome(subtract80(bSig, bSe, aSig, aSe))
}
export function subrSingle(aSig: u64, aSe: u32, bits: u32): u64 {
  if (isNormalSingle(bits)) return subrReal(aSig, aSe, singleSig(bits), singleSe(bits))
  const sig = single(bits)
  return outcome(subtract80(sig, resultSe, aSig, aSe))
}
export function subrDouble(aSig: u64, aSe: u32, bits: u64): u64 {
  if (isNormalDouble(bits)) return subrReal(aSig, aSe, doubleSig(bits), doubleSe(bits))
  const sig = double(bits)
  return outcome(subtract80(sig, resultSe, aSig, aSe))
}
export function subrInteger(aSig: u64, aSe: u32, value: i32): u64 {
  const sig = integer(value)
  return outcome(subtract80(sig, resultSe, aSig, aSe))
}

export function divReal(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  raised = 0
  return outcome(divide80(aSig, aSe, bSig, bSe))
}
export function divSingle(aSig: u64, aSe: u32, bits: u32): u64 {
  const sig = single(bits)
  return outcome(divide80(aSig, aSe, sig, resultSe))
}
export function divDouble(aSig: u64, aSe: u32, bits: u64): u64 {
  const sig = double(bits)
  return outcome(divide80(aSig, aSe, sig, resultSe))
}
export function divInteger(aSig: u64, aSe: u32, value: i32): u64 {
  const sig = integer(value)
  return outcome(divide80(aSig, aSe, sig, resultSe))
}

export function divrReal(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  raised = 0
  return outcome(divide80(bSig, bSe, aSig, aSe))
}
export function divrSingle(aSig: u64, aSe: u32, bits: u32): u64 {
  const sig = single(bits)
  return outcome(divide80(sig, resultSe, aSig, aSe))
}
export function divrDouble(aSig: u64, aSe: u32, bits: u64): u64 {
  const sig = double(bits)
  return outcome(divide80(sig, resultSe, aSig, aSe))
}
export function divrInteger(aSig: u64, aSe: u32, value: i32): u64 {
  const sig = integer(value)
  return outcome(divide80(sig, resultSe, aSig, aSe))
}

export function sqrtReal(sig: u64, se: u32): u64 {
  raised = 0
  return outcome(squareRoot80(sig, se))
}

/** Comparisons give C0, C2 and C3. */
// @ts-ignore: decorator
@inline
function compared(aSig: u64, aSe: u32, bSig: u64, bSe: u32, quiet: bool): u32 {
  const conditions = compare80(aSig, aSe, bSig, bSe, quiet)
  concluded(0)
  return conditions
}

export function compareReal(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u32 {
  raised = 0
  return compared(aSig, aSe, bSig, bSe, false)
}
export function compareQuiet(aSig: u64, aSe: u32, bSig: u64, bSe: u32): u32 {
  raised = 0
  return compared(aSig, aSe, bSig, bSe, true)
}
export function compareSingle(aSig: u64, aSe: u32, bits: u32): u32 {
  const sig = single(bits)
  return compared(aSig, aSe, sig, resultSe, false)
}
export function compareDouble(aSig: u64, aSe: u32, bits: u64): u32 {
  const sig = double(bits)
  return compared(aSig, aSe, sig, resultSe, false)
}
export function compareInteger(aSig: u64, aSe: u32, value: i32): u32 {
  const sig = integer(value)
  return compared(aSig, aSe, sig, resultSe, false)
}

// @ts-ignore: decorator
@inline
function loaded(sig: u64): u64 {
  if (isNaN80(sig, resultSe)) sig = quieten(sig, resultSe)
  return outcome(sig)
}

export function loadSingle(bits: u32): u64 {
  return loaded(single(bits))
}
export function loadDouble(bits: u64): u64 {
  return loaded(double(bits))
}
export function loadInteger(value: i64): u64 {
  raised = 0
  return outcome(fromInteger(value))
}

export function storeSingle(sig: u64, se: u32): u32 {
  raised = 0
  const bits = <u32>narrow(sig, se, false, controlWord())
  concluded(0)
  return bits
}
export function storeDouble(sig: u64, se: u32): u64 {
  raised = 0
  const bits = narrow(sig, se, true, controlWord())
  concluded(0)
  return bits
}

// @ts-ignore: decorator
@inline
function rounded(sig: u64, se: u32, bits: u32): i64 {
  raised = 0
  const value = toInteger(sig, se, roundingMode(), bits)
  concluded(0)
  return value
}

export function storeInteger16(sig: u64, se: u32): i32 {
  return <i32>rounded(sig, se, 16)
}
export function storeInteger32(sig: u64, se: u32): i32 {
  return <i32>rounded(sig, se, 32)
}
export function storeInteger64(sig: u64, se: u32): i64 {
  return rounded(sig, se, 64)
}
