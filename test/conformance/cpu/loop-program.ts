import { littleEndian } from './operands.ts'
import type { Random } from './random.ts'

/** How the code of a program is decoded and where its segments begin. */
export interface ProgramMode {
  code32: boolean
  /** Linear address that offset 0 of all segments stands for. */
  base: number
  /** Pages can be missing, and exchanged. */
  paging: boolean
}

/** Linear addresses. */
export const CODE_START = 0x21000
export const CODE_PAGES = 4
export const DATA_START = 0x28000
export const DATA_BYTES = 0x7000
/** No page is here, nor in the three pages after, when there is paging. */
export const MISSING = 0x3f0000
export const END_PORT = 0xf4
/** A write of n exchanges the n-th page of code for its twin. */
export const EXCHANGE_PORT = 0xf8
/** A read gives what EBX holds and how many reads there have been, and adds to ECX. */
export const REGISTERS_PORT = 0xfa
/** A write of a byte puts that at the physical address in EDX, by DMA. */
export const DMA_PORT = 0xfc
const COUNTER = DATA_START + 0x2000
const OPERANDS = DATA_START + 0x100
const STRINGS = DATA_START + 0x1000
export const STACK_TOP = DATA_START + 0x5000
const SLOT_BYTES = 320
const ROUNDS = 150
const ESP = 4
const EBX = 3

/** A program of blocks that jump, call and return among each other, as bytes at linear addresses. */
export interface LoopProgram {
  blocks: number
  /** All pages of code, and their twins with other immediate operands. */
  code: Uint8Array
  twin: Uint8Array
  data: Uint8Array
  registers: number[]
  /** EIP of the first block. */
  start: number
}

/** Bytes in which the twin may differ, and which the program may write: the rest decides where its jumps lead. */
interface Patch {
  at: number
  size: number
}

export class LoopProgramBuilder {
  readonly #code = new Uint8Array(CODE_PAGES * 4096)
  readonly #patches: Patch[] = []
  #places: number[] = []
  #at = 0

  constructor(
    private readonly random: Random,
    private readonly mode: ProgramMode,
  ) {}

  build(): LoopProgram {
    const { random, mode } = this
    this.#code.fill(0xf4)
    this.#patches.length = 0
    const slots = Array.from({ length: Math.floor((this.#code.length - 4096) / SLOT_BYTES) }, (_, i) => i)
    const count = 4 + random.below(12)
    // Blocks keep to a few pages, and now and then one lies across a boundary.
    this.#places = Array.from({ length: count }, () => {
      const slot = slots.splice(random.below(slots.length), 1)[0]!
      return CODE_START + slot * SLOT_BYTES + random.below(20)
    })
    const end = CODE_START + (CODE_PAGES - 1) * 4096 + 0x800
    for (const place of this.#places) this.#block(place, end)
    this.#at = end
    this.#put([0xe6, END_PORT, 0xeb, 0xfe])
    const twin = this.#code.slice()
    for (const { at, size } of this.#patches)
      for (let i = 0; i < size; i++) twin[at - CODE_START + i] = random.below(256)
    const registers = Array.from({ length: 8 }, () => random.value())
    registers[ESP] = STACK_TOP - mode.base
    return {
      blocks: count,
      code: this.#code.slice(),
      twin,
      data: this.#data(),
      registers,
      start: this.#places[0]! - mode.base,
    }
  }

  #data(): Uint8Array {
    const { random, mode } = this
    const data = new Uint8Array(DATA_BYTES)
    const view = new DataView(data.buffer)
    for (let at = 0; at < DATA_BYTES; at += 4) view.setInt32(at, random.value(), true)
    view.setUint32(COUNTER - DATA_START, ROUNDS, true)
    // What a RET finds that no CALL goes with: the start of some block.
    const size = mode.code32 ? 4 : 2
    for (let at = 0x3000; at < DATA_BYTES; at += size) {
      const eip = random.pick(this.#places) - mode.base
      if (size === 4) view.setUint32(at, eip, true)
      else view.setUint16(at, eip, true)
    }
    return data
  }

  #put(bytes: readonly number[]): void {
    this.#code.set(
      bytes.map((b) => b & 0xff),
      this.#at - CODE_START,
    )
    this.#at += bytes.length
  }

  /** ModR/M and displacement of a memory operand at a linear address. */
  #memory(register: number, linear: number): number[] {
    const offset = linear - this.mode.base
    return this.mode.code32
      ? [0x05 | (register << 3), ...littleEndian(offset, 4)]
      : [0x06 | (register << 3), ...littleEndian(offset, 2)]
  }

  #jump(opcode: readonly number[], target: number): void {
    const size = this.mode.code32 ? 4 : 2
    this.#put([...opcode, ...littleEndian(target - (this.#at + opcode.length + size), size)])
  }

  #block(place: number, end: number): void {
    const { random } = this
    this.#at = place
    // DEC of a word wherever the operand size is.
    this.#put([...(this.mode.code32 ? [0x66] : []), 0xff, ...this.#memory(1, COUNTER)])
    this.#jump([0x0f, 0x84], end)
    for (let n = random.below(4) + 1; n > 0; n--) this.#body()
    const target = (): number => random.pick(this.#places)
    switch (random.below(7)) {
      case 0:
        break
      case 1:
        this.#jump([0xe8], target())
        break
      case 2:
        if (random.oneIn(2)) this.#put([0xc3])
        break
      case 3:
        // One of several places, as flags will have it.
        for (let n = random.below(3); n > 0; n--) {
          const load = this.#loadTarget(target())
          this.#put([...load, 0x70 | random.below(16), load.length])
        }
        this.#put([...this.#loadTarget(target()), 0xff, 0xe0 | EBX])
        break
      default:
        this.#jump([0x0f, 0x80 | random.below(16)], target())
    }
    this.#jump([0xe9], target())
  }

  /** MOV EBX with the EIP of a place. */
  #loadTarget(place: number): number[] {
    return [0xb8 + EBX, ...littleEndian(place - this.mode.base, this.mode.code32 ? 4 : 2)]
  }

  #register(): number {
    const register = this.random.below(7)
    return register >= ESP ? register + 1 : register
  }

  #body(): void {
    const { random, mode } = this
    const other = random.oneIn(3) ? [0x66] : []
    const size = (other.length === 0) === mode.code32 ? 4 : 2
    const [a, b] = [this.#register(), this.#register()]
    const both = 0xc0 | (a << 3) | b
    const operand = OPERANDS + random.below(0x200)
    switch (random.below(24)) {
      case 0:
      case 1:
        return this.#put([...other, random.pick(TWO_REGISTERS), both])
      case 2:
        return this.#put([...other, 0x83, 0xc0 | (random.below(8) << 3) | b, random.below(256)])
      case 3:
        return this.#put([...other, (random.oneIn(2) ? 0x40 : 0x48) + a])
      case 4:
        return this.#put([
          ...other,
          0xc1,
          0xc0 | (random.pick([0, 1, 2, 3, 4, 5, 7]) << 3) | b,
          random.below(33),
        ])
      case 5:
        return this.#patched([...other, 0xb8 + a], littleEndian(random.value(), size))
      case 6:
        return this.#put([0x0f, random.pick([0xb6, 0xb7, 0xbe, 0xbf, 0xaf]), both])
      case 7:
        return this.#put([0x0f, 0x90 | random.below(16), 0xc0 | random.below(4)])
      case 8:
        return this.#put([...other, 0x0f, 0x40 | random.below(16), both])
      case 9:
        return this.#put(random.pick(SMALL))
      case 10:
      case 11:
        return this.#put([
          ...other,
          random.pick([0x89, 0x8b, 0x01, 0x29, 0x39, 0x13]),
          ...this.#memory(a, operand),
        ])
      case 12:
        return this.#put([
          random.pick([0x88, 0x8a, 0x00, 0x3a]),
          ...this.#memory(random.below(8) & 3, operand),
        ])
      case 13: {
        // An operand at EBX or BX, masked.
        const offset = (random.oneIn(8) ? DATA_START + 0xff0 : OPERANDS) - mode.base
        this.#put([...(mode.code32 ? [] : [0x66]), 0x81, 0xe3, 0xff, 0, 0, 0])
        const tail = mode.code32
          ? [0x83 | (a << 3), ...littleEndian(offset, 4)]
          : [0x87 | (a << 3), ...littleEndian(offset, 2)]
        return this.#put([...other, random.pick([0x89, 0x8b]), ...tail])
      }
      case 14:
        return this.#put([0x50 + a, 0x58 + b])
      case 15:
        return this.#string(other)
      case 16:
        // DIV BL: the handler of #DE goes on behind it.
        return this.#put([0xf6, 0xf3])
      case 17:
        return mode.paging && mode.code32 ? this.#put([0xa1, ...littleEndian(MISSING, 4)]) : this.#put([0x90])
      case 18:
        return this.#modify()
      case 19:
        // IN AL, AX or EAX; where flags or registers matter after it.
        return this.#put([...other, random.pick([0xe4, 0xe5]), REGISTERS_PORT])
      case 21:
        return this.#neighbours()
      case 22: {
        // What lies on the stack, around a PUSH and a POP.
        if (!mode.code32) return this.#put([0x50 + a, 0x58 + b])
        const at = (opcode: number, offset: number): void =>
          this.#put([opcode, 0x44 | (this.#register() << 3), 0x24, offset])
        this.#put([0x50 + a])
        // What lies further up may be where a RET leads.
        for (let n = random.below(3) + 1; n > 0; n--)
          if (random.oneIn(2)) at(random.pick([0x01, 0x29, 0x31]), 0)
          else at(random.pick([0x8b, 0x03, 0x33]), 4 * random.below(3))
        return this.#put([0x58 + b])
      }
      case 20: {
        if (this.#patches.length === 0) return this.#put([0x0f, 0x31])
        const { at, size } = random.pick(this.#patches)
        const edx = [...(mode.code32 ? [] : [0x66]), 0xba, ...littleEndian(at + random.below(size), 4)]
        return this.#put([...edx, 0xe6, DMA_PORT])
      }
      default:
        if (!mode.paging || !random.oneIn(3)) return this.#put([0x9c, 0x58 + b])
        return this.#put([0xb0, random.below(CODE_PAGES - 1), 0xe6, EXCHANGE_PORT])
    }
  }

  /** Operands near each other, by way of EBX or BX, which moves now and then; some lie across the end of a page. */
  #neighbours(): void {
    const { random, mode } = this
    const from = (random.oneIn(3) ? DATA_START + 0xfc0 : OPERANDS) - mode.base
    this.#put([...(mode.code32 ? [] : [0x66]), 0x81, 0xe3, 0x3f, 0, 0, 0])
    for (let n = random.below(5) + 2; n > 0; n--) {
      if (random.oneIn(5)) {
        this.#put(random.pick([[0x83, 0xc3, random.below(8)], [0x80, 0xc3, random.below(8)], [0x43]]))
        continue
      }
      const other = random.oneIn(3) ? [0x66] : []
      const opcode = random.pick([0x88, 0x89, 0x8a, 0x8b, 0x01, 0x39, 0x29, 0x31, 0x86])
      // EBX itself is what the next one goes by.
      const register = (random.below(3) + (opcode & 1 ? 0 : 4 * random.below(2))) & 7
      const offset = from + random.below(48)
      const tail = mode.code32
        ? [0x83 | (register << 3), ...littleEndian(offset, 4)]
        : [0x87 | (register << 3), ...littleEndian(offset, 2)]
      this.#put([...other, opcode, ...tail])
    }
  }

  /** A repeated string instruction, some of whose bytes lie across the end of a page, or in code; now and then backwards. */
  #string(prefix: readonly number[]): void {
    const { random, mode } = this
    const wide = mode.code32 ? 4 : 2
    const load = (opcode: number, value: number): void => this.#put([opcode, ...littleEndian(value, wide)])
    const place = (): number => STRINGS + random.below(96) - 32
    const patch = random.oneIn(8) && this.#patches.length > 0 ? random.pick(this.#patches) : null
    const backwards = patch === null && random.oneIn(6)
    load(0xb9, patch ? random.below(patch.size + 1) : random.below(random.oneIn(5) ? 900 : 20))
    load(0xbf, (patch?.at ?? place()) - mode.base)
    load(0xbe, place() - mode.base)
    if (backwards) this.#put([0xfd, 0xb9, ...littleEndian(random.below(20), wide)])
    if (patch) this.#put([0xf3, random.pick([0xa4, 0xaa])])
    else
      this.#put([
        ...prefix,
        random.pick([0xf2, 0xf3, 0xf3]),
        random.pick([0xa4, 0xa5, 0xaa, 0xab, 0xae, 0xa6]),
      ])
    if (backwards) this.#put([0xfc])
  }

  /** An instruction whose immediate operand may change. */
  #patched(opcode: readonly number[], immediate: readonly number[]): void {
    this.#put(opcode)
    this.#patches.push({ at: this.#at, size: immediate.length })
    this.#put(immediate)
  }

  /** MOV to a byte of an immediate operand, by way of DS. */
  #modify(): void {
    const { random, mode } = this
    if (this.#patches.length === 0) return this.#put([0x90])
    const { at, size } = random.pick(this.#patches)
    const offset = at + random.below(size) - mode.base
    if (mode.code32) return this.#put([0x88, 0x05, ...littleEndian(offset, 4)])
    return this.#put([0x88, 0x06, ...littleEndian(offset, 2)])
  }
}

const TWO_REGISTERS = [
  0x01, 0x03, 0x09, 0x0b, 0x11, 0x13, 0x19, 0x1b, 0x21, 0x23, 0x29, 0x2b, 0x31, 0x33, 0x39, 0x3b, 0x85, 0x89,
  0x87, 0x00, 0x10, 0x28, 0x38,
]
/** STC, CLC, CMC, SAHF, LAHF, CWDE, CDQ, NEG, NOT, BSWAP, AAA, AAS, DAA, DAS, AAM, AAD, LFENCE, RDTSC. */
const SMALL = [
  [0xf9],
  [0xf8],
  [0xf5],
  [0x9e],
  [0x9f],
  [0x98],
  [0x99],
  [0xf7, 0xd8],
  [0xf7, 0xd1],
  [0x0f, 0xca],
  [0x37],
  [0x3f],
  [0x27],
  [0x2f],
  [0xd4, 0x0a],
  [0xd5, 0x0a],
  [0x0f, 0xae, 0xe8],
  [0x0f, 0x31],
]
