import { because } from '../../protocol/reasons.ts'
import { unusable } from '../host-file.ts'

/** Reads a small file from its beginning to its end. Throws `file-unusable` where it ends too early. */
export class ByteReader {
  #at = 0

  constructor(
    private readonly path: string,
    private readonly bytes: Uint8Array,
  ) {}

  get left(): number {
    return this.bytes.length - this.#at
  }

  byte(): number {
    const byte = this.bytes[this.#at]
    if (byte === undefined) throw unusable(this.path, because('cut-short'))
    this.#at++
    return byte
  }

  word(): number {
    const [low, high] = this.take(2)
    return low! | (high! << 8)
  }

  take(count: number): Uint8Array {
    if (count > this.left) throw unusable(this.path, because('cut-short'))
    this.#at += count
    return this.bytes.subarray(this.#at - count, this.#at)
  }
}
