/** Reads numbers of some bits, the highest first. Past the end everything is zeros, which `isPast` tells. */
export class BitReader {
  #at = 0

  constructor(private readonly bytes: Uint8Array) {}

  /** Whether more was read than there is. */
  get isPast(): boolean {
    return this.#at > this.bytes.length * 8
  }

  /** Whole bytes that were begun. */
  get bytePosition(): number {
    return Math.ceil(this.#at / 8)
  }

  /** @param count 0 to 32 */
  peek(count: number): number {
    return count > 16
      ? this.#some(0, 16) * 2 ** (count - 16) + this.#some(16, count - 16)
      : this.#some(0, count)
  }

  /** @param skipped bits that come before @param count at most 16, which three bytes have */
  #some(skipped: number, count: number): number {
    const { bytes } = this
    const at = this.#at + skipped
    const index = at >>> 3
    const word =
      index + 2 < bytes.length
        ? (bytes[index]! << 16) | (bytes[index + 1]! << 8) | bytes[index + 2]!
        : ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8)
    return (word >>> (24 - (at & 7) - count)) & ((1 << count) - 1)
  }

  skip(count: number): void {
    this.#at += count
  }

  read(count: number): number {
    const value = this.peek(count)
    this.#at += count
    return value
  }

  /** The number in two's complement. */
  readSigned(count: number): number {
    const value = this.read(count)
    return count > 0 && value >= 2 ** (count - 1) ? value - 2 ** count : value
  }

  /** How many zeros come before the next one, which is read as well; -1 at the end. */
  readUnary(): number {
    let zeros = 0
    for (;;) {
      if (this.isPast) return -1
      const some = this.peek(16)
      if (some !== 0) {
        const leading = Math.clz32(some) - 16
        this.skip(leading + 1)
        return zeros + leading
      }
      zeros += 16
      this.skip(16)
    }
  }

  alignToByte(): void {
    this.#at = this.bytePosition * 8
  }
}
