const ROW_BYTES = 16

/** Sixteen bytes of two memories, in hexadecimal. */
export interface HexRow {
  address: string
  before: HexByte[]
  after: HexByte[]
  differs: boolean
}

export interface HexByte {
  text: string
  differs: boolean
}

/** Rows of two pages beside one another. @param start address of the first byte */
export function hexRows(before: Uint8Array, after: Uint8Array, start: number): HexRow[] {
  const rows: HexRow[] = []
  for (let at = 0; at < before.length; at += ROW_BYTES) {
    const side = (own: Uint8Array): HexByte[] =>
      Array.from({ length: ROW_BYTES }, (_, i) => ({
        text: hex(own[at + i] ?? 0, 2),
        differs: before[at + i] !== after[at + i],
      }))
    const left = side(before)
    rows.push({
      address: hex(start + at, 8),
      before: left,
      after: side(after),
      differs: left.some(({ differs }) => differs),
    })
  }
  return rows
}

export const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** The pages of ranges, as a list that is not made: how many there are, which is at a place, and where one is. */
export class PagesOfRanges {
  constructor(private readonly ranges: readonly { first: number; count: number }[]) {}

  get count(): number {
    return this.ranges.reduce((sum, { count }) => sum + count, 0)
  }

  /** The page at a place; of none beyond the last. */
  at(index: number): number | null {
    for (const { first, count } of this.ranges) {
      if (index < count) return first + index
      index -= count
    }
    return null
  }

  /** Place of the first page of a range. */
  startOf(range: number): number {
    return this.ranges.slice(0, range).reduce((sum, { count }) => sum + count, 0)
  }

  /** The range that has the page at a place. */
  rangeAt(index: number): number {
    for (const [range, { count }] of this.ranges.entries()) {
      if (index < count) return range
      index -= count
    }
    return this.ranges.length - 1
  }
}
