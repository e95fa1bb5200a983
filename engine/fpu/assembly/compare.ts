/** FCOM, FUCOM, FCOMI, FUCOMI and their kin, FTST and FXAM. */
import { isDenormal, isInfinite, isNaN80, isSignalling, isUnsupported } from './classify'
import { fromDouble, fromInteger, fromSingle } from './formats'
import { FPU_SCRATCH } from './layout'
import { C0, C1, C2, C3, CONDITIONS, DE, EXPONENT_MAX, IE, NEGATIVE, SF, addressOf, isEmpty, physical, pop, raised, report, resultSe, setStatus, signExponent, significand, statusWord } from './machine'

const GREATER: u32 = 0
const LESS: u32 = C0
const EQUAL: u32 = C3
const UNORDERED: u32 = C0 | C2 | C3

/** Condition bits of a against b; raises IE for NaNs (only signalling ones when `quiet`) and DE. */
export function compare80(aSig: u64, aSe: u32, bSig: u64, bSe: u32, quiet: bool): u32 {
  if (isUnsupported(aSig, aSe) || isUnsupported(bSig, bSe)) {
    raised = IE
    return UNORDERED
  }
  if (isNaN80(aSig, aSe) || isNaN80(bSig, bSe)) {
    raised = !quiet || isSignalling(aSig, aSe) || isSignalling(bSig, bSe) ? IE : 0
    return UNORDERED
  }
  if (isDenormal(aSig, aSe) || isDenormal(bSig, bSe)) raised |= DE
  if ((aSig | bSig) == 0) {
    if (((aSe | bSe) & EXPONENT_MAX) == 0) return EQUAL
  }
  const aNegative = (aSe & NEGATIVE) != 0
  if (((aSe ^ bSe) & NEGATIVE) != 0) return aNegative ? LESS : GREATER
  // Pseudo-denormals have the value of exponent 1.
  const aExp = max<u32>(aSe & EXPONENT_MAX, u32(aSig != 0))
  const bExp = max<u32>(bSe & EXPONENT_MAX, u32(bSig != 0))
  if (aExp == bExp && aSig == bSig) return EQUAL
  const larger = aExp > bExp || (aExp == bExp && aSig > bSig)
  return larger != aNegative ? GREATER : LESS
}

/** Reports, and sets the condition codes, which happens even when an unmasked exception forbids a pop. */
function conclude(conditions: u32): i32 {
  const forbidding = report(false)
  setStatus((statusWord() & ~(C0 | C2 | C3)) | conditions)
  return forbidding
}

function emptyOperand(): i32 {
  raised = IE | SF
  return conclude(UNORDERED)
}

function compareRegister(i: u32, quiet: bool): i32 {
  const a = physical(0)
  const b = physical(i)
  if (isEmpty(a) || isEmpty(b)) return emptyOperand()
  raised = 0
  const first = addressOf(a)
  const second = addressOf(b)
  return conclude(compare80(significand(first), signExponent(first), significand(second), signExponent(second), quiet))
}

function compareOperand(sig: u64): i32 {
  const a = physical(0)
  if (isEmpty(a)) return emptyOperand()
  const at = addressOf(a)
  return conclude(compare80(significand(at), signExponent(at), sig, resultSe, false))
}

// @ts-ignore: decorator
@inline
function popUnless(forbidding: i32): i32 {
  if (forbidding == 0) pop()
  return forbidding
}

export function fcom(i: u32): i32 {
  return compareRegister(i, false)
}
export function fcomp(i: u32): i32 {
  return popUnless(compareRegister(i, false))
}
export function fcompp(): i32 {
  const forbidding = popUnless(compareRegister(1, false))
  return popUnless(forbidding)
}
export function fucom(i: u32): i32 {
  return compareRegister(i, true)
}
export function fucomp(i: u32): i32 {
  return popUnless(compareRegister(i, true))
}
export function fucompp(): i32 {
  const forbidding = popUnless(compareRegister(1, true))
  return popUnless(forbidding)
}

export function fcomM32(): i32 {
  raised = 0
  return compareOperand(fromSingle(load<u32>(FPU_SCRATCH)))
}
export function fcomM64(): i32 {
  raised = 0
  return compareOperand(fromDouble(load<u64>(FPU_SCRATCH)))
}
export function ficomM16(): i32 {
  raised = 0
  return compareOperand(fromInteger(load<i16>(FPU_SCRATCH)))
}
export function ficomM32(): i32 {
  raised = 0
  return compareOperand(fromInteger(load<i32>(FPU_SCRATCH)))
}
export function fcompM32(): i32 {
  return popUnless(fcomM32())
}
export function fcompM64(): i32 {
  return popUnless(fcomM64())
}
export function ficompM16(): i32 {
  return popUnless(ficomM16())
}
export function ficompM32(): i32 {
  return popUnless(ficomM32())
}

/**
 * Comparison into EFLAGS. Returns the new ZF (40h), PF (04h) and CF (01h) with OF, SF and AF to be cleared;
 * EFLAGS is set even when an unmasked exception comes of it.
 */
function compareToFlags(i: u32, quiet: bool, pops: bool): i32 {
  const a = physical(0)
  const b = physical(i)
  let conditions = UNORDERED
  if (isEmpty(a) || isEmpty(b)) raised = IE | SF
  else {
    raised = 0
    const first = addressOf(a)
    const second = addressOf(b)
    conditions = compare80(significand(first), signExponent(first), significand(second), signExponent(second), quiet)
  }
  if (pops) {
    if (report(false) == 0) pop()
  } else report(false)
  return <i32>((conditions & (C0 | C2 | C3)) >> 8)
}

export function fcomi(i: u32): i32 {
  return compareToFlags(i, false, false)
}
export function fucomi(i: u32): i32 {
  return compareToFlags(i, true, false)
}
export function fcomip(i: u32): i32 {
  return compareToFlags(i, false, true)
}
export function fucomip(i: u32): i32 {
  return compareToFlags(i, true, true)
}

export function ftst(): i32 {
  raised = 0
  resultSe = 0
  return compareOperand(0)
}

/** Classifies ST(0), empty or not, raising nothing. */
export function fxam(): i32 {
  const register = physical(0)
  const at = addressOf(register)
  const sig = significand(at)
  const se = signExponent(at)
  let conditions: u32
  if (isEmpty(register)) conditions = C3 | C0
  else if (isUnsupported(sig, se)) conditions = 0
  else if (isNaN80(sig, se)) conditions = C0
  else if (isInfinite(sig, se)) conditions = C2 | C0
  else if ((se & EXPONENT_MAX) != 0) conditions = C2
  else conditions = sig == 0 ? C3 : C3 | C2
  if ((se & NEGATIVE) != 0) conditions |= C1
  setStatus((statusWord() & ~CONDITIONS) | conditions)
  return 0
}
