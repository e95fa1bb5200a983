import type { Expr } from '../wasm/expression.ts'
import { add, i32, load, loadReal, shl } from '../wasm/expression.ts'
import type { MemoryOperand } from '../isa/decoder.ts'
import { zeroExtend } from '../isa/flags.ts'
import type { Operand, Semantics } from '../isa/semantics.ts'
import type { RegisterFile } from './register-file.ts'
import type { Place } from './windows.ts'

/** What operands are made of. */
export interface OperandSource extends Pick<Semantics, 'fn' | 'let' | 'later' | 'memory'> {
  readonly registers: RegisterFile
  /** The place of an operand in memory, where the region has looked for several at once; null where it has not. */
  near(operand: MemoryOperand, write: boolean): Place | null
  /** Brings a register up to date in memory, where a helper works on it: its state address. */
  expose(address: number): Expr
}

/** What no translated instruction asks for: region.ts leaves those out. */
export function missing(): never {
  throw new Error('no translated instruction has such a part')
}

/** An operand that is there to count. Classes, and not objects of functions: a region makes some hundred of them. */
export class NoOperand implements Operand {
  readonly isRegister: boolean = false

  constructor(
    protected readonly source: OperandSource,
    readonly size: number,
  ) {}

  read(): Expr {
    return missing()
  }

  readForWrite(): Expr {
    return this.read()
  }

  write(_value: Expr): void {
    missing()
  }

  readPart(_bytes: number, _offset: number): Expr {
    return missing()
  }

  readReal(_bytes: 4 | 8): Expr {
    return missing()
  }

  writePart(_value: Expr, _bytes: number, _offset: number): void {
    missing()
  }

  address(): Expr {
    return missing()
  }

  segment(): Expr {
    return missing()
  }

  registerAddress(): Expr {
    return missing()
  }
}

export class ImmediateOperand extends NoOperand {
  constructor(
    source: OperandSource,
    size: number,
    private readonly value: number,
  ) {
    super(source, size)
  }

  override read(): Expr {
    return i32(this.value)
  }
}

/** A general, vector or other register, by its state address. */
export class RegisterOperand extends NoOperand {
  override readonly isRegister = true

  constructor(
    source: OperandSource,
    size: number,
    private readonly at: number,
  ) {
    super(source, size)
  }

  override read(): Expr {
    return this.source.let(this.source.registers.read(this.at, this.size))
  }

  override write(value: Expr): void {
    this.source.later(value, (v) => this.source.registers.write(this.at, this.size, v))
  }

  override readPart(bytes: number, offset: number): Expr {
    return this.source.let(this.source.registers.read(this.at + offset, bytes))
  }

  override readReal(bytes: 4 | 8): Expr {
    return this.source.let(this.source.registers.readReal(this.at, bytes))
  }

  override writePart(value: Expr, bytes: number, offset: number): void {
    this.source.later(value, (v) => this.source.registers.write(this.at + offset, bytes, v))
  }

  override registerAddress(): Expr {
    return this.source.expose(this.at)
  }
}

/** Bytes in memory, which an instruction that reads and writes them translates once. */
export class MemoryAccess extends NoOperand {
  #translated: Place | null = null

  constructor(
    source: OperandSource,
    private readonly operand: MemoryOperand,
    private readonly addressSize: number,
    /** State address of the segment cache; 0 for a segment that covers all of memory. */
    private readonly cache: number,
  ) {
    super(source, operand.size)
  }

  override read(): Expr {
    return this.#load(this.#at(false))
  }

  override readReal(bytes: 4 | 8): Expr {
    const { address, offset } = this.#at(false)
    return this.source.let(loadReal(address, bytes, offset))
  }

  override readForWrite(): Expr {
    return this.#load((this.#translated = this.#at(true)))
  }

  override write(value: Expr): void {
    const { address, offset } = this.#translated ?? this.#at(true)
    this.source.fn.store(address, value, this.size, offset)
  }

  override address(): Expr {
    const { operand, addressSize, source } = this
    const base = source.registers.read(operand.base, addressSize)
    const index = shl(source.registers.read(operand.index, addressSize), i32(operand.scale))
    return zeroExtend(add(add(base, index), i32(operand.displacement)), addressSize)
  }

  override segment(): Expr {
    return i32(this.cache)
  }

  #load({ address, offset }: Place): Expr {
    return this.source.let(load(address, this.size, offset))
  }

  #at(write: boolean): Place {
    const near = this.cache === 0 ? this.source.near(this.operand, write) : null
    if (near) return near
    return { address: this.source.memory(this.segment(), this.address(), this.size, write), offset: 0 }
  }
}
