import { BackwardBits, ForwardBits } from './bits.ts'
import { FseTable } from './fse-table.ts'

const MAX_CODE_BITS = 11
/** The tables of weights are small. */
const MAX_WEIGHT_ACCURACY = 6
const MAX_WEIGHTS = 255

/** A Huffman code of the literals of a block. @see RFC 8878, 4.2 */
export class LiteralCode {
  readonly #symbols: Uint8Array
  readonly #lengths: Uint8Array

  private constructor(
    private readonly bits: number,
    weights: readonly number[],
  ) {
    this.#symbols = new Uint8Array(1 << bits)
    this.#lengths = new Uint8Array(1 << bits)
    let at = 0
    for (let weight = 1; weight <= bits; weight++)
      for (const [symbol, own] of weights.entries()) {
        if (own !== weight) continue
        const end = at + (1 << (weight - 1))
        this.#symbols.fill(symbol, at, end)
        this.#lengths.fill(bits + 1 - weight, at, end)
        at = end
      }
  }

  /** The code at the beginning of some bytes, and how many it takes; null for what is none. */
  static read(bytes: Uint8Array): { code: LiteralCode; bytes: number } | null {
    const head = bytes[0]
    if (head === undefined) return null
    const count = head - 127
    const taken = head < 128 ? 1 + head : 1 + Math.ceil(count / 2)
    if (taken > bytes.length) return null
    const weights =
      head < 128
        ? packedWeights(bytes.subarray(1, taken))
        : Array.from({ length: count }, (_, index) => (bytes[1 + (index >> 1)]! >> (index & 1 ? 0 : 4)) & 15)
    const code = weights && LiteralCode.#of(weights)
    return code && { code, bytes: taken }
  }

  /** The last weight is what the others leave over. */
  static #of(weights: readonly number[]): LiteralCode | null {
    if (weights.some((weight) => weight > MAX_CODE_BITS)) return null
    const sum = weights.reduce((all, weight) => all + (weight > 0 ? 1 << (weight - 1) : 0), 0)
    if (sum === 0) return null
    const bits = 32 - Math.clz32(sum)
    const left = (1 << bits) - sum
    if (bits > MAX_CODE_BITS || (left & (left - 1)) !== 0) return null
    return new LiteralCode(bits, [...weights, 32 - Math.clz32(left)])
  }

  /** Fills `into` with what a stream holds. False for a damaged one. */
  decode(stream: Uint8Array, into: Uint8Array): boolean {
    const bits = BackwardBits.of(stream)
    if (!bits) return false
    const width = this.bits
    const [symbols, lengths] = [this.#symbols, this.#lengths]
    let { left } = bits
    for (let at = 0; at < into.length; at++) {
      // The place of the next bits, three bytes of which have them all; there are fewer at the beginning of the stream.
      const start = left - width
      const index = start >> 3
      const value =
        start < 0
          ? bits.peekAt(left, width)
          : ((stream[index]! | (stream[index + 1]! << 8) | (stream[index + 2]! << 16)) >>> (start & 7)) &
            ((1 << width) - 1)
      into[at] = symbols[value]!
      left -= lengths[value]!
    }
    return left === 0
  }

  /** The same of four streams behind a table of their lengths. */
  decodeFour(bytes: Uint8Array, into: Uint8Array): boolean {
    if (bytes.length < 10) return false
    const length = (index: number): number => bytes[index * 2]! | (bytes[index * 2 + 1]! << 8)
    const each = Math.ceil(into.length / 4)
    let [from, to] = [6, 0]
    for (let stream = 0; stream < 4; stream++) {
      const end = stream < 3 ? from + length(stream) : bytes.length
      const target = stream < 3 ? to + each : into.length
      if (end > bytes.length || target > into.length) return false
      if (!this.decode(bytes.subarray(from, end), into.subarray(to, target))) return false
      from = end
      to = target
    }
    return true
  }
}

/** Two states take turns until the bits are used up. */
function packedWeights(bytes: Uint8Array): number[] | null {
  const head = new ForwardBits(bytes)
  const table = FseTable.read(head, MAX_WEIGHT_ACCURACY, 16)
  const bits = table && BackwardBits.of(bytes.subarray(head.bytePosition))
  if (!table || !bits) return null
  const weights: number[] = []
  let [state, other] = [table.start(bits), table.start(bits)]
  while (weights.length < MAX_WEIGHTS) {
    weights.push(table.symbol(state))
    const after = table.next(state, bits)
    if (bits.left < 0) {
      weights.push(table.symbol(other))
      return weights
    }
    state = other
    other = after
  }
  return null
}
