import { CS, EBP, EBX, EDI, ESI, ESP, DS, SS } from '../../../engine/isa/state.ts'
import { Access, type CpuState } from '../../../engine/vcpu/cpu-state.ts'
import type { Random } from './random.ts'
import {
  CODE,
  CODE_END,
  DATA,
  DATA_END,
  FAR_DATA,
  FAR_DATA_END,
  READ_ONLY,
  READ_ONLY_END,
} from './user-layout.ts'

export const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]

export const littleEndian = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 0xff)

/** Where a memory operand lies, and the bytes that say so. */
export interface MemoryOperand {
  /** ModRM with the reg field clear, SIB, displacement. */
  bytes: number[]
  segment: number
  /** Segment override, if any. */
  prefix: number[]
  offset: number
}

/** What choosing operands needs of the stream. */
export interface Aiming {
  random: Random
  state: CpuState
  /** Its own bytes are not to be read or written. */
  avoidsCode: boolean
  /** Emits a move to a register; false once the stream is over. */
  setRegister(index: number, value: number): boolean
}

const FIRST_16 = [EBX, EBX, EBP, EBP, ESI, EDI, EBP, EBX]
const SECOND_16 = [ESI, EDI, ESI, EDI, -1, -1, -1, -1]

/** A linear address worth an access of `size` bytes. */
function target(random: Random, size: number, avoidsCode: boolean): number {
  const kind = random.below(100)
  if (kind < 68) return DATA + random.below(DATA_END - DATA - size)
  if (kind < 80) return DATA + 0x1000 * (1 + random.below(3)) - 1 - random.below(size)
  if (kind < 83) return DATA_END - random.below(size + 1)
  if (kind < 85) return DATA - random.below(size + 1)
  if (kind < 88) return READ_ONLY + random.below(READ_ONLY_END - READ_ONLY - size)
  if (kind < 95) return FAR_DATA + random.below(FAR_DATA_END - FAR_DATA - size)
  if (kind < 97 && !avoidsCode) return CODE + random.below(CODE_END - CODE)
  const anywhere = random.word() >>> 0
  return avoidsCode && anywhere < CODE_END ? DATA : anywhere
}

export const writable = (access: number): boolean => (access & 0x1a) === 0x12
const readable = (access: number): boolean =>
  (access & 0x10) !== 0 && (!(access & Access.CODE) || (access & 2) !== 0)

/** An offset in a segment for an access of `size` bytes; now and then where it faults. */
export function aimOffset({ random, state, avoidsCode }: Aiming, segment: number, size: number): number {
  const access = state.access(segment)
  const limit = state.limit(segment)
  const down = (access & 0x1c) === 0x14
  // At 4 GiB it is up to the processor whether an access wraps or faults.
  if (limit !== 0xffffffff && random.oneIn(24)) return (limit - random.below(size + 2) + 1) >>> 0
  const offset = (target(random, size, avoidsCode) - state.base(segment)) >>> 0
  const inside = down ? offset > limit : offset + size - 1 <= limit
  if (offset < 0xffffffe0 && (inside || random.oneIn(40))) return offset
  return down
    ? limit + 1 + random.below(0x2000)
    : random.below(Math.max(1, Math.min(limit - size + 2, 0x4000)))
}

/** Whether a segment may be used at all; streams that fault in every instruction tell little. */
export function usable(state: CpuState, segment: number, write: boolean): boolean {
  const access = state.access(segment)
  return access !== 0 && (write ? writable(access) : readable(access))
}

function chooseSegment(
  aiming: Aiming,
  standard: number,
  write: boolean,
): { segment: number; prefix: number[] } {
  const { random, state, avoidsCode } = aiming
  const good = (index: number): boolean =>
    avoidsCode ? index !== CS : usable(state, index, write) || random.oneIn(60)
  if (good(standard) && !random.oneIn(5)) return { segment: standard, prefix: [] }
  for (let tries = 0; tries < 8; tries++) {
    const segment = random.below(6)
    if (good(segment)) return { segment, prefix: [SEGMENT_PREFIXES[segment]!] }
  }
  return { segment: standard, prefix: [] }
}

/** Any form of memory operand; null once the stream is over. `bias` is added to the address when the instruction runs. */
export function memoryOperand(
  aiming: Aiming,
  addressSize: number,
  size: number,
  write: boolean,
  bias = 0,
): MemoryOperand | null {
  return addressSize === 2 ? operand16(aiming, size, write, bias) : operand32(aiming, size, write, bias)
}

function operand16(aiming: Aiming, size: number, write: boolean, bias: number): MemoryOperand | null {
  const { random, state } = aiming
  const rm = random.below(8)
  const mod = random.below(3)
  const plain = mod === 0 && rm === 6
  const base = FIRST_16[rm]!
  const index = SECOND_16[rm]!
  const lone = rm >= 4 ? [ESI, EDI, EBP, EBX][rm - 4]! : -1
  const { segment, prefix } = chooseSegment(
    aiming,
    !plain && (rm === 2 || rm === 3 || rm === 6) ? SS : DS,
    write,
  )
  const offset = aimOffset(aiming, segment, size) & 0xffff
  const first = lone >= 0 ? lone : base
  const rest = (displacement: number): number =>
    offset - bias - displacement - (lone < 0 && index >= 0 ? state.gpr(index) : 0)
  if (plain) return { bytes: [rm, ...littleEndian(offset - bias, 2)], segment, prefix, offset }
  if (mod === 2)
    return { bytes: [0x80 | rm, ...littleEndian(rest(0) - state.gpr(first), 2)], segment, prefix, offset }
  const displacement = mod === 1 ? (random.below(256) << 24) >> 24 : 0
  if (!aiming.setRegister(first, (random.word() & ~0xffff) | (rest(displacement) & 0xffff))) return null
  return { bytes: [(mod << 6) | rm, ...(mod === 1 ? [displacement & 0xff] : [])], segment, prefix, offset }
}

function operand32(aiming: Aiming, size: number, write: boolean, bias: number): MemoryOperand | null {
  const { random, state } = aiming
  const withSib = random.oneIn(2)
  const base = withSib ? random.below(8) : random.pick([0, 1, 2, 3, 5, 6, 7])
  const index = withSib ? random.below(8) : ESP
  const scale = random.below(4)
  // Mod 0 with EBP for a base has a displacement instead.
  const mod = random.below(3)
  const noBase = mod === 0 && base === EBP
  const { segment, prefix } = chooseSegment(
    aiming,
    !noBase && (base === ESP || base === EBP) ? SS : DS,
    write,
  )
  const offset = aimOffset(aiming, segment, size)
  const scaled = (): number => (index === ESP ? 0 : state.gpr(index) << scale)
  const sib = withSib ? [(scale << 6) | (index << 3) | base] : []
  const rm = withSib ? 4 : base
  if (noBase)
    return { bytes: [rm, ...sib, ...littleEndian(offset - bias - scaled(), 4)], segment, prefix, offset }
  if (mod === 2 || base === ESP || base === index) {
    const value = offset - bias - scaled() - state.gpr(base)
    return { bytes: [0x80 | rm, ...sib, ...littleEndian(value, 4)], segment, prefix, offset }
  }
  const displacement = mod === 1 ? (random.below(256) << 24) >> 24 : 0
  if (!aiming.setRegister(base, (offset - bias - scaled() - displacement) | 0)) return null
  return {
    bytes: [(mod << 6) | rm, ...sib, ...(mod === 1 ? [displacement & 0xff] : [])],
    segment,
    prefix,
    offset,
  }
}
