import { because, type Reason } from '../../protocol/reasons.ts'
import { DiskError } from '../block-image.ts'

/** After so many, what else is packed is left alone. */
const MAX_DAMAGED = 1000

/**
 * Unpacks pieces of an image, each damaged one once. Node's zlib keeps what a failed call had, some 20 KB, until its thread has
 * nothing to do, and the thread of a machine blocks for as long as the machine runs: a guest that reads damaged pieces again
 * and again would fill the host's memory.
 */
export class PackedPieces {
  readonly #damaged = new Set<number>()

  /** @param path of the image */
  constructor(private readonly path: string) {}

  /**
   * @param piece its number
   * @param place what it is and where, for the error
   * @param unpacks false for a damaged one
   */
  unpack(piece: number, place: string, unpacks: () => boolean): void {
    if (this.#damaged.has(piece)) throw this.#error(because('piece-damaged', { place }))
    if (this.#damaged.size >= MAX_DAMAGED) throw this.#error(because('pieces-damaged', { most: MAX_DAMAGED }))
    if (unpacks()) return
    this.#damaged.add(piece)
    throw this.#error(because('piece-damaged', { place }))
  }

  #error(reason: Reason): DiskError {
    return new DiskError('io', this.path, reason)
  }
}
