import { State } from '../../../engine/isa/state.ts'
import type { FpuExports } from '../../../engine/fpu/fpu.ts'
import { type Random, binary } from './random.ts'
import { MM1, MM2, type Lanes, type SseInstruction, XMM1, XMM2 } from './sse-decode.ts'

/** Layout of one record, the same as in sse-oracle.c. */
export const SSE_RECORD_BYTES = 80
const LENGTH = 12
const TRAPPED = 13
const EFLAGS = 14
const MXCSR = 16
const EAX = 20
const ECX = 24
const FIRST = 32
const SECOND = 48
const MM_FIRST = 64
const MM_SECOND = 72

export function fillSseRecord(view: DataView, at: number, instruction: SseInstruction, random: Random): void {
  for (const [i, byte] of instruction.code.entries()) view.setUint8(at + i, byte)
  view.setUint8(at + LENGTH, instruction.code.length)
  view.setUint8(at + EFLAGS, random.word() & 0xd5)
  view.setUint32(at + MXCSR, randomMxcsr(random), true)
  for (const offset of [EAX, ECX]) view.setUint32(at + offset, Number(random.wide() & 0xffffffffn), true)
  fillLanes(view, at + FIRST, 16, instruction.lanes, random)
  fillLanes(view, at + SECOND, 16, instruction.lanes, random)
  fillLanes(view, at + MM_FIRST, 16, instruction.lanes, random)
  // Close operands, for cancellation and equality.
  if (random.chance(4)) {
    const close = view.getBigUint64(at + FIRST, true) + BigInt(random.below(5)) - 2n
    view.setBigUint64(at + SECOND, BigInt.asUintN(64, close), true)
  }
}

function randomMxcsr(random: Random): number {
  const masks = random.chance(6) ? random.below(64) : 0x3f
  const modes = random.chance(3) ? random.word() & 0xe040 : 0
  const flags = random.chance(2) ? 0x20 : random.chance(2) ? 0 : random.below(64)
  return (masks << 7) | modes | flags
}

function fillLanes(view: DataView, at: number, bytes: number, lanes: Lanes, random: Random): void {
  // Rarely special in every lane at once, or one exception would hide the others.
  const tame = random.chance(2)
  for (let i = 0; i < bytes; i += lanes === 'double' ? 8 : 4) {
    if (lanes === 'integer') view.setUint32(at + i, Number(random.wide() & 0xffffffffn), true)
    else if (lanes === 'single') view.setUint32(at + i, tame ? tameSingle(random) : Number(binary(random, true)), true)
    else if (tame && random.chance(2)) view.setFloat64(at + i, ((random.word() | 0) / 1000) * 2 ** (random.below(40) - 20), true)
    else view.setBigUint64(at + i, binary(random, false), true)
  }
}

function tameSingle(random: Random): number {
  const exponent = 127 - 20 + random.below(56)
  return (((random.below(2) << 31) >>> 0) + (exponent << 23) + (random.word() & (random.chance(2) ? 0x7fffff : 0x7ff000))) >>> 0
}

export function runSseRecord(
  fpu: FpuExports,
  state: DataView,
  input: DataView,
  output: DataView,
  at: number,
  instruction: SseInstruction,
): void {
  state.setUint32(State.MXCSR, input.getUint32(at + MXCSR, true), true)
  const pairs = [
    [XMM1, FIRST],
    [XMM1 + 8, FIRST + 8],
    [XMM2, SECOND],
    [XMM2 + 8, SECOND + 8],
    [MM1, MM_FIRST],
    [MM2, MM_SECOND],
  ] as const
  for (const [address, offset] of pairs) state.setBigUint64(address, input.getBigUint64(at + offset, true), true)
  const returned = instruction.run(fpu, input.getInt32(at + ECX, true))
  for (const [address, offset] of pairs) output.setBigUint64(at + offset, state.getBigUint64(address, true), true)
  output.setUint32(at + MXCSR, state.getUint32(State.MXCSR, true), true)
  if (instruction.to === 'flags') {
    output.setUint8(at + TRAPPED, returned < 0 ? 1 : 0)
    if (returned >= 0) output.setUint8(at + EFLAGS, returned)
    return
  }
  output.setUint8(at + TRAPPED, returned === 0 ? 0 : 1)
  if (instruction.to === 'eax' && returned === 0) output.setUint32(at + EAX, state.getUint32(State.FPU_SCRATCH, true), true)
}

function fields(view: DataView, at: number): Map<string, string> {
  const hex = (value: number | bigint, digits: number): string => value.toString(16).padStart(digits, '0')
  const wide = (offset: number): string => hex(view.getBigUint64(at + offset, true), 16)
  return new Map([
    ['mxcsr', hex(view.getUint32(at + MXCSR, true), 4)],
    ['trapped', String(view.getUint8(at + TRAPPED))],
    ['eflags', hex(view.getUint8(at + EFLAGS), 2)],
    ['eax', hex(view.getUint32(at + EAX, true), 8)],
    ['ecx', hex(view.getUint32(at + ECX, true), 8)],
    ['xmm1', `${wide(FIRST + 8)}_${wide(FIRST)}`],
    ['xmm2', `${wide(SECOND + 8)}_${wide(SECOND)}`],
    ['mm1', wide(MM_FIRST)],
    ['mm2', wide(MM_SECOND)],
  ])
}

/** What went in and the fields that came out differently. */
export function describeSseDifference(input: DataView, host: DataView, ours: DataView, at: number): string {
  const theirs = fields(host, at)
  const given = [...fields(input, at)].map(([name, value]) => `${name}=${value}`)
  const changed = [...fields(ours, at)]
    .filter(([name, value]) => theirs.get(name) !== value)
    .map(([name, value]) => `${name}: host ${theirs.get(name)} ours ${value}`)
  return `  ${given.join(' ')}\n  ${changed.join(', ')}`
}
