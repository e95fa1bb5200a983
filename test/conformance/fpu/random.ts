/** A small seeded generator (xorshift128) and the floating-point values that find rounding and flag errors. */
export class Random {
  #a: number
  #b = 0x9e3779b9
  #c = 0x243f6a88
  #d = 0xb7e15162

  constructor(seed: number) {
    this.#a = seed | 1
    for (let i = 0; i < 20; i++) this.word()
  }

  word(): number {
    const t = this.#a ^ (this.#a << 11)
    this.#a = this.#b
    this.#b = this.#c
    this.#c = this.#d
    this.#d = this.#d ^ (this.#d >>> 19) ^ t ^ (t >>> 8)
    return this.#d >>> 0
  }

  /** 0 to below `limit`, at most 2^16. */
  below(limit: number): number {
    return (this.word() >>> 8) % limit
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0
  }

  /** Half of them plain, the others with long runs of zeros or ones. */
  wide(): bigint {
    const plain = (BigInt(this.word()) << 32n) | BigInt(this.word())
    switch (this.below(8)) {
      case 0:
        return (plain >> BigInt(this.below(64))) << BigInt(this.below(64))
      case 1:
        return ~(1n << BigInt(this.below(64)))
      case 2:
        return 1n << BigInt(this.below(64))
      case 3:
        return (plain << BigInt(this.below(64))) | ((1n << BigInt(this.below(64))) - 1n)
      default:
        return plain
    }
  }

  significand(): bigint {
    return BigInt.asUintN(64, this.wide())
  }
}

const TOP = 1n << 63n

function extendedExponent(random: Random): number {
  switch (random.below(8)) {
    case 0:
      return random.below(130)
    case 1:
      return 0x7ffe - random.below(130)
    case 2:
      return random.below(0x7fff)
    case 3:
      return 0x3fff - 1100 + random.below(2200)
    default:
      return 0x3fff - 70 + random.below(140)
  }
}

/** Any 80-bit value of any class, as significand and sign-exponent. */
export function extended(random: Random): { sig: bigint; se: number } {
  const sign = random.below(2) << 15
  const sig = random.significand()
  switch (random.below(24)) {
    case 0:
      return { sig: 0n, se: sign }
    case 1:
      return { sig: sig & (TOP - 1n), se: sign }
    case 2:
      return { sig: sig | TOP, se: sign }
    case 3:
      return { sig: sig & (TOP - 1n), se: sign | extendedExponent(random) }
    case 4:
      return { sig: TOP, se: sign | 0x7fff }
    case 5:
      return { sig: sig & (TOP - 1n), se: sign | 0x7fff }
    case 6:
      return { sig: sig | TOP | (1n << 62n), se: sign | 0x7fff }
    case 7:
      return { sig: (sig | TOP) & ~(1n << 62n), se: sign | 0x7fff }
    case 8:
    case 9: {
      const places = random.below(64)
      return { sig: ((sig | TOP) >> BigInt(places)) << BigInt(places), se: sign | (0x3fff + 63 - places) }
    }
    case 10:
      return { sig: TOP, se: sign | 0x3fff }
    case 11:
      return { sig: TOP, se: sign | extendedExponent(random) }
    default:
      return { sig: sig | TOP, se: sign | extendedExponent(random) }
  }
}

/** Bits of a double (or of a single when `single`), special ones often. */
export function binary(random: Random, single: boolean): bigint {
  const fractionBits = single ? 23n : 52n
  const top = single ? 0xff : 0x7ff
  const bias = single ? 0x7f : 0x3ff
  const sign = BigInt(random.below(2)) << (single ? 31n : 63n)
  const fraction = BigInt.asUintN(Number(fractionBits), random.chance(2) ? random.wide() : random.wide() >> 12n)
  const make = (exponent: number, bits: bigint) => sign | (BigInt(exponent) << fractionBits) | bits
  switch (random.below(20)) {
    case 0:
      return make(0, 0n)
    case 1:
    case 2:
      return make(0, fraction)
    case 3:
      return make(top, 0n)
    case 4:
      return make(top, fraction | (1n << (fractionBits - 1n)))
    case 5:
      return make(top, fraction & ~(1n << (fractionBits - 1n)))
    case 6:
      return make(1 + random.below(30), fraction)
    case 7:
      return make(top - 1 - random.below(30), fraction)
    case 8:
      return make(bias, 0n)
    case 9:
      return make(1 + random.below(top - 1), fraction)
    case 10:
      return make(bias + random.below(20), (fraction >> (fractionBits - 12n)) << (fractionBits - 12n))
    default:
      return make(bias - 15 + random.below(31), fraction)
  }
}
