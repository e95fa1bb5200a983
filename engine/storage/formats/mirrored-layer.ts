import { asDiskError, type DiskError } from '../block-image.ts'
import { ImageLayer } from '../image-layer.ts'
import type { DiskImage } from './disk-image.ts'

/**
 * A layer that is written while what it holds is being written down into the one below it. Up to where that has come,
 * what is written goes to both.
 */
export class MirroredLayer extends ImageLayer<DiskImage> {
  /** Why the layer below does not show the same; it is of no use then. */
  failure: DiskError | null = null
  #reached = 0
  #isSettled = false

  constructor(
    layer: DiskImage,
    private readonly below: DiskImage,
  ) {
    super(layer)
  }

  /** All sectors before this one are written down. */
  reached(sector: number): void {
    this.#reached = sector
  }

  /** From now on either layer may turn out to be the disk: what fails below fails. */
  settled(): void {
    this.#isSettled = true
  }

  override write(sector: number, count: number, from: Uint8Array): void {
    const shared = Math.min(count, this.#reached - sector)
    try {
      super.write(sector, count, from)
    } catch (error) {
      if (shared > 0) this.failure ??= asDiskError(error, this.name)
      throw error
    }
    if (shared <= 0 || (this.failure && !this.#isSettled)) return
    try {
      this.below.write(sector, shared, from.subarray(0, shared * this.sectorBytes))
    } catch (error) {
      if (this.#isSettled) throw error
      this.failure = asDiskError(error, this.below.name)
    }
  }

  override flush(): void {
    super.flush()
    if (this.#isSettled) this.below.flush()
  }
}
