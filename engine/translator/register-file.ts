import { type Expr, and, i32, load, local, or, shl, shrU } from '../wasm/expression.ts'
import type { FunctionBuilder } from '../wasm/function-builder.ts'
import { State } from '../isa/state.ts'

/** Parameter and locals of a region's function. */
export const Local = {
  /** Parameter: instructions left. */
  BUDGET: 0,
  /** EAX to EDI. */
  GPR: 1,
  /** EIP of the first byte of the page. */
  EIP_BASE: 9,
  READ_BIT: 10,
  WRITE_BIT: 11,
  LINEAR: 12,
  ENTRY: 13,
  HOST: 14,
  FLAGS_RESULT: 15,
  FLAGS_LEFT: 16,
  FLAGS_RIGHT: 17,
  /** Which kind of flags the locals hold, where ways with different kinds have met. */
  FLAGS_KIND: 18,
  /** The record to go on with after the region; 0 when it is left by a jump. */
  EXIT: 19,
  /** EIP to go on with after a jump. */
  TARGET: 20,
  COUNT: 21,
} as const

const REGISTERS = 8
const isGpr = (address: number): boolean => address >= State.GPR && address < State.GPR + REGISTERS * 8

/**
 * General registers in locals: read when the region is entered, written back when it is left. Of a register that
 * no instruction of the region uses as a whole, the lower half alone, so that 16-bit code need not merge halves.
 */
export class RegisterFile {
  #used = 0
  #written = 0
  /** Registers that have been used as a whole, one bit each. */
  whole = 0

  /** @param halves registers of which the lower 16 bits are kept, one bit each */
  constructor(
    private readonly fn: FunctionBuilder,
    private readonly halves: number,
  ) {}

  /** A register of `size` bytes by its state address, zero-extended; what is not a general register stays in memory. */
  read(address: number, size: number): Expr {
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
    if (!isGpr(address)) return this.fn.store(i32(address), value, size)
    const index = this.#use(address, size)
    const at = Local.GPR + index
    const half = this.#isHalf(index)
    this.#written |= 1 << index
    if (size === 4) return this.fn.set(at, value)
    if (size === 2 && half) return this.fn.set(at, and(value, i32(0xffff)))
    const shift = address & 7 ? 8 : 0
    const mask = (size === 2 ? 0xffff : 0xff) << shift
    this.fn.set(at, or(and(local(at), i32(~mask)), and(shl(value, i32(shift)), i32(mask))))
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
      if (this.#used & (1 << i)) fn.set(Local.GPR + i, load(i32(State.GPR + i * 8), this.#isHalf(i) ? 2 : 4))
  }

  storeWritten(): void {
    for (let i = 0; i < REGISTERS; i++)
      if (this.#written & (1 << i))
        this.fn.store(i32(State.GPR + i * 8), local(Local.GPR + i), this.#isHalf(i) ? 2 : 4)
  }
}
