import { because } from '../../protocol/reasons.ts'
import { DiskError } from '../block-image.ts'
import { ImageLayer } from '../image-layer.ts'
import {
  type Checking,
  type CheckReport,
  type DiskImage,
  type Extent,
  type ImageDetails,
  SECTOR_BYTES,
} from './disk-image.ts'
import { formatOf } from './formats.ts'

/**
 * A raw disk whose format was told by its contents. What the guest writes must not make it something else the next
 * time: a disk that begins like a qcow2 image could name any file of the host as its backing file. Such a write
 * fails; with the format given, nothing is looked at and everything may be written.
 */
export class GuardedImage extends ImageLayer<DiskImage> implements DiskImage {
  readonly backing = null

  get details(): ImageDetails {
    return this.image.details
  }

  override write(sector: number, count: number, from: Uint8Array): void {
    const last = this.sectorCount - 1
    if (count > 0 && (sector === 0 || sector + count > last)) this.#check(sector, count, from)
    super.write(sector, count, from)
  }

  #check(sector: number, count: number, from: Uint8Array): void {
    const after = (wanted: number): Uint8Array => {
      const at = (wanted - sector) * SECTOR_BYTES
      if (wanted >= sector && wanted < sector + count) return from.subarray(at, at + SECTOR_BYTES)
      const bytes = new Uint8Array(SECTOR_BYTES)
      this.image.read(wanted, 1, bytes)
      return bytes
    }
    const format = formatOf(after(0), after(this.sectorCount - 1))
    if (format.name !== 'raw')
      throw new DiskError('io', this.name, because('guest-forged-format', { format: format.name }))
  }

  extentAt(sector: number, limit: number): Extent {
    return this.image.extentAt(sector, limit)
  }

  check(repair: boolean): CheckReport {
    return this.image.check(repair)
  }

  *checking(repair: boolean): Checking {
    return this.image.checking ? yield* this.image.checking(repair) : this.image.check(repair)
  }

  resize(sizeBytes: number): boolean {
    return this.image.resize?.(sizeBytes) ?? false
  }
}
