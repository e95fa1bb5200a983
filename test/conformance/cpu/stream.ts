import { AC, AF, ARITHMETIC, CF, DIRECTION, OF, PF, SF, ZF } from '../../../engine/isa/flags.ts'
import { type Encoding, meaningSize, suffixSize } from '../../../engine/isa/encoding.ts'
import { CS, DS, EAX, EBP, EBX, ECX, EDI, EDX, ES, ESI, ESP, SS } from '../../../engine/isa/state.ts'
import type { CpuState } from '../../../engine/vcpu/cpu-state.ts'
import {
  type Aiming,
  type MemoryOperand,
  SEGMENT_PREFIXES,
  aimOffset,
  littleEndian,
  memoryOperand,
  usable,
  writable,
} from './operands.ts'
import type { Random } from './random.ts'
import {
  ALL_SELECTORS,
  CODE,
  CODE_END,
  CODE_SELECTORS,
  LOCAL_SEGMENTS,
  RESERVED,
  RESERVED_END,
  STACK_SELECTORS,
  USER_CODE,
  USER_DATA,
} from './user-layout.ts'
import { CODE_BYTES, type Outcome, type StreamCase, type UserProcess } from './user-process.ts'

/** An encoding and its row of the opcode map. */
interface Choice {
  row: number
  encoding: Encoding
}

/**
 * Instructions that a 64-bit kernel or a newer processor treats otherwise than a 32-bit machine does, or
 * whose result no two runs share: they belong to other suites.
 */
const NOT_COMPARABLE = new Set([
  // With a prefix it is another instruction of later processors.
  'CLFLUSH',
  'SYSENTER',
  'SYSEXIT',
  'LOADALL286',
  'CPUID',
  'RDTSC',
  'RDPMC',
  'SMSW',
  'SGDT',
  'SIDT',
  'SLDT',
  'STR',
  'RSM',
  'INT1',
])
/** Always an exception in user mode: these end a stream. */
const ALWAYS_FAULTS = new Set([
  'IN',
  'OUT',
  'INDX',
  'OUTDX',
  'INS',
  'OUTS',
  'LGDT',
  'LIDT',
  'LMSW',
  'INVLPG',
  'LLDT',
  'LTR',
  'CLTS',
  'INVD',
  'WBINVD',
  'UD2',
  'MOVRC',
  'MOVCR',
  'MOVRD',
  'MOVDR',
  'WRMSR',
  'RDMSR',
  'HLT',
  'CLI',
  'STI',
  'INT',
  'INT3',
])
const SEGMENT_INSTRUCTIONS = new Set([
  'POPS',
  'MOVTS',
  'LES',
  'LDS',
  'LSS',
  'LFS',
  'LGS',
  'LAR',
  'LSL',
  'VERR',
  'VERW',
])
const STACK_USERS = new Set([
  'PUSHA',
  'POPA',
  'ENTER',
  'PUSHF',
  'POPF',
  'POPS',
  'RETF',
  'IRET',
  'CALLF',
  'CALLFI',
])
const SHIFTS = new Set(['SHL', 'SAL', 'SHR', 'SAR', 'SHLD', 'SHRD'])
const ROTATES = new Set(['ROL', 'ROR', 'RCL', 'RCR'])

/** Not there in 64-bit mode, or with another stack, or with segments that matter. */
const NOT_IN_LONG_MODE = new Set([
  ...ALWAYS_FAULTS,
  ...SEGMENT_INSTRUCTIONS,
  ...STACK_USERS,
  'AAA',
  'AAD',
  'AAM',
  'AAS',
  'ARPL',
  'BOUND',
  'CALL',
  'CALLI',
  'DAA',
  'DAS',
  'INTO',
  'JMPF',
  'JMPFI',
  'JMPI',
  'LEAVE',
  'MOVFS',
  'POP',
  'PUSH',
  'PUSHS',
  'RET',
  'SALC',
])
/** INC and DEC that are REX prefixes there, the second row of arithmetic with an immediate byte, MOV from a segment register. */
const NO_ROWS_OF_LONG_MODE = new Set([...Array.from({ length: 16 }, (_, i) => 0x40 + i), 0x82, 0x8c])
const isInLongMode = (row: number, name: string): boolean =>
  !NOT_IN_LONG_MODE.has(name) && !NO_ROWS_OF_LONG_MODE.has(row)

export interface StreamOptions {
  /** Instructions in a stream, apart from what prepares their operands. */
  length: number
  /** Local descriptors, 16-bit segments, far transfers. */
  segments: boolean
  /** Names to leave out. */
  without?: ReadonlySet<string>
  /** Only what means the same in 64-bit mode, and nothing that depends on where code lies or on its bytes. */
  alsoInLongMode?: boolean
}

/** Grows random streams of instructions, executing each so that the next one's operands can be aimed. */
export class StreamBuilder implements Aiming {
  readonly #ordinary: Choice[] = []
  readonly #faulting: Choice[] = []
  readonly state: CpuState
  #case!: StreamCase
  #undefined = 0
  #over = false
  #dropped = false
  #instructions = 0

  constructor(
    private readonly process: UserProcess,
    readonly random: Random,
    private readonly options: StreamOptions,
  ) {
    this.state = process.processor.vcpu.state
    process.processor.table.forEach((encodings, row) => {
      for (const encoding of encodings) {
        const { name, unit } = encoding.description
        if (unit !== 'integer' || NOT_COMPARABLE.has(name) || options.without?.has(name)) continue
        if (options.alsoInLongMode && !isInLongMode(row, name)) continue
        ;(ALWAYS_FAULTS.has(name) ? this.#faulting : this.#ordinary).push({ row, encoding })
      }
    })
  }

  /** Names of everything that may come up. */
  get names(): string[] {
    return [
      ...new Set([...this.#ordinary, ...this.#faulting].map(({ encoding }) => encoding.description.name)),
    ]
  }

  /** The next stream and how it ended here, step by step; null when it went where results cannot be compared. */
  next(): { test: StreamCase; outcome: Outcome } | null {
    const { process, random } = this
    this.#case = this.#start()
    this.#undefined = 0
    this.#over = false
    this.#dropped = false
    process.load(this.#case)
    process.stepping = true
    this.#instructions = 0
    while (
      !this.#over &&
      this.#instructions < this.options.length &&
      this.#case.code.length < CODE_BYTES - 70
    ) {
      this.#instructions++
      if (this.options.alsoInLongMode) this.#instruction(random.pick(this.#ordinary))
      else if (random.oneIn(60)) this.#wild()
      else if (random.oneIn(25)) this.#selfModify()
      else this.#instruction(random.oneIn(50) ? random.pick(this.#faulting) : random.pick(this.#ordinary))
    }
    if (!this.#over) this.#execute([0xcc], 'INT3')
    process.stepping = false
    if (!process.ended || this.#dropped) return null
    const outcome = process.outcome()
    if (outcome.vector === 14 && outcome.cr2 >>> 0 >= RESERVED && outcome.cr2 >>> 0 < RESERVED_END)
      return null
    // An access across 4 GiB: #SS, #GP or a page fault, as the processor likes.
    const last = this.#case.names.at(-1)!
    const pointers = [outcome.registers[ESI]!, outcome.registers[EDI]!]
    const wraps = /^(MOVS|LODS|STOS|SCAS|CMPS)$/.test(last) && pointers.some((p) => p >>> 0 > 0xffffffe0)
    if (outcome.vector === 14 ? outcome.cr2 >>> 0 > 0xffffffe0 : outcome.vector >= 12 && wraps) return null
    // Which of several faults comes first: AMD silicon reads the two operands of CMPS in an order that
    // depends on the form, and pops an outer stack before it looks at the code selector.
    this.#case.anyFault = /^(CMPS|RETF|IRET)$/.test(last) && outcome.vector >= 12
    // Beyond the limit: the return address has been written by then on Intel's silicon, not by the manual.
    if (/^CALL(I|F|FI)?$/.test(last) && outcome.vector === 13 && outcome.error === 0) return null
    // The first of two pushes may have been made when the second faults.
    if (/^CALLFI?$/.test(last) && (outcome.vector === 12 || outcome.vector === 14)) return null
    // What is invalid, or longer than 15 bytes, may be found out before or after its end was looked for beyond the page.
    const roomLeft = CODE_END - (this.#case.at + this.#case.code.length)
    if (roomLeft < 0 && (last === 'invalid' || outcome.vector === 13)) return null
    // Bounds of which only the lower can be read: Intel raises #BR when that one is broken, AMD reads both first.
    const atUpper = outcome.vector === 14 ? (outcome.cr2 & 0xfff) < 4 : outcome.vector >= 12
    if (last === 'BOUND' && atUpper) return null
    // A frame pointer whose first word reaches across 4 GiB: #SS on AMD, a page fault on Intel.
    if (last === 'ENTER' && outcome.vector === 12 && outcome.registers[EBP]! >>> 0 < 0x80) return null
    // A search that faults on its way: AMD leaves the flags of the last comparison, Intel those from before it.
    const interrupted = /^(CMPS|SCAS)$/.test(last) && outcome.vector >= 12
    this.#case.undefinedFlags = interrupted ? ARITHMETIC : this.#undefined
    return { test: this.#case, outcome }
  }

  #start(): StreamCase {
    const { random } = this
    const { segments } = this.options
    const registers = Array.from({ length: 8 }, () => random.value())
    const local = segments && !random.oneIn(4)
    const selector = (from: readonly number[], standard: number): number =>
      local && random.oneIn(2) ? random.pick(from) : standard
    const data = ALL_SELECTORS.filter((s) => (s & 3) === 3 || s === 0)
    const usable = (s: number): number => (LOADABLE.has(s) ? s : USER_DATA)
    const selectors = [
      usable(selector(data, USER_DATA)),
      selector(CODE_SELECTORS, USER_CODE),
      selector(STACK_SELECTORS, USER_DATA),
      usable(selector(data, USER_DATA)),
      usable(selector(data, USER_DATA)),
      usable(selector(data, USER_DATA)),
    ]
    const room = CODE_END - CODE
    const near = random.oneIn(4)
      ? 0x1000 - random.below(60)
      : random.oneIn(60) && !this.options.alsoInLongMode
        ? room - random.below(80)
        : random.below(room - 0x200)
    const at = CODE + near
    if (at - SELECTOR_BASES.get(selectors[CS]!)! > codeLimit(selectors[CS]!)) selectors[CS] = USER_CODE
    const base = SELECTOR_BASES.get(selectors[CS]!)!
    registers[ESP] = 0x1000 + random.below(0x2000)
    return {
      registers,
      eflags: (random.word() & (ARITHMETIC | DIRECTION)) | (random.oneIn(16) ? AC : 0),
      eip: (at - base) >>> 0,
      selectors,
      at,
      code: [],
      lengths: [],
      undefinedFlags: 0,
      anyFault: false,
      names: [],
    }
  }

  get avoidsCode(): boolean {
    return this.options.alsoInLongMode ?? false
  }

  // Emitting.

  get #code32(): boolean {
    return this.state.code32
  }

  /** Linear address of the next byte. */
  get #here(): number {
    return this.#case.at + this.#case.code.length
  }

  /** Appends bytes, runs them as one instruction, and goes on where that led. False once the stream is over. */
  #execute(bytes: readonly number[], name: string): boolean {
    if (this.#over) return false
    const { process, state } = this
    process.patch(this.#here, bytes)
    this.#case.code.push(...bytes)
    this.#case.lengths.push(bytes.length)
    this.#case.names.push(name)
    const from = state.eip
    for (let tries = 0; tries < 400; tries++) {
      process.processor.vcpu.run(0)
      if (process.ended) return this.#end()
      if (state.eip !== from) break
    }
    return this.#goOn()
  }

  #end(): false {
    this.#over = true
    return false
  }

  #drop(): false {
    this.#dropped = true
    return this.#end()
  }

  /** After an instruction: fills what a jump has left out. */
  #goOn(): boolean {
    const { state, process, random } = this
    const linear = (state.base(CS) + state.eip) >>> 0
    const gap = linear - this.#here
    if (gap === 0) return true
    if (gap > 0 && this.#case.code.length + gap < CODE_BYTES - 70) {
      const filler = Array.from({ length: gap }, () => random.below(256))
      process.patch(this.#here, filler)
      this.#case.code.push(...filler)
      this.#case.lengths.push(-gap)
      return true
    }
    // Elsewhere: only a fault on the fetch can be compared.
    process.processor.vcpu.run(0)
    return process.ended ? this.#end() : this.#drop()
  }

  setRegister(index: number, value: number): boolean {
    return this.#execute([...(this.#code32 ? [] : [0x66]), 0xb8 + index, ...littleEndian(value, 4)], '')
  }

  /** MOV of an immediate to memory, through the segment that an operand uses. */
  #store(segment: number, offset: number, value: number, size: number): boolean {
    if (!usable(this.state, segment, true)) return !this.#over
    const prefixes = [
      ...(this.#code32 ? [] : [0x67]),
      ...((size === 4) === this.#code32 || size === 1 ? [] : [0x66]),
      SEGMENT_PREFIXES[segment]!,
    ]
    return this.#execute(
      [...prefixes, size === 1 ? 0xc6 : 0xc7, 5, ...littleEndian(offset, 4), ...littleEndian(value, size)],
      '',
    )
  }

  #push(value: number, size: number): boolean {
    return this.#execute(
      [...((size === 4) === this.#code32 ? [] : [0x66]), 0x68, ...littleEndian(value, size)],
      '',
    )
  }

  /** Gives the flags values that the manual defines. */
  #defineFlags(): boolean {
    if (!this.#execute([0x39, 0xc8], '')) return false
    this.#undefined = 0
    return true
  }

  // Instructions.

  #instruction(choice: Choice): void {
    const { random } = this
    const { encoding, row } = choice
    const { description: d } = encoding
    const { name } = d
    const { alsoInLongMode } = this.options
    // There, Intel takes no 16-bit branches, and there are no 16-bit addresses.
    const operandSize = alsoInLongMode && d.near ? 4 : random.oneIn(4) === this.#code32 ? 2 : 4
    const addressSize = alsoInLongMode ? 4 : random.oneIn(5) === this.#code32 ? 2 : 4
    const size = meaningSize(encoding, operandSize)
    if (!this.#readyFlags(name, d.uses ?? 0) || !this.#prepare(name, size, addressSize)) return
    let memory: MemoryOperand | null = null
    let modrm: number[] = []
    let count = -1
    if (encoding.hasModrm) {
      const wantsMemory = encoding.operands.some(({ letter }) => letter === 'M')
      const wantsRegister = encoding.operands.some(({ letter }) => letter === 'R')
      let reg = encoding.digit >= 0 ? encoding.digit & 7 : random.below(8)
      if (reg === ESP && encoding.operands[0]?.letter === 'G' && !random.oneIn(30)) reg = EDI
      const registerOnly = wantsRegister || encoding.digit >= 8
      if (wantsMemory || name === 'NOP' || (!registerOnly && random.oneIn(2))) {
        memory = this.#memory(encoding, size, addressSize, reg)
        if (!memory) return
        modrm = [memory.bytes[0]! | (reg << 3), ...memory.bytes.slice(1)]
      } else {
        let rm = encoding.rm >= 0 ? encoding.rm : random.below(8)
        if (rm === ESP && size !== 1 && encoding.operands.length > 0 && !random.oneIn(30)) rm = EBX
        if (!this.#aimRegister(name, rm, size)) return
        modrm = [0xc0 | (reg << 3) | rm]
      }
    }
    const before = [...modrm]
    const prefixes = this.#prefixes(choice, operandSize, addressSize, memory)
    const opcode = [
      ...(row >= 0x100 ? [0x0f] : []),
      ...(row >= 0x300 ? [0x3a] : row >= 0x200 ? [0x38] : []),
      row & 0xff,
    ]
    const tail: number[] = []
    for (const { letter, suffix } of encoding.operands) {
      if (letter === 'I' || letter === 'K') {
        const bytes = suffix[0] === 'b' ? 1 : suffixSize(suffix, operandSize)
        const value = this.#immediate(name, letter)
        if (bytes === 1) count = value & 0xff
        tail.push(...littleEndian(value, bytes))
      } else if (letter === 'J')
        tail.push(
          ...littleEndian(
            random.oneIn(40) ? random.word() : random.below(12),
            suffix === 'b' ? 1 : operandSize,
          ),
        )
      else if (letter === 'O') {
        const offset = aimOffset(this, DS, size)
        tail.push(...littleEndian(offset, addressSize))
      } else if (letter === 'CL') count = this.state.gpr(ECX) & 0xff
      else if (letter === '1') count = 1
    }
    // Intel stores two of the four bytes only, and checks no more for alignment.
    if (name === 'PUSHS' && operandSize === 4 && this.state.checksAlignment) return
    // Undefined, and not the same on all silicon.
    if (/^SH[LR]D$/.test(name) && size === 2 && (count & 31) > 16) return
    if (name === 'JMPF' || name === 'CALLF')
      tail.splice(0, 99, ...this.#farPointer(operandSize, name === 'CALLF'))
    if (
      (row & 7) === ESP &&
      encoding.operands[0]?.letter === 'Z' &&
      name !== 'PUSH' &&
      row < 0x60 &&
      !random.oneIn(30)
    )
      return
    if (!this.#execute([...prefixes, ...opcode, ...before, ...tail], name)) return
    this.#noteUndefined(name, d.defines ?? 0, d.undefined ?? 0, size, count)
    if (name === 'PUSHS' && operandSize === 4) this.#clearUpperHalf()
  }

  /** A selector pushed as 32 bits: AMD stores zeros above it, Intel since the Core nothing (SDM vol. 2, PUSH). */
  #clearUpperHalf(): void {
    const esp = this.state.gpr(ESP)
    if (!this.#store(SS, this.state.stack32 ? (esp + 2) | 0 : (esp + 2) & 0xffff, 0, 2)) this.#drop()
  }

  #readyFlags(name: string, uses: number): boolean {
    const { random } = this
    // What only merges the old flags passes their state on; these read them.
    const reads =
      SHIFTS.has(name) ||
      /^(ROL|ROR|DIV|IDIV|BT.?|CL.|ST.|VERR|VERW|LAR|LSL|ARPL|CMPXCHG8B|AAM|AAD)$/.test(name)
        ? 0
        : /^(RCL|RCR|CMC)$/.test(name)
          ? CF
          : // With a count of zero a search leaves the flags alone.
            /^(PUSHF|INTO|SCAS|CMPS)$/.test(name)
            ? ARITHMETIC
            : uses
    if (this.#undefined & reads && !this.#defineFlags()) return false
    return !random.oneIn(20) || this.#defineFlags()
  }

  #noteUndefined(name: string, defines: number, undef: number, size: number, count: number): void {
    if (SHIFTS.has(name) || ROTATES.has(name)) {
      const masked = count & 31
      if (masked === 0) return
      const bits = 8 * size
      if (ROTATES.has(name)) {
        this.#undefined = (this.#undefined & ~(CF | OF)) | (masked === 1 ? 0 : OF)
        return
      }
      this.#undefined = AF | (masked === 1 ? 0 : OF)
      if (/SHL|SAL|SHR/.test(name) && masked >= bits) this.#undefined |= CF
      if (/SH.D/.test(name) && masked > bits) this.#undefined = ARITHMETIC
      return
    }
    this.#undefined = (this.#undefined & ~defines) | undef
    if (name === 'POPF' || name === 'IRET') this.#undefined = 0
  }

  #memory(encoding: Encoding, size: number, addressSize: number, reg: number): MemoryOperand | null {
    const { random } = this
    const { name } = encoding.description
    const first = encoding.operands[0]!
    const write =
      first.letter === 'E' &&
      !/^(CMP|TEST|PUSH|JMPI|CALLI|MUL|IMUL|DIV|IDIV|BT|VERR|VERW|NOP|LMSW)$/.test(name)
    const bytes = /^(L.S|JMPFI|CALLFI)$/.test(name)
      ? size + 2
      : name === 'BOUND'
        ? 2 * size
        : name === 'CMPXCHG8B'
          ? 8
          : this.#operandBytes(encoding, size)
    let bias = 0
    if (/^BT.?$/.test(name) && encoding.operands[1]?.letter === 'G') {
      // The bit offset moves the operand.
      if (!random.oneIn(4) && reg !== ESP && !this.setRegister(reg, random.below(0x4000) - 0x2000))
        return null
      const offset = size === 2 ? (this.state.gpr(reg) << 16) >> 16 : this.state.gpr(reg)
      bias = size === 2 ? (offset >> 4) << 1 : (offset >> 5) << 2
    }
    const operand = memoryOperand(this, addressSize, bytes, write, bias)
    if (!operand) return null
    return this.#fillMemory(name, operand, size) ? operand : null
  }

  #operandBytes(encoding: Encoding, size: number): number {
    const memory = encoding.operands.find(({ letter }) => letter === 'E' || letter === 'M')!
    return Math.max(1, memory.suffix === '' ? size : suffixSize(memory.suffix, size))
  }

  /** What the instruction is to find in its memory operand. */
  #fillMemory(name: string, { segment, offset }: MemoryOperand, size: number): boolean {
    const { random } = this
    if (/^(L.S)$/.test(name)) return this.#store(segment, offset + size, this.#selectorFor(name), 2)
    if (name === 'MOVTS' || SEGMENT_INSTRUCTIONS.has(name))
      return this.#store(segment, offset, this.#selectorFor(name), 2)
    if (name === 'JMPI' || name === 'CALLI')
      return this.#store(segment, offset, this.#jumpTarget(this.state.base(CS)), size)
    if (name === 'JMPFI' || name === 'CALLFI') {
      const pointer = this.#farPointer(size, name === 'CALLFI')
      const word = (at: number, bytes: number): number =>
        pointer.slice(at, at + bytes).reduce((v, b, i) => v | (b << (8 * i)), 0)
      return (
        this.#store(segment, offset, word(0, size), size) &&
        this.#store(segment, offset + size, word(size, 2), 2)
      )
    }
    if (name === 'BOUND' && !random.oneIn(3))
      return (
        this.#store(segment, offset, -0x7000, size) &&
        this.#store(segment, offset + size, random.below(0x7fff), size)
      )
    return !this.#over
  }

  #aimRegister(name: string, register: number, size: number): boolean {
    if (SEGMENT_INSTRUCTIONS.has(name)) return this.setRegister(register, this.#selectorFor(name))
    if (name === 'JMPI' || name === 'CALLI')
      return this.setRegister(register, this.#jumpTarget(this.state.base(CS)))
    if ((name === 'DIV' || name === 'IDIV') && size === 1) return true
    return true
  }

  /** An EIP a little ahead, past whatever is still to come. */
  #jumpTarget(base: number): number {
    return (this.#here + 36 + this.random.below(10) - base) | 0
  }

  #farPointer(operandSize: number, call = false): number[] {
    const { random } = this
    let selector = random.oneIn(12)
      ? random.pick(ALL_SELECTORS)
      : this.options.segments
        ? random.pick(CODE_SELECTORS)
        : USER_CODE
    // AMD silicon pushes before it checks the target against the limit, Intel's manual has it the other way.
    // A margin for what may still be emitted before the call.
    const ahead = (this.#jumpTarget(0) - (SELECTOR_BASES.get(selector) ?? 0)) >>> 0
    if (call && ahead + 64 > codeLimit(selector | 3)) selector = USER_CODE
    const base = SELECTOR_BASES.get(selector) ?? 0
    return [...littleEndian(this.#jumpTarget(base), operandSize), ...littleEndian(selector, 2)]
  }

  #selectorFor(name: string): number {
    const { random } = this
    if (!this.options.segments) return random.pick([USER_DATA, USER_DATA, USER_DATA, 0])
    if (name === 'LSS') return random.oneIn(8) ? random.pick(ALL_SELECTORS) : random.pick(STACK_SELECTORS)
    if (/^(LAR|LSL|VERR|VERW)$/.test(name) || random.oneIn(10)) return random.pick(ALL_SELECTORS)
    return random.oneIn(2) ? random.pick([...LOADABLE]) : USER_DATA
  }

  #immediate(name: string, letter: string): number {
    const { random } = this
    if (name === 'INT') return random.pick([3, 4, 0, 5, 13, 14, 0x21, 0x81, 0xff, random.below(0x80)])
    if (name === 'ENTER')
      return letter === 'K'
        ? random.oneIn(6)
          ? random.below(256)
          : random.below(4)
        : random.below(random.oneIn(20) ? 0x10000 : 64)
    if (name === 'RET' || name === 'RETF') return random.oneIn(20) ? random.value() : random.below(16)
    return random.value()
  }

  /** Registers that must hold something for the instruction to make sense. */
  #prepare(name: string, size: number, addressSize: number): boolean {
    const { random, state } = this
    if (!this.#stackReady(name)) return false
    if (/^(MOVS|STOS|LODS|SCAS|CMPS|INS|OUTS)$/.test(name)) {
      const pointer = (segment: number): number =>
        (random.word() & ~0xffff & (addressSize === 2 ? -1 : 0)) | this.#stringOffset(segment)
      if (!this.setRegister(EDI, pointer(ES)) || !this.setRegister(ESI, pointer(DS))) return false
      if (random.oneIn(4) && !this.setRegister(ESI, state.gpr(EDI) + random.below(40) - 20)) return false
      if (
        !this.setRegister(
          ECX,
          (addressSize === 2 ? random.word() & ~0xffff : 0) | (random.oneIn(8) ? 0 : random.below(40)),
        )
      )
        return false
      if (random.oneIn(3) && !this.#execute([random.oneIn(2) ? 0xfd : 0xfc], '')) return false
    }
    if (
      /^(LOOP|LOOPE|LOOPNE|JCXZ)$/.test(name) &&
      random.oneIn(2) &&
      !this.setRegister(ECX, random.below(3) | (random.oneIn(3) ? 0x10000 : 0))
    )
      return false
    if (name === 'XLAT' && !this.setRegister(EBX, aimOffset(this, DS, 1) - (state.gpr(EAX) & 0xff)))
      return false
    if ((name === 'DIV' || name === 'IDIV') && !random.oneIn(4)) {
      if (size === 1) return this.setRegister(EAX, random.below(0x300) - 0x100)
      return this.setRegister(EDX, random.oneIn(2) ? random.below(200) : -random.below(2))
    }
    if (name === 'LEAVE')
      return this.setRegister(
        EBP,
        (random.word() & (state.stack32 ? 0 : ~0xffff)) | aimOffset(this, SS, size),
      )
    if (/^(RET|RETF|IRET)$/.test(name)) return this.#pushReturn(name, size)
    if (name === 'POPF') return this.#push(this.#flagsImage(), size)
    if (name === 'POPS') return this.#push(this.#selectorFor(name), size)
    return true
  }

  #stringOffset(segment: number): number {
    return aimOffset(this, segment, 4)
  }

  #flagsImage(): number {
    const alignment = this.random.oneIn(16) ? AC : 0
    return (this.random.word() & (ARITHMETIC | DIRECTION | 0x3202)) | alignment
  }

  #pushReturn(name: string, size: number): boolean {
    if (name === 'RET') return this.#push(this.#jumpTarget(this.state.base(CS)), size)
    if (name === 'IRET' && !this.#push(this.#flagsImage(), size)) return false
    const pointer = this.#farPointer(size)
    const word = (from: number, bytes: number): number =>
      pointer.slice(from, from + bytes).reduce((v, b, i) => v | (b << (8 * i)), 0)
    return this.#push(word(size, 2), size) && this.#push(word(0, size), size)
  }

  /** Brings ESP back to where there is memory, as a rule. */
  #stackReady(name: string): boolean {
    const { state, random } = this
    if (!STACK_USERS.has(name) && !/^(PUSH|POP|CALL|RET|LEAVE)/.test(name)) return true
    const pointer = state.stack32 ? state.gpr(ESP) >>> 0 : state.gpr(ESP) & 0xffff
    const linear = (state.base(SS) + pointer) >>> 0
    const good = linear > 0x3200 && linear < 0x6e00 && this.#insideStack(pointer)
    if (good ? !random.oneIn(30) : random.oneIn(30)) return true
    const offset = random.oneIn(3) ? aimOffset(this, SS, 4) : this.#stackOffset()
    return this.setRegister(ESP, state.stack32 ? offset : (random.word() & ~0xffff) | (offset & 0xffff))
  }

  #insideStack(pointer: number): boolean {
    const { state } = this
    const limit = state.limit(SS)
    return (state.access(SS) & 0x1c) === 0x14 ? pointer > limit + 0x100 : pointer <= limit
  }

  #stackOffset(): number {
    const { state, random } = this
    for (let tries = 0; tries < 10; tries++) {
      const offset = (0x3400 + random.below(0x3800) - state.base(SS)) >>> 0
      if (this.#insideStack(offset)) return offset
    }
    return 0x1800
  }

  #prefixes(
    { encoding, row }: Choice,
    operandSize: number,
    addressSize: number,
    memory: MemoryOperand | null,
  ): number[] {
    const { random } = this
    const { description: d } = encoding
    const prefixes: number[] = []
    if ((operandSize === 4) !== this.#code32) prefixes.push(0x66)
    if ((addressSize === 4) !== this.#code32) prefixes.push(0x67)
    if (memory) prefixes.push(...memory.prefix)
    else if (random.oneIn(8)) prefixes.push(random.pick(SEGMENT_PREFIXES))
    if (d.string && !random.oneIn(3)) prefixes.push(random.oneIn(2) ? 0xf2 : 0xf3)
    // Elsewhere a repeat prefix does nothing, as long as it does not make another instruction.
    // On AMD silicon it turns LOOPE into LOOPNE and back.
    else if (row < 0x100 && row !== 0x90 && !/^LOOPN?E$/.test(d.name) && random.oneIn(40))
      prefixes.push(random.oneIn(2) ? 0xf2 : 0xf3)
    // VERR and VERW with LOCK run on AMD silicon, and MOV of CR0 with LOCK is its MOV of CR8.
    const lockable = d.lockable && memory && encoding.operands[0]!.letter !== 'G'
    if (!/^(VER[RW]|MOVCR|MOVRC)$/.test(d.name) && random.oneIn(lockable ? 6 : 300)) prefixes.push(0xf0)
    if (random.oneIn(80))
      for (let n = random.below(12); n > 0; n--)
        prefixes.unshift(memory ? (memory.prefix[0] ?? prefixes[0] ?? 0x3e) : 0x2e)
    for (let i = prefixes.length - 1; i > 0; i--) {
      const k = random.below(i + 1)
      ;[prefixes[i], prefixes[k]] = [prefixes[k]!, prefixes[i]!]
    }
    if (memory && memory.prefix.length === 0) return prefixes.filter((p) => !SEGMENT_PREFIXES.includes(p))
    // There, what CS is named for can be written.
    return this.options.alsoInLongMode ? prefixes.filter((p) => p !== SEGMENT_PREFIXES[CS]) : prefixes
  }

  /** Encodings that do not exist, or not in this form. */
  #wild(): void {
    const { random } = this
    // One of them is SALC, which reads CF.
    if (this.#undefined && !this.#defineFlags()) return
    const bytes = random.pick(INVALID)
    this.#execute([...(random.oneIn(4) ? [0x66] : []), ...bytes], 'invalid')
  }

  /** Writes the next instruction over another one. */
  #selfModify(): void {
    const { random, state } = this
    if (!writable(state.access(DS)) || state.base(DS) !== 0 || state.limit(DS) < CODE_END) return
    const register = random.pick([EAX, ECX, EDX, EBX, ESI, EDI])
    const wide = this.#code32 ? [] : [0x66]
    const fresh = random.pick([
      [0x90, 0x90, 0x90, 0x90],
      [0x40 + register, 0x40 + register, 0xf5, 0xf5],
      [0x83, 0xc0 + register, random.below(256), 0xf9],
      [0xeb, 0x02, 0, 0],
    ])
    const padding = Array.from({ length: random.below(4) }, () => 0x90)
    const length = wide.length + (this.#code32 ? 0 : 1) + 10
    const at = this.#here + length + padding.length
    if (at + 8 > CODE_END) return
    const address = littleEndian(at, 4)
    const store = [...wide, ...(this.#code32 ? [] : [0x67]), 0xc7, 5, ...address, ...fresh]
    // What is there before it is written over.
    const stale = random.pick([
      [0x48, 0x48, 0x48, 0x48],
      [0xcc, 0xcc, 0xcc, 0xcc],
      [0xb8, 1, 2, 3],
      [0x0f, 0x0b, 0x0f, 0x0b],
    ])
    this.process.patch(this.#here + store.length, [...padding, ...stale])
    if (!this.#execute(store, 'self-modification')) return
    this.#case.code.push(...padding, ...stale)
    for (let steps = 0; steps < 8 && !this.#over; steps++) {
      const linear = (state.base(CS) + state.eip) >>> 0
      if (linear === this.#here) return
      if (linear > this.#here) return void this.#goOn()
      this.process.processor.vcpu.run(0)
      if (this.process.ended) this.#end()
    }
  }
}

const INVALID = [
  [0xfe, 0xd0],
  [0xfe, 0x38],
  [0xff, 0xf8],
  [0xff, 0x38],
  [0xff, 0xd8 | 1],
  [0xff, 0xe8],
  [0x0f, 0x0b],
  [0x0f, 0xb9, 0xc0],
  [0x0f, 0xff, 0xc0],
  [0x8e, 0xc8],
  [0x8e, 0xf0],
  [0x8e, 0xf8],
  [0x8c, 0xf0],
  [0x8c, 0xf8],
  [0xc6, 0xc8, 0x11],
  [0xc7, 0xc8, 1, 2, 3, 4],
  [0x8d, 0xc0],
  [0x0f, 0xba, 0xc0, 1],
  [0x0f, 0xba, 0xd8, 3],
  [0xf0, 0x90],
  [0xf0, 0x01, 0xc0],
  [0xf0, 0x39, 0x00],
  [0xf0, 0x89, 0x00],
  [0xf0, 0x0f, 0xa3, 0x00],
  [0xf0, 0xd1, 0x00],
  [0x0f, 0x04],
  [0x0f, 0x0a],
  [0x0f, 0x24, 0xc0],
  [0x0f, 0x26, 0xc0],
  [0x0f, 0x36],
  [0x0f, 0x39],
  [0x0f, 0xc7, 0xc8],
  [0x0f, 0xb2, 0xc0],
  [0x0f, 0xb4, 0xc0],
  [0x0f, 0xa6, 0xc0],
  [0x0f, 0x00, 0xf0],
  [0x0f, 0x00, 0xf8],
  [0xd6],
  [0xf0, 0xff, 0x30],
  [0xf0, 0x87, 0xc0],
]

function isLoadable(selector: number): boolean {
  if (selector === 0 || selector === USER_DATA || selector === USER_CODE) return true
  if ((selector & 7) !== 7) return false
  const entry = LOCAL_SEGMENTS[(selector >> 3) - 1]
  return entry !== undefined && !entry.absent && !(entry.kind === 'code' && entry.restricted === true)
}

/** Data selectors that load without a fault. */
const LOADABLE: ReadonlySet<number> = new Set(ALL_SELECTORS.filter(isLoadable))

const SELECTOR_BASES: ReadonlyMap<number, number> = new Map([
  [USER_CODE, 0],
  [USER_DATA, 0],
  ...LOCAL_SEGMENTS.map((s, i): [number, number] => [(i + 1) * 8 + 7, s.base]),
])

const codeLimit = (selector: number): number => {
  const segment = LOCAL_SEGMENTS[(selector >> 3) - 1]
  return selector === USER_CODE || !segment || segment.pages ? 0xffffffff : segment.limit
}

/** Flags that a comparison looks at. */
export const COMPARED_FLAGS = CF | PF | AF | ZF | SF | OF | DIRECTION | AC
