import { dirname, relative, resolve } from 'node:path'
import { because } from '../../protocol/reasons.ts'
import { unusable } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'
import { createDisk } from './create-disk.ts'
import { type DiskImage, FORMAT_NAMES, type FormatName, SECTOR_BYTES } from './disk-image.ts'
import { openDisk, type OpenDiskOptions } from './open-disk.ts'

export interface OverlayOptions extends Pick<OpenDiskOptions, 'format' | 'confirmed' | 'keyring'> {
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
  { format, confirmed = [], keyring, isFresh }: OverlayOptions,
): DiskImage {
  if (isFresh || files.realPath(overlayPath) === null)
    makeOverlay(files, path, overlayPath, { format, confirmed, keyring })
  // Whoever asks for the overlay has chosen the disk below it, wherever that lies.
  const allowed = [...confirmed, resolve(path)]
  const overlay = openDisk(files, overlayPath, {
    format: 'qcow2',
    writable: true,
    confirmed: allowed,
    keyring,
  })
  const below = overlay.backing?.name
  if (below !== undefined && files.realPath(below) === files.realPath(path)) return overlay
  overlay.close()
  throw unusable(
    overlayPath,
    below === undefined ? because('overlay-over-none') : because('overlay-over-other', { below, path }),
  )
}

function makeOverlay(
  files: ImageFiles,
  path: string,
  overlayPath: string,
  { format, confirmed, keyring }: Pick<OpenDiskOptions, 'format' | 'confirmed' | 'keyring'>,
): void {
  const image = openDisk(files, path, { format, writable: false, keyring, ...(confirmed && { confirmed }) })
  try {
    createOverlay(files, image, relative(dirname(resolve(overlayPath)), resolve(path)), overlayPath)
  } finally {
    image.close()
  }
}

/**
 * Makes an empty qcow2 image over a disk, whole and on the host's disk when it returns. Throws `file-unusable`.
 *
 * @param name of the disk, as the overlay is to have it: relative to its folder, or absolute
 */
export function createOverlay(
  files: ImageFiles,
  image: DiskImage,
  name: string,
  overlayPath: string,
): FormatName {
  const format = formatNameOf(image)
  const temporary = `${overlayPath}.part`
  files.remove(temporary)
  createDisk(files, temporary, 'qcow2', {
    sizeBytes: image.sectorCount * SECTOR_BYTES,
    backing: { name, format, image },
  })
  files.replace(temporary, overlayPath)
  return format
}

/** Archives of floppies are no disks that another one can be over. */
function formatNameOf({ name, details }: DiskImage): FormatName {
  const format = FORMAT_NAMES.find((known) => known === details.format)
  if (!format) throw unusable(name, because('not-a-disk', { format: details.format }))
  return format
}
