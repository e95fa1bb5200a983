import { because } from '../protocol/reasons.ts'
import { type BlockImage, checkRange, DiskError } from './block-image.ts'
import { ImageLayer } from './image-layer.ts'

/** Writes are kept by pieces of this size. */
export const CHUNK_BYTES = 64 * 1024

/**
 * An image whose writes are kept in memory, by chunks of 64 KiB, and are gone when it is closed. The image below
 * is only read.
 */
export class EphemeralImage extends ImageLayer {
  #chunks = new Map<number, Uint8Array>()

  /** @param maxBytes memory to use at most; a write past it fails as on a full disk */
  constructor(
    image: BlockImage,
    private readonly maxBytes = 4 * 1024 ** 3,
  ) {
    super(image)
  }

  /** What is below the writes. */
  get base(): BlockImage {
    return this.image
  }

  override get readonly(): boolean {
    return false
  }

  override get holdsBack(): boolean {
    return false
  }

  /** Memory that the writes take, in bytes. */
  get writtenBytes(): number {
    return this.#chunks.size * CHUNK_BYTES
  }

  /** The chunks that were written, by number. They change with later writes. */
  get chunks(): ReadonlyMap<number, Uint8Array> {
    return this.#chunks
  }

  /** Puts other writes in the place of those so far. Throws `DiskError` when they are more than it may hold. */
  replaceChunks(chunks: ReadonlyMap<number, Uint8Array>): void {
    if (chunks.size * CHUNK_BYTES > this.maxBytes) throw this.#full()
    this.#chunks = new Map(chunks)
  }

  #full(): DiskError {
    return new DiskError('limit', this.name, because('ephemeral-full', { bytes: this.maxBytes }))
  }

  override read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    super.read(sector, count, into)
    if (this.#chunks.size === 0) return
    this.#eachPart(sector, into.length, (chunk, at, done, bytes) => {
      const own = this.#chunks.get(chunk)
      if (own) into.set(own.subarray(at, at + bytes), done)
    })
  }

  override write(sector: number, count: number, from: Uint8Array): void {
    checkRange(this, sector, count, from.length)
    this.#eachPart(sector, from.length, (chunk, at, done, bytes) => {
      this.#chunk(chunk).set(from.subarray(done, done + bytes), at)
    })
  }

  /** What is below is only read. */
  override flush(): void {}

  override close(): void {
    this.#chunks.clear()
    super.close()
  }

  /** The chunk's own copy, made from the base at its first write. */
  #chunk(number: number): Uint8Array {
    const existing = this.#chunks.get(number)
    if (existing) return existing
    if (this.writtenBytes + CHUNK_BYTES > this.maxBytes) throw this.#full()
    const chunk = new Uint8Array(CHUNK_BYTES)
    const sectors = CHUNK_BYTES / this.sectorBytes
    const first = number * sectors
    const count = Math.min(sectors, this.sectorCount - first)
    super.read(first, count, chunk.subarray(0, count * this.sectorBytes))
    this.#chunks.set(number, chunk)
    return chunk
  }

  #eachPart(
    sector: number,
    length: number,
    part: (chunk: number, at: number, done: number, bytes: number) => void,
  ): void {
    const start = sector * this.sectorBytes
    for (let done = 0; done < length;) {
      const chunk = Math.floor((start + done) / CHUNK_BYTES)
      const at = start + done - chunk * CHUNK_BYTES
      const bytes = Math.min(CHUNK_BYTES - at, length - done)
      part(chunk, at, done, bytes)
      done += bytes
    }
  }
}
