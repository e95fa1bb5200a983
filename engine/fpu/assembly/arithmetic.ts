/** FADD, FSUB, FSUBR, FMUL, FDIV, FDIVR in all their forms, and FSQRT, FABS, FCHS. */
import { add80, divide80, multiply80, squareRoot80, subtract80 } from './basic'
import { fromDouble, fromInteger, fromSingle } from './formats'
import { FPU_SCRATCH } from './layout'
import { C1, NEGATIVE, addressOf, deliver, isEmpty, physical, pop, put, raised, resultSe, setStatus, signExponent, significand, statusWord, underflowInto } from './machine'

const ADD = 0
const MUL = 1
const SUB = 2
const SUBR = 3
const DIV = 4
const DIVR = 5

// @ts-ignore: decorator
@inline
function compute(operation: i32, aSig: u64, aSe: u32, bSig: u64, bSe: u32): u64 {
  if (operation == ADD) return add80(aSig, aSe, bSig, bSe)
  if (operation == MUL) return multiply80(aSig, aSe, bSig, bSe)
  if (operation == SUB) return subtract80(aSig, aSe, bSig, bSe)
  if (operation == SUBR) return subtract80(bSig, bSe, aSig, aSe)
  if (operation == DIV) return divide80(aSig, aSe, bSig, bSe)
  return divide80(bSig, bSe, aSig, aSe)
}

/** ST(to) = ST(to) op ST(from), where either is ST(0). Returns nonzero when the result was withheld. */
// @ts-ignore: decorator
@inline
function registers(operation: i32, to: u32, from: u32): u32 {
  const destination = physical(to)
  const source = physical(from)
  if (isEmpty(destination) || isEmpty(source)) return underflowInto(destination)
  raised = 0
  const a = addressOf(destination)
  const b = addressOf(source)
  const sig = compute(operation, significand(a), signExponent(a), significand(b), signExponent(b))
  return deliver(a, sig, resultSe)
}

/** ST(0) = ST(0) op operand, the operand's conversion having set `raised` and `resultSe`. */
// @ts-ignore: decorator
@inline
function withOperand(operation: i32, operand: u64): i32 {
  const destination = physical(0)
  if (isEmpty(destination)) return underflowInto(destination)
  const a = addressOf(destination)
  const sig = compute(operation, significand(a), signExponent(a), operand, resultSe)
  return deliver(a, sig, resultSe)
}

// @ts-ignore: decorator
@inline
function popAfter(operation: i32, i: u32): i32 {
  const forbidding = registers(operation, i, 0)
  if (forbidding == 0) pop()
  return forbidding
}

// @ts-ignore: decorator
@inline
function single(): u64 {
  raised = 0
  return fromSingle(load<u32>(FPU_SCRATCH))
}

// @ts-ignore: decorator
@inline
function double(): u64 {
  raised = 0
  return fromDouble(load<u64>(FPU_SCRATCH))
}

// @ts-ignore: decorator
@inline
function integer16(): u64 {
  raised = 0
  return fromInteger(load<i16>(FPU_SCRATCH))
}

// @ts-ignore: decorator
@inline
function integer32(): u64 {
  raised = 0
  return fromInteger(load<i32>(FPU_SCRATCH))
}

export function fadd(i: u32): i32 {
  return registers(ADD, 0, i)
}
export function faddTo(i: u32): i32 {
  return registers(ADD, i, 0)
}
export function faddPop(i: u32): i32 {
  return popAfter(ADD, i)
}
export function faddM32(): i32 {
  return withOperand(ADD, single())
}
export function faddM64(): i32 {
  return withOperand(ADD, double())
}
export function fiaddM16(): i32 {
  return withOperand(ADD, integer16())
}
export function fiaddM32(): i32 {
  return withOperand(ADD, integer32())
}

export function fmul(i: u32): i32 {
  return registers(MUL, 0, i)
}
export function fmulTo(i: u32): i32 {
  return registers(MUL, i, 0)
}
export function fmulPop(i: u32): i32 {
  return popAfter(MUL, i)
}
export function fmulM32(): i32 {
  return withOperand(MUL, single())
}
export function fmulM64(): i32 {
  return withOperand(MUL, double())
}
export function fimulM16(): i32 {
  return withOperand(MUL, integer16())
}
export function fimulM32(): i32 {
  return withOperand(MUL, integer32())
}

export function fsub(i: u32): i32 {
  return registers(SUB, 0, i)
}
export function fsubTo(i: u32): i32 {
  return registers(SUB, i, 0)
}
export function fsubPop(i: u32): i32 {
  return popAfter(SUB, i)
}
export function fsubM32(): i32 {
  return withOperand(SUB, single())
}
export function fsubM64(): i32 {
  return withOperand(SUB, double())
}
export function fisubM16(): i32 {
  return withOperand(SUB, integer16())
}
export function fisubM32(): i32 {
  return withOperand(SUB, integer32())
}

export function fsubr(i: u32): i32 {
  return registers(SUBR, 0, i)
}
export function fsubrTo(i: u32): i32 {
  return registers(SUBR, i, 0)
}
export function fsubrPop(i: u32): i32 {
  return popAfter(SUBR, i)
}
export function fsubrM32(): i32 {
  return withOperand(SUBR, single())
}
export function fsubrM64(): i32 {
  return withOperand(SUBR, double())
}
export function fisubrM16(): i32 {
  return withOperand(SUBR, integer16())
}
export function fisubrM32(): i32 {
  return withOperand(SUBR, integer32())
}

export function fdiv(i: u32): i32 {
  return registers(DIV, 0, i)
}
export function fdivTo(i: u32): i32 {
  return registers(DIV, i, 0)
}
export function fdivPop(i: u32): i32 {
  return popAfter(DIV, i)
}
export function fdivM32(): i32 {
  return withOperand(DIV, single())
}
export function fdivM64(): i32 {
  return withOperand(DIV, double())
}
export function fidivM16(): i32 {
  return withOperand(DIV, integer16())
}
export function fidivM32(): i32 {
  return withOperand(DIV, integer32())
}

export function fdivr(i: u32): i32 {
  return registers(DIVR, 0, i)
}
export function fdivrTo(i: u32): i32 {
  return registers(DIVR, i, 0)
}
export function fdivrPop(i: u32): i32 {
  return popAfter(DIVR, i)
}
export function fdivrM32(): i32 {
  return withOperand(DIVR, single())
}
export function fdivrM64(): i32 {
  return withOperand(DIVR, double())
}
export function fidivrM16(): i32 {
  return withOperand(DIVR, integer16())
}
export function fidivrM32(): i32 {
  return withOperand(DIVR, integer32())
}

export function fsqrt(): i32 {
  const register = physical(0)
  if (isEmpty(register)) return underflowInto(register)
  raised = 0
  const at = addressOf(register)
  const sig = squareRoot80(significand(at), signExponent(at))
  return deliver(at, sig, resultSe)
}

/** FABS and FCHS touch nothing but the sign, of any value. */
function changeSign(clear: u32, flip: u32): i32 {
  const register = physical(0)
  if (isEmpty(register)) return underflowInto(register)
  const at = addressOf(register)
  setStatus(statusWord() & ~C1)
  put(at, significand(at), (signExponent(at) & ~clear) ^ flip)
  return 0
}

export function fabs(): i32 {
  return changeSign(NEGATIVE, 0)
}

export function fchs(): i32 {
  return changeSign(0, NEGATIVE)
}
