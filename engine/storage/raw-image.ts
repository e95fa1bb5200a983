import { because } from '../protocol/reasons.ts'
import { type BlockImage, checkRange, DiskError } from './block-image.ts'
import type { HostFile } from './host-file.ts'

/** Sectors that lie one after the other in a file. */
export class RawImage implements BlockImage {
  readonly sectorCount: number

  /** Takes over the file. A last sector that the file holds only in part reads as zeros at its end. */
  constructor(
    private readonly file: HostFile,
    readonly sectorBytes: number,
    /** May be more than the file holds: what is beyond reads as zeros, and nothing can be written then. */
    sectorCount = Math.ceil(file.size / sectorBytes),
  ) {
    this.sectorCount = sectorCount
  }

  get name(): string {
    return this.file.path
  }

  get readonly(): boolean {
    return !this.file.writable || this.sectorCount > Math.ceil(this.file.size / this.sectorBytes)
  }

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    const position = sector * this.sectorBytes
    const stored = Math.max(0, Math.min(into.length, this.file.size - position))
    if (stored < into.length) into.fill(0, stored)
    if (stored > 0) this.file.readAt(position, into.subarray(0, stored))
  }

  write(sector: number, count: number, from: Uint8Array): void {
    checkRange(this, sector, count, from.length)
    if (this.readonly) throw new DiskError('readonly', this.name, because('opened-read-only'))
    this.file.writeAt(sector * this.sectorBytes, from)
  }

  flush(): void {
    if (!this.readonly) this.file.sync()
  }

  close(): void {
    this.file.close()
  }
}
