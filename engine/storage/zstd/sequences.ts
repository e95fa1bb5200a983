import { BackwardBits, ForwardBits } from './bits.ts'
import { FseTable } from './fse-table.ts'

/** Of a code: what its number starts at and how many bits are added. @see RFC 8878, 3.1.1.3.2.1 */
type Ranges = readonly (readonly [base: number, bits: number])[]

const plain = (from: number, count: number): Ranges =>
  Array.from({ length: count }, (_, index) => [from + index, 0] as const)

function ranges(from: number, widths: readonly number[]): Ranges {
  let base = from
  return widths.map((bits) => {
    const range = [base, bits] as const
    base += 2 ** bits
    return range
  })
}

const LITERAL_LENGTHS: Ranges = [
  ...plain(0, 16),
  ...ranges(16, [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
]
const MATCH_LENGTHS: Ranges = [
  ...plain(3, 32),
  ...ranges(35, [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
]
const MAX_OFFSET_CODE = 31

/** One of the three numbers of a sequence: how its codes are told apart. */
interface Kind {
  usual: FseTable
  maxBits: number
  codes: number
}

const usual = (bits: number, counts: string): FseTable => FseTable.from(bits, counts.split(' ').map(Number))

const LENGTH: Kind = {
  usual: usual(6, '4 3 2 2 2 2 2 2 2 2 2 2 2 1 1 1 2 2 2 2 2 2 2 2 2 3 2 1 1 1 1 1 -1 -1 -1 -1'),
  maxBits: 9,
  codes: LITERAL_LENGTHS.length,
}
const OFFSET: Kind = {
  usual: usual(5, '1 1 1 1 1 1 2 2 2 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 -1 -1 -1 -1 -1'),
  maxBits: 8,
  codes: MAX_OFFSET_CODE + 1,
}
const MATCH: Kind = {
  usual: usual(6, `1 4 3 2 2 2 2 2 2 ${'1 '.repeat(37)}-1 -1 -1 -1 -1 -1 -1`),
  maxBits: 9,
  codes: MATCH_LENGTHS.length,
}

/** The tables of a block, which the next one may use again. */
export interface SequenceTables {
  length: FseTable | null
  offset: FseTable | null
  match: FseTable | null
}

export const NO_TABLES: SequenceTables = { length: null, offset: null, match: null }

/** Literals to copy, and then what to repeat from how far back. */
export interface Sequence {
  literals: number
  match: number
  /** As it is coded: 1 to 3 name one of the last ones. */
  offset: number
}

/** What a block does with its literals; null for a damaged one. @param tables those of the block before, replaced */
export function readSequences(bytes: Uint8Array, tables: SequenceTables): Sequence[] | null {
  const [first = 0, second = 0, third = 0] = bytes
  if (bytes.length === 0) return null
  if (first === 0) return bytes.length === 1 ? [] : null
  const isLong = first === 255
  const count =
    first < 128 ? first : isLong ? (second | (third << 8)) + 0x7f00 : ((first - 128) << 8) + second
  let at = first < 128 ? 1 : isLong ? 3 : 2
  const modes = bytes[at++]
  if (modes === undefined || (modes & 3) !== 0) return null
  const table = (mode: number, kind: Kind, before: FseTable | null): FseTable | null => {
    if (mode === 0) return kind.usual
    if (mode === 3) return before
    if (mode === 1) {
      const code = bytes[at++]
      return code === undefined || code >= kind.codes ? null : FseTable.of(code)
    }
    const reader = new ForwardBits(bytes.subarray(at))
    const read = FseTable.read(reader, kind.maxBits, kind.codes)
    at += reader.bytePosition
    return read
  }
  const length = table(modes >> 6, LENGTH, tables.length)
  const offset = table((modes >> 4) & 3, OFFSET, tables.offset)
  const match = table((modes >> 2) & 3, MATCH, tables.match)
  const bits = BackwardBits.of(bytes.subarray(at))
  if (!length || !offset || !match || !bits) return null
  Object.assign(tables, { length, offset, match })
  return decode(count, { length, offset, match }, bits)
}

function decode(
  count: number,
  { length, offset, match }: { length: FseTable; offset: FseTable; match: FseTable },
  bits: BackwardBits,
): Sequence[] | null {
  const sequences: Sequence[] = []
  let [lengthState, offsetState, matchState] = [length.start(bits), offset.start(bits), match.start(bits)]
  for (let index = 0; index < count && bits.left >= 0; index++) {
    const offsetCode = offset.symbol(offsetState)
    const back = 2 ** offsetCode + bits.read(offsetCode)
    const [matchBase, matchBits] = MATCH_LENGTHS[match.symbol(matchState)]!
    const repeated = matchBase + bits.read(matchBits)
    const [base, more] = LITERAL_LENGTHS[length.symbol(lengthState)]!
    sequences.push({ literals: base + bits.read(more), match: repeated, offset: back })
    if (index + 1 === count) break
    lengthState = length.next(lengthState, bits)
    matchState = match.next(matchState, bits)
    offsetState = offset.next(offsetState, bits)
  }
  return bits.left === 0 && sequences.length === count ? sequences : null
}
