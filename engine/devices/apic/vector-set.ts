/** A set of interrupt vectors, 0 to 255, laid out as in the APIC's 256-bit registers. */
export class VectorSet {
  readonly words = new Uint32Array(8)

  add(vector: number): void {
    this.words[vector >> 5]! |= 1 << (vector & 31)
  }

  delete(vector: number): void {
    this.words[vector >> 5]! &= ~(1 << (vector & 31))
  }

  has(vector: number): boolean {
    return (this.words[vector >> 5]! & (1 << (vector & 31))) !== 0
  }

  /** The greatest vector, or -1 when empty. */
  get highest(): number {
    for (let index = 7; index >= 0; index--) {
      const word = this.words[index]!
      if (word !== 0) return index * 32 + 31 - Math.clz32(word)
    }
    return -1
  }

  clear(): void {
    this.words.fill(0)
  }
}
