import type { Description, Feature } from './description.ts'
import { type Encoding, type OpcodeTable, meaningSize, suffixSize } from './encoding.ts'
import type { Repeat } from './semantics.ts'
import { CS, DS, EBP, ES, ESP, FS, GS, SS, Segment, State, gprAt, segmentAt } from './state.ts'

export interface RegisterOperand {
  kind: 'register'
  size: number
  /** Address in the processor's state. */
  address: number
}

export interface MemoryOperand {
  kind: 'memory'
  size: number
  /** State addresses of base and index, State.ZERO for none. */
  base: number
  index: number
  /** Left shift of the index, 0-3. */
  scale: number
  displacement: number
  /** How the displacement stands in the code: bytes, and whether they count as unsigned. */
  displacementBytes: number
  zeroExtended: boolean
  /** What was added to it (see POP). */
  bias: number
  /** Segment index. */
  segment: number
}

export interface ImmediateOperand {
  kind: 'immediate'
  size: number
  value: number
  /** How it stands in the code: bytes (0 when the opcode implies it), and the bits kept once sign-extended. */
  bytes: number
  mask: number
}

/** A branch target as distance from the end of the instruction. */
export interface RelativeOperand {
  kind: 'relative'
  size: number
  value: number
  /** Bytes in the code. */
  bytes: number
}

/** What a string instruction works on: its size, and the segment of its source. */
export interface StringOperand {
  kind: 'string'
  size: number
  segment: number
}

export type DecodedOperand =
  | RegisterOperand
  | MemoryOperand
  | ImmediateOperand
  | RelativeOperand
  | StringOperand

export interface Instruction {
  description: Description
  /** Operand, address and stack size in bytes. */
  size: number
  addressSize: number
  stackSize: number
  repeat: Repeat
  operands: DecodedOperand[]
  length: number
  /** A near transfer that could lead beyond the limit of CS. */
  limited: boolean
}

/** What decoding depends on besides the bytes. */
export interface CodeMode {
  /** Default operand and address size 32 bits (CS.D). */
  code32: boolean
  /** 32-bit stack pointer (SS.B). */
  stack32: boolean
  /** Operand size from which on near transfers can lead beyond the limit of CS: 2, 4, or 8 for never. */
  limitedFrom: LimitedFrom
}

export type LimitedFrom = 2 | 4 | 8

/** `undefined`: #UD; `truncated`: the bytes given end too early; `too-long`: #GP. */
export type DecodeResult = Instruction | 'undefined' | 'truncated' | 'too-long'

const MAX_LENGTH = 15
const MAX_LENGTH_286 = 10
const VECTOR_FEATURES: ReadonlySet<Feature> = new Set(['mmx', 'sse', 'sse2'])
export const SEGMENT_PREFIX: Readonly<Record<number, number>> = {
  0x26: ES,
  0x2e: CS,
  0x36: SS,
  0x3e: DS,
  0x64: FS,
  0x65: GS,
}

/** Base and index registers of 16-bit addressing by rm: BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX. */
const ADDRESS_16 = [
  [3, 6],
  [3, 7],
  [5, 6],
  [5, 7],
  [6, -1],
  [7, -1],
  [5, -1],
  [3, -1],
] as const

/** Bytes that are prefixes unless an instruction has them. */
export const PREFIXES: ReadonlySet<number> = new Set([
  ...Object.keys(SEGMENT_PREFIX).map(Number),
  0x66,
  0x67,
  0xf0,
  0xf1,
  0xf2,
  0xf3,
])

/** Whether 0F leads to a second byte: it is an instruction of the 8086. */
export const hasEscape = (table: OpcodeTable): boolean => table[0x0f]!.length === 0

/** Decodes one instruction at a time from a window of bytes. */
export class Decoder {
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0

  /** By byte: a prefix. One that is an instruction of this processor is none. */
  readonly #prefixes: readonly boolean[]
  readonly #has0fEscape: boolean
  /** A 386 or later: has FS and GS, INT1 in place of one more prefix, and refuses LOCK where it makes no sense. */
  readonly #is386: boolean
  /** Bytes of an instruction, whatever its prefixes. */
  readonly maxLength: number

  constructor(private readonly table: OpcodeTable) {
    this.#prefixes = table.slice(0, 256).map((row, byte) => row.length === 0 && PREFIXES.has(byte))
    this.#has0fEscape = hasEscape(table)
    this.#is386 = table[0xf1]!.length > 0
    this.maxLength = this.#has0fEscape && !this.#is386 ? MAX_LENGTH_286 : MAX_LENGTH
  }

  /** @param end the first byte that must not be looked at (the end of the page). */
  decode(bytes: Uint8Array, start: number, end: number, mode: CodeMode): DecodeResult {
    this.#bytes = bytes
    this.#at = start
    this.#end = Math.min(end, start + this.maxLength)
    const result = this.#decode(start, mode)
    if (this.#at <= this.#end) return result
    return this.#end < start + this.maxLength ? 'truncated' : 'too-long'
  }

  #byte(): number {
    const at = this.#at++
    return at < this.#end ? this.#bytes[at]! : 0
  }

  #signed(size: number): number {
    if (size === 1) return (this.#byte() << 24) >> 24
    const low = this.#byte() | (this.#byte() << 8)
    if (size === 2) return (low << 16) >> 16
    return low | (this.#byte() << 16) | (this.#byte() << 24)
  }

  #decode(start: number, mode: CodeMode): DecodeResult {
    let segment = -1
    let prefix66 = false
    let prefix67 = false
    let repeatPrefix = 0
    let lock = false
    let opcode = this.#byte()
    for (; this.#at <= this.#end && this.#prefixes[opcode]; opcode = this.#byte()) {
      const override = SEGMENT_PREFIX[opcode]
      if (override !== undefined) segment = override
      else if (opcode === 0x66) prefix66 = true
      else if (opcode === 0x67) prefix67 = true
      else if (opcode === 0xf2 || opcode === 0xf3) repeatPrefix = opcode
      // F1 is an alias or without effect where it is no instruction.
      else if (opcode === 0xf0) lock = true
    }
    if (opcode === 0x0f && this.#has0fEscape) {
      opcode = 0x100 + this.#byte()
      if (opcode === 0x138) opcode = 0x200 + this.#byte()
      else if (opcode === 0x13a) opcode = 0x300 + this.#byte()
    }
    const modrm = this.#at < this.#end ? this.#bytes[this.#at]! : 0
    const encoding = pick(this.table[opcode]!, modrm, repeatPrefix, prefix66)
    if (!encoding) {
      // Its operand still counts for the length, which comes first.
      if (this.table[opcode]!.some(({ hasModrm }) => hasModrm)) {
        this.#at++
        if (modrm < 0xc0) this.#memory(modrm, mode.code32 !== prefix67 ? 4 : 2, segment)
      }
      // Whether more bytes would have been needed must not hide that they are missing.
      else if (this.#at >= this.#end) this.#at = this.#end + 1
      return 'undefined'
    }
    const { description } = encoding
    const wide = mode.code32 !== (prefix66 && encoding.mandatoryPrefix !== 0x66)
    const operandSize = wide ? 4 : 2
    const addressSize = mode.code32 !== prefix67 ? 4 : 2
    let rm: RegisterOperand | MemoryOperand | null = null
    if (encoding.hasModrm) {
      this.#at++
      rm =
        modrm >> 6 === 3 || encoding.operands.some(({ letter }) => letter === 'R')
          ? { kind: 'register', size: 0, address: modrm & 7 }
          : this.#memory(modrm, addressSize, segment)
    }
    const destination = encoding.operands[0]?.letter
    const mayLock =
      description.lockable === true && rm?.kind === 'memory' && (destination === 'E' || destination === 'M')
    const operands: DecodedOperand[] = []
    for (const code of encoding.operands) {
      const operand = this.#operand(code.letter, code.suffix, {
        encoding,
        modrm,
        opcode,
        operandSize,
        addressSize,
        segment,
        rm,
      })
      if (!operand) return 'undefined'
      operands.push(operand)
    }
    // Only now: an instruction that is too long is another fault.
    if (lock && !mayLock && this.#is386) return 'undefined'
    const size = meaningSize(encoding, operandSize)
    adjustPop(description, operands, size)
    return {
      description,
      size,
      addressSize,
      stackSize: mode.stack32 ? 4 : 2,
      repeat: !description.string || repeatPrefix === 0 ? 'none' : repeatPrefix === 0xf3 ? 'rep' : 'repne',
      operands,
      length: this.#at - start,
      limited: description.near === true && size >= mode.limitedFrom,
    }
  }

  #memory(modrm: number, addressSize: number, segmentOverride: number): MemoryOperand {
    const mod = modrm >> 6
    const rm = modrm & 7
    const operand: MemoryOperand = {
      kind: 'memory',
      size: 0,
      base: State.ZERO,
      index: State.ZERO,
      scale: 0,
      displacement: 0,
      displacementBytes: 0,
      zeroExtended: false,
      bias: 0,
      segment: DS,
    }
    const displace = (bytes: number): void => {
      operand.displacement = this.#signed(bytes)
      operand.displacementBytes = bytes
    }
    if (addressSize === 2) {
      if (mod === 0 && rm === 6) displace(2)
      else {
        const [base, index] = ADDRESS_16[rm]!
        operand.base = gprAt(base, 4)
        if (index >= 0) operand.index = gprAt(index, 4)
        if (base === EBP) operand.segment = SS
        if (mod !== 0) displace(mod)
      }
    } else {
      let base = rm
      if (rm === 4) {
        const sib = this.#byte()
        base = sib & 7
        const index = (sib >> 3) & 7
        if (index !== ESP) {
          operand.index = gprAt(index, 4)
          operand.scale = sib >> 6
        }
      }
      if (mod === 0 && base === EBP) displace(4)
      else {
        operand.base = gprAt(base, 4)
        if (base === ESP || base === EBP) operand.segment = SS
        if (mod !== 0) displace(mod === 1 ? 1 : 4)
      }
    }
    if (segmentOverride >= 0) operand.segment = segmentOverride
    return operand
  }

  /** @param loads it is written: CS cannot be, but on an 8086, which looks at two bits of the number only */
  #segmentRegister(reg: number, loads: boolean): RegisterOperand | null {
    const is8086 = !this.#has0fEscape
    const index = is8086 ? reg & 3 : reg
    if (index > (this.#is386 ? GS : DS) || (index === CS && loads && !is8086)) return null
    return { kind: 'register', size: 2, address: segmentAt(index) + Segment.SELECTOR }
  }

  #operand(letter: string, suffix: string, at: OperandContext): DecodedOperand | null {
    const size = suffixSize(suffix, at.operandSize)
    const reg = (at.modrm >> 3) & 7
    const register = (address: number, bytes = size): RegisterOperand => ({
      kind: 'register',
      size: bytes,
      address,
    })
    const { rm } = at
    switch (letter) {
      case 'E':
        if (rm!.kind === 'register') return register(gprAt(rm!.address, size), size)
        return { ...rm!, size: suffix === 'wv' ? 2 : size }
      case 'M':
        return rm!.kind === 'memory' ? { ...rm!, size } : null
      case 'R':
        return rm!.kind === 'register' ? register(gprAt(rm!.address, size)) : null
      case 'G':
        return register(gprAt(reg, size))
      case 'W':
        return rm!.kind === 'register' ? register(State.XMM + 16 * rm!.address, 16) : { ...rm!, size }
      case 'U':
        return rm!.kind === 'register' ? register(State.XMM + 16 * rm!.address, 16) : null
      case 'V':
        return register(State.XMM + 16 * reg, 16)
      case 'Q':
        return rm!.kind === 'register' ? register(State.FPU + 16 * rm!.address, 8) : { ...rm!, size }
      case 'N':
        return rm!.kind === 'register' ? register(State.FPU + 16 * rm!.address, 8) : null
      case 'P':
        return register(State.FPU + 16 * reg, 8)
      case 'S':
        return this.#segmentRegister(reg, at.encoding.operands[0]!.letter === 'S')
      case 'C':
        return { kind: 'immediate', size: 4, value: reg, bytes: 0, mask: -1 }
      case 'ST':
        return { kind: 'immediate', size: 1, value: at.modrm & 7, bytes: 0, mask: -1 }
      case 'Z':
        return register(gprAt(at.opcode & 7, size))
      case 'AL':
        return register(gprAt(0, 1), 1)
      case 'rAX':
        return register(gprAt(0, at.operandSize), at.operandSize)
      case 'CL':
        return register(gprAt(1, 1), 1)
      case '1':
        return { kind: 'immediate', size: 1, value: 1, bytes: 0, mask: -1 }
      case 'I':
      case 'K': {
        const bytes = suffix[0] === 'b' ? 1 : size
        const value = this.#signed(bytes)
        // "bs" is sign-extended to the operand size; everything is kept zero-extended beyond that.
        const width = suffix === 'bs' ? meaningSize(at.encoding, at.operandSize) : bytes
        const mask = width === 1 ? 0xff : width === 2 ? 0xffff : -1
        return { kind: 'immediate', size: bytes, value: value & mask, bytes, mask }
      }
      case 'J': {
        const bytes = suffix === 'b' ? 1 : at.operandSize
        return { kind: 'relative', size: at.operandSize, value: this.#signed(bytes), bytes }
      }
      case 'O': {
        const displacement = at.addressSize === 2 ? this.#signed(2) & 0xffff : this.#signed(4)
        return {
          kind: 'memory',
          size,
          base: State.ZERO,
          index: State.ZERO,
          scale: 0,
          displacement,
          displacementBytes: at.addressSize,
          zeroExtended: at.addressSize === 2,
          bias: 0,
          segment: at.segment >= 0 ? at.segment : DS,
        }
      }
      case 'X':
        return { kind: 'string', size, segment: at.segment >= 0 ? at.segment : DS }
    }
    return null
  }
}

interface OperandContext {
  encoding: Encoding
  modrm: number
  opcode: number
  operandSize: number
  addressSize: number
  segment: number
  rm: RegisterOperand | MemoryOperand | null
}

function pick(
  row: readonly Encoding[],
  modrm: number,
  repeatPrefix: number,
  prefix66: boolean,
): Encoding | null {
  let best: Encoding | null = null
  for (const encoding of row) {
    const { digit, mandatoryPrefix } = encoding
    if (digit >= 0) {
      if ((digit & 7) !== ((modrm >> 3) & 7)) continue
      if (digit >= 8 && modrm < 0xc0) continue
      if (encoding.rm >= 0 && encoding.rm !== (modrm & 7)) continue
      // Memory forms ("/d M…") leave room for register forms with the same digit.
      if (digit < 8 && modrm >= 0xc0 && encoding.operands[0]?.letter === 'M') continue
    }
    if (mandatoryPrefix === 0) {
      // Vector instructions without a prefix of their own do not exist with one.
      if (VECTOR_FEATURES.has(encoding.description.feature) && (prefix66 || repeatPrefix !== 0)) continue
      best ??= encoding
    } else if (mandatoryPrefix === repeatPrefix) return encoding
    else if (mandatoryPrefix === 0x66 && prefix66 && repeatPrefix === 0) best = encoding
  }
  return best
}

/** POP computes its destination address after moving ESP (SDM vol. 2, POP). */
function adjustPop(description: Description, operands: DecodedOperand[], size: number): void {
  const [destination] = operands
  if (description.name === 'POP' && destination?.kind === 'memory' && destination.base === gprAt(ESP, 4))
    operands[0] = { ...destination, displacement: (destination.displacement + size) | 0, bias: size }
}
