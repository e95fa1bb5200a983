/** Rounding of exact intermediate results to the 80-bit format, under precision and rounding control. */
import { C1, EXPONENT_MAX, OE, PE, UE, controlWord, raised, result } from './machine'
import { TOP_BIT, shiftRightJam, wideLow } from './wide'

/** What unmasked overflow and underflow subtract from and add to the exponent. */
export const EXPONENT_WRAP: i32 = 24576

export const NEAREST: u32 = 0
export const DOWN: u32 = 1
export const UP: u32 = 2
export const CHOP: u32 = 3

/** Rounding control of the control word. */
// @ts-ignore: decorator
@inline
export function roundingMode(): u32 {
  return (controlWord() >> 10) & 3
}

/** Whether a magnitude goes up by one unit; `rest` is what is below the unit, in units of 2^-64. */
// @ts-ignore: decorator
@inline
export function roundsUp(mode: u32, negative: bool, odd: bool, rest: u64): bool {
  if (mode == NEAREST) return rest > TOP_BIT || (rest == TOP_BIT && odd)
  if (rest == 0 || mode == CHOP) return false
  return negative == (mode == DOWN)
}

/**
 * Rounds sign, exponent and a significand of 128 bits whose top bit is set; lower bits may be jammed.
 * @param sign 0 or 0x8000
 * @param exponent biased; may lie outside of the format's range
 */
// @ts-ignore: decorator
@inline
export function roundPack(sign: u32, exponent: i32, high: u64, low: u64): u64 {
  const control = controlWord()
  if ((control & 0xf00) == 0x300 && <u32>(exponent - 1) < 0x7ffd) {
    let sig = high
    if (low != 0) {
      let exceptions = raised | PE
      if (low > TOP_BIT || (low == TOP_BIT && (sig & 1) != 0)) {
        exceptions |= C1
        sig++
        if (sig == 0) {
          sig = TOP_BIT
          exponent++
        }
      }
      raised = exceptions
    }
    return result(sig, sign | exponent)
  }
  return roundPackGeneral(sign, exponent, high, low, control)
}

/** The lowest significand bit that precision control keeps. */
// @ts-ignore: decorator
@inline
function unitOf(control: u32): u64 {
  const precision = (control >> 8) & 3
  return precision == 0 ? 0x10000000000 : precision == 2 ? 0x800 : 1
}

// @ts-ignore: decorator
@inline
function restOf(high: u64, low: u64, unit: u64): u64 {
  if (unit == 1) return low
  return ((high & (unit - 1)) << (unit == 0x800 ? 53 : 24)) | u64(low != 0)
}

export function roundPackGeneral(sign: u32, exponent: i32, high: u64, low: u64, control: u32): u64 {
  const mode = (control >> 10) & 3
  const unit = unitOf(control)
  const negative = sign != 0
  let rest = restOf(high, low, unit)
  let sig = high & ~(unit - 1)
  let increment = roundsUp(mode, negative, (sig & unit) != 0, rest)

  if (exponent <= 0) {
    const tiny = exponent < 0 || !increment || sig + unit != 0
    if (tiny && (control & UE) == 0) {
      raised |= UE
      exponent += EXPONENT_WRAP
      // FSCALE can be that far out.
      if (exponent <= 0) {
        raised |= PE
        return result(0, sign)
      }
    } else {
      const shifted = shiftRightJam(high, low, <u32>(1 - exponent))
      rest = restOf(shifted, wideLow, unit)
      sig = shifted & ~(unit - 1)
      increment = roundsUp(mode, negative, (sig & unit) != 0, rest)
      if (rest != 0) raised |= tiny ? PE | UE : PE
      if (increment) {
        sig += unit
        raised |= C1
      }
      return result(sig, sign | u32(sig >> 63))
    }
  }

  if (increment) {
    sig += unit
    if (sig == 0) {
      sig = TOP_BIT
      exponent++
    }
  }
  if (exponent >= <i32>EXPONENT_MAX) {
    raised |= OE
    if ((control & OE) != 0) return overflowed(sign, mode, unit)
    exponent -= EXPONENT_WRAP
    if (exponent >= <i32>EXPONENT_MAX) {
      raised |= PE | C1
      return result(TOP_BIT, sign | EXPONENT_MAX)
    }
  }
  if (rest != 0) raised |= increment ? PE | C1 : PE
  return result(sig, sign | exponent)
}

/** The masked response to overflow: infinity, or the largest number when rounding goes the other way. */
function overflowed(sign: u32, mode: u32, unit: u64): u64 {
  raised |= PE
  const toLargest = mode == CHOP || (mode == DOWN && sign == 0) || (mode == UP && sign != 0)
  if (toLargest) return result(~(unit - 1), sign | (EXPONENT_MAX - 1))
  raised |= C1
  return result(TOP_BIT, sign | EXPONENT_MAX)
}
