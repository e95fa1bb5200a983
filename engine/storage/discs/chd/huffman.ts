import type { BitReader } from './bit-reader.ts'

const MAX_BITS = 8

/** A canonical Huffman code of up to 8 bits, whose lengths are read first; longer codes have the lower numbers. */
export class HuffmanDecoder {
  /** Symbol and length for each value of 8 bits; a length of 0 is no code. */
  readonly #symbols = new Uint8Array(1 << MAX_BITS)
  readonly #lengths = new Uint8Array(1 << MAX_BITS)

  private constructor(lengths: readonly number[]) {
    let next = 0
    for (let length = MAX_BITS; length > 0; length--) {
      for (const [symbol, own] of lengths.entries()) {
        if (own !== length) continue
        const first = next << (MAX_BITS - length)
        this.#symbols.fill(symbol, first, first + (1 << (MAX_BITS - length)))
        this.#lengths.fill(length, first, first + (1 << (MAX_BITS - length)))
        next++
      }
      next >>= 1
    }
  }

  /** Lengths of four bits each, with runs behind an escape of 1. Null when they are no code. */
  static read(reader: BitReader, symbols: number): HuffmanDecoder | null {
    const lengths: number[] = []
    while (lengths.length < symbols) {
      const length = reader.read(4)
      if (length !== 1) lengths.push(length)
      else {
        const repeated = reader.read(4)
        const count = repeated === 1 ? 1 : reader.read(4) + 3
        for (let index = 0; index < count; index++) lengths.push(repeated)
      }
    }
    const isCode = lengths.length === symbols && lengths.every((length) => length <= MAX_BITS)
    const space = lengths.reduce((sum, length) => sum + (length > 0 ? 2 ** (MAX_BITS - length) : 0), 0)
    return isCode && space <= 1 << MAX_BITS && !reader.isPast ? new HuffmanDecoder(lengths) : null
  }

  /** A symbol; null for what is no code. */
  read(reader: BitReader): number | null {
    const value = reader.peek(MAX_BITS)
    const length = this.#lengths[value]!
    if (length === 0) return null
    reader.skip(length)
    return this.#symbols[value]!
  }
}
