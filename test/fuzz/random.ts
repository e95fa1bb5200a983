/** Seeded random numbers (sfc32, by Chris Doty-Humphrey): fast, and the same everywhere. */
export class Random {
  /** Three words and the counter: in an array they stay integers of 32 bits to the host's compiler. */
  readonly #state = new Int32Array(4)

  constructor(seed: number) {
    this.reseed(seed)
  }

  reseed(seed: number): void {
    const state = this.#state
    state[0] = seed
    state[1] = Math.imul(seed, 0x9e3779b1)
    state[2] = 0x51ed270b
    state[3] = 1
    for (let round = 0; round < 12; round++) this.bits()
  }

  /** 32 random bits, unsigned. */
  bits(): number {
    const state = this.#state
    const [a, b, c, counter] = [state[0]!, state[1]!, state[2]!, state[3]!]
    const sum = (a + b + counter) | 0
    state[3] = counter + 1
    state[0] = b ^ (b >>> 9)
    state[1] = c + (c << 3)
    state[2] = ((c << 21) | (c >>> 11)) + sum
    return sum >>> 0
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor((this.bits() / 0x1_0000_0000) * count)
  }

  /** True once in `count` times. */
  oneIn(count: number): boolean {
    return this.below(count) === 0
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }

  fill(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.bits()
  }
}

/** A seed for one part of a run, from the seed of the whole and what the part is called. */
export function partSeed(seed: number, name: string, part: number): number {
  let hash = Math.imul(seed ^ 0x5bd1e995, 0x01000193) ^ part
  for (const character of name) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0
}
