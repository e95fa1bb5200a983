import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { EngineError } from '../../base/errors.ts'
import { because, type Reason } from '../../protocol/reasons.ts'
import { DiskError } from '../../storage/block-image.ts'
import type { DiskImage } from '../../storage/formats/disk-image.ts'
import { unusable } from '../../storage/host-file.ts'
import { HostImageFiles, type ImageFiles } from '../../storage/image-files.ts'
import { FatVolume, type FatFolder } from '../../storage/volumes/fat/fat-volume.ts'
import { FatWriter } from '../../storage/volumes/fat/fat-writer.ts'
import {
  find,
  namesIn,
  walk,
  type VolumeEntry,
  type VolumeFile,
  type VolumeFolder,
} from '../../storage/volumes/volume.ts'
import { chooseVolume, volumesIn } from '../../storage/volumes/volumes-in.ts'
import type { Progress } from './copy-disk.ts'
import { hostFiles, type HostEntry } from './host-tree.ts'
import { openMedium, type SourceOptions } from './open-medium.ts'

/** A file system in an image. */
export interface VolumeInfo {
  /** Number of its partition; 0 when the image is one volume. */
  partition: number
  sizeBytes: number
  /** Null where none is that can be read. */
  kind: string | null
  label: string
  problem: Reason | null
}

/** What a folder in an image holds. */
export interface EntryInfo {
  name: string
  kind: VolumeEntry['kind']
  /** Of a file; null for the others. */
  bytes: number | null
  modifiedMs: number | null
  /** Where a symbolic link leads. */
  target: string | null
}

export interface BrowseOptions extends SourceOptions {
  /** The partition; null where there is only one volume. */
  partition: number | null
}

/** Files copied so far, of how many. */
export interface CopyProgress extends Progress {
  path: string
}

/**
 * Looks into images that no machine uses, and copies files out of them and into FAT volumes. All throw
 * `file-unusable`. Nothing in an image makes the host write outside of the place that the user named.
 */
export class ImageBrowser {
  constructor(private readonly files: ImageFiles = new HostImageFiles()) {}

  volumes(path: string, options: SourceOptions = {}): VolumeInfo[] {
    return this.#with(path, options, false, (image) =>
      volumesIn(image).map(({ number, sizeBytes, volume, problem }) => ({
        partition: number,
        sizeBytes,
        kind: volume?.kind ?? null,
        label: volume?.label ?? '',
        problem,
      })),
    )
  }

  /** The entries of a folder, folders first, or the one file that `inside` names. */
  list(path: string, inside: string, options: BrowseOptions): EntryInfo[] {
    return this.#with(path, options, false, (image) => {
      const entry = find(path, chooseVolume(image, options.partition), inside)
      const entries = entry.kind === 'folder' ? entry.entries() : [entry]
      const rank = ({ kind }: VolumeEntry): number => (kind === 'folder' ? 0 : 1)
      return entries.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en')).map(describe)
    })
  }

  /** A part of a file, cut at its end. */
  read(path: string, inside: string, from: number, bytes: number, options: BrowseOptions): Uint8Array {
    return this.#with(path, options, false, (image) => {
      const entry = find(path, chooseVolume(image, options.partition), inside)
      if (entry.kind !== 'file') throw unusable(path, because('inside-no-file', { name: inside }))
      const parts: Uint8Array[] = []
      let left = bytes
      for (const piece of entry.contents(from)) {
        parts.push(piece.subarray(0, left))
        left -= Math.min(left, piece.length)
        if (left === 0) break
      }
      return Buffer.concat(parts)
    })
  }

  /**
   * Copies a file or a folder with all in it to the host. It comes into being as a whole beside its place, under a name
   * that nobody has, and is put there at the end; links and devices are left out.
   *
   * @param target its new name; a folder that is there takes it under its own name
   */
  *copyOut(
    path: string,
    inside: string,
    target: string,
    options: BrowseOptions & { replaces: boolean },
  ): Generator<CopyProgress, { left: string[] }> {
    const image = openMedium(this.files, path, options, { writable: false })
    try {
      const volume = chooseVolume(image, options.partition)
      const entry = find(path, volume, inside)
      if (entry.kind === 'other') throw unusable(path, because('inside-link', { name: inside }))
      const isInto = fs.statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false
      const place = isInto ? join(target, entry.name || volume.label || basename(path)) : target
      if (fs.existsSync(place) && !(options.replaces && entry.kind === 'file'))
        throw unusable(place, because('file-there'))
      if (!fs.existsSync(dirname(place)))
        throw unusable(place, because('folder-not-there', { folder: dirname(place) }))
      const temporary = join(dirname(place), `.${basename(place)}.${randomBytes(6).toString('hex')}.part`)
      const left: string[] = []
      try {
        if (entry.kind === 'file') {
          writeOut(entry, temporary)
          yield { done: 1, total: 1, path: inside }
        } else yield* this.#folderOut(path, entry, temporary, left)
        fs.renameSync(temporary, place)
      } finally {
        fs.rmSync(temporary, { recursive: true, force: true })
      }
      return { left }
    } catch (error) {
      throw asUnusable(error)
    } finally {
      image.close()
    }
  }

  /** All that is in a folder and below, up to so many entries, folders before what they hold. */
  tree(path: string, inside: string, most: number, options: BrowseOptions): (EntryInfo & { path: string })[] {
    return this.#with(path, options, false, (image) => {
      const entry = find(path, chooseVolume(image, options.partition), inside)
      if (entry.kind !== 'folder') throw unusable(path, because('inside-no-folder', { name: inside }))
      const found: (EntryInfo & { path: string })[] = []
      for (const { path: below, entry: one } of walk(path, entry)) {
        if (found.length >= most) throw unusable(path, because('inside-too-many', { name: inside, most }))
        found.push({ path: below, ...describe(one) })
      }
      return found
    })
  }

  *#folderOut(path: string, folder: VolumeFolder, to: string, left: string[]): Generator<CopyProgress> {
    const all = [...walk(path, folder)]
    fs.mkdirSync(to)
    for (const [index, { path: inside, entry }] of all.entries()) {
      const place = join(to, ...inside.split('/'))
      if (entry.kind === 'folder') fs.mkdirSync(place)
      else if (entry.kind === 'file') writeOut(entry, place)
      else left.push(inside)
      yield { done: index + 1, total: all.length, path: inside }
    }
  }

  /**
   * Copies files and folders of the host into a folder of a FAT volume. Each file is in it whole or not at all; those
   * before one that fails stay.
   *
   * @param folder in the image, made where it is missing
   */
  *copyIn(
    path: string,
    sources: readonly string[],
    folder: string,
    options: BrowseOptions & { replaces: boolean },
  ): Generator<CopyProgress> {
    const entries = sources.flatMap((source) => hostFiles(source))
    const image = openMedium(this.files, path, options, { writable: true })
    try {
      const volume = chooseVolume(image, options.partition)
      if (!(volume instanceof FatVolume))
        throw unusable(path, because('only-into-fat', { kind: volume.kind }))
      const writer = new FatWriter(volume)
      for (const [index, entry] of entries.entries()) {
        putIn(writer, volume, folder, entry, options.replaces)
        yield { done: index + 1, total: entries.length, path: entry.path.join('/') }
      }
    } catch (error) {
      throw asUnusable(error)
    } finally {
      image.close()
    }
  }

  #with<T>(path: string, options: SourceOptions, writable: boolean, look: (image: DiskImage) => T): T {
    const image = openMedium(this.files, path, options, { writable })
    try {
      return look(image)
    } catch (error) {
      throw asUnusable(error)
    } finally {
      image.close()
    }
  }
}

/** Makes the folders on the way, and the file in the last one. */
export function putIn(
  writer: FatWriter,
  volume: FatVolume,
  folder: string,
  entry: HostEntry,
  replaces: boolean,
): void {
  const names = [...namesIn(folder), ...entry.path]
  const last = entry.kind === 'file' ? names.pop() : undefined
  let at: FatFolder = volume.root
  for (const name of names) at = writer.makeFolder(at, name, entry.modifiedMs)
  if (entry.kind === 'folder') return
  const { bytes, modifiedMs } = entry
  writer.putFile(at, { name: last!, bytes, modifiedMs, contents: entry.contents() }, replaces)
}

function describe(entry: VolumeEntry): EntryInfo {
  const { name, kind, modifiedMs } = entry
  return {
    name,
    kind,
    modifiedMs,
    bytes: entry.kind === 'file' ? entry.bytes : null,
    target: entry.kind === 'other' ? entry.target : null,
  }
}

function writeOut(file: VolumeFile, path: string): void {
  // Never through a link that somebody put there.
  const fd = fs.openSync(path, 'wx', 0o644)
  try {
    for (const piece of file.contents()) fs.writeFileSync(fd, piece)
    if (file.modifiedMs !== null) fs.futimesSync(fd, file.modifiedMs / 1000, file.modifiedMs / 1000)
  } finally {
    fs.closeSync(fd)
  }
}

/** Failures of the host and of the image as what the user is told. */
function asUnusable(error: unknown): unknown {
  if (error instanceof EngineError) return error
  if (error instanceof DiskError) return unusable(error.path, error.reason, error)
  if (error instanceof Error && 'code' in error && 'path' in error)
    return unusable(String(error.path), because('host-refuses', { code: String(error.code) }), error)
  return error
}
