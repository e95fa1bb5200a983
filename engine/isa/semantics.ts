import {
  type Expr,
  add,
  and,
  i32,
  isConst,
  leU,
  load,
  ltU,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  xor,
} from '../wasm/expression.ts'
import { type FunctionBuilder } from '../wasm/function-builder.ts'
import {
  type Flags,
  ARITHMETIC,
  auxWord,
  carryOf,
  resultWord,
  signExtended,
  storedFromEflags,
  zeroExtend,
} from './flags.ts'
import type { BinaryOperation, ScalarKind } from './sse-native.ts'
import { ESP, SS, TLB, Tlb } from './state.ts'
import type { SystemOp } from './system-op.ts'
import type { X87Stack } from './x87-stack.ts'

/**
 * An operand as the meaning of an instruction sees it. Values are zero-extended to 32 bits (i64 for 8
 * bytes, v128 for 16). Register writes wait until the instruction can no longer fault.
 */
export interface Operand {
  readonly size: number
  /** True for a register, false for memory or an immediate. */
  readonly isRegister: boolean
  read(): Expr
  /** Reads what will be written back: memory is translated once, for writing. */
  readForWrite(): Expr
  write(value: Expr): void
  /** 4 or 8 bytes of an MMX or XMM register, from a byte on. */
  readPart(size: number, offset: number): Expr
  /** The lowest 4 or 8 bytes of an XMM register as a number; `writePart` takes numbers, too. */
  readReal(size: 4 | 8): Expr
  writePart(value: Expr, size: number, offset: number): void
  /** Effective address of a memory operand, without the segment base. */
  address(): Expr
  /** State address of a memory operand's segment cache. */
  segment(): Expr
  /** State address of a register operand, which is up to date there; what a helper stores there counts. */
  registerAddress(): Expr
}

/** True for the segment of an access that needs none: base 0, limit 4 GiB. */
export const isFlatSegment = (segment: Expr): boolean => isConst(segment) && segment.value === 0

export type Repeat = 'none' | 'rep' | 'repne'

/** Vectors that a meaning may raise itself (SDM vol. 3, table 6-1). */
export const DE = 0
export const UD = 6
export const GP = 13
export const XM = 19

/**
 * What the meaning of an instruction is written against. The interpreter generator keeps state in memory and
 * takes operands from the decoded record; the translator keeps state in locals and knows the operands.
 */
export abstract class Semantics {
  /** Operand, address and stack size of this instruction in bytes. */
  size = 4
  addressSize = 4
  stackSize = 4
  repeat: Repeat = 'none'
  /** What is known of an immediate count (see Description.split). */
  split = ''
  #pending: { value: Expr; put: (value: Expr) => void }[] = []
  #newFlags: Flags | null = null

  constructor(readonly fn: FunctionBuilder) {}

  /** Evaluates once, now. */
  let(e: Expr): Expr {
    return this.fn.let(e)
  }

  abstract register(index: number, size: number): Expr
  protected abstract putRegister(index: number, size: number, value: Expr): void
  abstract flags(): Flags
  protected abstract putFlags(flags: Flags): void
  /** A word of processor state (an address of `State`). */
  abstract word(address: number): Expr
  protected abstract putWord(address: number, value: Expr): void
  /**
   * Linear-memory address of `size` bytes at an effective address in a segment, checked and translated.
   * Leaves the instruction, restartable, when the access faults. `modify`: what is written is read first.
   */
  abstract memory(segment: Expr, address: Expr, size: number, write: boolean, modify?: boolean): Expr
  /** The same through SS with the stack's address size. */
  abstract stack(address: Expr, size: number, write: boolean): Expr
  /** State address of the segment of a string instruction's source (DS unless overridden). */
  abstract stringSource(): Expr
  abstract segmentCache(index: number): Expr
  /** Leaves with an exception without error code when the condition holds. */
  abstract raiseIf(condition: Expr, vector: number): void
  /** EIP of this instruction. */
  abstract thisEip(): Expr
  /** EIP of the next instruction. */
  abstract nextEip(): Expr
  /** #GP(0) when an EIP lies beyond the limit of CS; to be called before the first effect of a near transfer. */
  abstract checkTarget(eip: Expr): void
  /** The same for the relative operand of a branch that may be taken. */
  abstract checkRelative(taken: Expr): void
  /** Ends the instruction with a jump to its relative operand. */
  abstract jumpRelative(): void
  abstract branchRelative(condition: Expr): void
  /** Ends the instruction with a jump to an EIP computed at run time. */
  abstract jumpTo(eip: Expr): void
  /** Ends a repeated instruction: goes on with the next one, or with this one again. */
  abstract again(condition: Expr): void
  /** Skips a repeated instruction whose count is zero. */
  abstract skipIf(condition: Expr): void
  /** Repeats in bulk what can be; the result is the number of repetitions done, the registers are moved. */
  abstract bulk(op: SystemOp, segment: Expr): Expr
  /** Subtracts repetitions done in bulk from the budget. */
  abstract retire(count: Expr): void
  /** Ends the instruction with an operation that works on the whole processor (see SystemOp). */
  abstract system(op: SystemOp, a?: Expr, b?: Expr): void
  /**
   * Ends the instruction with what `body` queues, when the condition holds and so does all that it requires. What
   * follows the shortcut must be right without it: whoever cannot end an instruction halfway leaves it out.
   */
  shortcut(_condition: Expr, _body: () => void): void {}
  /** Leaves the shortcut under way, which has had no effect yet, unless the condition holds. */
  require(_condition: Expr): void {}
  /**
   * Linear-memory address of bytes that the processor itself uses (descriptor tables, task segments, stacks of inner
   * levels), by their linear address. Leaves the shortcut under way where the TLB does not have it.
   */
  systemMemory(linear: Expr, size: number, write: boolean): Expr {
    const at = this.let(linear)
    const entry = this.let(load(shl(shrU(at, i32(12)), i32(2)), 4, TLB))
    this.require(and(entry, i32(write ? Tlb.WRITE_SUPERVISOR : Tlb.READ_SUPERVISOR)))
    this.require(leU(and(at, i32(0xfff)), i32(0x1000 - size)))
    return this.let(add(at, and(entry, i32(-0x1000))))
  }
  /** Leaves the shortcut under way where code in a segment with this base cannot be gone on with at once. */
  requireCode(_base: Expr): void {}
  /** Ends a shortcut with a load of CS, whose limit and rights stay, and a jump to an EIP there. */
  enterCode(_selector: Expr, _base: Expr, _eip: Expr): void {}
  /** Ends a shortcut with a jump to an EIP in the mode that the state says by then. */
  resumeAt(_eip: Expr): void {}
  /** Ends a shortcut with an access to a port, by the accumulator. */
  readPort(_port: Expr): void {}
  writePort(_port: Expr): void {}
  /** Ends a shortcut with EDX:EAX set to the time-stamp counter. */
  readTimeStamp(): void {}
  /** Does all repetitions of a MOVS or STOS, or leaves them to the interpreter; false for who repeats step by step. */
  repeatAtOnce(_name: 'MOVS' | 'STOS'): boolean {
    return false
  }
  /** Calls a function of the FPU module, whose state is in memory, with i32 arguments and result. */
  abstract helper(name: string, ...args: Expr[]): Expr
  /** Queues a write until nothing can fault any more. */
  later(value: Expr, put: (value: Expr) => void): void {
    this.#pending.push({ value, put })
  }

  /** Does SSE arithmetic by the host's own where it can; see sse-native.ts. */
  readonly hasNativeArithmetic: boolean = false
  /** Leaves the instruction, restartable, unless MXCSR is quiet; or else `quietMxcsr` tells. */
  requireQuietMxcsr(): void {}
  /** Non-zero while MXCSR is quiet; null where it is known to be. */
  quietMxcsr(): Expr | null {
    return null
  }
  /** Takes scalar arithmetic on the instruction's operands whose flags are looked at later; false where that cannot be. */
  batchArithmetic(_operation: BinaryOperation, _kind: ScalarKind, _source: Operand): boolean {
    return false
  }
  /** What is not usual: leaves the instruction, restartable, or has it done by a helper. */
  unusual(byHelper: () => void): void {
    byHelper()
  }

  /** The x87 registers of whoever keeps them in hand; null where helpers work on them in memory. */
  x87Stack(): X87Stack | null {
    return null
  }

  /** Carries out the writes queued so far. */
  settle(): void {
    this.commit()
  }

  setRegister(index: number, size: number, value: Expr): void {
    this.later(value, (v) => this.putRegister(index, size, v))
  }

  setWord(address: number, value: Expr): void {
    this.later(value, (v) => this.putWord(address, v))
  }

  setFlags(flags: Flags): void {
    this.#newFlags = flags
  }

  protected commit(): void {
    const pending = this.#pending.splice(0)
    // Evaluate all before writing any: a value may read what another write changes.
    const values =
      pending.length > 1 ? pending.map(({ value }) => this.let(value)) : pending.map(({ value }) => value)
    pending.forEach(({ put }, i) => put(values[i]!))
    if (this.#newFlags) {
      this.putFlags(this.#newFlags)
      this.#newFlags = null
    }
  }

  // Flags, for meanings.

  addFlags(left: Expr, right: Expr, result: Expr): void {
    this.setFlags({ kind: 'add', size: this.size, left, right, result })
  }

  subFlags(left: Expr, right: Expr, result: Expr, plain = true): void {
    this.setFlags({ kind: 'sub', size: this.size, left, right, result, plain })
  }

  logicFlags(result: Expr): void {
    this.setFlags({ kind: 'logic', size: this.size, result })
  }

  incFlags(kind: 'inc' | 'dec', result: Expr): void {
    this.setFlags({ kind, size: this.size, result, carry: this.let(carryOf(this.flags())) })
  }

  /** ZF, SF, PF from the result, CF and OF as given (0 or 1), AF clear. */
  resultFlags(result: Expr, carry: Expr, overflow: Expr, size = this.size): Flags {
    return {
      kind: 'given',
      result: this.let(signExtended(result, size)),
      carry: this.let(carry),
      overflow: this.let(overflow),
    }
  }

  /** Only CF and OF change. */
  carryFlags(carry: Expr, overflow: Expr): Flags {
    const old = this.flags()
    const aux = or(
      and(auxWord(old), i32(0xff09)),
      or(shl(carry, i32(31)), shl(xor(carry, overflow), i32(30))),
    )
    return { kind: 'stored', result: this.let(resultWord(old)), aux: this.let(aux) }
  }

  /** New flags when the condition holds, else the old ones. */
  setFlagsIf(condition: Expr, flags: Flags): void {
    if (isConst(condition)) {
      if (condition.value) this.setFlags(flags)
      return
    }
    const old = this.flags()
    this.setFlags({
      kind: 'stored',
      result: this.let(select(condition, resultWord(flags), resultWord(old))),
      aux: this.let(select(condition, auxWord(flags), auxWord(old))),
    })
  }

  /** All six arithmetic flags from EFLAGS positions. */
  setEflags(value: Expr): void {
    this.setFlags(storedFromEflags(this.let(and(value, i32(ARITHMETIC))), (e) => this.let(e)))
  }

  // Stack, for meanings.

  stackPointer(): Expr {
    return this.register(ESP, this.stackSize)
  }

  setStackPointer(value: Expr): void {
    this.setRegister(ESP, this.stackSize, value)
  }

  push(value: Expr, size: number): void {
    const top = this.let(zeroExtend(sub(this.stackPointer(), i32(size)), this.stackSize))
    this.fn.store(this.stack(top, size, true), value, size)
    this.setStackPointer(top)
  }

  /** The value on top, `depth` bytes down; the caller moves the pointer. */
  peek(size: number, depth = 0): Expr {
    return this.load(
      this.stack(zeroExtend(add(this.stackPointer(), i32(depth)), this.stackSize), size, false),
      size,
    )
  }

  pop(size: number): Expr {
    const value = this.peek(size)
    this.setStackPointer(add(this.stackPointer(), i32(size)))
    return value
  }

  abstract load(address: Expr, size: number): Expr

  /** Copies a memory operand's bytes to State addresses. */
  copyIn(operand: Operand, to: number, bytes: number): void {
    this.#copy(operand, bytes, false, (host, at, size) =>
      this.fn.store(i32(to + at), load(host, size, at), size),
    )
  }

  /** Copies bytes from State addresses to a memory operand. */
  copyOut(operand: Operand, from: number, bytes: number): void {
    this.#copy(operand, bytes, true, (host, at, size) =>
      this.fn.store(host, load(i32(from + at), size), size, at),
    )
  }

  /** Pieces of at most 16 bytes, all translated before the first is moved. */
  #copy(
    operand: Operand,
    bytes: number,
    write: boolean,
    move: (host: Expr, at: number, size: number) => void,
  ): void {
    const address = this.let(operand.address())
    const pieces: [host: Expr, at: number, sizes: number][] = []
    for (let at = 0; at < bytes;) {
      const size = bytes - at >= 8 ? 8 : bytes - at >= 4 ? 4 : 2
      pieces.push([this.memory(operand.segment(), add(address, i32(at)), size, write), at, size])
      at += size
    }
    for (const [host, at, size] of pieces) move(sub(host, i32(at)), at, size)
  }

  /** SS for the stack's own memory operands. */
  get stackSegment(): Expr {
    return this.segmentCache(SS)
  }

  nonZero(e: Expr): Expr {
    return ne(e, i32(0))
  }

  below(e: Expr, limit: number): Expr {
    return ltU(e, i32(limit))
  }
}
