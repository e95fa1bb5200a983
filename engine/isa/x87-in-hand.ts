import { type Expr, I32, I64, and, extend16, i32, load, select, shrU, xor } from '../wasm/expression.ts'
import { State } from './state.ts'
import type { InMemory, Real, X87Stack } from './x87-stack.ts'

/** x87 instructions on registers that are in hand (see X87Stack), by what they are made of in x87.ts. */

export type OnStack = (stack: X87Stack, i: number) => void
/** With the bytes of a memory operand. */
export type Load = (stack: X87Stack, value: Expr) => void
/** Gives what is to be stored: 8 bytes, then 2, for an operand of 10. */
export type Store = (stack: X87Stack) => Expr[]
export type Memory = InMemory['kind']

const SIGN = 0x8000

/** Calls a function that gives a number, and enters what it raised. */
function number(stack: X87Stack, name: string, args: readonly Expr[]): Real {
  const significand = stack.call(name, I64, args)
  const value: Real = [significand, stack.signExponent()]
  stack.raise()
  return value
}

export const arithmeticMemory =
  (op: string, kind: Memory): Load =>
  (stack, bits) =>
    stack.compute(op, 0, { kind, bits })

/** A word as the integer that it is. */
export const widened =
  (inHand: Load): Load =>
  (stack, value) =>
    inHand(stack, extend16(value))

export const arithmetic =
  (op: string): OnStack =>
  (stack, i) =>
    stack.compute(op, 0, i)

export const arithmeticTo =
  (op: string, pops: number): OnStack =>
  (stack, i) => {
    stack.compute(op, i, 0)
    if (pops) stack.pop()
  }

function concludeComparison(stack: X87Stack, conditions: Expr, pops: number): void {
  stack.setConditions(conditions)
  for (let i = 0; i < pops; i++) stack.pop()
}

export const compareMemory =
  (kind: Memory, pops: number): Load =>
  (stack, bits) =>
    concludeComparison(stack, stack.compare({ kind, bits }, false), pops)

export const compare =
  (quiet: boolean, pops: number): OnStack =>
  (stack, i) =>
    concludeComparison(stack, stack.compare(i, quiet), pops)

export function compareWithZero(stack: X87Stack): void {
  concludeComparison(stack, stack.compare({ kind: 'Integer', bits: i32(0) }, false), 0)
}

/** FCOMI and its kin: gives EFLAGS, where C3, C2 and C0 have become ZF, PF and CF. */
export const compareToFlags =
  (helper: string): ((stack: X87Stack, i: number) => Expr) =>
  (stack, i) => {
    const conditions = stack.compare(i, helper.startsWith('fu'))
    if (helper.endsWith('p')) stack.pop()
    return shrU(conditions, i32(8))
  }

export const loadReal =
  (kind: 'Single' | 'Double'): Load =>
  (stack, bits) =>
    stack.load({ kind, bits })

export const loadInteger =
  (size: number): Load =>
  (stack, value) => {
    if (size < 8) return stack.load({ kind: 'Integer', bits: size === 2 ? extend16(value) : value })
    stack.makeRoom()
    stack.push(number(stack, 'loadInteger', [value]))
  }

/** Ten bytes from the scratch area, whatever they are. */
export function loadWhole(stack: X87Stack): void {
  stack.makeRoom()
  stack.clearC1()
  stack.push([load(i32(State.FPU_SCRATCH), 8), load(i32(State.FPU_SCRATCH), 2, 8)])
}

export const storeReal =
  (kind: 'Single' | 'Double', pops: number): Store =>
  (stack) => {
    const value = stack.convert(kind)
    if (pops) stack.pop()
    return [value]
  }

export const storeInteger =
  (bits: 16 | 32 | 64, pops: number): Store =>
  (stack) => {
    const value = stack.call(`storeInteger${bits}`, bits === 64 ? I64 : I32, stack.read(0))
    stack.raise()
    if (pops) stack.pop()
    return [value]
  }

export function storeWhole(stack: X87Stack): Expr[] {
  const value = stack.read(0)
  stack.clearC1()
  stack.pop()
  return [...value]
}

export function duplicate(stack: X87Stack, i: number): void {
  stack.duplicate(i)
  stack.clearC1()
}

export function exchange(stack: X87Stack, i: number): void {
  stack.exchange(i)
  stack.clearC1()
}

/** FST and FSTP; the destination may be empty. */
export const copy =
  (pops: number): OnStack =>
  (stack, i) => {
    const value = stack.read(0)
    stack.clearC1()
    stack.write(i, value)
    if (pops) stack.pop()
  }

export function move(stack: X87Stack, i: number, taken: Expr): void {
  const [old, source] = [stack.read(0), stack.read(i)]
  stack.write(0, [select(taken, source[0], old[0]), select(taken, source[1], old[1])])
}

const CONSTANTS: Readonly<Record<string, number>> = { FLD1: 1, FLDZ: 0 }
/** Those that no rounding control changes. */
export const isPlainConstant = (name: string): boolean => name in CONSTANTS

export function pushConstant(stack: X87Stack, name: string): void {
  stack.load({ kind: 'Integer', bits: i32(CONSTANTS[name]!) })
}

export function changeSign(stack: X87Stack): void {
  const [significand, signExponent] = stack.read(0)
  stack.clearC1()
  stack.write(0, [significand, xor(signExponent, i32(SIGN))])
}

export function clearSign(stack: X87Stack): void {
  const [significand, signExponent] = stack.read(0)
  stack.clearC1()
  stack.write(0, [significand, and(signExponent, i32(~SIGN))])
}

export function squareRoot(stack: X87Stack): void {
  stack.write(0, number(stack, 'sqrtReal', stack.read(0)))
}
