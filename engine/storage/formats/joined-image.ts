import { because } from '../../protocol/reasons.ts'
import { checkRange, DiskError } from '../block-image.ts'
import {
  type CheckReport,
  type DiskImage,
  type Extent,
  type ImageDetails,
  SECTOR_BYTES,
} from './disk-image.ts'

/** A part of a disk and the sector at which it begins. */
export interface Part {
  readonly start: number
  readonly image: DiskImage
}

/** A disk whose parts lie in several images, one after the other. */
export class JoinedImage implements DiskImage {
  readonly sectorBytes = SECTOR_BYTES
  readonly sectorCount: number
  readonly readonly: boolean
  readonly holdsBack: boolean
  #isModified = false

  /**
   * @param parts without gaps, from sector 0 on
   * @param modified called before the first write
   */
  constructor(
    readonly name: string,
    private readonly parts: readonly Part[],
    readonly details: ImageDetails,
    readonly backing: DiskImage | null,
    private readonly modified: () => void,
  ) {
    const last = parts.at(-1)!
    this.sectorCount = last.start + last.image.sectorCount
    this.readonly = parts.some(({ image }) => image.readonly)
    this.holdsBack = parts.some(({ image }) => image.holdsBack ?? false)
  }

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    const { start, image } = this.#part(sector)
    if (sector + count <= start + image.sectorCount) return image.read(sector - start, count, into)
    this.#each(sector, count, (image, at, from, to) =>
      image.read(at, to - from, into.subarray(from * SECTOR_BYTES, to * SECTOR_BYTES)),
    )
  }

  write(sector: number, count: number, from: Uint8Array): void {
    checkRange(this, sector, count, from.length)
    if (this.readonly) throw new DiskError('readonly', this.name, because('opened-read-only'))
    if (!this.#isModified) this.modified()
    this.#isModified = true
    this.#each(sector, count, (image, at, start, to) =>
      image.write(at, to - start, from.subarray(start * SECTOR_BYTES, to * SECTOR_BYTES)),
    )
  }

  /** Goes through the parts that hold the sectors: at `at` of a part are those from `from` to before `to`. */
  #each(
    sector: number,
    count: number,
    act: (image: DiskImage, at: number, from: number, to: number) => void,
  ): void {
    for (let done = 0; done < count;) {
      const { start, image } = this.#part(sector + done)
      const at = sector + done - start
      const here = Math.min(image.sectorCount - at, count - done)
      act(image, at, done, done + here)
      done += here
    }
  }

  #part(sector: number): Part {
    let low = 0
    let high = this.parts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.parts[middle]!.start <= sector) low = middle
      else high = middle - 1
    }
    return this.parts[low]!
  }

  extentAt(sector: number, limit: number): Extent {
    const { start, image } = this.#part(sector)
    return image.extentAt(sector - start, Math.min(limit, image.sectorCount - (sector - start)))
  }

  check(repair: boolean): CheckReport {
    const reports = this.parts.map(({ image }) => image.check(repair))
    return {
      damage: reports.flatMap(({ damage }) => damage),
      leakedBytes: reports.reduce((sum, { leakedBytes }) => sum + leakedBytes, 0),
      repaired: reports.every(({ repaired }) => repaired),
    }
  }

  flush(): void {
    for (const { image } of this.parts) image.flush()
  }

  /** Closes all parts and what lies below, whatever one of them says. */
  close(): void {
    let failure: unknown = null
    for (const image of [...this.parts.map((part) => part.image), ...(this.backing ? [this.backing] : [])])
      try {
        image.close()
      } catch (error) {
        failure ??= error
      }
    if (failure !== null) throw failure as Error
  }
}

/** A part of another disk, such as what a part of a joined disk is over. Closing it leaves the other open. */
export class SliceImage implements DiskImage {
  readonly sectorBytes = SECTOR_BYTES
  readonly readonly = true
  readonly backing = null

  constructor(
    private readonly image: DiskImage,
    private readonly start: number,
    readonly sectorCount: number,
  ) {}

  get name(): string {
    return this.image.name
  }

  get details(): ImageDetails {
    return this.image.details
  }

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    const at = this.start + sector
    const below = Math.max(0, Math.min(count, this.image.sectorCount - at))
    if (below > 0) this.image.read(at, below, into.subarray(0, below * SECTOR_BYTES))
    into.fill(0, below * SECTOR_BYTES)
  }

  write(): void {
    throw new DiskError('readonly', this.name, because('is-backing-file'))
  }

  extentAt(_sector: number, limit: number): Extent {
    return { sectors: limit, holds: 'data' }
  }

  check(): CheckReport {
    return { damage: [], leakedBytes: 0, repaired: false }
  }

  flush(): void {}

  close(): void {}
}

/** Sectors that are all zeros and stay so. */
export class ZeroImage implements DiskImage {
  readonly sectorBytes = SECTOR_BYTES
  readonly readonly = true
  readonly backing = null

  constructor(
    readonly name: string,
    readonly sectorCount: number,
    readonly details: ImageDetails,
  ) {}

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    into.fill(0)
  }

  write(): void {
    throw new DiskError('readonly', this.name, because('part-of-zeros'))
  }

  extentAt(_sector: number, limit: number): Extent {
    return { sectors: limit, holds: 'zeros' }
  }

  check(): CheckReport {
    return { damage: [], leakedBytes: 0, repaired: true }
  }

  flush(): void {}

  close(): void {}
}
