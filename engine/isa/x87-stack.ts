import type { Expr, ValueType } from '../wasm/expression.ts'

/** An 80-bit number: significand (i64), then sign and exponent (i32). */
export type Real = readonly [significand: Expr, signExponent: Expr]

/** A number in memory by the integer that its bytes are; `Integer` is one of 32 bits. */
export interface InMemory {
  kind: 'Single' | 'Double' | 'Integer'
  bits: Expr
}

/**
 * The x87 registers of whoever keeps them in hand, instead of in memory. What is not ordinary (an empty register, a
 * full one to push to, an exception that is not masked) leaves the instruction, restartable, before anything changes:
 * so an instruction asks for all its operands and calls its function before it writes.
 */
export interface X87Stack {
  /** The value of ST(i). */
  read(i: number): Real
  /** Replaces ST(i). */
  write(i: number, value: Real): void
  /** Sees to it that there is room for a push. */
  makeRoom(): void
  push(value: Real): void
  pop(): void
  /** ST(0) and ST(i) change places. */
  exchange(i: number): void
  /** Pushes ST(i). */
  duplicate(i: number): void
  /** ST(to) = ST(to) op the other operand: ST(i), or what is in memory. Enters what that raises, and C1. */
  compute(op: string, to: number, other: number | InMemory): void
  /** Pushes a number. */
  load(number: InMemory): void
  /** ST(0) in another format. */
  convert(kind: 'Single' | 'Double'): Expr
  /** C0, C2 and C3 of ST(0) and another operand; `quiet` NaNs raise nothing. Enters what that raises. */
  compare(other: number | InMemory, quiet: boolean): Expr
  /**
   * Calls a function of the FPU module on values (fpu/assembly/values.ts). Its exceptions enter the status word with
   * `raise`.
   */
  call(name: string, type: ValueType, args: readonly Expr[]): Expr
  /** Sign and exponent of what the last function gave. */
  signExponent(): Expr
  /** Enters what the last function raised, and its C1. */
  raise(): void
  clearC1(): void
  /** Replaces C0, C2 and C3. */
  setConditions(conditions: Expr): void
  /** Where the instruction is, and its memory operand with the state address of its segment. */
  remember(eip: Expr, opcode: Expr, memory?: { address: Expr; segment: Expr }): void
}
