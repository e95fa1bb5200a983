const MODEL_TOTAL_BITS = 11
const MOVE_BITS = 5
const TOP = 2 ** 24
const HALF = 1 << (MODEL_TOTAL_BITS - 1)
/** Literal context bits, position bits: what CHD's encoder always takes; literal position bits are 0. */
const LC = 3
const PB = 2
const STATES = 12
const MIN_MATCH = 2
const END_OF_STREAM = 0xffff_ffff
const SHORT_SLOTS = 4
const ALIGN_BITS = 4
const END_MODEL = 14

/** Decides bits by what came before. */
class RangeDecoder {
  #range = 0xffff_ffff
  #code = 0
  #at = 5

  constructor(private readonly bytes: Uint8Array) {
    for (let index = 1; index < 5; index++) this.#code = (this.#code * 256 + (bytes[index] ?? 0)) % 2 ** 32
  }

  /** More was read than there is, which no sound stream does. */
  get isPast(): boolean {
    return this.#at > this.bytes.length + 5
  }

  bit(models: Uint16Array, at: number): 0 | 1 {
    const model = models[at]!
    const bound = (this.#range >>> MODEL_TOTAL_BITS) * model
    if (this.#code < bound) {
      this.#range = bound
      models[at] = model + ((2 ** MODEL_TOTAL_BITS - model) >> MOVE_BITS)
      this.#normalize()
      return 0
    }
    this.#range -= bound
    this.#code -= bound
    models[at] = model - (model >> MOVE_BITS)
    this.#normalize()
    return 1
  }

  direct(count: number): number {
    let value = 0
    for (let left = count; left > 0; left--) {
      this.#range = this.#range >>> 1
      const isSet = this.#code >= this.#range
      if (isSet) this.#code -= this.#range
      value = value * 2 + (isSet ? 1 : 0)
      this.#normalize()
    }
    return value
  }

  tree(models: Uint16Array, at: number, bits: number): number {
    let node = 1
    for (let left = bits; left > 0; left--) node = node * 2 + this.bit(models, at + node)
    return node - (1 << bits)
  }

  reverseTree(models: Uint16Array, at: number, bits: number): number {
    let [node, value] = [1, 0]
    for (let index = 0; index < bits; index++) {
      const bit = this.bit(models, at + node)
      node = node * 2 + bit
      value |= bit << index
    }
    return value
  }

  #normalize(): void {
    if (this.#range >= TOP) return
    this.#range = (this.#range * 256) % 2 ** 40
    this.#code = ((this.#code * 256) % 2 ** 40) + (this.bytes[this.#at++] ?? 0)
  }
}

const models = (count: number): Uint16Array => new Uint16Array(count).fill(HALF)

/** Lengths of matches: eight short ones, eight of middle length, 256 long ones. */
class LengthDecoder {
  readonly #choice = models(2)
  readonly #low = models(8 << PB)
  readonly #middle = models(8 << PB)
  readonly #high = models(256)

  read(range: RangeDecoder, position: number): number {
    if (range.bit(this.#choice, 0) === 0) return range.tree(this.#low, position << 3, 3)
    if (range.bit(this.#choice, 1) === 0) return 8 + range.tree(this.#middle, position << 3, 3)
    return 16 + range.tree(this.#high, 0, 8)
  }
}

/**
 * Unpacks LZMA without a header, as CHD has it. @returns whether it filled all of `into`
 * @see LZMA SDK, "LZMA specification" (public domain), for the format
 */
export function unpackLzma(bytes: Uint8Array, into: Uint8Array): boolean {
  const range = new RangeDecoder(bytes)
  const [isMatch, isRep0Long] = [models(STATES << PB), models(STATES << PB)]
  const [isRep, isRep0, isRep1, isRep2] = [models(STATES), models(STATES), models(STATES), models(STATES)]
  const literals = models(0x300 << LC)
  const [slots, special, align] = [models(64 * SHORT_SLOTS), models(128), models(1 << ALIGN_BITS)]
  const [lengths, repLengths] = [new LengthDecoder(), new LengthDecoder()]
  let [rep0, rep1, rep2, rep3, state, at] = [0, 0, 0, 0, 0, 0]

  const literal = (): void => {
    const previous = at > 0 ? into[at - 1]! : 0
    const base = 0x300 * (previous >> (8 - LC))
    let symbol = 1
    if (state >= 7) {
      let matched = into[at - rep0 - 1] ?? 0
      while (symbol < 0x100) {
        const matchBit = (matched >> 7) & 1
        matched = (matched << 1) & 0xff
        const bit = range.bit(literals, base + ((1 + matchBit) << 8) + symbol)
        symbol = (symbol << 1) | bit
        if (bit !== matchBit) break
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | range.bit(literals, base + symbol)
    into[at++] = symbol & 0xff
    state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6
  }
  const distance = (length: number): number => {
    const slot = range.tree(slots, Math.min(length, SHORT_SLOTS - 1) << 6, 6)
    if (slot < 4) return slot
    const bits = (slot >> 1) - 1
    const start = (2 | (slot & 1)) * 2 ** bits
    if (slot < END_MODEL) return start + range.reverseTree(special, start - slot, bits)
    return (
      start + range.direct(bits - ALIGN_BITS) * (1 << ALIGN_BITS) + range.reverseTree(align, 0, ALIGN_BITS)
    )
  }

  while (at < into.length) {
    if (range.isPast) return false
    const position = at & ((1 << PB) - 1)
    if (range.bit(isMatch, (state << PB) + position) === 0) {
      literal()
      continue
    }
    let length: number
    if (range.bit(isRep, state) !== 0) {
      if (at === 0) return false
      if (range.bit(isRep0, state) === 0) {
        if (range.bit(isRep0Long, (state << PB) + position) === 0) {
          state = state < 7 ? 9 : 11
          if (rep0 >= at) return false
          into[at] = into[at - rep0 - 1]!
          at++
          continue
        }
      } else if (range.bit(isRep1, state) === 0) [rep0, rep1] = [rep1, rep0]
      else if (range.bit(isRep2, state) === 0) [rep0, rep1, rep2] = [rep2, rep0, rep1]
      else [rep0, rep1, rep2, rep3] = [rep3, rep0, rep1, rep2]
      length = repLengths.read(range, position)
      state = state < 7 ? 8 : 11
    } else {
      ;[rep1, rep2, rep3] = [rep0, rep1, rep2]
      length = lengths.read(range, position)
      state = state < 7 ? 7 : 10
      rep0 = distance(length)
      if (rep0 === END_OF_STREAM) return false
    }
    if (rep0 >= at) return false
    for (let left = Math.min(length + MIN_MATCH, into.length - at); left > 0; left--) {
      into[at] = into[at - rep0 - 1]!
      at++
    }
  }
  return true
}
