import { expect, it } from 'vitest'
import type { Unit } from '../../../engine/isa/description.ts'
import type { Encoding } from '../../../engine/isa/encoding.ts'
import { CS, DS, ES, FS, GS, SS, State } from '../../../engine/isa/state.ts'
import { CR0, CR4 } from '../../../engine/vcpu/cpu-state.ts'
import { Random as Numbers, binary, extended } from '../fpu/random.ts'
import { type TestProcessor, buildProcessor } from './processor.ts'

const STREAMS = Number(process.env['TRANSLATOR_CASES'] ?? 2_000)
const SEED = Number(process.env['CONFORMANCE_SEED'] ?? 21)
const INSTRUCTIONS = 8
const ROUNDS = 3
const PROGRAM = 0x100000
const OPERANDS = 0x200000
const OPERAND_BYTES = 256
const END_PORT = 0xf4
const UNITS: ReadonlySet<Unit> = new Set<Unit>(['x87', 'mmx', 'sse'])
/** All masked, to nearest, with and without PE; unmasked; FTZ and DAZ; chopped. */
const CONTROLS = [0x1fa0, 0x1fa0, 0x1fa0, 0x1fa0, 0x1f80, 0x1f80, 0x0f80, 0x9fe0, 0x7fa0]
const LOADS_CONTROL = /^(LDMXCSR|FX?RSTOR|FLDENV|FLDCW)$/
const CONTROL_WORDS = [0x37f, 0x37f, 0x37f, 0x27f, 0x340, 0xf7f]

const littleEndian = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff)

/** A zero or normal double of any number of significant bits, often of half of them: so that results just fit, or not. */
function plainDouble(numbers: Numbers): number {
  if (numbers.chance(12)) return numbers.chance(2) ? -0 : 0
  const width = numbers.chance(2) ? 26 + numbers.below(3) : 1 + numbers.below(53)
  const significand = Number(((numbers.significand() | (1n << 63n)) >> BigInt(64 - width)) | 1n)
  // From the ends of the range, or near each other.
  const last = numbers.chance(6) ? (numbers.chance(2) ? -1022 : 1023 - width) : numbers.below(40) - width
  return (numbers.chance(2) ? -1 : 1) * significand * 2 ** last
}

/** A double that is not denormal as an 80-bit number. */
function widened(value: number): { sig: bigint; se: number } {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
  const sign = Number(bits >> 63n) << 15
  const exponent = Number(bits >> 52n) & 0x7ff
  if (exponent === 0) return { sig: 0n, se: sign }
  return { sig: ((bits << 11n) & 0x7fffffffffffffffn) | (1n << 63n), se: sign | (exponent + 0x3c00) }
}

/** A processor in flat protected mode without an IDT: what raises an exception ends in a shutdown. */
class FlatProcess {
  readonly processor: TestProcessor
  #ended = false

  constructor(entriesUntilHot?: number) {
    this.processor = buildProcessor({
      withFpu: true,
      ...(entriesUntilHot !== undefined && { translator: { entriesUntilHot } }),
    })
    this.processor.memory.setA20(true)
    const write = (): void => {
      this.#ended = true
      this.processor.vcpu.requestStop()
    }
    this.processor.ports.map({ name: 'end', base: END_PORT, length: 1 }, { read: () => 0xff, write })
  }

  run({ code, operands, words }: Stream) {
    const { vcpu, memory, ram } = this.processor
    vcpu.reset()
    const { control, segmentation, state } = vcpu
    control.setCr0(CR0.PE | CR0.NE)
    control.setCr4(CR4.OSFXSR | CR4.OSXMMEXCPT)
    segmentation.setCache(CS, 0x08, 0, 0xffffffff, 0xc09b)
    for (const index of [SS, DS, ES, FS, GS]) segmentation.setCache(index, 0x10, 0, 0xffffffff, 0xc093)
    memory.dmaWrite(PROGRAM, code)
    memory.dmaWrite(OPERANDS, operands)
    memory.dmaWrite(OPERANDS + OPERAND_BYTES, Uint8Array.of(ROUNDS, 0, 0, 0))
    for (const [address, value] of words) state.setWord(address, value)
    // FPU_TRAP follows from what has been set.
    control.setCr4(CR4.OSFXSR | CR4.OSXMMEXCPT)
    state.eip = PROGRAM
    this.#ended = false
    const before = vcpu.retired
    let exit = vcpu.run(1000)
    for (let runs = 0; runs < 3 && !this.#ended && exit !== 'shutdown'; runs++) exit = vcpu.run(1000)
    const range = (from: number, to: number): number[] =>
      Array.from({ length: (to - from) / 4 }, (_, i) => state.word(from + i * 4))
    return {
      exit,
      // Where a shutdown leaves EIP is not defined; the number of instructions tells the place.
      eip: exit === 'shutdown' ? -1 : state.eip,
      retired: vcpu.retired - before,
      eflags: state.eflags,
      registers: range(State.GPR, State.GPR + 64),
      x87: range(State.FPU, State.FPU_OPCODE + 4),
      xmm: range(State.XMM, State.XMM + 128),
      mxcsr: state.word(State.MXCSR),
      memory: [...ram.subarray(OPERANDS, OPERANDS + OPERAND_BYTES)],
    }
  }
}

interface Stream {
  names: string[]
  code: Uint8Array
  operands: Uint8Array
  /** Processor state to begin with, by address. */
  words: [address: number, value: number][]
}

class Streams {
  readonly #numbers = new Numbers(SEED)
  readonly #choices: { row: number; encoding: Encoding }[] = []

  /** @param names of instructions that may come up, on operands most of which are plain */
  constructor(
    { table }: TestProcessor,
    private readonly names: RegExp | null = null,
  ) {
    table.forEach((encodings, row) => {
      for (const encoding of encodings) {
        const { unit, name } = encoding.description
        if (UNITS.has(unit) && (names === null || names.test(name))) this.#choices.push({ row, encoding })
      }
    })
  }

  next(): Stream {
    const numbers = this.#numbers
    const names: string[] = []
    // A region is entered by a jump.
    const code: number[] = [0xeb, 0]
    const units = numbers.below(3)
    while (names.length < INSTRUCTIONS) {
      const choice = this.#choices[numbers.below(this.#choices.length)]!
      const { unit, name } = choice.encoding.description
      // Streams of one unit go further: MMX fills the x87 stack.
      if (!this.names && units < 2 && (unit === 'sse') !== (units === 0)) continue
      // Random bytes as control words mostly end the stream.
      if (LOADS_CONTROL.test(name) && !numbers.chance(30)) continue
      names.push(name)
      code.push(...this.#instruction(choice))
      // ADD, LEA or TEST of general registers in between: what has been computed waits for its flags meanwhile.
      if (this.names && numbers.chance(3)) {
        const [a, b] = [numbers.below(3), numbers.below(3)]
        const between = [
          [0x83, 0xc0 | a, numbers.below(128)],
          [0x8d, 0x44 | (a << 3), b, numbers.below(128)],
          [0x85, 0xc0 | (a << 3) | b],
        ]
        code.push(...between[numbers.below(3)]!)
      }
    }
    // Three times round, by then with the pages known: DEC of the counter, JNZ; OUT; JMP to itself.
    code.push(0xff, 0x0d, ...littleEndian(OPERANDS + OPERAND_BYTES), 0x0f, 0x85)
    code.push(...littleEndian(-code.length - 2), 0xe6, END_PORT, 0xeb, 0xfe)
    return { names, code: Uint8Array.from(code), operands: this.#operands(), words: this.#state() }
  }

  #instruction({ row, encoding }: { row: number; encoding: Encoding }): number[] {
    const numbers = this.#numbers
    const { operands, digit, rm, mandatoryPrefix, hasModrm } = encoding
    const bytes = mandatoryPrefix === 0 ? [] : [mandatoryPrefix]
    if (row >= 0x100) bytes.push(0x0f)
    bytes.push(row & 0xff)
    const letters = operands.map(({ letter }) => letter).join('')
    const mustBeMemory = letters.includes('M')
    if (hasModrm) {
      const reg = digit >= 0 ? digit & 7 : numbers.below(8)
      const isRegister = digit >= 8 || /[NU]/.test(letters) || numbers.chance(2)
      if (mustBeMemory || !isRegister) {
        const at = OPERANDS + (numbers.chance(60) ? numbers.below(200) : numbers.below(15) * 16)
        bytes.push(5 | (reg << 3), at & 0xff, (at >> 8) & 0xff, at >> 16, 0)
      } else bytes.push(0xc0 | (reg << 3) | (rm >= 0 ? rm : numbers.below(8)))
    }
    if (letters.includes('I')) bytes.push(numbers.below(numbers.chance(2) ? 9 : 256))
    return bytes
  }

  #operands(): Uint8Array {
    const bytes = new Uint8Array(OPERAND_BYTES)
    this.#fill(new DataView(bytes.buffer))
    return bytes
  }

  /** Doubles, singles and integers. */
  #fill(view: DataView): void {
    const numbers = this.#numbers
    const single = numbers.chance(2)
    for (let at = 0; at < view.byteLength; at += 8) {
      if (this.names ? !numbers.chance(16) : numbers.chance(3))
        view.setFloat64(at, plainDouble(numbers), true)
      else if (single) {
        view.setUint32(at, Number(binary(numbers, true)), true)
        view.setUint32(at + 4, Number(binary(numbers, true)), true)
      } else view.setBigUint64(at, binary(numbers, false), true)
    }
  }

  #state(): [address: number, value: number][] {
    const numbers = this.#numbers
    const pick = (list: readonly number[]): number => list[numbers.below(list.length)]!
    const registers = new DataView(new ArrayBuffer(128))
    this.#fill(registers)
    const words: [number, number][] = [
      [State.MXCSR, pick(CONTROLS)],
      [State.FPU_CONTROL, pick(CONTROL_WORDS)],
      [State.FPU_STATUS, numbers.below(8) << 11],
      [State.FPU_TAG, numbers.chance(2) ? 0xfc00 : numbers.chance(2) ? 0xc003 : 0],
    ]
    for (let at = 0; at < 128; at += 4) words.push([State.XMM + at, registers.getInt32(at, true)])
    const plain = this.names !== null || numbers.chance(2)
    for (let register = 0; register < 8; register++) {
      const { sig, se } = plain ? widened(plainDouble(numbers)) : extended(numbers)
      words.push([State.FPU + register * 16, Number(sig & 0xffffffffn) | 0])
      words.push([State.FPU + register * 16 + 4, Number(sig >> 32n) | 0])
      words.push([State.FPU + register * 16 + 8, se])
      words.push([State.GPR + register * 8, numbers.word() | 0])
    }
    return words
  }
}

function compare(count: number, names: RegExp | null): void {
  const interpreted = new FlatProcess()
  const translated = new FlatProcess(0)
  const streams = new Streams(interpreted.processor, names)
  for (let made = 0; made < count; made++) {
    const stream = streams.next()
    expect(translated.run(stream), `${made}: ${stream.names.join(' ')}`).toEqual(interpreted.run(stream))
  }
  const { regions } = translated.processor.vcpu.translatorStats()
  expect(regions).toBeGreaterThan(count / 3)
}

it('computes what the interpreter does on x87, MMX and SSE registers', () => compare(STREAMS, null))

it('tells exact sums and products of doubles from others', () =>
  compare(STREAMS / 2, /^F((ADD|SUBR?|MUL)P?|XCH|CHS)$/))

it('keeps doubles apart from what is none', () =>
  compare(STREAMS / 2, /^F(I?(ADD|DIV|COMP?)|I?LD[1Z]?|I?STP?|XCH|ABS|U?COMI?P?|TST|SQRT|CMOVN?B|LDCW)$/))

it('computes with zeros and at the ends of the range of SSE', () =>
  compare(STREAMS / 4, /^(ADD|SUB|MUL|DIV|SQRT|MIN|MAX|U?COMI|CVTT?|MOV[SA])(P[SD]|S[SD])(2S[DSI])?$/))

it('computes scalars in a row whose flags are looked at together', () =>
  compare(STREAMS, /^((ADD|SUB|MUL|DIV)S[SD])$/))

const NUMBERS = 31
/** PE is not masked: the first inexact result ends in a shutdown. */
const UNMASKED = 0x35f

/** Loops as their bytes; EDX is at the numbers, ECX counts down, some numbers are on the stack. */
const LOOPS: Record<string, number[]> = {
  // jmp mid; top: fld qword [edx]; mid: fmul qword [edx+8]; add edx,8; faddp; dec ecx; jnz top
  'a sum of products, entered in the middle': [
    0xd9, 0xe8, 0xeb, 2, 0xdd, 0x02, 0xdc, 0x4a, 8, 0x83, 0xc2, 8, 0xde, 0xc1, 0x49, 0x75, 0xf3,
  ],
  // fld qword [edx]; fcomi st,st1; jb skip; fxch; skip: fstp st0; add edx,8; dec ecx; jnz
  'a search for the largest': [
    0xdd, 0x02, 0xdb, 0xf1, 0x72, 2, 0xd9, 0xc9, 0xdd, 0xd8, 0x83, 0xc2, 8, 0x49, 0x75, 0xf0,
  ],
  // fld dword [edx]; test cl,1; jz else; fadd st,st1; jmp join; else: fchs; join: fst qword [edx]; fmulp; dec ecx; jnz
  'two ways that meet': [
    0xd9, 0x02, 0xf6, 0xc1, 1, 0x74, 4, 0xd8, 0xc1, 0xeb, 2, 0xd9, 0xe0, 0xdd, 0x12, 0xde, 0xc9, 0x49, 0x75,
    0xec,
  ],
  // test cl,1; jz pop; fld qword [edx]; jmp join; pop: faddp; join: add edx,4; dec ecx; jnz
  'ways that meet with different TOP': [
    0xf6, 0xc1, 1, 0x75, 4, 0xdd, 0x02, 0xeb, 2, 0xde, 0xc1, 0x83, 0xc2, 4, 0x49, 0x75, 0xef,
  ],
  // fild dword [edx]; fdivr st,st1; fxch st2; fsubp; fsqrt; add edx,4; dec ecx; jnz
  'quotients, exchanges and roots': [
    0xdb, 0x02, 0xd8, 0xf9, 0xd9, 0xca, 0xde, 0xe9, 0xd9, 0xfa, 0x83, 0xc2, 4, 0x49, 0x75, 0xf0,
  ],
  // fld st1; fsin; faddp; fld qword [edx]; fstp dword [edx]; dec ecx; jnz
  'a function that works in memory': [
    0xd9, 0xc1, 0xd9, 0xfe, 0xde, 0xc1, 0xdd, 0x02, 0xd9, 0x1a, 0x49, 0x75, 0xf3,
  ],
  // fld qword [edx]; add edx,8; dec ecx; jnz: the stack overflows
  'a stack that overflows': [0xdd, 0x02, 0x83, 0xc2, 8, 0x49, 0x75, 0xf8],
}

/** FLD1; FLDPI; FLD qword [OPERANDS]; MOV EDX,OPERANDS; MOV ECX,24; the loop; OUT; JMP to itself. */
function loopStream(name: string, loop: readonly number[], numbers: Numbers, round: number): Stream {
  const at = littleEndian(OPERANDS)
  const code = [0xeb, 0, 0xd9, 0xe8, 0xd9, 0xeb, 0xdd, 0x05, ...at, 0xba, ...at, 0xb9, 24, 0, 0, 0]
  code.push(...loop, 0xe6, END_PORT, 0xeb, 0xfe)
  const operands = new Float64Array(NUMBERS + 1).map(() => {
    if (numbers.chance(20)) return [0, -0, Infinity, NaN, 5e-324, 2 ** -1022][numbers.below(6)]!
    const short = numbers.below(4000) / 16 - 100
    return round % 2 === 0 ? short : short + Number(numbers.significand() >> 11n) / 2 ** 53
  })
  const control = [0x37f, 0x27f, 0x07f, 0xb7f, UNMASKED][round % 5]!
  const words: Stream['words'] = [
    [State.FPU_CONTROL, control],
    [State.FPU_STATUS, (round % 8) << 11],
    [State.FPU_TAG, 0xffff],
  ]
  return { names: [name], code: Uint8Array.from(code), operands: new Uint8Array(operands.buffer), words }
}

it.each(Object.entries(LOOPS))('does as the interpreter in a loop: %s', (name, loop) => {
  const interpreted = new FlatProcess()
  const translated = new FlatProcess(3)
  const numbers = new Numbers(SEED)
  for (let round = 0; round < 30; round++) {
    const stream = loopStream(name, loop, numbers, round)
    const expected = interpreted.run(stream)
    if (round % 5 < 4) expect(expected.retired).toBeGreaterThan(4 * 24)
    expect(translated.run(stream), `round ${round}`).toEqual(expected)
  }
})
