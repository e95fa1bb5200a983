import { because } from '../protocol/reasons.ts'
import { type BlockImage, checkRange, DiskError } from './block-image.ts'

/** A medium in memory: blank floppies, what a test or a built-in guest brings along. */
export class MemoryImage implements BlockImage {
  readonly sectorCount: number

  /** Uses the bytes as they are, without a copy; a rest smaller than a sector is not reachable. */
  constructor(
    readonly bytes: Uint8Array,
    readonly sectorBytes = 512,
    readonly readonly = false,
    readonly name = 'memory',
  ) {
    this.sectorCount = Math.floor(bytes.length / sectorBytes)
  }

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    const at = sector * this.sectorBytes
    into.set(this.bytes.subarray(at, at + into.length))
  }

  write(sector: number, count: number, from: Uint8Array): void {
    checkRange(this, sector, count, from.length)
    if (this.readonly) throw new DiskError('readonly', this.name, because('write-protected'))
    this.bytes.set(from, sector * this.sectorBytes)
  }

  flush(): void {}

  close(): void {}
}
