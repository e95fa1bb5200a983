import { dirname, relative, resolve } from 'node:path'
import { unusable } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'
import { createDisk } from './create-disk.ts'
import { type DiskImage, FORMAT_NAMES, SECTOR_BYTES } from './disk-image.ts'
import { openDisk, type OpenDiskOptions } from './open-disk.ts'

export interface OverlayOptions extends Pick<OpenDiskOptions, 'format' | 'confirmed'> {
  /** What the overlay holds from earlier is thrown away. */
  isFresh: boolean
}

/**
 * Opens a disk whose writes go to a qcow2 image over it, which is made when it is missing: the disk itself is only
 * read, by any number of machines at once. Throws `file-unusable`.
 */
export function openOverlay(
  files: ImageFiles,
  path: string,
  overlayPath: string,
  { format, confirmed = [], isFresh }: OverlayOptions,
): DiskImage {
  if (isFresh || files.realPath(overlayPath) === null)
    makeOverlay(files, path, overlayPath, { format, confirmed })
  // Whoever asks for the overlay has chosen the disk below it, wherever that lies.
  const allowed = [...confirmed, resolve(path)]
  const overlay = openDisk(files, overlayPath, { format: 'qcow2', writable: true, confirmed: allowed })
  const below = overlay.backing?.name
  if (below !== undefined && files.realPath(below) === files.realPath(path)) return overlay
  overlay.close()
  throw unusable(
    overlayPath,
    below === undefined ? 'it is over no image' : `it is over ${below}, not over ${path}`,
  )
}

function makeOverlay(
  files: ImageFiles,
  path: string,
  overlayPath: string,
  { format, confirmed }: Pick<OpenDiskOptions, 'format' | 'confirmed'>,
): void {
  const image = openDisk(files, path, { format, writable: false, ...(confirmed && { confirmed }) })
  try {
    const found = FORMAT_NAMES.find((name) => name === image.details.format)!
    const name = relative(dirname(resolve(overlayPath)), resolve(path))
    const request = { sizeBytes: image.sectorCount * SECTOR_BYTES, backing: { name, format: found, image } }
    const temporary = `${overlayPath}.part`
    files.remove(temporary)
    createDisk(files, temporary, 'qcow2', request)
    files.replace(temporary, overlayPath)
  } finally {
    image.close()
  }
}
