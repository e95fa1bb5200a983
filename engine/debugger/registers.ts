import { CS, DS, ES, FS, GS, LDTR, SS, State, TR } from '../isa/state.ts'
import { VM } from '../isa/flags.ts'
import type { DebuggableCpu } from '../vcpu/debuggable.ts'
import { CpuFault } from '../vcpu/fault.ts'
import type { DebugSettings, RegisterDescription, RegisterFeature } from './target.ts'

/** A register with the way to its value. */
interface Register extends RegisterDescription {
  read(cpu: DebuggableCpu, settings: DebugSettings): Uint8Array
  /** False when it cannot have that value; absent when it cannot be written at all. */
  write?(cpu: DebuggableCpu, value: Uint8Array, settings: DebugSettings): boolean
}

interface Feature extends RegisterFeature {
  registers: readonly Register[]
}

const word = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value >>> 0, true)
  return bytes
}
const valueOf = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0, true)

type Read = (cpu: DebuggableCpu, settings: DebugSettings) => number
/** Nothing, or false for a value that cannot be. */
type Write = (cpu: DebuggableCpu, value: number, settings: DebugSettings) => void | boolean

/** A register of 32 bits. */
const plain = (name: string, type: string, group: string, read: Read, write?: Write): Register => ({
  name,
  bits: 32,
  type,
  group,
  read: (cpu, settings) => word(read(cpu, settings)),
  ...(write && {
    write: (cpu: DebuggableCpu, value: Uint8Array, settings: DebugSettings) =>
      unlessFaulting(() => write(cpu, valueOf(value), settings)),
  }),
})

/** What the processor itself would refuse is refused. */
function unlessFaulting(change: () => void | boolean): boolean {
  try {
    return change() !== false
  } catch (error) {
    if (error instanceof CpuFault) return false
    throw error
  }
}

const general = (name: string, index: number): Register =>
  plain(
    name,
    index === 4 || index === 5 ? 'data_ptr' : 'int32',
    'general',
    ({ state }) => state.gpr(index),
    ({ state }, value) => state.setGpr(index, value),
  )

/** EFLAGS but VM, which only a change of mode sets. */
const setFlags: Write = ({ state }, value) => {
  state.eflags = (value & ~VM) | (state.eflags & VM)
}

const pcBase = ({ state }: DebuggableCpu, { linearPc }: DebugSettings): number =>
  linearPc ? state.base(CS) : 0

/** In protected mode a selector is loaded with all checks, and CS not at all: that takes a control transfer. */
const segment = (name: string, index: number): Register =>
  plain(
    name,
    'int32',
    'general',
    ({ state }) => state.selector(index),
    ({ state, segmentation }, value) => {
      if (value === state.selector(index)) return true
      if (value > 0xffff || (index === CS && !state.paragraphs)) return false
      segmentation.load(index, value)
      return true
    },
  )

const bytesAt = (
  name: string,
  type: string,
  bits: number,
  group: string,
  at: (cpu: DebuggableCpu) => number,
): Register => {
  const length = bits / 8
  const view = (cpu: DebuggableCpu) => new Uint8Array(cpu.state.words.buffer, at(cpu), length)
  return {
    name,
    bits,
    type,
    group,
    read: (cpu) => Uint8Array.from(view(cpu)),
    write: (cpu, value) => {
      view(cpu).set(value)
      return true
    },
  }
}

const TOP_SHIFT = 11
const physicalFpu = ({ state }: DebuggableCpu, i: number): number =>
  State.FPU + 16 * (((state.word(State.FPU_STATUS) >>> TOP_SHIFT) + i) & 7)

/** The tag word as FNSTENV stores it: what is in a register decides between valid, zero and special. */
function fpuTags({ state }: DebuggableCpu): number {
  const stored = state.word(State.FPU_TAG)
  let tags = 0
  for (let i = 0; i < 8; i++) {
    const at = State.FPU + 16 * i
    const [low, high] = [state.word(at), state.word(at + 4)]
    const exponent = state.word(at + 8) & 0x7fff
    let tag = exponent === 0 || exponent === 0x7fff || high >= 0 ? 2 : 0
    if (exponent === 0 && low === 0 && high === 0) tag = 1
    if (((stored >> (2 * i)) & 3) === 3) tag = 3
    tags |= tag << (2 * i)
  }
  return tags
}

const setFpuTags: Write = ({ state }, value) => {
  let kept = 0
  for (let shift = 0; shift < 16; shift += 2) if (((value >> shift) & 3) === 3) kept |= 3 << shift
  state.setWord(State.FPU_TAG, kept)
}

const fpuWord = (name: string, at: number, mask: number): Register =>
  plain(
    name,
    'int32',
    'float',
    ({ state }) => state.word(at) & mask,
    (cpu, value) => {
      cpu.state.setWord(at, value & mask)
      cpu.updateFpuTrap()
    },
  )

const baseOf = (name: string, index: number): Register =>
  plain(name, 'data_ptr', 'system', ({ state }) => state.base(index))

const control = (name: string, at: number, write: Write): Register =>
  plain(name, 'int32', 'system', ({ state }) => state.word(at), write)

const debug = (index: number): Register =>
  control(`dr${index}`, State.DEBUG + 4 * index, (cpu, value) => {
    cpu.state.setWord(State.DEBUG + 4 * index, value)
    cpu.updateBreakpoints()
  })

const FLAG_NAMES = 'CF PF AF ZF SF TF IF DF OF'
  .split(' ')
  .map((name, i) => [name, [0, 2, 4, 6, 7, 8, 9, 10, 11][i]!] as const)
const MORE_FLAGS = [
  ['NT', 14],
  ['RF', 16],
  ['VM', 17],
  ['AC', 18],
  ['VIF', 19],
  ['VIP', 20],
  ['ID', 21],
] as const
const flagField = ([name, bit]: readonly [string, number]): string =>
  `<field name="${name}" start="${bit}" end="${bit}"/>`

const EFLAGS_TYPE = `<flags id="i386_eflags" size="4">${FLAG_NAMES.map(flagField).join('')}<field name="IOPL" start="12" end="13"/>${MORE_FLAGS.map(flagField).join('')}</flags>`

const MXCSR_TYPE = `<flags id="i386_mxcsr" size="4">${[
  ...'IE DE ZE OE UE PE DAZ IM DM ZM OM UM PM'.split(' ').map((name, i) => [name, i] as const),
  ['FZ', 15] as const,
]
  .map(flagField)
  .join('')}</flags>`

const VECTOR_TYPE = [
  ['v4f', 'ieee_single', 4],
  ['v2d', 'ieee_double', 2],
  ['v16i8', 'int8', 16],
  ['v8i16', 'int16', 8],
  ['v4i32', 'int32', 4],
  ['v2i64', 'int64', 2],
]
  .map(([id, type, count]) => `<vector id="${id}" type="${type}" count="${count}"/>`)
  .concat(
    '<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/>' +
      '<field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/>' +
      '<field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>',
  )
  .join('')

const CORE: Feature = {
  name: 'org.gnu.gdb.i386.core',
  types: EFLAGS_TYPE,
  registers: [
    ...['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'].map(general),
    plain(
      'eip',
      'code_ptr',
      'general',
      (cpu, settings) => cpu.state.eip + pcBase(cpu, settings),
      (cpu, value, settings) => {
        cpu.state.eip = (value - pcBase(cpu, settings)) >>> 0
      },
    ),
    plain('eflags', 'i386_eflags', 'general', ({ state }) => state.eflags, setFlags),
    ...(
      [
        ['cs', CS],
        ['ss', SS],
        ['ds', DS],
        ['es', ES],
        ['fs', FS],
        ['gs', GS],
      ] as const
    ).map(([name, index]) => segment(name, index)),
    ...Array.from({ length: 8 }, (_, i) =>
      bytesAt(`st${i}`, 'i387_ext', 80, 'float', (cpu) => physicalFpu(cpu, i)),
    ),
    fpuWord('fctrl', State.FPU_CONTROL, 0xffff),
    fpuWord('fstat', State.FPU_STATUS, 0xffff),
    plain('ftag', 'int32', 'float', fpuTags, setFpuTags),
    fpuWord('fiseg', State.FPU_CS, 0xffff),
    fpuWord('fioff', State.FPU_IP, -1),
    fpuWord('foseg', State.FPU_DS, 0xffff),
    fpuWord('fooff', State.FPU_DP, -1),
    fpuWord('fop', State.FPU_OPCODE, 0x7ff),
  ],
}

const SSE: Feature = {
  name: 'org.gnu.gdb.i386.sse',
  types: VECTOR_TYPE + MXCSR_TYPE,
  registers: [
    ...Array.from({ length: 8 }, (_, i) =>
      bytesAt(`xmm${i}`, 'vec128', 128, 'vector', () => State.XMM + 16 * i),
    ),
    plain(
      'mxcsr',
      'i386_mxcsr',
      'vector',
      ({ state }) => state.word(State.MXCSR),
      ({ state }, value) => state.setWord(State.MXCSR, value & 0xffff),
    ),
  ],
}

/** What GDB has no feature for: it shows them with `info registers system`. */
const SYSTEM: Feature = {
  name: 'org.vitrine.i386.system',
  types: '',
  registers: [
    control('cr0', State.CR0, (cpu, value) => cpu.control.setCr0(value | 0)),
    control('cr2', State.CR2, ({ state }, value) => state.setWord(State.CR2, value)),
    control('cr3', State.CR3, (cpu, value) => cpu.control.setCr3(value | 0)),
    control('cr4', State.CR4, (cpu, value) => cpu.control.setCr4(value | 0)),
    ...[0, 1, 2, 3, 6, 7].map(debug),
    ...(
      [
        ['es', ES],
        ['cs', CS],
        ['ss', SS],
        ['ds', DS],
        ['fs', FS],
        ['gs', GS],
      ] as const
    ).map(([name, index]) => baseOf(`${name}_base`, index)),
    ...(
      [
        ['gdt', State.GDTR],
        ['idt', State.IDTR],
      ] as const
    ).flatMap(([name, at]) => [
      plain(`${name}_base`, 'data_ptr', 'system', ({ state }) => state.word(at)),
      plain(`${name}_limit`, 'int32', 'system', ({ state }) => state.word(at + 4)),
    ]),
    ...(
      [
        ['ldt', LDTR],
        ['tr', TR],
      ] as const
    ).flatMap(([name, index]) => [
      plain(name, 'int32', 'system', ({ state }) => state.selector(index)),
      baseOf(`${name}_base`, index),
    ]),
    plain('cpl', 'int32', 'system', ({ state }) => state.cpl),
  ],
}

export const FEATURES: readonly Feature[] = [CORE, SSE, SYSTEM]
export const REGISTERS: readonly Register[] = FEATURES.flatMap(({ registers }) => registers)
