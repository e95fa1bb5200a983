import { because } from '../../protocol/reasons.ts'
import { DiskError } from '../../storage/block-image.ts'
import {
  type DiskImage,
  type Extent,
  type ImageDetails,
  SECTOR_BYTES,
} from '../../storage/formats/disk-image.ts'
import { ImageLayer } from '../../storage/image-layer.ts'
import { FatVolume } from '../../storage/volumes/fat/fat-volume.ts'
import { volumesIn } from '../../storage/volumes/volumes-in.ts'

/** Sectors from the first on, up to and without the last. */
interface SectorRun {
  from: number
  to: number
}

/**
 * A disk without what its FAT volumes do not use: there it shows what lies below, or zeros. Other file systems stay as
 * they are. It is only read.
 */
export class WithoutFreeSpace extends ImageLayer<DiskImage> implements DiskImage {
  /** In order, none touching the next. */
  readonly #free: readonly SectorRun[]

  constructor(image: DiskImage) {
    super(image)
    this.#free = freeRuns(image)
  }

  get details(): ImageDetails {
    return this.image.details
  }

  get backing(): DiskImage | null {
    return this.image.backing
  }

  override get readonly(): boolean {
    return true
  }

  override read(sector: number, count: number, into: Uint8Array): void {
    super.read(sector, count, into)
    for (let at = this.#firstAfter(sector); at < this.#free.length; at++) {
      const { from, to } = this.#free[at]!
      if (from >= sector + count) return
      const start = Math.max(from, sector)
      const end = Math.min(to, sector + count)
      this.#showBelow(start, into.subarray((start - sector) * SECTOR_BYTES, (end - sector) * SECTOR_BYTES))
    }
  }

  #showBelow(sector: number, part: Uint8Array): void {
    const { backing } = this.image
    const known = backing
      ? Math.max(0, Math.min(part.length / SECTOR_BYTES, backing.sectorCount - sector))
      : 0
    if (backing && known > 0) backing.read(sector, known, part.subarray(0, known * SECTOR_BYTES))
    part.fill(0, known * SECTOR_BYTES)
  }

  override write(): void {
    throw new DiskError('readonly', this.name, because('only-read'))
  }

  extentAt(sector: number, limit: number): Extent {
    const run = this.#free[this.#firstAfter(sector)]
    if (!run || run.from >= sector + limit) return this.image.extentAt(sector, limit)
    if (run.from > sector) return this.image.extentAt(sector, run.from - sector)
    return { sectors: Math.min(limit, run.to - sector), holds: 'nothing' }
  }

  check(): never {
    throw new DiskError('io', this.name, because('not-checked-in-part'))
  }

  /** Index of the first run that does not end before a sector. */
  #firstAfter(sector: number): number {
    let [low, high] = [0, this.#free.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#free[middle]!.to <= sector) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** What the FAT volumes of a disk do not use. */
function freeRuns(image: DiskImage): SectorRun[] {
  const runs: SectorRun[] = []
  for (const { volume } of volumesIn(image)) {
    if (!(volume instanceof FatVolume)) continue
    const { bytes, layout, table } = volume
    const sectors = layout.clusterBytes / SECTOR_BYTES
    const first = (bytes.start + layout.dataStart) / SECTOR_BYTES
    for (let cluster = 2; cluster <= table.last; cluster++) {
      if (table.get(cluster) !== 0) continue
      const from = first + (cluster - 2) * sectors
      const last = runs.at(-1)
      if (last?.to === from) last.to = from + sectors
      else runs.push({ from, to: from + sectors })
    }
  }
  runs.sort((a, b) => a.from - b.from)
  // Partitions of a damaged table may lie over each other: what one of them uses is not free.
  return runs.some(({ from }, index) => index > 0 && from < runs[index - 1]!.to) ? [] : runs
}
