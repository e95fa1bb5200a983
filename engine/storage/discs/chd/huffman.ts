import type { BitReader } from './bit-reader.ts'

/** Of the code for the map, and of the one for bytes with the one for its lengths. */
const MAP_BITS = 8
const BYTE_BITS = 16
const LENGTH_BITS = 6
const LENGTHS = 24
const RUN_BITS = 8

/** A canonical Huffman code, whose lengths are read first; longer codes have the lower numbers. */
export class HuffmanDecoder {
  /** Symbol and length for each value of so many bits; a length of 0 is no code. */
  readonly #symbols: Uint8Array
  readonly #lengths: Uint8Array

  private constructor(
    lengths: readonly number[],
    private readonly maxBits: number,
  ) {
    this.#symbols = new Uint8Array(1 << maxBits)
    this.#lengths = new Uint8Array(1 << maxBits)
    let next = 0
    for (let length = maxBits; length > 0; length--) {
      for (const [symbol, own] of lengths.entries()) {
        if (own !== length) continue
        const first = next << (maxBits - length)
        this.#symbols.fill(symbol, first, first + (1 << (maxBits - length)))
        this.#lengths.fill(length, first, first + (1 << (maxBits - length)))
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
    return lengths.length === symbols ? HuffmanDecoder.#of(reader, lengths, MAP_BITS) : null
  }

  /** Of bytes: the lengths are packed by a code of their own, the lengths of which come first. */
  static readPacked(reader: BitReader): HuffmanDecoder | null {
    const own: number[] = [reader.read(3)]
    const start = reader.read(3) + 1
    for (let isEnd = false; own.length < LENGTHS;) {
      const length: number = own.length < start || isEnd ? 0 : reader.read(3)
      isEnd ||= length === 7
      own.push(isEnd ? 0 : length)
    }
    const code = HuffmanDecoder.#of(reader, own, LENGTH_BITS)
    if (!code) return null
    const lengths: number[] = []
    for (let last = 0; lengths.length < 256;) {
      const value = code.read(reader)
      if (value === null || reader.isPast) return null
      if (value !== 0) {
        last = value - 1
        lengths.push(last)
        continue
      }
      const few = reader.read(3) + 2
      const count = few === 9 ? few + reader.read(RUN_BITS) : few
      for (let index = 0; index < count && lengths.length < 256; index++) lengths.push(last)
    }
    return HuffmanDecoder.#of(reader, lengths, BYTE_BITS)
  }

  static #of(reader: BitReader, lengths: readonly number[], maxBits: number): HuffmanDecoder | null {
    const isCode = lengths.every((length) => length <= maxBits)
    const space = lengths.reduce((sum, length) => sum + (length > 0 ? 2 ** (maxBits - length) : 0), 0)
    return isCode && space <= 1 << maxBits && !reader.isPast ? new HuffmanDecoder(lengths, maxBits) : null
  }

  /** A symbol; null for what is no code. */
  read(reader: BitReader): number | null {
    const value = reader.peek(this.maxBits)
    const length = this.#lengths[value]!
    if (length === 0) return null
    reader.skip(length)
    return this.#symbols[value]!
  }
}
