import type { BlockImage } from '../block-image.ts'
import type { HostFile } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'
import type { Keyring } from './luks/keyring.ts'
import type { Encryption, LuksArea } from './luks/luks.ts'

/** Formats that hold a disk, by the names that the command line and the configuration use. */
export const FORMAT_NAMES = ['raw', 'qcow2', 'vdi', 'vhd', 'vmdk', 'luks', 'vhdx', 'parallels'] as const
export type FormatName = (typeof FORMAT_NAMES)[number]

/** Formats that archive a floppy sector by sector; they are read only. */
export type FloppyArchiveName = 'imd' | 'td0' | 'copyqm' | '86f'

/** Formats of discs with tracks; they are read only. */
export type DiscFormatName = 'cue' | 'mds' | 'bin' | 'chd'

/** A disk kept in one of the formats, alone or over another one. */
export interface DiskImage extends BlockImage {
  readonly details: ImageDetails
  /** What shows through where this image holds nothing. */
  readonly backing: DiskImage | null
  /**
   * Goes on over another image, which shows the same where this one holds nothing; who closes the one before is the
   * caller's to say. Absent where the format has no such images.
   */
  goOnOver?(backing: DiskImage | null): void
  /** What was never written is not zeros. */
  readonly beginsAsNoise?: boolean
  /** How many of the sectors from `sector` on are alike, at most `limit`, and what this layer has of them. */
  extentAt(sector: number, limit: number): Extent
  /** Looks for damage and, when `repair` is set, mends what can be mended. Throws `DiskError`. */
  check(repair: boolean): CheckReport
  /** The same piece by piece, where it may take long; what is mended is so in one go at the end. */
  checking?(repair: boolean): Checking
  /**
   * Gives the disk another size in place, at once and whole, where the format can. Says whether it did; the image
   * has to be opened again then.
   */
  resize?(sizeBytes: number): boolean
}

/** Whether it is in one of the formats, and not sectors alone. */
export const isDiskImage = (image: BlockImage): image is DiskImage => 'details' in image

export interface Extent {
  sectors: number
  /** `nothing`: what lies below shows through, or zeros where nothing is below. */
  holds: 'data' | 'zeros' | 'nothing'
}

/** What there is to tell about an image besides its contents. */
export interface ImageDetails {
  readonly format: FormatName | FloppyArchiveName | DiscFormatName
  /** Kind within the format, such as `dynamic` or `v3`; takes the same words as `CreateRequest.variant`. */
  readonly variant: string
  /** Size of the pieces in which space is given out; null where the format has none. */
  readonly clusterBytes: number | null
  /** The backing file as the image names it. */
  readonly backingFile: string | null
  /** What images made over this one note of it, to see whether it was changed since; null where nothing is noted. */
  readonly identity: string | null
  readonly snapshots: readonly InternalSnapshot[]
  /** All files that the layer is made of, the image first. */
  readonly files: readonly string[]
  readonly encryption?: Encryption | undefined
}

/** A snapshot that an image holds inside. */
export interface InternalSnapshot {
  id: string
  name: string
  /** In seconds since 1970. */
  createdAt: number
  /** Of saved guest memory; 0 when the snapshot is of the disk alone. */
  stateBytes: number
}

/** A look for damage that is under way: how much of it is done. */
export type Checking = Generator<{ done: number; total: number }, CheckReport>

export interface CheckReport {
  /** One line for each kind of damage found, with how often; empty when there is none. */
  damage: string[]
  /** Space that nothing uses, in bytes: no danger. */
  leakedBytes: number
  /** True when everything in `damage` was mended. */
  repaired: boolean
}

/** What a format is given to open an image. */
export interface OpenContext {
  readonly files: ImageFiles
  readonly writable: boolean
  /** Damage is to be mended, not to be refused. */
  readonly repairing: boolean
  /** Files outside of the image's folder that the user allowed the image to use. */
  readonly confirmed: readonly string[]
  /** What opens encrypted images; null where no passphrase was given. */
  readonly keyring: Keyring | null
  /** Without a passphrase an encrypted image is opened as well, for what there is to tell about it. */
  readonly isLocked: boolean
  /**
   * Opens what the image names as its backing file, read-only. Throws `file-unusable`.
   * @param format what the image says that it is; told by content when null
   */
  openBacking(name: string, format: FormatName | null): DiskImage
}

/** What to make. All sizes are whole sectors. */
export interface CreateRequest {
  readonly sizeBytes: number
  /** Name that the image will have, where its file has another for now. */
  readonly name?: string
  /** Kind within the format; the format's usual one when absent. */
  readonly variant?: string | undefined
  readonly clusterBytes?: number | undefined
  readonly backing?: BackingReference | undefined
  /** What the image is encrypted by; by the same as its backing file when absent. */
  readonly encryption?: LuksArea | undefined
}

export interface BackingReference {
  /** As the new image is to name it: relative to its folder. */
  readonly name: string
  readonly format: FormatName
  /** The file itself, for what a format records of it. */
  readonly image: DiskImage
}

/** A format: how an image of it is recognised, opened and made. */
export interface DiskFormat {
  readonly name: FormatName
  /** Kinds that `create` can make, the usual one first; none when the format is only read. */
  readonly variants: readonly string[]
  /** Whether a file with this first and last sector is of this format; either may be cut short. */
  recognises(first: Uint8Array, last: Uint8Array): boolean
  /** Takes over the file; the caller closes it when this throws `file-unusable` or `DiskError`. */
  open(file: HostFile, context: OpenContext): DiskImage
  /** Writes an empty image into a new file, and its extents beside it. */
  create?(file: HostFile, request: CreateRequest, files: ImageFiles): void
  /** Makes an image in a new file that is to be filled with compressed clusters, where the format has them. */
  compressor?(file: HostFile, request: CreateRequest, files: ImageFiles): Compressor
}

/** Fills a new image cluster by cluster, in rising order. Throws `DiskError`. */
export interface Compressor {
  readonly clusterBytes: number
  /** @param bytes a whole cluster, filled up with zeros behind the end of the disk */
  add(cluster: number, bytes: Uint8Array): void
  /** Returns when the image is complete and on the host's disk. */
  finish(): void
}

export const SECTOR_BYTES = 512
