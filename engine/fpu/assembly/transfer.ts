/** Loads, stores and moves. Memory operands are in FPU_SCRATCH; a store that returns nonzero stores nothing. */
import { isDenormal, isNaN80, quieten } from './classify'
import { fromDecimal, fromDouble, fromInteger, fromSingle, narrow, toDecimal, toInteger } from './formats'
import { FPU_SCRATCH } from './layout'
import { C1, DE, IE, INDEFINITE, INDEFINITE_SE, SF, addressOf, controlWord, isEmpty, overflowPush, physical, pop, push, pushResult, put, raised, report, resultSe, setEmpty, setFull, setStatus, signExponent, significand, statusWord, underflowInto } from './machine'
import { CHOP, DOWN, NEAREST, UP, roundingMode } from './round'

export function fld(i: u32): i32 {
  const source = physical(i)
  if (isEmpty(source)) {
    // Also where the push itself has no room: the Zen's order, undefined elsewhere.
    raised = IE | SF
    const forbidding = report(false)
    if (forbidding == 0) put(addressOf(push()), INDEFINITE, INDEFINITE_SE)
    return forbidding
  }
  const at = addressOf(source)
  raised = 0
  return pushResult(significand(at), signExponent(at))
}

export function fldM32(): i32 {
  raised = 0
  const sig = fromSingle(load<u32>(FPU_SCRATCH))
  return pushWidened(sig)
}

export function fldM64(): i32 {
  raised = 0
  const sig = fromDouble(load<u64>(FPU_SCRATCH))
  return pushWidened(sig)
}

function pushWidened(sig: u64): i32 {
  if (isNaN80(sig, resultSe)) sig = quieten(sig, resultSe)
  return pushResult(sig, resultSe)
}

/** Any 80 bits are taken as they are, without an exception. */
export function fldM80(): i32 {
  raised = 0
  return pushResult(load<u64>(FPU_SCRATCH), load<u16>(FPU_SCRATCH, 8))
}

export function fildM16(): i32 {
  raised = 0
  const sig = fromInteger(load<i16>(FPU_SCRATCH))
  return pushResult(sig, resultSe)
}

export function fildM32(): i32 {
  raised = 0
  const sig = fromInteger(load<i32>(FPU_SCRATCH))
  return pushResult(sig, resultSe)
}

export function fildM64(): i32 {
  raised = 0
  const sig = fromInteger(load<i64>(FPU_SCRATCH))
  return pushResult(sig, resultSe)
}

export function fbld(): i32 {
  raised = 0
  const sig = fromDecimal(FPU_SCRATCH)
  return pushResult(sig, resultSe)
}

/** Chopped significand, sign and exponent, and whether the first bit dropped was a one. */
const CONSTANTS = memory.data<u64>([
  0x8000000000000000, 0x3fff, 0, // 1
  0xd49a784bcd1b8afe, 0x4000, 0, // log2 10
  0xb8aa3b295c17f0bb, 0x3fff, 1, // log2 e
  0xc90fdaa22168c234, 0x4000, 1, // pi
  0x9a209a84fbcff798, 0x3ffd, 1, // log10 2
  0xb17217f7d1cf79ab, 0x3ffe, 1, // ln 2
  0, 0, 0,
])

/**
 * FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ as 0 to 6. All but the first and last are rounded by RC,
 * without raising PE.
 */
export function fldConstant(which: u32): i32 {
  const at = CONSTANTS + <usize>which * 24
  let sig = load<u64>(at)
  const mode = roundingMode()
  const exact = which == 0 || which >= 6
  if (!exact && (mode == UP || (mode == NEAREST && load<u64>(at, 16) != 0))) sig++
  raised = 0
  return pushResult(sig, load<u32>(at, 8))
}

export function fst(i: u32): i32 {
  const source = physical(0)
  const destination = physical(i)
  if (isEmpty(source)) return underflowInto(destination)
  const from = addressOf(source)
  setStatus(statusWord() & ~C1)
  put(addressOf(destination), significand(from), signExponent(from))
  setFull(destination)
  return 0
}

export function fstp(i: u32): i32 {
  const forbidding = fst(i)
  if (forbidding == 0) pop()
  return forbidding
}

/** The value of ST(0) for a store, the indefinite value when it is empty; sets `raised` and `resultSe`. */
function sourceOfStore(): u64 {
  const source = physical(0)
  if (isEmpty(source)) {
    raised = IE | SF
    resultSe = INDEFINITE_SE
    return INDEFINITE
  }
  raised = 0
  const at = addressOf(source)
  resultSe = signExponent(at)
  return significand(at)
}

export function fstM32(): i32 {
  const sig = sourceOfStore()
  store<u32>(FPU_SCRATCH, <u32>narrow(sig, resultSe, false, controlWord()))
  return report(true)
}

export function fstM64(): i32 {
  const sig = sourceOfStore()
  store<u64>(FPU_SCRATCH, narrow(sig, resultSe, true, controlWord()))
  return report(true)
}

export function fstpM32(): i32 {
  return popUnless(fstM32())
}

export function fstpM64(): i32 {
  return popUnless(fstM64())
}

// @ts-ignore: decorator
@inline
function popUnless(forbidding: i32): i32 {
  if (forbidding == 0) pop()
  return forbidding
}

export function fstpM80(): i32 {
  const sig = sourceOfStore()
  store<u64>(FPU_SCRATCH, sig)
  store<u16>(FPU_SCRATCH, <u16>resultSe, 8)
  return popUnless(report(true))
}

function storeInteger(bits: u32, mode: u32): i32 {
  const sig = sourceOfStore()
  const empty = raised
  const value = toInteger(sig, resultSe, mode, bits)
  raised |= empty
  // The bytes above the operand's size are not the operand's.
  store<i64>(FPU_SCRATCH, value)
  return report(true)
}

export function fistM16(): i32 {
  return storeInteger(16, roundingMode())
}
export function fistM32(): i32 {
  return storeInteger(32, roundingMode())
}
export function fistpM16(): i32 {
  return popUnless(storeInteger(16, roundingMode()))
}
export function fistpM32(): i32 {
  return popUnless(storeInteger(32, roundingMode()))
}
export function fistpM64(): i32 {
  return popUnless(storeInteger(64, roundingMode()))
}
export function fisttpM16(): i32 {
  return popUnless(storeInteger(16, CHOP))
}
export function fisttpM32(): i32 {
  return popUnless(storeInteger(32, CHOP))
}
export function fisttpM64(): i32 {
  return popUnless(storeInteger(64, CHOP))
}

export function fbstp(): i32 {
  const sig = sourceOfStore()
  const empty = raised
  toDecimal(sig, resultSe, roundingMode(), FPU_SCRATCH)
  raised |= empty
  return popUnless(report(true))
}

export function fxch(i: u32): i32 {
  const a = physical(0)
  const b = physical(i)
  const first = addressOf(a)
  const second = addressOf(b)
  if (isEmpty(a) || isEmpty(b)) {
    raised = IE | SF
    const forbidding = report(false)
    if (forbidding != 0) return forbidding
    fillIfEmpty(a)
    fillIfEmpty(b)
  } else setStatus(statusWord() & ~C1)
  const sig = significand(first)
  const se = signExponent(first)
  put(first, significand(second), signExponent(second))
  put(second, sig, se)
  return 0
}

function fillIfEmpty(register: u32): void {
  if (!isEmpty(register)) return
  put(addressOf(register), INDEFINITE, INDEFINITE_SE)
  setFull(register)
}

/**
 * FCMOVcc with a condition that holds when `taken`. Both registers are tested for emptiness in either case.
 */
export function fcmov(i: u32, taken: i32): i32 {
  const destination = physical(0)
  const source = physical(i)
  if (isEmpty(destination) || isEmpty(source)) return underflowInto(destination)
  if (taken == 0) return 0
  const from = addressOf(source)
  put(addressOf(destination), significand(from), signExponent(from))
  return 0
}

export function ffree(i: u32): i32 {
  setEmpty(physical(i))
  setStatus(statusWord() & ~C1)
  return 0
}

/** The undocumented DF C0+i: free and pop. */
export function ffreep(i: u32): i32 {
  ffree(i)
  pop()
  return 0
}

export function fincstp(): i32 {
  const status = statusWord()
  setStatus((status & ~(0x3800 | C1)) | ((status + 0x800) & 0x3800))
  return 0
}

export function fdecstp(): i32 {
  const status = statusWord()
  setStatus((status & ~(0x3800 | C1)) | ((status - 0x800) & 0x3800))
  return 0
}
