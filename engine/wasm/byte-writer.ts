/** A growing byte string with WebAssembly's variable-length integers. */
export class ByteWriter {
  #bytes = new Uint8Array(1024)
  length = 0

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(this.length * 2)
    this.#bytes[this.length++] = value
  }

  unsigned(value: number): void {
    value >>>= 0
    while (value > 0x7f) {
      this.byte((value & 0x7f) | 0x80)
      value >>>= 7
    }
    this.byte(value)
  }

  signed(value: number): void {
    value |= 0
    for (;;) {
      const low = value & 0x7f
      value >>= 7
      if ((value === 0 && !(low & 0x40)) || (value === -1 && low & 0x40)) return this.byte(low)
      this.byte(low | 0x80)
    }
  }

  signed64(value: bigint): void {
    for (;;) {
      const low = Number(value & 0x7fn)
      value >>= 7n
      if ((value === 0n && !(low & 0x40)) || (value === -1n && low & 0x40)) return this.byte(low)
      this.byte(low | 0x80)
    }
  }

  /** ASCII only, which is what import and export names are. */
  name(text: string): void {
    this.unsigned(text.length)
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i))
  }

  append(other: ByteWriter): void {
    if (this.length + other.length > this.#bytes.length) this.#grow((this.length + other.length) * 2)
    this.#bytes.set(other.#bytes.subarray(0, other.length), this.length)
    this.length += other.length
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.length)
  }

  #grow(size: number): void {
    const old = this.#bytes
    this.#bytes = new Uint8Array(size)
    this.#bytes.set(old)
  }
}
