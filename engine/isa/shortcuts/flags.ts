import { type Expr, add, and, eqz, i32, ne, or, select, shl, xor } from '../../wasm/expression.ts'
import { AC, DIRECTION, ID, IF, IOPL, NT, RF, TF, VM, arithmeticFlags } from '../flags.ts'
import type { Semantics } from '../semantics.ts'
import { Attention, INTERRUPT_COUNTS, State } from '../state.ts'

/**
 * What generated code does by itself of instructions that concern the whole processor: the cases that
 * programs meet all the time and that neither fault nor change how code is decoded. vcpu/ has all cases, with the
 * rules. Here: the flags, and what all shortcuts share.
 */

export const both = (...conditions: Expr[]): Expr => conditions.reduce((a, b) => and(a, b))
const supervisor = (b: Semantics): Expr => eqz(b.word(State.CPL))
/** No interrupt, trap or stop is waiting. */
export const undisturbed = (b: Semantics): Expr => eqz(b.word(State.ATTENTION))
/** The instruction is not one that is run by itself. */
export const unstepped = (b: Semantics): Expr => eqz(and(b.word(State.ATTENTION), i32(Attention.STEP)))
export const realMode = (b: Semantics): Expr => eqz(and(b.word(State.CR0), i32(1)))
export const inVirtual8086 = (b: Semantics): Expr => ne(and(b.word(State.EFLAGS_SYSTEM), i32(VM)), i32(0))

export function countInterrupt(b: Semantics, vector: Expr): void {
  const count = b.let(add(shl(vector, i32(2)), i32(INTERRUPT_COUNTS)))
  b.fn.store(count, add(b.load(count, 4), i32(1)), 4)
}

// Flags.

export function clearInterrupts(b: Semantics): void {
  b.shortcut(supervisor(b), () => b.setWord(State.EFLAGS_SYSTEM, and(b.word(State.EFLAGS_SYSTEM), i32(~IF))))
}

/** The shadow of STI matters only while an interrupt waits. */
export function setInterrupts(b: Semantics): void {
  b.shortcut(both(supervisor(b), undisturbed(b)), () =>
    b.setWord(State.EFLAGS_SYSTEM, or(b.word(State.EFLAGS_SYSTEM), i32(IF))),
  )
}

// Time.

/** CR4.TSD: level 0 only. */
const TIME_STAMP_DISABLE = 4

/** RDTSC. One that is run by itself goes the long way, as all do then. */
export function readTimeStamp(b: Semantics): void {
  const disabled = and(b.word(State.CR4), i32(TIME_STAMP_DISABLE))
  b.shortcut(both(unstepped(b), or(supervisor(b), eqz(disabled))), () => b.readTimeStamp())
}

/** EFLAGS as pushed, but for VM, which is clear. */
export function flagsImage(b: Semantics): Expr {
  const system = and(b.word(State.EFLAGS_SYSTEM), i32(~RF))
  const direction = and(b.word(State.DF), i32(DIRECTION))
  return b.let(or(or(arithmeticFlags(b.flags()), direction), or(system, i32(2))))
}

/** True when an image changes none but the arithmetic flags, DF and IF. */
export function plainFlags(b: Semantics, image: Expr): Expr {
  const system = b.word(State.EFLAGS_SYSTEM)
  const same = TF | NT | IOPL | (b.size === 4 ? AC | ID : 0)
  return eqz(or(and(xor(image, system), i32(same)), and(system, i32(VM | RF | TF))))
}

/** Sets the arithmetic flags and DF. */
export function setFlagsImage(b: Semantics, image: Expr): void {
  b.setEflags(image)
  b.setWord(State.DF, select(and(image, i32(DIRECTION)), i32(-1), i32(1)))
}

export function setPlainFlags(b: Semantics, image: Expr): void {
  setFlagsImage(b, image)
  b.setWord(State.EFLAGS_SYSTEM, or(and(b.word(State.EFLAGS_SYSTEM), i32(~IF)), and(image, i32(IF))))
}

export function pushFlags(b: Semantics): void {
  b.shortcut(eqz(inVirtual8086(b)), () => b.push(flagsImage(b), b.size))
}

export function popFlags(b: Semantics): void {
  b.shortcut(both(supervisor(b), undisturbed(b)), () => {
    const image = b.let(b.pop(b.size))
    b.require(plainFlags(b, image))
    setPlainFlags(b, image)
  })
}
