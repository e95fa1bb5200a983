import type { BlockImage } from '../block-image.ts'

const CHUNK_BYTES = 64 * 1024
/** 8 MiB at most, whatever the image claims. */
const MAX_CHUNKS = 128

/** Bytes of a medium, or of a part of it, with what was read last kept. Throws `DiskError`, `range` past its end. */
export class ByteWindow {
  #chunks = new Map<number, Uint8Array>()

  /** @param start position of the part in bytes, a whole number of sectors @param sizeBytes of the part */
  constructor(
    private readonly image: BlockImage,
    readonly start = 0,
    readonly sizeBytes = image.sectorCount * image.sectorBytes - start,
  ) {}

  get name(): string {
    return this.image.name
  }

  get isWritable(): boolean {
    return !this.image.readonly
  }

  /** A part of this one. */
  part(start: number, sizeBytes: number): ByteWindow {
    return new ByteWindow(this.image, this.start + start, sizeBytes)
  }

  read(at: number, bytes: number): Uint8Array {
    const into = new Uint8Array(bytes)
    if (bytes >= CHUNK_BYTES) {
      this.#readThrough(at, into)
      return into
    }
    for (let done = 0; done < bytes;) {
      const chunk = Math.floor((at + done) / CHUNK_BYTES)
      const from = at + done - chunk * CHUNK_BYTES
      const part = this.#chunk(chunk).subarray(from, from + bytes - done)
      // Short at the end of the medium only, where reading through says what is wrong.
      if (part.length === 0) this.#readThrough(at + done, into.subarray(done))
      into.set(part, done)
      done += part.length
    }
    return into
  }

  view(at: number, bytes: number): DataView {
    return new DataView(this.read(at, bytes).buffer)
  }

  /** A number of a few bytes, the lowest first. @param bytes 1 to 4 */
  uint(at: number, bytes: number): number {
    const chunk = this.#chunk(Math.floor(at / CHUNK_BYTES))
    const from = at % CHUNK_BYTES
    // One that crosses two pieces, or the end of the medium.
    const [held, start] = from + bytes <= chunk.length ? [chunk, from] : [this.read(at, bytes), 0]
    let value = 0
    for (let index = bytes - 1; index >= 0; index--) value = (value << 8) | held[start + index]!
    return value >>> 0
  }

  write(at: number, from: Uint8Array): void {
    const { sectorBytes } = this.image
    const first = Math.floor((this.start + at) / sectorBytes)
    const last = Math.ceil((this.start + at + from.length) / sectorBytes)
    const whole = new Uint8Array((last - first) * sectorBytes)
    const offset = this.start + at - first * sectorBytes
    if (offset > 0 || whole.length > from.length) this.image.read(first, last - first, whole)
    whole.set(from, offset)
    this.image.write(first, last - first, whole)
    const lastChunk = Math.floor((at + from.length - 1) / CHUNK_BYTES)
    for (let chunk = Math.floor(at / CHUNK_BYTES); chunk <= lastChunk; chunk++) {
      const start = chunk * CHUNK_BYTES
      const part = from.subarray(Math.max(0, start - at), start + CHUNK_BYTES - at)
      this.#chunks.get(chunk)?.set(part, Math.max(0, at - start))
    }
  }

  flush(): void {
    this.image.flush()
  }

  #chunk(index: number): Uint8Array {
    const known = this.#chunks.get(index)
    if (known) return known
    const bytes = new Uint8Array(Math.max(0, Math.min(CHUNK_BYTES, this.sizeBytes - index * CHUNK_BYTES)))
    if (bytes.length > 0) this.#readThrough(index * CHUNK_BYTES, bytes)
    if (this.#chunks.size >= MAX_CHUNKS) this.#chunks.delete(this.#chunks.keys().next().value!)
    this.#chunks.set(index, bytes)
    return bytes
  }

  #readThrough(at: number, into: Uint8Array): void {
    const { sectorBytes } = this.image
    const first = Math.floor((this.start + at) / sectorBytes)
    const last = Math.ceil((this.start + at + into.length) / sectorBytes)
    const offset = this.start + at - first * sectorBytes
    if (offset === 0 && into.length % sectorBytes === 0) return this.image.read(first, last - first, into)
    const whole = new Uint8Array((last - first) * sectorBytes)
    this.image.read(first, last - first, whole)
    into.set(whole.subarray(offset, offset + into.length))
  }
}
