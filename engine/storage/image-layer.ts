import type { BlockImage } from './block-image.ts'
import type { CdDisc } from './cd-image.ts'

/** An image that passes everything on to another of the same size: what a layer does besides, it says in a subclass. */
export abstract class ImageLayer<Image extends BlockImage = BlockImage> implements BlockImage {
  constructor(protected image: Image) {}

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

  get holdsBack(): boolean {
    return this.image.holdsBack ?? false
  }

  get disc(): CdDisc | undefined {
    return this.image.disc
  }

  read(sector: number, count: number, into: Uint8Array): void {
    this.image.read(sector, count, into)
  }

  write(sector: number, count: number, from: Uint8Array): void {
    this.image.write(sector, count, from)
  }

  flush(): void {
    this.image.flush()
  }

  close(): void {
    this.image.close()
  }
}
