import type { BlockImage } from './block-image.ts'
import { ImageLayer } from './image-layer.ts'

/** Counts what goes through to an image, for the activity that the user sees. */
export class MeteredImage extends ImageLayer {
  /** Since the image was opened. */
  bytesRead = 0
  bytesWritten = 0
  #isWritten = false

  /** @param beforeWrite called before each write, which is refused by throwing */
  constructor(
    image: BlockImage,
    private readonly beforeWrite: () => void = () => {},
  ) {
    super(image)
  }

  /** Goes on with another image of the same disk; who closes the one before is the caller's to say. */
  goOnWith(image: BlockImage): void {
    this.image = image
  }

  override read(sector: number, count: number, into: Uint8Array): void {
    super.read(sector, count, into)
    this.bytesRead += into.length
  }

  override write(sector: number, count: number, from: Uint8Array): void {
    this.beforeWrite()
    super.write(sector, count, from)
    this.bytesWritten += from.length
    this.#isWritten = true
  }

  override flush(): void {
    super.flush()
    this.#isWritten = false
  }

  /** Whether a crash of this program would lose what was written since the last flush. */
  override get holdsBack(): boolean {
    return this.#isWritten && super.holdsBack
  }
}
