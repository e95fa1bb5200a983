/** Bytes on their way in, at most `capacity` of them: what does not fit is dropped. */
export class ByteQueue {
  #bytes: Uint8Array
  #start = 0
  #length = 0

  constructor(readonly capacity: number) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  push(bytes: Uint8Array): void {
    const count = Math.min(bytes.length, this.capacity - this.#length)
    const at = (this.#start + this.#length) % this.capacity
    const first = Math.min(count, this.capacity - at)
    this.#bytes.set(bytes.subarray(0, first), at)
    this.#bytes.set(bytes.subarray(first, count), 0)
    this.#length += count
  }

  /** The oldest byte, taken out; 0 when there is none. */
  shift(): number {
    if (this.#length === 0) return 0
    const byte = this.#bytes[this.#start]!
    this.#start = (this.#start + 1) % this.capacity
    this.#length--
    return byte
  }

  clear(): void {
    this.#start = this.#length = 0
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#length)
    for (let index = 0; index < out.length; index++)
      out[index] = this.#bytes[(this.#start + index) % this.capacity]!
    return out
  }
}
