import { EDX, State } from '../../../engine/isa/state.ts'
import type { FpuExports } from '../../../engine/fpu/fpu.ts'
import type { X87Instruction } from './x87-decode.ts'
import { OPERAND_PAGE, type SingleInstructions } from './interpreter.ts'
import { type Random, binary, extended } from './random.ts'

/** Layout of one record, the same as in x87-oracle.c. */
export const RECORD_BYTES = 208
const CONTROL = 4
export const STATUS = 6
const TAG = 8
const EFLAGS = 9
export const REGISTERS = 16
export const MEMORY = 96
const MEMORY_BYTES = 112

const CONTROL_CHOICES = [0x37f, 0x27f, 0x07f] as const

/** One random starting state, fit for the instruction. */
export function fillRecord(view: DataView, at: number, instruction: X87Instruction, random: Random): void {
  view.setUint8(at, instruction.opcode)
  view.setUint8(at + 1, instruction.modrm)
  view.setUint8(at + 2, instruction.prefix)
  const control = randomControl(random)
  view.setUint16(at + CONTROL, control, true)
  const flags = random.chance(4) ? random.below(64) & control : 0
  view.setUint16(at + STATUS, (random.below(8) << 11) | (random.word() & 0x4700) | flags, true)
  // Loads need room, everything else operands: lean to what lets the instruction work.
  const tags = random.chance(3) ? random.below(256) : random.chance(2) ? 0xff : 0x7f
  view.setUint8(
    at + TAG,
    random.chance(8) ? random.below(256) : rotateTags(tags, view.getUint16(at + STATUS, true)),
  )
  view.setUint8(at + EFLAGS, random.word() & 0x45)
  for (let i = 0; i < 8; i++) {
    const { sig, se } = extended(random)
    view.setBigUint64(at + REGISTERS + i * 10, sig, true)
    view.setUint16(at + REGISTERS + i * 10 + 8, se, true)
  }
  relateOperands(view, at, random)
  fillMemory(view, at + MEMORY, instruction, random)
}

/** Sets what arithmetic depends on besides its operands; `tags` are by physical register, one bit for each in use. */
export function setState(
  view: DataView,
  at: number,
  { control, status, tags }: { control: number; status: number; tags: number },
): void {
  view.setUint16(at + CONTROL, control, true)
  view.setUint16(at + STATUS, status, true)
  view.setUint8(at + TAG, tags)
}

function randomControl(random: Random): number {
  if (random.chance(3)) return CONTROL_CHOICES[random.below(3)] ?? 0x37f
  const masks = random.chance(3) ? random.below(64) : 0x3f
  return 0x40 | (random.below(4) << 8) | (random.below(4) << 10) | masks
}

/** `tags` counts from ST(0); the register holds them by physical number. */
function rotateTags(tags: number, status: number): number {
  const top = (status >> 11) & 7
  return ((tags << top) | (tags >> (8 - top))) & 0xff
}

/** Now and then the operands are close to each other, or equal, so that subtraction cancels. */
function relateOperands(view: DataView, at: number, random: Random): void {
  if (!random.chance(3)) return
  const first = at + REGISTERS
  for (let i = 1; i < 8; i++) {
    if (!random.chance(2)) continue
    const other = first + i * 10
    const sig = view.getBigUint64(first, true)
    const step = BigInt(random.below(5) - 2)
    view.setBigUint64(other, random.chance(2) ? BigInt.asUintN(64, sig + step) : sig, true)
    const se = view.getUint16(first + 8, true) ^ (random.below(2) << 15)
    const moved = random.chance(2) ? se + random.below(3) - 1 : se + random.below(140) - 70
    view.setUint16(other + 8, random.chance(3) ? se : moved & 0xffff, true)
  }
}

function fillMemory(view: DataView, at: number, instruction: X87Instruction, random: Random): void {
  for (let i = 0; i < MEMORY_BYTES; i += 4) view.setUint32(at + i, random.word(), true)
  const { name, memoryBytes } = instruction
  const isInteger = name.startsWith('fi')
  if (memoryBytes === 4 && !isInteger) view.setUint32(at, Number(binary(random, true)), true)
  else if (memoryBytes === 8 && !isInteger) view.setBigUint64(at, binary(random, false), true)
  else if (isInteger && random.chance(2)) view.setBigInt64(at, BigInt.asIntN(64, random.wide()), true)
  else if (name === 'fld m80') {
    const { sig, se } = extended(random)
    view.setBigUint64(at, sig, true)
    view.setUint16(at + 8, se, true)
  } else if (name === 'fbld')
    for (let i = 0; i < 9; i++) view.setUint8(at + i, (random.below(10) << 4) | random.below(10))
}

/** What runs an instruction: its memory operand goes in and out through these places of linear memory. */
export interface Executor {
  readonly state: DataView
  /** Runs with EFLAGS as given and returns the new ones; `operand` bytes that are not written must stay. */
  run(instruction: X87Instruction, operand: number, eflags: number): number
  readonly operand: number
}

/** Calls the module's exports directly, doing the processor's part. */
export function directExecutor(fpu: FpuExports, state: DataView): Executor {
  return {
    state,
    operand: DIRECT_OPERAND,
    run(instruction, operand, eflags) {
      for (let i = 0; i < MEMORY_BYTES; i += 8)
        state.setBigUint64(State.FPU_SCRATCH + i, state.getBigUint64(operand + i, true), true)
      const returned = instruction.run(fpu, eflags)
      if (instruction.stores && returned === 0)
        for (let i = 0; i < instruction.memoryBytes; i++)
          state.setUint8(operand + i, state.getUint8(State.FPU_SCRATCH + i))
      return /^fu?comi/.test(instruction.name) ? returned : eflags
    },
  }
}

/** Some place outside of the processor's state. */
const DIRECT_OPERAND = 0x40000

/** Decodes and interprets the instruction. */
export function interpretingExecutor(machine: SingleInstructions): Executor {
  return {
    state: machine.view,
    operand: machine.operands + 0x100,
    run(instruction, _operand, eflags) {
      machine.state.setGpr(EDX, OPERAND_PAGE + 0x100)
      machine.state.eflags = eflags
      const code = [instruction.opcode, instruction.modrm]
      const outcome = machine.run(instruction.prefix === 0 ? code : [instruction.prefix, ...code])
      if (outcome !== -1) throw new Error(`${instruction.name}: ${outcome}`)
      return machine.state.eflags & 0xd5
    },
  }
}

/** Runs a record, leaving the outcome in the same layout. */
export function runRecord(
  executor: Executor,
  input: DataView,
  output: DataView,
  at: number,
  instruction: X87Instruction,
): void {
  const { state, operand } = executor
  const status = input.getUint16(at + STATUS, true)
  state.setUint32(State.FPU_CONTROL, input.getUint16(at + CONTROL, true), true)
  state.setUint32(State.FPU_STATUS, status, true)
  state.setUint32(State.FPU_TAG, fullTags(input.getUint8(at + TAG)), true)
  const top = (status >> 11) & 7
  for (let i = 0; i < 8; i++) {
    const register = State.FPU + ((top + i) & 7) * 16
    state.setBigUint64(register, input.getBigUint64(at + REGISTERS + i * 10, true), true)
    state.setUint16(register + 8, input.getUint16(at + REGISTERS + i * 10 + 8, true), true)
  }
  for (let i = 0; i < MEMORY_BYTES; i += 8)
    state.setBigUint64(operand + i, input.getBigUint64(at + MEMORY + i, true), true)

  output.setUint8(at + EFLAGS, executor.run(instruction, operand, input.getUint8(at + EFLAGS)))
  const after = state.getUint32(State.FPU_STATUS, true)
  output.setUint16(at + CONTROL, state.getUint32(State.FPU_CONTROL, true), true)
  output.setUint16(at + STATUS, after, true)
  output.setUint8(at + TAG, shortTags(state.getUint32(State.FPU_TAG, true)))
  for (let i = 0; i < 8; i++) {
    const register = State.FPU + (((after >> 11) + i) & 7) * 16
    output.setBigUint64(at + REGISTERS + i * 10, state.getBigUint64(register, true), true)
    output.setUint16(at + REGISTERS + i * 10 + 8, state.getUint16(register + 8, true), true)
  }
  for (let i = 0; i < MEMORY_BYTES; i += 8)
    output.setBigUint64(at + MEMORY + i, state.getBigUint64(operand + i, true), true)
}

function fullTags(short: number): number {
  let tags = 0
  for (let i = 0; i < 8; i++) if (((short >> i) & 1) === 0) tags |= 3 << (2 * i)
  return tags
}

function shortTags(tags: number): number {
  let short = 0
  for (let i = 0; i < 8; i++) if (((tags >> (2 * i)) & 3) !== 3) short |= 1 << i
  return short
}

const hex = (value: number | bigint, digits: number): string => value.toString(16).padStart(digits, '0')

/** The fields of a record as text, by name. */
function fields(view: DataView, at: number): Map<string, string> {
  const named = new Map([
    ['cw', hex(view.getUint16(at + CONTROL, true), 4)],
    ['sw', hex(view.getUint16(at + STATUS, true), 4)],
    ['tag', hex(view.getUint8(at + TAG), 2)],
    ['flags', hex(view.getUint8(at + EFLAGS), 2)],
  ])
  for (let i = 0; i < 8; i++) {
    const sig = view.getBigUint64(at + REGISTERS + i * 10, true)
    named.set(`st${i}`, `${hex(view.getUint16(at + REGISTERS + i * 10 + 8, true), 4)}.${hex(sig, 16)}`)
  }
  const bytes = Array.from({ length: MEMORY_BYTES }, (_, i) => hex(view.getUint8(at + MEMORY + i), 2))
  named.set('mem', bytes.slice(0, 10).reverse().join(''))
  named.set('mem+10', bytes.slice(10).join(''))
  return named
}

/** What went in and the fields that came out differently, for the report of a difference. */
export function describeDifference(input: DataView, host: DataView, ours: DataView, at: number): string {
  const before = fields(input, at)
  const theirs = fields(host, at)
  const given = ['cw', 'sw', 'tag', 'flags', 'st0', 'st1', 'mem'].map((name) => `${name}=${before.get(name)}`)
  const changed = [...fields(ours, at)]
    .filter(([name, value]) => theirs.get(name) !== value)
    .map(([name, value]) => `${name}: host ${theirs.get(name)} ours ${value}`)
  return `  ${given.join(' ')}\n  ${changed.join(', ')}`
}
