/** Bits from the first byte on, the lowest of each byte first. */
export class ForwardBits {
  #at = 0

  constructor(private readonly bytes: Uint8Array) {}

  get isPast(): boolean {
    return this.#at > this.bytes.length * 8
  }

  /** Whole bytes that were begun. */
  get bytePosition(): number {
    return Math.ceil(this.#at / 8)
  }

  /** @param count at most 24 */
  read(count: number): number {
    const value = bitsAt(this.bytes, this.#at, count)
    this.#at += count
    return value
  }

  back(count: number): void {
    this.#at -= count
  }
}

/** Bits from the end on, which the highest set bit of the last byte marks; below the first byte everything is zeros. */
export class BackwardBits {
  /** Bits that are left; negative when more were read than there are. */
  left: number

  private constructor(
    private readonly bytes: Uint8Array,
    left: number,
  ) {
    this.left = left
  }

  /** Null where no bit marks the end. */
  static of(bytes: Uint8Array): BackwardBits | null {
    const last = bytes.at(-1) ?? 0
    return last === 0 ? null : new BackwardBits(bytes, bytes.length * 8 - Math.clz32(last) + 23)
  }

  /** The bits below a place, which are not taken. @param count at most 24 */
  peekAt(left: number, count: number): number {
    const start = left - count
    if (start >= 0) return bitsAt(this.bytes, start, count)
    const there = Math.max(0, left)
    return there === 0 ? 0 : bitsAt(this.bytes, 0, there) << (count - there)
  }

  /** @param count at most 32 */
  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16)
      return high * 0x10000 + this.read(16)
    }
    const value = this.peekAt(this.left, count)
    this.left -= count
    return value
  }
}

function bitsAt(bytes: Uint8Array, at: number, count: number): number {
  const index = at >>> 3
  const word =
    (bytes[index] ?? 0) |
    ((bytes[index + 1] ?? 0) << 8) |
    ((bytes[index + 2] ?? 0) << 16) |
    ((bytes[index + 3] ?? 0) << 24)
  return (word >>> (at & 7)) & ((1 << count) - 1)
}
