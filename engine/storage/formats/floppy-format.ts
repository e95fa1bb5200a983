import type { FloppyArchiveName } from './disk-image.ts'

/** A sector as an archive of a floppy keeps it. */
export interface StoredSector {
  /** Physical cylinder and head that it was found at. */
  cylinder: number
  head: number
  /** Its number as its address mark has it. */
  number: number
  bytes: Uint8Array
  /** False when the drive that made the archive could not read it whole. */
  isGood: boolean
}

/** A format that keeps a floppy sector by sector, to be read. */
export interface FloppyFormat {
  readonly name: FloppyArchiveName
  /** More than an archive of any floppy has; 8 MiB when absent. */
  readonly maxBytes?: number
  /** Whether a file that starts with these bytes is of this format. */
  recognises(start: Uint8Array): boolean
  /** All sectors of the floppy, in the order of the file. Throws `file-unusable`. */
  decode(path: string, bytes: Uint8Array): StoredSector[]
}

/** More than any floppy holds: what an archive claims beyond is damage. */
export const MAX_SECTORS = 20_000
