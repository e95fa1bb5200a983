import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ARITHMETIC } from '../../../engine/isa/flags.ts'
import { type CpuModelName, CPU_MODELS } from '../../../engine/vcpu/model.ts'
import { type TestProcessor, buildProcessor } from './processor.ts'
import { type RecordedRegisters, type Recording, definedFlags, readRecordings } from './recordings.ts'

// Compares single instructions with what silicon did with them, as SingleStepTests recorded it: copies of
// github.com/SingleStepTests/8086 and 80286 below the directory that CPU_RECORDINGS names.

const DIRECTORY = process.env.CPU_RECORDINGS
/** Files to compare, by opcode; all without it. */
const OPCODES = process.env.CPU_RECORDINGS_OPCODES?.split(',')

interface Silicon {
  model: CpuModelName
  /** Directories of recordings and of the list of defined flags, below the one of this processor. */
  recordings: string
  list: string
  /** Each recording ends with a HLT behind the instruction. */
  endsWithHlt: boolean
  leftOut: RegExp
  /** Recordings that are not compared, by opcode: what it does there is among the known differences. */
  excused: Readonly<Record<string, (recording: Recording) => boolean>>
}

const SILICON: Record<string, Silicon> = {
  // There was no coprocessor.
  '8086': {
    model: '8086',
    recordings: 'v1_binary',
    list: 'v1',
    endsWithHlt: false,
    leftOut: /^D[89A-F]/,
    excused: {},
  },
  '80286': {
    model: '286',
    recordings: 'v1_real_mode',
    list: 'v1_real_mode',
    endsWithHlt: true,
    leftOut: /^D8/,
    excused: {
      // BOUND whose second word lies at 10000h or which reads the second one first; POP leaves SP moved when its store faults.
      '62': ({ index }) => [2729, 3983, 4271, 4678].includes(index),
      '8F': ({ vector }) => vector >= 0,
      // The handler's address is not whole in the recording; both too long and invalid.
      C6: ({ index }) => index === 1982,
      C7: ({ index }) => index === 1685,
      // Not explained: what INT, INTO and far CALL push or where they lead, and divisions that overflow and go on.
      CD: ({ index }) => index === 2044,
      CE: ({ index }) => index === 1193,
      'FF.3': ({ index }) => [1141, 2390].includes(index),
      'F6.7': ({ index }) => [952, 1085, 2653, 4297].includes(index),
    },
  },
}

const GENERAL: readonly (keyof RecordedRegisters)[] = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di']
const SEGMENTS: readonly (keyof RecordedRegisters)[] = ['es', 'cs', 'ss', 'ds']
const REPEAT: ReadonlySet<number> = new Set([0xf2, 0xf3])
/** The most elements of a recorded string instruction. */
const MOST_STEPS = 200
const NOWHERE = -1
/** Divisions, which leave flags behind that are not defined when they fail. */
const DIVISION = /^(D4|F[67]\.[67])$/
/** What a 286 has moved on, or loaded, when these fault: the pointers of strings, all that POPA has popped. */
const MOVED: Readonly<Record<string, readonly (keyof RecordedRegisters)[]>> = {
  strings: ['cx', 'si', 'di'],
  '61': ['ax', 'cx', 'dx', 'bx', 'bp', 'si', 'di'],
}
const STRING = /^(6[C-F]|A[4-7A-F])$/
/** The list has the flags of SHR by CL for it, but not by an immediate. */
const SHR_BY_IMMEDIATE = /^C[01]\.5$/

it.for(Object.keys(SILICON))('does what an %s did', (name, { skip }) => {
  const { model, recordings, list, endsWithHlt, leftOut, excused } = SILICON[name]!
  const directory = join(DIRECTORY ?? '', name, recordings)
  if (DIRECTORY === undefined || !existsSync(directory))
    return skip('not on this machine: CPU_RECORDINGS names no recordings of processors')
  const mask = definedFlags(join(DIRECTORY, name, list, 'metadata.json'))
  const processor = buildProcessor({ model: CPU_MODELS[model] })
  const different: string[] = []
  let compared = 0
  for (const file of readdirSync(directory)) {
    const opcode = file.replace('.MOO.gz', '')
    if (opcode === file || leftOut.test(opcode) || (OPCODES && !OPCODES.includes(opcode))) continue
    for (const recording of readRecordings(join(directory, file))) {
      if (excused[opcode]?.(recording)) continue
      const differences = differencesOf(processor, recording, opcode, {
        mask: mask(SHR_BY_IMMEDIATE.test(opcode) ? 'D3.5' : opcode),
        endsWithHlt: endsWithHlt && opcode !== 'F4',
      })
      compared++
      if (differences.length > 0)
        different.push(`${opcode} ${recording.index} ${recording.name}: ${differences.join(', ')}`)
    }
  }
  console.log(`${name}: ${compared} instructions compared, ${different.length} different`)
  expect(different.slice(0, 40)).toEqual([])
})

function differencesOf(
  processor: TestProcessor,
  { code, before, after, vector }: Recording,
  opcode: string,
  { mask, endsWithHlt }: { mask: number; endsWithHlt: boolean },
): string[] {
  const { vcpu, memory, ram } = processor
  const { state } = vcpu
  const given = before.registers as RecordedRegisters
  const wanted: RecordedRegisters = { ...given, ...after.registers }
  if (endsWithHlt) wanted.ip = (wanted.ip - 1) & 0xffff
  vcpu.reset()
  GENERAL.forEach((name, i) => state.setGpr(i, given[name]))
  SEGMENTS.forEach((name, i) => vcpu.segmentation.setCache(i, given[name], given[name] * 16, 0xffff, 0x93))
  state.eflags = given.flags
  state.eip = given.ip
  for (const [address, value] of before.memory) memory.dmaWrite(address, Uint8Array.of(value))
  const exit = step(processor, given.ip, code)

  const differences = exit === 'breakpoint' || exit === 'halt' ? [] : [exit]
  const compare = (what: string, got: number, want: number): void => {
    if (got !== want) differences.push(`${what} is ${got.toString(16)}, was ${want.toString(16)}`)
  }
  const moved = (vector >= 0 && MOVED[STRING.test(opcode) ? 'strings' : opcode]) || []
  GENERAL.forEach((name, i) => {
    if (!moved.includes(name)) compare(name, state.gpr(i), wanted[name])
  })
  SEGMENTS.forEach((name, i) => compare(name, state.selector(i), wanted[name]))
  compare('ip', state.eip, wanted.ip)
  const image = dividedAt(opcode, given, wanted, endsWithHlt ? 0xffffff : 0xfffff)
  const flags = image === NOWHERE ? mask : mask & ~ARITHMETIC
  compare('flags', state.eflags & flags, wanted.flags & flags)
  for (const [address, value] of after.memory) {
    const byte = address === image ? flags & 0xff : address === image + 1 ? flags >> 8 : 0xff
    compare(`[${address.toString(16)}]`, ram[address]! & byte, value & byte)
  }
  for (const [address] of [...before.memory, ...after.memory]) memory.dmaWrite(address, Uint8Array.of(0))
  return differences
}

/** Runs one instruction, all repetitions of it. */
function step({ vcpu }: TestProcessor, ip: number, code: Uint8Array): string {
  const repeats = code.some((byte) => REPEAT.has(byte))
  for (let steps = 1; ; steps++) {
    vcpu.stops.begin(true)
    const exit = vcpu.run(1)
    vcpu.stops.begin(false)
    if (!repeats || exit !== 'breakpoint' || vcpu.state.eip !== ip || steps === MOST_STEPS) return exit
  }
}

/** Address of the flags that a division has pushed, or NOWHERE. */
function dividedAt(
  opcode: string,
  given: RecordedRegisters,
  wanted: RecordedRegisters,
  lines: number,
): number {
  if (!DIVISION.test(opcode) || ((given.sp - wanted.sp) & 0xffff) !== 6) return NOWHERE
  return (wanted.ss * 16 + ((given.sp - 2) & 0xffff)) & lines
}
