import { because } from '../../protocol/reasons.ts'
import { type BlockImage, DiskError } from '../block-image.ts'
import { unusable } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'
import type { DiskImage, FormatName } from './disk-image.ts'
import type { Keyring } from './luks/keyring.ts'
import { copyDown, type MergeProgress, NOTHING, rebaseLayer } from './merge-layer.ts'
import { MirroredLayer } from './mirrored-layer.ts'
import { openDisk } from './open-disk.ts'

/** Two layers of a disk that is in use, one over the other, of which the upper one is to go. */
interface LayerPair {
  upper: string
  lower: string
  format: FormatName
  /** As layers are to call the lower one. */
  name: string
  /** Layers over the upper one, in use or not, which are to be over the lower one. */
  above: readonly string[]
}

interface Opening {
  /** Files outside of its folder that the disk may build on. */
  confirmed: readonly string[]
  keyring: Keyring | null
}

/**
 * Merges two layers of a disk while it is read and written: what the upper one holds is written down into the lower one,
 * in steps between which the disk is used. Nothing else may be over the lower one but the upper one.
 *
 * The disk shows the same throughout. When the upper layer is the one that is written, what is written to it behind the
 * point that the steps have come to goes to both. After `settle` either layer, and whatever is over it, has all that was
 * flushed, and flushes go to both: whoever keeps the record of the disk can then name the lower one in the place of the
 * upper one, and says by `end` whether it did. A crash at any point leaves a disk that the record names and that is whole.
 */
export class LiveMerge {
  /** What the disk is read and written through until `end`. */
  readonly shown: BlockImage
  readonly #upper: DiskImage
  /** What is over the upper layer; null when that is written itself. */
  readonly #over: DiskImage | null
  readonly #mirror: MirroredLayer | null
  #lower: DiskImage
  readonly #steps: Generator<MergeProgress, void>

  /**
   * @param files open what this process has open already once more
   * @param top the disk as it is in use
   * Throws `file-unusable` or `passphrase-missing`, leaving the disk as it was.
   */
  constructor(
    private readonly files: ImageFiles,
    private readonly top: DiskImage,
    private readonly pair: LayerPair,
    private readonly opening: Opening,
  ) {
    const { over, upper } = find(files, top, pair.upper)
    const lower = upper.backing
    if (lower === null || files.realPath(lower.name) !== files.realPath(pair.lower))
      throw unusable(pair.upper, because('not-over', { below: pair.lower }))
    if (lower.sectorCount !== upper.sectorCount)
      throw unusable(pair.lower, because('not-as-large', { above: pair.upper }))
    this.#upper = upper
    this.#over = over
    this.#lower = this.#reopened(lower, true)
    upper.goOnOver?.(this.#lower)
    close(lower)
    this.#mirror = over ? null : new MirroredLayer(upper, this.#lower)
    this.shown = this.#mirror ?? top
    this.#steps = copyDown(upper, this.#lower)
  }

  /** Files that the steps write to. */
  get written(): readonly string[] {
    return this.#lower.details.files
  }

  /** Writes one piece down. Throws `file-unusable`. @returns how far it is; null when all is written */
  step(): MergeProgress | null {
    return this.#guarded(() => {
      const { value, done } = this.#steps.next()
      this.#mirror?.reached(done ? Infinity : value.done)
      return done ? null : value
    })
  }

  /**
   * Brings all that was written down to the host's disk, and lets the layers above name the lower one. Throws
   * `file-unusable`; the disk is as it was.
   */
  settle(): void {
    const { name, format, above } = this.pair
    this.#guarded(() => {
      this.#lower.flush()
      this.#mirror?.settled()
    })
    for (const path of above) rebaseLayer(this.files, path, { name, format })
  }

  #guarded<T>(work: () => T): T {
    try {
      if (this.#mirror?.failure) throw this.#mirror.failure
      return work()
    } catch (error) {
      throw error instanceof DiskError ? unusable(error.path, error.reason, error) : error
    }
  }

  /**
   * Ends it: with the lower layer in the place of the upper one, or with the disk as it was.
   * @param isMerged the record names the lower one; only after `settle`
   * @returns the disk, which the user has to go on with
   */
  end(isMerged: boolean): DiskImage {
    if (!this.#over && isMerged) {
      this.#upper.goOnOver?.(null)
      close(this.#upper)
      return this.#lower
    }
    const frozen = this.#frozen()
    if (!isMerged) this.#upper.goOnOver?.(frozen)
    else {
      this.#over?.goOnOver?.(frozen)
      this.#upper.goOnOver?.(null)
      close(this.#upper)
    }
    return this.top
  }

  /** The lower layer only to be read once more, so that others can read it as well. */
  #frozen(): DiskImage {
    const written = this.#lower
    try {
      this.#lower = this.#reopened(written, false)
      close(written)
    } catch {
      // It stays as it is, which keeps others out and does no harm.
    }
    return this.#lower
  }

  /** The lower layer once more, over what it is over already; a chain of hundreds is not opened anew for it. */
  #reopened(old: DiskImage, writable: boolean): DiskImage {
    const { lower, format } = this.pair
    const isShared = format === 'qcow2' && old.backing !== null
    const image = openDisk(this.files, lower, {
      format,
      writable,
      ...this.opening,
      ...(isShared && { backing: NOTHING }),
    })
    if (isShared) {
      image.goOnOver?.(old.backing)
      old.goOnOver?.(null)
    }
    return image
  }
}

/** The layer of a file, and what is right over it. Throws `file-unusable`. */
function find(files: ImageFiles, top: DiskImage, path: string): { over: DiskImage | null; upper: DiskImage } {
  const place = files.realPath(path)
  let over: DiskImage | null = null
  for (let upper: DiskImage | null = top; upper; over = upper, upper = upper.backing)
    if (upper.goOnOver && files.realPath(upper.name) === place) return { over, upper }
  throw unusable(path, because('not-below', { above: top.name }))
}

function close(image: DiskImage): void {
  try {
    image.close()
  } catch {
    // Nothing that counts was written through it.
  }
}
