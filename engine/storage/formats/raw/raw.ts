import { because } from '../../../protocol/reasons.ts'
import { checkRange, DiskError } from '../../block-image.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import {
  type CheckReport,
  type DiskFormat,
  type DiskImage,
  type Extent,
  type ImageDetails,
  SECTOR_BYTES,
} from '../disk-image.ts'

/** Sectors one after the other. */
export const raw: DiskFormat = {
  name: 'raw',
  variants: ['flat'],
  // What is no other format is raw.
  recognises: () => false,

  open(file) {
    if (file.size % SECTOR_BYTES !== 0)
      throw unusable(file.path, because('raw-size-odd', { bytes: file.size }))
    return new RawDisk(file, 0, file.size / SECTOR_BYTES, {
      format: 'raw',
      variant: 'flat',
      clusterBytes: null,
      backingFile: null,
      identity: null,
      snapshots: [],
      files: [file.path],
    })
  },

  create(file, { sizeBytes }) {
    file.truncate(sizeBytes)
  },
}

/** Sectors that lie in a file from a position on, all of them. */
export class FlatImage implements DiskImage {
  readonly sectorBytes = SECTOR_BYTES
  readonly backing = null

  /** Takes over the file. */
  constructor(
    protected readonly file: HostFile,
    private readonly start: number,
    readonly sectorCount: number,
    readonly details: ImageDetails,
  ) {}

  get name(): string {
    return this.file.path
  }

  get readonly(): boolean {
    return !this.file.writable
  }

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    this.file.readAt(this.start + sector * SECTOR_BYTES, into)
  }

  write(sector: number, count: number, from: Uint8Array): void {
    checkRange(this, sector, count, from.length)
    if (this.readonly) throw new DiskError('readonly', this.name, because('opened-read-only'))
    this.file.writeAt(this.start + sector * SECTOR_BYTES, from)
  }

  extentAt(sector: number, limit: number): Extent {
    return { sectors: Math.min(limit, this.sectorCount - sector), holds: 'data' }
  }

  check(): CheckReport {
    return { damage: [], leakedBytes: 0, repaired: false }
  }

  flush(): void {
    if (!this.readonly) this.file.sync()
  }

  close(): void {
    this.file.close()
  }
}

/** A file that is the disk and nothing else. */
class RawDisk extends FlatImage {
  resize(sizeBytes: number): boolean {
    this.file.truncate(sizeBytes)
    this.file.sync()
    return true
  }
}
