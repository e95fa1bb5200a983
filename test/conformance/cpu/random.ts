/** A small seeded generator (xorshift32), so that every failure can be run again. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0 || 1
    for (let i = 0; i < 8; i++) this.word()
  }

  /** 32 random bits, signed. */
  word(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return Math.imul(x, 0x2545f491) ^ (x >>> 15)
  }

  /** 0 to n - 1. */
  below(n: number): number {
    return Math.floor(((this.word() >>> 0) / 0x100000000) * n)
  }

  /** True once in n times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** A value that arithmetic is likely to trip over, or any. */
  value(): number {
    return this.oneIn(3) ? this.pick(EDGES) : this.oneIn(4) ? this.below(256) : this.word()
  }
}

const EDGES = [
  0,
  1,
  -1,
  2,
  -2,
  0x7fffffff,
  -0x80000000,
  0x7fff,
  0x8000,
  0xffff,
  0x7f,
  0x80,
  0xff,
  0x100,
  0x0f,
  0x10,
  0x99,
  0x9a,
  31,
  32,
  33,
  16,
  17,
  0xffff0000 | 0,
  0x80008000 | 0,
]
