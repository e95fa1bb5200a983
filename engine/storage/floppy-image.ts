import type { BlockImage } from './block-image.ts'
import type { FloppyGeometry } from './floppy-geometry.ts'

/** A floppy: its sectors in the order track, head, sector, and how it is formatted. */
export interface FloppyImage {
  readonly image: BlockImage
  readonly geometry: FloppyGeometry
}
