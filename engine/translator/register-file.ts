import {
  type Expr,
  F32,
  F64,
  I32,
  I64,
  V128,
  type ValueType,
  and,
  i32,
  load,
  local,
  or,
  shl,
  shrU,
  vector,
} from '../wasm/expression.ts'
import type { FunctionBuilder } from '../wasm/function-builder.ts'
import type { Instruction } from '../isa/decoder.ts'
import { State } from '../isa/state.ts'

/** Parameter and locals of a region's function, words but for XMM and X87_SIGNIFICAND. */
export const Local = {
  /** Parameter: instructions left. */
  BUDGET: 0,
  /** EAX to EDI. */
  GPR: 1,
  /** EIP of the first byte of the page that the region was entered in. */
  EIP_BASE: 9,
  READ_BIT: 10,
  WRITE_BIT: 11,
  LINEAR: 12,
  ENTRY: 13,
  /** Record of the branch by which the region is left, where it could have gone on; 0 for another exit. */
  SITE: 14,
  FLAGS_RESULT: 15,
  FLAGS_LEFT: 16,
  FLAGS_RIGHT: 17,
  /** Which kind of flags the locals hold, where ways with different kinds have met. */
  FLAGS_KIND: 18,
  /** The record to go on with after the region; 0 when it is left by a jump. */
  EXIT: 19,
  /** EIP to go on with after a jump. */
  TARGET: 20,
  /** Why the region is left: an index of EXIT_REASONS. */
  REASON: 21,
  /** Distance of the page of EXIT's record from the page that the region was entered in. */
  EXIT_DELTA: 22,
  /** XMM0 to XMM7, vectors. */
  XMM: 23,
  /** x87 status and tag word. */
  X87_STATUS: 31,
  X87_TAGS: 32,
  /** TOP in bytes of registers, and the tags from there on, in a block that has asked for them. */
  X87_TOP: 33,
  X87_RELATIVE_TAGS: 34,
  /** What came of the last function on values. */
  X87_OUTCOME: 35,
  /** The last x87 instruction: EIP, opcode (-1 for none), address and segment (state address, 0 for none). */
  X87_IP: 36,
  X87_OPCODE: 37,
  X87_DP: 38,
  X87_SEGMENT: 39,
  /** Values of x87 registers, as in a block: words, then significands of 64 bits. */
  X87_SIGN_EXPONENT: 40,
  X87_SIGNIFICAND: 48,
  COUNT: 56,
} as const

/** In EXIT: the region is left to the runtime, for the instruction at TARGET. */
export const STOPPED = -1

export const FLAG_LOCALS = { result: Local.FLAGS_RESULT, left: Local.FLAGS_LEFT, right: Local.FLAGS_RIGHT }

/** Types by index. */
export const LOCAL_TYPES: readonly ValueType[] = Array.from({ length: Local.COUNT + 9 }, (_, i) => typeOf(i))

/** Locals after those: the eight values of x87 registers as doubles, and one more. */
export const X87Local = {
  /** Instead of X87_SIGNIFICAND, where X87_SIGN_EXPONENT is -1. */
  DOUBLE: Local.COUNT,
  /** Non-zero while the control word allows the arithmetic of x87-doubles.ts. */
  EXACT: Local.COUNT + 8,
} as const

function typeOf(i: number): ValueType {
  if (i >= Local.XMM && i < Local.X87_STATUS) return V128
  if (i >= Local.X87_SIGNIFICAND && i < Local.COUNT) return I64
  return i >= Local.COUNT && i < Local.COUNT + 8 ? F64 : I32
}

const REGISTERS = 8
const XMM_BYTES = 16
const isXmm = (address: number): boolean =>
  address >= State.XMM && address < State.XMM + REGISTERS * XMM_BYTES
export const usesXmm = ({ operands }: Instruction): boolean =>
  operands.some((operand) => operand.kind === 'register' && isXmm(operand.address))
/** General registers, by their state addresses. */
export const isGpr = (address: number): boolean => address >= State.GPR && address < State.GPR + REGISTERS * 8

/**
 * General and XMM registers in locals: read when the region is entered, written back when it is left. Of a
 * general register that no instruction of the region uses as a whole, the lower half alone, so that 16-bit code
 * need not merge halves.
 */
export class RegisterFile {
  readonly #versions = Array<number>(REGISTERS).fill(0)
  #used = 0
  #written = 0
  #usedXmm = 0
  #writtenXmm = 0
  /** Registers that have been used as a whole, one bit each. */
  whole = 0

  /** @param halves registers of which the lower 16 bits are kept, one bit each */
  constructor(
    private readonly fn: FunctionBuilder,
    private readonly halves: number,
  ) {}

  /** A register of `size` bytes by its state address, zero-extended; what is neither a general nor an XMM register stays in memory. */
  read(address: number, size: number): Expr {
    if (isXmm(address)) return this.#readXmm(address, size)
    if (!isGpr(address)) return address === State.ZERO ? i32(0) : load(i32(address), size)
    const index = this.#use(address, size)
    const value = local(Local.GPR + index)
    const half = this.#isHalf(index)
    if (size === 4 || (size === 2 && half)) return value
    if (size === 2) return and(value, i32(0xffff))
    if (address & 7) return half ? shrU(value, i32(8)) : and(shrU(value, i32(8)), i32(0xff))
    return and(value, i32(0xff))
  }

  write(address: number, size: number, value: Expr): void {
    if (isXmm(address)) return this.#writeXmm(address, size, value)
    if (!isGpr(address)) return this.fn.store(i32(address), value, size)
    const index = this.#use(address, size)
    const at = Local.GPR + index
    const half = this.#isHalf(index)
    this.#written |= 1 << index
    this.#versions[index]!++
    if (size === 4) return this.fn.set(at, value)
    if (size === 2 && half) return this.fn.set(at, and(value, i32(0xffff)))
    const shift = address & 7 ? 8 : 0
    const mask = (size === 2 ? 0xffff : 0xff) << shift
    this.fn.set(at, or(and(local(at), i32(~mask)), and(shl(value, i32(shift)), i32(mask))))
  }

  /** Another number after each write to a general register. */
  version(index: number): number {
    return this.#versions[index]!
  }

  /** The lowest 4 or 8 bytes of an XMM register as a number. */
  readReal(address: number, size: 4 | 8): Expr {
    const value = this.#xmmLocal(address)
    return size === 8 ? vector(33, F64, [value], 0) : vector(31, F32, [value], 0)
  }

  /** Brings a register that a helper is going to use up to date in memory. */
  expose(address: number): void {
    if (isXmm(address)) this.fn.store(i32(address), this.read(address, XMM_BYTES), XMM_BYTES)
  }

  /** All general registers to memory, for a function that may look at any and change it; `reloadAll` after it. */
  exposeAll(): void {
    const all = (1 << REGISTERS) - 1
    this.#used |= all
    this.#written |= all
    this.#storeGeneral(all)
  }

  reloadAll(): void {
    this.#versions.forEach((version, index) => (this.#versions[index] = version + 1))
    this.#loadGeneral(this.fn, (1 << REGISTERS) - 1)
  }

  /** Takes over what a helper has stored. */
  reload(address: number): void {
    if (isXmm(address)) this.write(address, XMM_BYTES, load(i32(address), XMM_BYTES))
  }

  #readXmm(address: number, size: number): Expr {
    const value = this.#xmmLocal(address)
    if (size === XMM_BYTES) return value
    const lane = (address & (XMM_BYTES - 1)) / size
    return size === 8 ? vector(29, I64, [value], lane) : vector(27, I32, [value], lane)
  }

  #writeXmm(address: number, size: number, value: Expr): void {
    const old = this.#xmmLocal(address)
    this.#writtenXmm |= 1 << (old.value - Local.XMM)
    const lane = (address & (XMM_BYTES - 1)) / size
    const replace = { [V128]: 0, [I64]: 30, [I32]: 28, [F64]: 34, [F32]: 32 }[value.type]
    const whole = size === XMM_BYTES ? value : vector(replace, V128, [old, value], lane)
    this.fn.set(old.value, whole)
  }

  #xmmLocal(address: number): Expr {
    const index = ((address - State.XMM) / XMM_BYTES) | 0
    this.#usedXmm |= 1 << index
    return local(Local.XMM + index, V128)
  }

  #isHalf(index: number): boolean {
    return (this.halves & (1 << index)) !== 0
  }

  #use(address: number, size: number): number {
    const index = (address - State.GPR) >> 3
    this.#used |= 1 << index
    if (size === 4) this.whole |= 1 << index
    return index
  }

  /** To the start of the function, once its body is known. */
  loadAll(fn: FunctionBuilder): void {
    for (let i = 0; i < REGISTERS; i++)
      if (this.#usedXmm & (1 << i)) fn.set(Local.XMM + i, load(i32(State.XMM + i * XMM_BYTES), XMM_BYTES))
    this.#loadGeneral(fn, this.#used)
  }

  /** @param set one bit a register */
  #loadGeneral(fn: FunctionBuilder, set: number): void {
    for (let i = 0; i < REGISTERS; i++)
      if (set & (1 << i)) fn.set(Local.GPR + i, load(i32(State.GPR + i * 8), this.#isHalf(i) ? 2 : 4))
  }

  storeWritten(): void {
    for (let i = 0; i < REGISTERS; i++)
      if (this.#writtenXmm & (1 << i))
        this.fn.store(i32(State.XMM + i * XMM_BYTES), local(Local.XMM + i, V128), XMM_BYTES)
    this.#storeGeneral(this.#written)
  }

  #storeGeneral(set: number): void {
    for (let i = 0; i < REGISTERS; i++)
      if (set & (1 << i)) this.fn.store(i32(State.GPR + i * 8), local(Local.GPR + i), this.#isHalf(i) ? 2 : 4)
  }
}
