import { because } from '../protocol/reasons.ts'
import { type BlockImage, DiskError } from './block-image.ts'
import { ImageLayer } from './image-layer.ts'

/** What may be held for a disk that is full: far more than a guest writes before it stands still. */
const MAX_OWED_BYTES = 64 * 1024 * 1024

/**
 * A medium whose guest need not hear that the host's disk is full. What the host refused for want of room is kept
 * here, and `onFull` is told so that the guest stands still before its next instruction; once `deliver` succeeds it
 * goes on as if nothing had been. Every other failure comes through as it is.
 */
export class PatientImage extends ImageLayer {
  /** Sectors that were refused. */
  #owed = new Map<number, Uint8Array>()
  #owesFlush = false

  constructor(
    image: BlockImage,
    private readonly onFull: (error: DiskError) => void,
    private readonly maxOwedBytes = MAX_OWED_BYTES,
  ) {
    super(image)
  }

  /** Whether something waits for room on the host's disk. */
  get isOwing(): boolean {
    return this.#owed.size > 0 || this.#owesFlush
  }

  /** Goes on with another image of the same disk, which gets what is owed. */
  goOnWith(image: BlockImage): void {
    this.image = image
  }

  override read(sector: number, count: number, into: Uint8Array): void {
    super.read(sector, count, into)
    if (this.#owed.size === 0) return
    for (let index = 0; index < count; index++) {
      const own = this.#owed.get(sector + index)
      if (own) into.set(own, index * this.sectorBytes)
    }
  }

  override write(sector: number, count: number, from: Uint8Array): void {
    // Behind what is owed already, so that an older write never comes after a newer one.
    if (this.#owed.size > 0) return this.#owe(sector, count, from)
    try {
      super.write(sector, count, from)
    } catch (error) {
      if (!isFull(error)) throw error
      this.#owe(sector, count, from, error)
      this.onFull(error)
    }
  }

  override flush(): void {
    try {
      this.deliver()
    } catch (error) {
      if (!isFull(error)) throw error
      this.#owesFlush = true
      this.onFull(error)
    }
  }

  /** Brings all that was written to the host's disk. Throws `DiskError`, `full` while there is no room; nothing is lost. */
  deliver(): void {
    for (const [sector, bytes] of this.#owed) {
      super.write(sector, 1, bytes)
      this.#owed.delete(sector)
    }
    super.flush()
    this.#owesFlush = false
  }

  #owe(sector: number, count: number, from: Uint8Array, error?: DiskError): void {
    if ((this.#owed.size + count) * this.sectorBytes > this.maxOwedBytes)
      throw error ?? new DiskError('full', this.name, because('disk-full'))
    for (let index = 0; index < count; index++)
      this.#owed.set(sector + index, from.slice(index * this.sectorBytes, (index + 1) * this.sectorBytes))
  }
}

const isFull = (error: unknown): error is DiskError => error instanceof DiskError && error.kind === 'full'
