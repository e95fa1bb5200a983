import { because } from '../../protocol/reasons.ts'
import { checkRange, DiskError } from '../block-image.ts'
import {
  type CheckReport,
  type DiskImage,
  type Extent,
  type ImageDetails,
  SECTOR_BYTES,
} from '../formats/disk-image.ts'
import type { DiscImage } from './disc-image.ts'

/** The data of a disc as sectors of a disk, for whatever looks into images. */
export class DiscSectors implements DiskImage {
  readonly sectorBytes = SECTOR_BYTES
  readonly sectorCount: number
  readonly readonly = true
  readonly backing = null
  readonly details: ImageDetails
  readonly #ratio: number

  constructor(private readonly medium: DiscImage) {
    this.#ratio = medium.sectorBytes / SECTOR_BYTES
    this.sectorCount = medium.sectorCount * this.#ratio
    this.details = {
      format: medium.format,
      variant: `${medium.tracks.length} tracks`,
      clusterBytes: null,
      backingFile: null,
      identity: null,
      snapshots: [],
      files: medium.files.map(({ path }) => path),
    }
  }

  get name(): string {
    return this.medium.name
  }

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    const first = Math.floor(sector / this.#ratio)
    const last = Math.ceil((sector + count) / this.#ratio)
    const whole = new Uint8Array((last - first) * this.medium.sectorBytes)
    this.medium.read(first, last - first, whole)
    const from = (sector - first * this.#ratio) * SECTOR_BYTES
    into.set(whole.subarray(from, from + into.length))
  }

  write(): void {
    throw new DiskError('readonly', this.name, because('disc-read-only'))
  }

  flush(): void {}

  extentAt(sector: number, limit: number): Extent {
    return { sectors: Math.min(limit, this.sectorCount - sector), holds: 'data' }
  }

  check(): CheckReport {
    return { damage: [], leakedBytes: 0, repaired: false }
  }

  close(): void {
    this.medium.close()
  }
}
