import type { OpcodeTable } from '../../../engine/isa/encoding.ts'
import type { Outcome, StreamCase } from './user-process.ts'
import { CODE_BYTES } from './user-process.ts'

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0xf0, 0xf2, 0xf3])
const ADDRESS_SIZE = 0x67
const LONGEST = 15
/** Of one byte, without ModRM, and with a size of addresses: MOV of an offset, strings, XLAT, loops. */
const ADDRESSED = new Set([
  0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,
])
for (const opcode of [0xd7, 0xe0, 0xe1, 0xe2, 0xe3]) ADDRESSED.add(opcode)

/** A stream as 64-bit mode has it, and where each of its instructions starts in both encodings. */
export interface LongStream {
  test: StreamCase
  /** From the address in the stream of 32 bits to that in the stream of 64 bits. */
  places: ReadonlyMap<number, number>
}

/** The same instruction for 64-bit mode, on addresses of 32 bits; null when it would become too long. */
export function inLongMode(bytes: readonly number[], table: OpcodeTable): number[] | null {
  let at = 0
  while (PREFIXES.has(bytes[at]!)) at++
  let row = bytes[at]!
  let modrmAt = at + 1
  if (row === 0x0f) {
    const escape = bytes[at + 1]!
    const map = escape === 0x38 ? 0x200 : escape === 0x3a ? 0x300 : 0x100
    modrmAt = at + (map === 0x100 ? 2 : 3)
    row = map + bytes[modrmAt - 1]!
  }
  const hasModrm = table[row]!.some((encoding) => encoding.hasModrm)
  const modrm = bytes[modrmAt]!
  if (hasModrm ? modrm >= 0xc0 : !ADDRESSED.has(row)) return [...bytes]
  // What is a plain displacement in 32-bit code is one from the instruction's end in 64-bit code.
  const isPlain = hasModrm && (modrm & 0xc7) === 0x05
  const rest = isPlain ? [modrm & ~1, 0x25, ...bytes.slice(modrmAt + 1)] : bytes.slice(modrmAt)
  const long = [ADDRESS_SIZE, ...bytes.slice(0, modrmAt), ...rest]
  return long.length > LONGEST ? null : long
}

/** Null when it does not fit. */
export function streamInLongMode(test: StreamCase, table: OpcodeTable): LongStream | null {
  const code: number[] = []
  const places = new Map<number, number>()
  let at = 0
  for (const length of test.lengths) {
    const bytes = test.code.slice(at, at + Math.abs(length))
    places.set((test.eip + at) >>> 0, (test.eip + code.length) >>> 0)
    const long = length < 0 ? bytes : inLongMode(bytes, table)
    if (!long) return null
    code.push(...long)
    at += bytes.length
  }
  places.set((test.eip + at) >>> 0, (test.eip + code.length) >>> 0)
  return code.length > CODE_BYTES ? null : { test: { ...test, code }, places }
}

/** What 64-bit mode leaves when the stream ended so here; null when it ended where the encodings are not comparable. */
export function outcomeInLongMode(outcome: Outcome, { places }: LongStream): Outcome | null {
  const eip = places.get(outcome.eip >>> 0)
  return eip === undefined ? null : { ...outcome, eip: eip | 0, selectors: [0, 0, 0, 0, 0, 0] }
}
