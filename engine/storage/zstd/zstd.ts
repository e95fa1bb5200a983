import { viewOf } from '../formats/fields.ts'
import { LiteralCode } from './literals.ts'
import { NO_TABLES, readSequences, type Sequence, type SequenceTables } from './sequences.ts'

const MAGIC = 0xfd2fb528
/** Copied byte by byte: calls cost more than so many. */
const SHORT = 32
/** What a block holds at most, packed and unpacked. */
const MAX_BLOCK_BYTES = 128 * 1024

const BLOCK = { raw: 0, repeated: 1, packed: 2 } as const
const LITERALS = { raw: 0, repeated: 1, packed: 2 } as const

/**
 * Unpacks the first frame of some bytes; what follows it is of no account. Dictionaries are not known.
 * @returns bytes of `into` that were filled; null for a damaged frame, and for one that holds more
 * @see RFC 8878
 */
export function unpackZstd(packed: Uint8Array, into: Uint8Array): number | null {
  const start = frameStart(packed)
  return start === null ? null : new Frame(packed, start, into).unpack()
}

/** Where the blocks begin; null where no frame does. */
function frameStart(packed: Uint8Array): number | null {
  if (packed.length < 6 || viewOf(packed).getUint32(0, true) !== MAGIC) return null
  const flags = packed[4]!
  const isSingle = (flags & 0x20) !== 0
  if (flags & 0x08 || flags & 0x03) return null // a bit that has no meaning yet, or a dictionary
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][flags >> 6]!
  return 5 + (isSingle ? 0 : 1) + sizeBytes
}

class Frame {
  #done = 0
  #code: LiteralCode | null = null
  readonly #tables: SequenceTables = { ...NO_TABLES }
  /** Distances of the last three repetitions. */
  readonly #offsets: [number, number, number] = [1, 4, 8]
  readonly #literals = new Uint8Array(MAX_BLOCK_BYTES)

  constructor(
    private readonly packed: Uint8Array,
    private at: number,
    private readonly into: Uint8Array,
  ) {}

  unpack(): number | null {
    const { packed } = this
    for (;;) {
      if (this.at + 3 > packed.length) return null
      const header = packed[this.at]! | (packed[this.at + 1]! << 8) | (packed[this.at + 2]! << 16)
      this.at += 3
      if (!this.#block((header >> 1) & 3, header >>> 3)) return null
      if (header & 1) return this.#done
    }
  }

  #block(kind: number, size: number): boolean {
    const isRepeated = kind === BLOCK.repeated
    const bytes = this.packed.subarray(this.at, this.at + (isRepeated ? 1 : size))
    if (size > MAX_BLOCK_BYTES || bytes.length < (isRepeated ? 1 : size)) return false
    this.at += bytes.length
    if (kind === BLOCK.packed) return this.#packed(bytes)
    if (kind > BLOCK.packed || size > this.into.length - this.#done) return false
    if (isRepeated) this.into.fill(bytes[0]!, this.#done, this.#done + size)
    else this.into.set(bytes, this.#done)
    this.#done += size
    return true
  }

  #packed(bytes: Uint8Array): boolean {
    const found = this.#readLiterals(bytes)
    if (!found) return false
    const sequences = readSequences(bytes.subarray(found.taken), this.#tables)
    return sequences !== null && this.#carryOut(sequences, found.literals)
  }

  #readLiterals(bytes: Uint8Array): { literals: Uint8Array; taken: number } | null {
    const [head = 0] = bytes
    const kind = head & 3
    const form = (head >> 2) & 3
    if (kind === LITERALS.raw || kind === LITERALS.repeated) {
      const headerBytes = form === 1 ? 2 : form === 3 ? 3 : 1
      const size = numberOf(bytes, headerBytes) >>> (headerBytes === 1 ? 3 : 4)
      const stored = kind === LITERALS.raw ? size : 1
      const taken = headerBytes + stored
      if (taken > bytes.length || size > MAX_BLOCK_BYTES) return null
      const literals = this.#literals.subarray(0, size)
      if (kind === LITERALS.raw) literals.set(bytes.subarray(headerBytes, taken))
      else literals.fill(bytes[headerBytes]!)
      return { literals, taken }
    }
    const headerBytes = [3, 3, 4, 5][form]!
    const bits = [10, 10, 14, 18][form]!
    const header = Math.floor(numberOf(bytes, headerBytes) / 16)
    const size = header % 2 ** bits
    const taken = headerBytes + Math.floor(header / 2 ** bits)
    if (taken > bytes.length || size > MAX_BLOCK_BYTES) return null
    let streams = bytes.subarray(headerBytes, taken)
    if (kind === LITERALS.packed) {
      const read = LiteralCode.read(streams)
      if (!read) return null
      this.#code = read.code
      streams = streams.subarray(read.bytes)
    }
    const literals = this.#literals.subarray(0, size)
    const isWhole =
      form === 0 ? this.#code?.decode(streams, literals) : this.#code?.decodeFour(streams, literals)
    return isWhole ? { literals, taken } : null
  }

  #carryOut(sequences: readonly Sequence[], literals: Uint8Array): boolean {
    const { into } = this
    let taken = 0
    for (const { literals: count, match, offset } of sequences) {
      const back = this.#distance(offset, count === 0)
      const from = this.#done + count - back
      if (back <= 0 || from < 0 || taken + count > literals.length) return false
      if (this.#done + count + match > into.length) return false
      const at = this.#done
      if (count > SHORT) into.set(literals.subarray(taken, taken + count), at)
      else for (let index = 0; index < count; index++) into[at + index] = literals[taken + index]!
      taken += count
      // What it repeats may be what it makes.
      const to = at + count
      if (match > SHORT && back >= match) into.copyWithin(to, from, from + match)
      else for (let index = 0; index < match; index++) into[to + index] = into[from + index]!
      this.#done = to + match
    }
    const rest = literals.subarray(taken)
    if (rest.length > into.length - this.#done) return false
    into.set(rest, this.#done)
    this.#done += rest.length
    return true
  }

  /** How far back an offset means, by the last ones. */
  #distance(offset: number, hasNoLiterals: boolean): number {
    const last = this.#offsets
    if (offset > 3) {
      last[2] = last[1]
      last[1] = last[0]
      last[0] = offset - 3
      return last[0]
    }
    const index = offset - 1 + (hasNoLiterals ? 1 : 0)
    const back = index < 3 ? last[index]! : last[0] - 1
    if (index > 1) last[2] = last[1]
    if (index > 0) last[1] = last[0]
    last[0] = back
    return back
  }
}

/** The lowest byte first. @param count 1 to 5 */
function numberOf(bytes: Uint8Array, count: number): number {
  let value = 0
  for (let index = count - 1; index >= 0; index--) value = value * 256 + (bytes[index] ?? 0)
  return value
}
