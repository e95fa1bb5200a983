import type { BackwardBits, ForwardBits } from './bits.ts'

/** A finite-state entropy code: for each state its symbol, and what leads to the next one. @see RFC 8878, 4.1 */
export class FseTable {
  readonly #symbols: Uint8Array
  readonly #bits: Uint8Array
  readonly #bases: Uint16Array

  private constructor(
    readonly accuracyBits: number,
    symbols: Uint8Array,
  ) {
    this.#symbols = symbols
    this.#bits = new Uint8Array(symbols.length)
    this.#bases = new Uint16Array(symbols.length)
  }

  /** One symbol that takes no bits. */
  static of(symbol: number): FseTable {
    return new FseTable(0, Uint8Array.of(symbol))
  }

  /** @param counts of each symbol, -1 for one that is seldom; they fill the table, which a caller sees to */
  static from(accuracyBits: number, counts: readonly number[]): FseTable {
    const size = 1 << accuracyBits
    const table = new FseTable(accuracyBits, new Uint8Array(size))
    const next = counts.map((count) => Math.abs(count))
    let high = size
    for (const [symbol, count] of counts.entries()) if (count === -1) table.#symbols[--high] = symbol
    const step = (size >> 1) + (size >> 3) + 3
    let at = 0
    for (const [symbol, count] of counts.entries())
      for (let index = 0; index < count; index++) {
        table.#symbols[at] = symbol
        do at = (at + step) & (size - 1)
        while (at >= high)
      }
    for (let state = 0; state < size; state++) {
      const symbol = table.#symbols[state]!
      const value = next[symbol]!++
      const bits = accuracyBits - (31 - Math.clz32(value))
      table.#bits[state] = bits
      table.#bases[state] = (value << bits) - size
    }
    return table
  }

  /** Null for what is no code of at most so many bits and symbols. */
  static read(reader: ForwardBits, maxBits: number, maxSymbols: number): FseTable | null {
    const accuracyBits = reader.read(4) + 5
    if (accuracyBits > maxBits) return null
    const counts: number[] = []
    let left = 1 << accuracyBits
    while (left > 0 && counts.length < maxSymbols && !reader.isPast) {
      const bits = 32 - Math.clz32(left + 1)
      let value = reader.read(bits)
      const low = (1 << (bits - 1)) - 1
      const threshold = (1 << bits) - 1 - (left + 1)
      if ((value & low) < threshold) {
        reader.back(1)
        value &= low
      } else if (value > low) value -= threshold
      const count = value - 1
      left -= Math.abs(count)
      counts.push(count)
      if (count !== 0) continue
      for (let zeros = 3; zeros === 3 && counts.length < maxSymbols;) {
        zeros = reader.read(2)
        for (let index = 0; index < zeros; index++) counts.push(0)
      }
    }
    if (left !== 0 || reader.isPast || counts.length > maxSymbols) return null
    return FseTable.from(accuracyBits, counts)
  }

  start(bits: BackwardBits): number {
    return bits.read(this.accuracyBits)
  }

  symbol(state: number): number {
    return this.#symbols[state]!
  }

  next(state: number, bits: BackwardBits): number {
    return this.#bases[state]! + bits.read(this.#bits[state]!)
  }
}
