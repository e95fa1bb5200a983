import { expect, it } from 'vitest'
import { CS, DS, ES, FS, GS, SS, State } from '../../../engine/isa/state.ts'
import { CR0 } from '../../../engine/vcpu/cpu-state.ts'
import { Random } from '../fpu/random.ts'
import { type TestProcessor, buildProcessor } from './processor.ts'

const PROGRAM = 0x100000
const NUMBERS = 0x200000
const COUNT = 64
const END_PORT = 0xf4
/** PE is not masked: the first inexact result ends in a shutdown. */
const UNMASKED = 0x35f
const CONTROL_WORDS = [0x37f, 0x27f, 0x07f, 0xb7f, UNMASKED]

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

const littleEndian = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff)

function prepare(entriesUntilHot?: number): { processor: TestProcessor; ended: () => boolean } {
  const processor = buildProcessor({
    withFpu: true,
    ...(entriesUntilHot !== undefined && { entriesUntilHot }),
  })
  processor.memory.setA20(true)
  let stopped = false
  const write = (): void => {
    stopped = true
    processor.vcpu.requestStop()
  }
  processor.ports.map({ name: 'end', base: END_PORT, length: 1 }, { read: () => 0xff, write })
  const ended = (): boolean => {
    const was = stopped
    stopped = false
    return was
  }
  return { processor, ended }
}

interface Outcome {
  words: number[]
  memoryWords: number[]
  retired: number
  eip: number
}

function run(
  { processor, ended }: ReturnType<typeof prepare>,
  code: readonly number[],
  numbers: Float64Array,
  control: number,
): Outcome {
  const { vcpu, memory, ramView } = processor
  vcpu.reset()
  vcpu.control.setCr0(CR0.PE | CR0.NE)
  vcpu.segmentation.setCache(CS, 0x08, 0, 0xffffffff, 0xc09b)
  for (const index of [SS, DS, ES, FS, GS]) vcpu.segmentation.setCache(index, 0x10, 0, 0xffffffff, 0xc093)
  // fninit; fld1; fldpi; fld qword [NUMBERS]; mov edx,NUMBERS; mov ecx,COUNT
  const start = [0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0xeb, 0xdd, 0x05, ...littleEndian(NUMBERS), 0xba]
  start.push(...littleEndian(NUMBERS), 0xb9, ...littleEndian(COUNT))
  // fldcw [NUMBERS - 2]
  start.push(0xd9, 0x2d, ...littleEndian(NUMBERS - 2))
  memory.dmaWrite(PROGRAM, Uint8Array.from([...start, ...code, 0xe6, END_PORT, 0xeb, 0xfe]))
  ramView.setUint16(NUMBERS - 2, control, true)
  numbers.forEach((value, i) => ramView.setFloat64(NUMBERS + i * 8, value, true))
  vcpu.state.eip = PROGRAM
  const before = vcpu.retired
  // Ends of runs in the middle of everything.
  for (let runs = 0; runs < 1000 && !ended(); runs++) vcpu.run(37)
  const words = Array.from({ length: (State.FPU_OPCODE + 4 - State.FPU) / 4 }, (_, i) =>
    vcpu.state.word(State.FPU + i * 4),
  )
  const memoryWords = Array.from({ length: COUNT * 2 }, (_, i) => ramView.getInt32(NUMBERS + i * 4, true))
  return { words, memoryWords, retired: vcpu.retired - before, eip: vcpu.state.eip }
}

for (const [name, code] of Object.entries(LOOPS))
  it(`does as the interpreter with ${name}`, () => {
    const random = new Random(5)
    const interpreted = prepare()
    const translated = prepare(3)
    for (let round = 0; round < 30; round++) {
      const numbers = Float64Array.from({ length: COUNT + 1 }, () => {
        if (random.chance(20)) return [0, -0, Infinity, NaN, 5e-324, 2 ** -1022][random.below(6)]!
        const short = random.below(4000) / 16 - 100
        return round % 2 === 0 ? short : short + Number(random.significand() >> 11n) / 2 ** 53
      })
      const control = CONTROL_WORDS[round % CONTROL_WORDS.length]!
      const expected = run(interpreted, code, numbers, control)
      if (control !== UNMASKED) expect(expected.retired).toBeGreaterThan(4 * COUNT)
      expect(run(translated, code, numbers, control), `round ${round}`).toEqual(expected)
    }
    expect(translated.processor.vcpu.translatorStats()['regions']).toBeGreaterThan(0)
  })
