import * as fs from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { because } from '../../protocol/reasons.ts'
import { unusable } from '../../storage/host-file.ts'
import { PIECE_BYTES } from '../../storage/volumes/volume.ts'

interface Entry {
  /** Names from the folder that it goes into. */
  readonly path: readonly string[]
  readonly modifiedMs: number
}

export interface HostFolderEntry extends Entry {
  readonly kind: 'folder'
}

export interface HostFileEntry extends Entry {
  readonly kind: 'file'
  readonly bytes: number
  /** Its bytes as they are now, as many as `bytes` says or fewer. */
  readonly contents: () => Generator<Uint8Array>
}

/** A file or folder of the host that is to go into an image. */
export type HostEntry = HostFolderEntry | HostFileEntry

const MAX_ENTRIES = 200_000
const MAX_DEPTH = 32

/** A file, or a folder with all in it, folders before what they hold. Throws `file-unusable`. */
export function hostFiles(source: string): HostEntry[] {
  const stats = fs.statSync(source, { throwIfNoEntry: false })
  if (!stats) throw unusable(source, because('file-not-there'))
  return [...entriesAt(source, stats, [basename(resolve(source))], { left: MAX_ENTRIES })]
}

/** What is in a folder, without the folder itself. Throws `file-unusable`. */
export function hostFolderContents(folder: string): HostEntry[] {
  const stats = fs.statSync(folder, { throwIfNoEntry: false })
  if (!stats?.isDirectory()) throw unusable(folder, because('no-folder'))
  return [...entriesIn(folder, [], { left: MAX_ENTRIES })]
}

/** Links are not followed: they may lead out of the folder that the user chose. Pipes and devices are left out. */
function* entriesIn(folder: string, path: readonly string[], budget: { left: number }): Generator<HostEntry> {
  for (const name of fs.readdirSync(folder).toSorted()) {
    const source = join(folder, name)
    yield* entriesAt(source, fs.lstatSync(source), [...path, name], budget)
  }
}

function* entriesAt(
  source: string,
  stats: fs.Stats,
  path: readonly string[],
  budget: { left: number },
): Generator<HostEntry> {
  if (budget.left-- <= 0) throw unusable(source, because('folder-too-many-files', { most: MAX_ENTRIES }))
  const modifiedMs = stats.mtimeMs
  if (stats.isFile())
    yield {
      kind: 'file',
      path,
      modifiedMs,
      bytes: stats.size,
      contents: () => contentsOf(source, stats.size),
    }
  if (!stats.isDirectory()) return
  if (path.length > MAX_DEPTH) throw unusable(source, because('folder-too-deep', { most: MAX_DEPTH }))
  yield { kind: 'folder', path, modifiedMs }
  yield* entriesIn(source, path, budget)
}

function* contentsOf(path: string, bytes: number): Generator<Uint8Array> {
  const fd = fs.openSync(path, 'r')
  try {
    const piece = new Uint8Array(PIECE_BYTES)
    for (let at = 0; at < bytes;) {
      const count = fs.readSync(fd, piece, 0, Math.min(PIECE_BYTES, bytes - at), at)
      if (count === 0) return
      yield piece.subarray(0, count)
      at += count
    }
  } finally {
    fs.closeSync(fd)
  }
}
