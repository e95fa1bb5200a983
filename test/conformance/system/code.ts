import { littleEndian } from '../cpu/operands.ts'
import { BASE, CODE } from './layout.ts'

/** Writes instructions as a program of the current size would have them. */
export class CodeWriter {
  readonly bytes: number[] = []

  /** @param bits default size of the code segment; changes when a far transfer leads elsewhere */
  constructor(public bits: 16 | 32) {}

  /** Opcode bytes with the operand size wanted. */
  sized(size: 2 | 4, ...bytes: number[]): this {
    if ((size === 4) !== (this.bits === 32)) this.bytes.push(0x66)
    return this.raw(...bytes)
  }

  raw(...bytes: number[]): this {
    this.bytes.push(...bytes)
    return this
  }

  /** A memory operand at an address of the arena, through a segment that starts where DS of this mode does. */
  memory(reg: number, address: number): this {
    return this.bits === 32
      ? this.raw(0x05 | (reg << 3), ...littleEndian(address, 4))
      : this.raw(0x06 | (reg << 3), ...littleEndian(address - BASE, 2))
  }

  immediate(value: number, size: number): this {
    return this.raw(...littleEndian(value, size))
  }

  setRegister(index: number, value: number): this {
    return this.sized(4, 0xb8 + index).immediate(value, 4)
  }

  push(value: number, size: 2 | 4): this {
    return this.sized(size, 0x68).immediate(value, size)
  }

  /** The EIP of what comes next, plus `ahead` bytes, in a segment of this size. */
  next(ahead: number, bits = this.bits): number {
    return (bits === 32 ? CODE : CODE - BASE) + this.bytes.length + ahead
  }
}
