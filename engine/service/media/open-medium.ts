import { DiskError } from '../../storage/block-image.ts'
import { DiscSectors } from '../../storage/discs/disc-sectors.ts'
import { openDisc } from '../../storage/discs/open-disc.ts'
import { type DiskImage, type FormatName, SECTOR_BYTES } from '../../storage/formats/disk-image.ts'
import { readUpTo } from '../../storage/formats/fields.ts'
import { floppyFormatOf, unpackFloppy } from '../../storage/formats/floppy-archive.ts'
import type { Keyring } from '../../storage/formats/luks/keyring.ts'
import { openDisk } from '../../storage/formats/open-disk.ts'
import { unusable } from '../../storage/host-file.ts'
import type { ImageFiles } from '../../storage/image-files.ts'

export interface SourceOptions {
  /** What the file is; told by its contents when absent. */
  format?: FormatName | undefined
  /** Files outside of an image's folder that it may build on. */
  allowed?: readonly string[]
  /** What opens it where it is encrypted. */
  keyring?: Keyring | undefined
}

/** What is to be done with an image. */
export interface Access {
  writable: boolean
  repairing?: boolean
  /** Nobody asks for its contents: it is opened without its passphrase as well. */
  isLocked?: boolean
}

/** Opens an image of any kind: a disk, an archive of a floppy that is to be read, a CD as its sectors. Throws `file-unusable`. */
export function openMedium(
  files: ImageFiles,
  path: string,
  { format, allowed = [], keyring }: SourceOptions,
  { writable, repairing = false, isLocked = false }: Access,
): DiskImage {
  const other =
    format === undefined && !writable ? (openArchive(files, path) ?? openTracks(files, path, allowed)) : null
  if (other) return other
  const access = { writable, repairing, isLocked: isLocked && !keyring }
  return openDisk(files, path, { format: format ?? 'auto', ...access, confirmed: allowed, keyring })
}

/** The data of a disc with tracks; null when the file describes none. */
function openTracks(files: ImageFiles, path: string, allowed: readonly string[]): DiskImage | null {
  const disc = openDisc(files, path, allowed)
  return disc && new DiscSectors(disc)
}

/** A floppy in an archive; null when the file is none. */
function openArchive(files: ImageFiles, path: string): DiskImage | null {
  const file = files.open(path, false)
  try {
    const format = floppyFormatOf(readUpTo(file, 0, SECTOR_BYTES))
    if (format) return unpackFloppy(file, format)
  } catch (error) {
    file.close()
    throw error instanceof DiskError ? unusable(path, error.reason, error) : error
  }
  file.close()
  return null
}
