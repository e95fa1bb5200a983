/** Seeded random numbers (sfc32, by Chris Doty-Humphrey): fast, and the same everywhere. */
export class Random {
  #a = 0
  #b = 0
  #c = 0
  #counter = 1

  constructor(seed: number) {
    this.reseed(seed)
  }

  reseed(seed: number): void {
    this.#a = seed >>> 0
    this.#b = Math.imul(seed, 0x9e3779b1) >>> 0
    this.#c = 0x51ed270b
    this.#counter = 1
    for (let round = 0; round < 12; round++) this.bits()
  }

  /** 32 random bits, unsigned. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
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
