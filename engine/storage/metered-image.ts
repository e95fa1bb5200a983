import type { BlockImage } from './block-image.ts'

/** Counts what goes through to an image, for the activity that the user sees. */
export class MeteredImage implements BlockImage {
  /** Since the image was opened. */
  bytesRead = 0
  bytesWritten = 0

  constructor(private readonly image: BlockImage) {}

  get name(): string {
    return this.image.name
  }

  get sectorBytes(): number {
    return this.image.sectorBytes
  }

  get sectorCount(): number {
    return this.image.sectorCount
  }

  get readonly(): boolean {
    return this.image.readonly
  }

  read(sector: number, count: number, into: Uint8Array): void {
    this.image.read(sector, count, into)
    this.bytesRead += into.length
  }

  write(sector: number, count: number, from: Uint8Array): void {
    this.image.write(sector, count, from)
    this.bytesWritten += from.length
  }

  flush(): void {
    this.image.flush()
  }

  close(): void {
    this.image.close()
  }
}
