import type { BlockImage } from './block-image.ts'

/** Counts what goes through to an image, for the activity that the user sees. */
export class MeteredImage implements BlockImage {
  /** Since the image was opened. */
  bytesRead = 0
  bytesWritten = 0
  #isWritten = false

  constructor(private image: BlockImage) {}

  get name(): string {
    return this.image.name
  }

  /** Goes on with another image of the same disk; who closes the one before is the caller's to say. */
  goOnWith(image: BlockImage): void {
    this.image = image
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
    this.#isWritten = true
  }

  flush(): void {
    this.image.flush()
    this.#isWritten = false
  }

  /** Whether a crash of this program would lose what was written since the last flush. */
  get holdsBack(): boolean {
    return this.#isWritten && (this.image.holdsBack ?? false)
  }

  close(): void {
    this.image.close()
  }
}
