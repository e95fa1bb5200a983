/**
 * LZHUF, which Teledisk packs with: LZSS over a window of 4096 bytes, whose characters and lengths are in an
 * adaptive Huffman code and whose distances are in a fixed one. Source: the algorithm as H. Yoshizaki described it
 * in 1988, also known as LHarc's -lh1-.
 */
const WINDOW = 4096
const LONGEST = 60
const SHORTEST = 3
/** Bytes, and the lengths of copies. */
const SYMBOLS = 256 + LONGEST - SHORTEST + 1
const NODES = SYMBOLS * 2 - 1
const ROOT = NODES - 1
const MAX_FREQUENCY = 0x8000

/** Codes for the upper six bits of a distance by their length: how many there are of 3, 4, … 8 bits. */
const DISTANCE_CODES = [1, 3, 8, 12, 24, 16]

/** Unpacks all there is, up to a number of bytes; what is damaged gives other bytes, and an end. */
export function unpackLzhuf(packed: Uint8Array, maxBytes: number): Uint8Array {
  const bits = new BitReader(packed)
  const tree = new AdaptiveTree()
  const distances = distanceTable()
  const window = new Uint8Array(WINDOW).fill(0x20)
  let at = WINDOW - LONGEST
  const out = new Uint8Array(maxBytes)
  let done = 0
  // What does not fit is not stored: a copy may run over the end.
  const put = (byte: number): void => {
    out[done++] = byte
    window[at] = byte
    at = (at + 1) % WINDOW
  }
  for (; done < out.length && !bits.isAtEnd;) {
    const symbol = tree.decode(bits)
    if (symbol < 256) put(symbol)
    else {
      const from = at - readDistance(bits, distances) - 1
      for (let index = 0; index < symbol - 256 + SHORTEST; index++)
        put(window[(from + index) & (WINDOW - 1)]!)
    }
  }
  return out.subarray(0, Math.min(done, out.length))
}

class BitReader {
  #at = 0

  constructor(private readonly bytes: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.#at >= this.bytes.length * 8
  }

  /** Zeros follow the end. */
  bit(): number {
    const byte = this.bytes[this.#at >> 3] ?? 0
    return (byte >> (7 - (this.#at++ & 7))) & 1
  }

  byte(): number {
    let value = 0
    for (let count = 0; count < 8; count++) value = (value << 1) | this.bit()
    return value
  }
}

interface DistanceCode {
  upper: number
  bits: number
}

/** By the next eight bits: which code they begin with. */
function distanceTable(): DistanceCode[] {
  const table: DistanceCode[] = []
  let upper = 0
  for (const [index, count] of DISTANCE_CODES.entries()) {
    const bits = index + 3
    for (let code = 0; code < count; code++, upper++)
      for (let entries = 1 << (8 - bits); entries > 0; entries--) table.push({ upper, bits })
  }
  return table
}

function readDistance(bits: BitReader, table: readonly DistanceCode[]): number {
  let value = bits.byte()
  const { upper, bits: length } = table[value]!
  // Eight bits were taken; of the lower six, 8 − length are among them.
  for (let left = length - 2; left > 0; left--) value = (value << 1) | bits.bit()
  return (upper << 6) | (value & 0x3f)
}

/** Nodes stand in the order of their frequency; the children of node n are at `son[n]` and behind it. */
class AdaptiveTree {
  readonly #frequency = new Uint32Array(NODES + 1)
  readonly #son = new Int32Array(NODES)
  readonly #parent = new Int32Array(NODES + SYMBOLS)

  constructor() {
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      this.#frequency[symbol] = 1
      this.#son[symbol] = symbol + NODES
      this.#parent[symbol + NODES] = symbol
    }
    for (let child = 0, node = SYMBOLS; node <= ROOT; child += 2, node++) {
      this.#frequency[node] = this.#frequency[child]! + this.#frequency[child + 1]!
      this.#son[node] = child
      this.#parent[child] = node
      this.#parent[child + 1] = node
    }
    this.#frequency[NODES] = 0xffff
    this.#parent[ROOT] = 0
  }

  decode(bits: BitReader): number {
    let node = this.#son[ROOT]!
    while (node < NODES) node = this.#son[node + bits.bit()]!
    const symbol = node - NODES
    this.#update(symbol)
    return symbol
  }

  #update(symbol: number): void {
    const frequency = this.#frequency
    if (frequency[ROOT] === MAX_FREQUENCY) this.#rebuild()
    for (let node = this.#parent[symbol + NODES]!; ; node = this.#parent[node]!) {
      const count = ++frequency[node]!
      if (count > frequency[node + 1]!) {
        let other = node + 1
        while (count > frequency[other + 1]!) other++
        frequency[node] = frequency[other]!
        frequency[other] = count
        this.#swapSons(node, other)
        node = other
      }
      if (this.#parent[node] === 0) return
    }
  }

  #swapSons(one: number, other: number): void {
    const first = this.#son[one]!
    const second = this.#son[other]!
    this.#adopt(other, first)
    this.#adopt(one, second)
  }

  /** Makes a leaf, or a pair of nodes, the son of a node. */
  #adopt(node: number, son: number): void {
    this.#son[node] = son
    this.#parent[son] = node
    if (son < NODES) this.#parent[son + 1] = node
  }

  /** Halves all frequencies and builds the tree anew from its leaves. */
  #rebuild(): void {
    const frequency = this.#frequency
    const son = this.#son
    let leaves = 0
    for (let node = 0; node < NODES; node++)
      if (son[node]! >= NODES) {
        frequency[leaves] = (frequency[node]! + 1) >> 1
        son[leaves++] = son[node]!
      }
    for (let child = 0, node = SYMBOLS; node < NODES; child += 2, node++) {
      const sum = frequency[child]! + frequency[child + 1]!
      let place = node
      while (sum < frequency[place - 1]!) place--
      frequency.copyWithin(place + 1, place, node)
      son.copyWithin(place + 1, place, node)
      frequency[place] = sum
      son[place] = child
    }
    for (let node = 0; node < NODES; node++) this.#adopt(node, son[node]!)
  }
}
