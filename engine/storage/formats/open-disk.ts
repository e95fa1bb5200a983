import { because } from '../../protocol/reasons.ts'
import { DiskError } from '../block-image.ts'
import { unusable } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'
import { childPath } from './child-path.ts'
import { packedFormat } from '../packed-format.ts'
import { type DiskImage, type FormatName, SECTOR_BYTES } from './disk-image.ts'
import { readUpTo } from './fields.ts'
import { formatNamed, formatOfFile } from './formats.ts'
import type { Keyring } from './luks/keyring.ts'
import { GuardedImage } from './guarded-image.ts'

export interface OpenDiskOptions {
  /**
   * What the file is; `auto` tells by its contents. Whoever keeps an image that a guest wrote should keep its
   * format as well: a guest can make a raw disk look like anything.
   */
  format: FormatName | 'auto'
  writable: boolean
  repairing?: boolean
  /** Files outside of an image's folder that the user allowed images to use. */
  confirmed?: readonly string[]
  /** What opens encrypted images. */
  keyring?: Keyring | null | undefined
  /** Encrypted images are opened without it too, though not for their contents. */
  isLocked?: boolean
  /** Stands for what the image names as its backing file, which is not opened. */
  backing?: DiskImage
}

/** Images in a chain of backing files at most: more than a machine may have snapshots in a row. */
const MAX_CHAIN = 512

/**
 * Opens a disk in any format, with what it builds on. Throws `file-unusable`, also for a disk of no sectors, and
 * `passphrase-missing` or `passphrase-wrong` for what is encrypted.
 */
export function openDisk(files: ImageFiles, path: string, options: OpenDiskOptions): DiskImage {
  const image = openLayer(files, path, options, [])
  if (image.sectorCount > 0) return image
  image.close()
  throw unusable(path, because('disk-no-sectors'))
}

/** @param above identities of the images that this one is the backing file of */
function openLayer(
  files: ImageFiles,
  path: string,
  options: OpenDiskOptions,
  above: readonly string[],
): DiskImage {
  const { writable, repairing = false, confirmed = [], keyring = null, isLocked = false } = options
  const file = files.open(path, writable)
  try {
    if (above.includes(file.identity)) throw unusable(path, because('backing-circle'))
    if (above.length >= MAX_CHAIN) throw unusable(path, because('backing-too-many', { most: MAX_CHAIN }))
    const found = formatOfFile(file)
    const packed = options.format === 'auto' ? packedFormat(readUpTo(file, 0, SECTOR_BYTES)) : null
    if (packed !== null) throw unusable(path, packed)
    const format = options.format === 'auto' ? found : formatNamed(options.format)
    if (format !== found && format.name !== 'raw')
      throw unusable(path, because('not-of-format', { format: format.name }))
    if (writable && format.variants.length === 0)
      throw unusable(path, because('format-only-read', { format: format.name }))
    const image = format.open(file, {
      files,
      writable,
      repairing,
      confirmed,
      keyring,
      isLocked,
      openBacking: (name, backingFormat) =>
        options.backing ??
        openLayer(
          files,
          childPath(files, path, name, 'backing-file', confirmed),
          { format: backingFormat ?? 'auto', writable: false, confirmed, keyring, isLocked },
          [...above, file.identity],
        ),
    })
    return options.format === 'auto' && format.name === 'raw' && writable ? new GuardedImage(image) : image
  } catch (error) {
    file.close()
    if (error instanceof DiskError) throw unusable(path, error.reason, error)
    throw error
  }
}
