import type { EngineError } from '../../base/errors.ts'
import { because, technical } from '../../protocol/reasons.ts'
import { unusable } from '../host-file.ts'

export type VolumeKind =
  | 'FAT12'
  | 'FAT16'
  | 'FAT32'
  | 'ISO 9660'
  | 'Joliet'
  | 'Rock Ridge'
  | 'ext2'
  | 'ext3'
  | 'ext4'

interface Entry {
  /** Unique in its folder, never empty, `.` or `..`, without slashes and control characters. */
  readonly name: string
  /** Last change in ms since 1970; null where nothing is noted. */
  readonly modifiedMs: number | null
}

export interface VolumeFile extends Entry {
  readonly kind: 'file'
  readonly bytes: number
  /** All of it from a position on, in pieces of at most 1 MiB. Throws `file-unusable`, `DiskError`. */
  readonly contents: (from?: number) => Generator<Uint8Array>
}

export interface VolumeFolder extends Entry {
  readonly kind: 'folder'
  /** Where the volume keeps it: a folder with the number of one above it holds itself. */
  readonly id: number
  /** Throws `file-unusable`, `DiskError`. */
  readonly entries: () => VolumeEntry[]
}

/** A symbolic link, whose target is given, or a device. It is shown and not followed. */
export interface VolumeOther extends Entry {
  readonly kind: 'other'
  readonly target: string | null
}

export type VolumeEntry = VolumeFile | VolumeFolder | VolumeOther

/** A file system in an image. What it says about itself is checked before it is used. */
export interface Volume {
  readonly kind: VolumeKind
  readonly label: string
  readonly sizeBytes: number
  /** Whether names that differ in case alone are the same. */
  readonly foldsCase: boolean
  readonly root: VolumeFolder
}

/** Entries of one folder that are read, and entries that `walk` goes through. */
export const MAX_FOLDER_ENTRIES = 65_536
const MAX_WALK_ENTRIES = 1_000_000
const MAX_DEPTH = 64
export const PIECE_BYTES = 1024 * 1024

/** An entry that a path leads to. Throws `file-unusable` where nothing is. @param path names with slashes between them */
export function find(image: string, volume: Volume, path: string): VolumeEntry {
  let at: VolumeEntry = volume.root
  for (const name of namesIn(path)) {
    if (at.kind !== 'folder') throw unusable(image, because('inside-no-folder', { name: at.name }))
    const wanted = folded(volume, name)
    const next: VolumeEntry | undefined = at.entries().find((entry) => folded(volume, entry.name) === wanted)
    if (!next) throw unusable(image, because('inside-missing', { path }))
    at = next
  }
  return at
}

/** The names of a path, both slashes taken. */
export const namesIn = (path: string): string[] =>
  path.split(/[\\/]/).filter((name) => name !== '' && name !== '.')

export const folded = ({ foldsCase }: Pick<Volume, 'foldsCase'>, name: string): string =>
  foldsCase ? name.toUpperCase() : name

/** All that is in a folder and below, folders before what they hold. Throws `file-unusable` for a folder in itself. */
export function* walk(
  image: string,
  folder: VolumeFolder,
  above: readonly number[] = [],
  path = '',
  budget = { left: MAX_WALK_ENTRIES },
): Generator<{ path: string; entry: VolumeEntry }> {
  if (above.includes(folder.id)) throw damaged(image, `its folder ${path} holds itself`)
  if (above.length >= MAX_DEPTH) throw damaged(image, `its folders are nested deeper than ${MAX_DEPTH}`)
  for (const entry of folder.entries()) {
    if (budget.left-- <= 0) throw damaged(image, `it has more than ${MAX_WALK_ENTRIES} files`)
    const own = path === '' ? entry.name : `${path}/${entry.name}`
    yield { path: own, entry }
    if (entry.kind === 'folder') yield* walk(image, entry, [...above, folder.id], own, budget)
  }
}

export const damaged = (image: string, reason: string): EngineError =>
  unusable(image, because('volume-damaged', { detail: technical(reason) }))

/** A name as it may be shown and made on the host; null for what is none. */
export function usableName(name: string): string | null {
  const clean = name.replaceAll(/[\p{Cc}/\\]/gu, '_')
  return clean === '' || clean === '.' || clean === '..' ? null : clean
}
