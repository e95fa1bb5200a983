import { because, type Reason } from '../protocol/reasons.ts'
import { DiskError, type BlockImage } from './block-image.ts'
import { EphemeralImage } from './ephemeral-image.ts'
import { FLOPPY_GEOMETRIES, type FloppyGeometry, MAX_FLOPPY_BYTES } from './floppy-geometry.ts'
import { openDisc } from './discs/open-disc.ts'
import type { FloppyImage } from './floppy-image.ts'
import { MAX_DISK_BYTES } from './formats/create-disk.ts'
import type { FormatName } from './formats/disk-image.ts'
import { readUpTo } from './formats/fields.ts'
import type { Keyring } from './formats/luks/keyring.ts'
import { floppyFormatOf, unpackFloppy } from './formats/floppy-archive.ts'
import { formatOf } from './formats/formats.ts'
import { openDisk } from './formats/open-disk.ts'
import { openOverlay } from './formats/overlay.ts'
import { type HostFile, unusable } from './host-file.ts'
import { HostImageFiles } from './image-files.ts'
import { packedFormat } from './packed-format.ts'
import { RawImage } from './raw-image.ts'

export interface OpenImageOptions {
  /** The guest sees write-protected media. */
  readonly?: boolean
  /** The guest may write, the file stays as it is, and the writes are gone at the end. */
  ephemeral?: boolean
  /** What a disk image is; told by its contents when absent. Guests can forge those: see open-disk.ts. */
  format?: FormatName | 'auto'
  /** Files outside of an image's folder that the user allowed images to build on. */
  confirmed?: readonly string[]
  /**
   * File that takes the writes to a disk: a qcow2 image over it, made when it is missing. With `ephemeral`, what it
   * holds from earlier is thrown away.
   */
  overlay?: string | undefined
  /** What an ephemeral overlay holds is kept once more: a saved state goes on with it. */
  keepsOverlay?: boolean
  /** What opens encrypted disks. */
  keyring?: Keyring | undefined
  /** Where lock notes are kept; see image-lock.ts. */
  lockFolder?: string
}

const SECTOR_BYTES = 512
const CD_SECTOR_BYTES = 2048
/** The largest optical disc there is. */
const MAX_CD_BYTES = 128 * 1024 ** 3
/** Writers leave up to 150 sectors of padding that some tools cut off again. */
const CD_PADDING_BYTES = 150 * CD_SECTOR_BYTES

/** Opens a disk image of any format. Throws `file-unusable` with the reason and what to do; nothing is created. */
export function openDiskImage(path: string, options: OpenImageOptions = {}): BlockImage {
  const {
    readonly = false,
    ephemeral = false,
    format = 'auto',
    confirmed = [],
    overlay,
    keepsOverlay = false,
    keyring,
    lockFolder,
  } = options
  const files = new HostImageFiles(lockFolder)
  const image =
    overlay === undefined || readonly
      ? openDisk(files, path, { format, writable: !readonly && !ephemeral, confirmed, keyring })
      : openOverlay(files, path, overlay, { format, confirmed, keyring, isFresh: ephemeral && !keepsOverlay })
  if (image.sectorCount > MAX_DISK_BYTES / SECTOR_BYTES) {
    image.close()
    throw unusable(path, because('disk-too-large'))
  }
  return ephemeral && !readonly && overlay === undefined ? new EphemeralImage(image) : image
}

/**
 * Opens a floppy image; its format follows from its size. A boot floppy without a file system may end early, as
 * GRUB's does: it is then the next larger format, write-protected.
 */
export function openFloppyImage(path: string, options: OpenImageOptions = {}): FloppyImage {
  const archive = openFloppyArchive(path, options)
  if (archive) return archive
  let geometry: FloppyGeometry | undefined
  const image = open(path, options, SECTOR_BYTES, (file) => {
    geometry = FLOPPY_GEOMETRIES.get(file.size) ?? bootFloppyFormat(file)
    if (!geometry) throw unusable(path, unknownFloppy(file.size))
    return geometry.tracks * geometry.heads * geometry.sectors
  })
  if (!geometry) throw unusable(path, unknownFloppy(0))
  return { image, geometry }
}

/** A floppy in an archive, which the guest may write when that is ephemeral; null when the file is none. */
function openFloppyArchive(path: string, options: OpenImageOptions): FloppyImage | null {
  const file = new HostImageFiles(options.lockFolder).open(path, false)
  try {
    const format = floppyFormatOf(readUpTo(file, 0, SECTOR_BYTES))
    if (!format) {
      file.close()
      return null
    }
    const floppy = unpackFloppy(file, format)
    const image = options.ephemeral && !options.readonly ? new EphemeralImage(floppy) : floppy
    return { image, geometry: floppy.geometry }
  } catch (error) {
    file.close()
    if (error instanceof DiskError) throw unusable(path, error.reason, error)
    throw error
  }
}

/** The format that a shortened boot floppy stands for; undefined when it looks truncated. */
function bootFloppyFormat(file: HostFile): FloppyGeometry | undefined {
  const { size } = file
  if (size % SECTOR_BYTES !== 0 || size > MAX_FLOPPY_BYTES) return undefined
  const boot = new Uint8Array(SECTOR_BYTES)
  file.readAt(0, boot)
  const word = (at: number): number => boot[at]! | (boot[at + 1]! << 8)
  // A file system says how large it is: with one, this image has lost its end.
  const hasFileSystem = word(11) === SECTOR_BYTES && word(19) !== 0
  if (word(510) !== 0xaa55 || hasFileSystem) return undefined
  const [, geometry] =
    [...FLOPPY_GEOMETRIES]
      .sort(([a], [b]) => a - b)
      .find(([bytes, format]) => bytes > size && bytes >= 1_474_560 && format.sectors === 18) ?? []
  return geometry
}

function unknownFloppy(bytes: number): Reason {
  if (bytes > MAX_FLOPPY_BYTES) return because('floppy-too-large', { bytes })
  const next = [...FLOPPY_GEOMETRIES.keys()].filter((size) => size > bytes).sort((a, b) => a - b)[0]
  return because('floppy-size', { bytes, next: next ?? '' })
}

/**
 * Opens a disc, always read-only: an ISO file, or one with tracks by its cue sheet, media descriptor or raw sectors. Its
 * sectors have 2048 bytes of data.
 */
export function openCdImage(
  path: string,
  options: Pick<OpenImageOptions, 'lockFolder' | 'confirmed'> = {},
): BlockImage {
  const disc = openDisc(new HostImageFiles(options.lockFolder), path, options.confirmed)
  if (disc) return disc
  return open(path, { ...options, readonly: true }, CD_SECTOR_BYTES, (file) => {
    if (file.size > MAX_CD_BYTES) throw unusable(path, because('disc-too-large'))
    checkCdSize(file)
  })
}

function checkCdSize(file: HostFile): void {
  const { path, size } = file
  // Hybrid images are sometimes cut at a 512-byte sector; the rest of the last CD sector then reads as zeros.
  if (size % SECTOR_BYTES !== 0) throw unusable(path, because('disc-size', { bytes: size }))
  const volume = new Uint8Array(CD_SECTOR_BYTES)
  if (size < 17 * CD_SECTOR_BYTES) return
  file.readAt(16 * CD_SECTOR_BYTES, volume)
  const isPrimary = volume[0] === 1 && String.fromCharCode(...volume.subarray(1, 6)) === 'CD001'
  if (!isPrimary) return
  // ECMA-119 8.4.8: volume space size, in logical blocks of 2048 bytes.
  const bytes = new DataView(volume.buffer).getUint32(80, true) * CD_SECTOR_BYTES
  if (size + CD_PADDING_BYTES < bytes)
    throw unusable(path, because('disc-truncated', { bytes: size, whole: bytes }))
}

function open(
  path: string,
  options: OpenImageOptions,
  sectorBytes: number,
  /** Throws what is wrong with the file; gives the number of sectors where it is not what the file holds. */
  check: (file: HostFile) => number | void,
): BlockImage {
  const file = new HostImageFiles(options.lockFolder).open(path, !options.readonly && !options.ephemeral)
  try {
    const sectorCount = check(file) ?? Math.ceil(file.size / sectorBytes)
    const foreign = foreignFormat(readUpTo(file, 0, SECTOR_BYTES))
    if (foreign) throw unusable(path, foreign)
    const image = new RawImage(file, sectorBytes, sectorCount)
    return options.ephemeral && !options.readonly ? new EphemeralImage(image) : image
  } catch (error) {
    file.close()
    if (error instanceof DiskError) throw unusable(path, error.reason, error)
    throw error
  }
}

/** Why a floppy or CD cannot be raw sectors that start like this, or null. */
function foreignFormat(start: Uint8Array): Reason | null {
  const { name } = formatOf(start, new Uint8Array(0))
  return name === 'raw' ? packedFormat(start) : because('foreign-format', { format: name })
}
