import * as fs from 'node:fs'
import { HostImageFiles, type ImageFiles } from '../../storage/image-files.ts'
import { folded, walk } from '../../storage/volumes/volume.ts'
import { chooseVolume } from '../../storage/volumes/volumes-in.ts'
import type { Progress } from './copy-disk.ts'
import { hostFolderContents } from './host-tree.ts'
import { openMedium, type SourceOptions } from './open-medium.ts'

/** How a file differs between two sides; folders are named only when one side lacks them. */
export interface FileChange {
  path: string
  change: 'added' | 'removed' | 'changed'
}

/** A folder of the host, or an image with the partition that is looked at; null where there is only one. */
export interface Compared {
  path: string
  partition: number | null
  options: SourceOptions
}

interface Side {
  foldsCase: boolean
  files: { path: string; kind: string; bytes: number; contents: () => Iterable<Uint8Array> }[]
  close(): void
}

/**
 * What differs between the files of two images, or of an image and a folder of the host. Names are compared as FAT does
 * where one side is FAT or a CD. Throws `file-unusable`.
 */
export function* compareFiles(
  before: Compared,
  after: Compared,
  files: ImageFiles = new HostImageFiles(),
): Generator<Progress, FileChange[]> {
  const left = openSide(before, files)
  try {
    const right = openSide(after, files)
    try {
      return yield* differences(left, right)
    } finally {
      right.close()
    }
  } finally {
    left.close()
  }
}

function* differences(before: Side, after: Side): Generator<Progress, FileChange[]> {
  const fold = { foldsCase: before.foldsCase || after.foldsCase }
  const earlier = new Map(before.files.map((file) => [folded(fold, file.path), file]))
  const changes: FileChange[] = []
  const total = before.files.length + after.files.length
  for (const [index, file] of after.files.entries()) {
    const was = earlier.get(folded(fold, file.path))
    earlier.delete(folded(fold, file.path))
    if (!was) changes.push({ path: file.path, change: 'added' })
    else if (was.kind !== file.kind || !isSame(was, file))
      changes.push({ path: file.path, change: 'changed' })
    yield { done: index + 1, total }
  }
  for (const { path } of earlier.values()) changes.push({ path, change: 'removed' })
  return changes.toSorted((a, b) => a.path.localeCompare(b.path, 'en'))
}

function isSame(a: Side['files'][number], b: Side['files'][number]): boolean {
  if (a.bytes !== b.bytes) return false
  const [left, right] = [piecesOf(a), piecesOf(b)]
  for (;;) {
    const [one, other] = [left.next(), right.next()]
    if (one.done || other.done) return (one.done ?? false) === (other.done ?? false)
    if (Buffer.compare(one.value, other.value) !== 0) return false
  }
}

const COMPARED_BYTES = 64 * 1024

/** Contents in pieces of one size, however they come. */
function* piecesOf({ contents }: { contents: () => Iterable<Uint8Array> }): Generator<Uint8Array> {
  const piece = new Uint8Array(COMPARED_BYTES)
  let filled = 0
  for (const part of contents())
    for (let at = 0; at < part.length;) {
      const some = part.subarray(at, at + COMPARED_BYTES - filled)
      piece.set(some, filled)
      filled += some.length
      at += some.length
      if (filled < COMPARED_BYTES) continue
      yield piece.slice()
      filled = 0
    }
  if (filled > 0) yield piece.slice(0, filled)
}

const NOTHING = (): Iterable<Uint8Array> => []

function openSide({ path, partition, options }: Compared, files: ImageFiles): Side {
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory())
    return {
      foldsCase: false,
      files: hostFolderContents(path).map((entry) => ({
        path: entry.path.join('/'),
        kind: entry.kind,
        bytes: entry.kind === 'file' ? entry.bytes : 0,
        contents: entry.kind === 'file' ? entry.contents : NOTHING,
      })),
      close: () => {},
    }
  const image = openMedium(files, path, options, { writable: false })
  try {
    const volume = chooseVolume(image, partition)
    return {
      foldsCase: volume.foldsCase,
      files: [...walk(path, volume.root)].map(({ path: inside, entry }) => ({
        path: inside,
        kind: entry.kind === 'other' ? `link ${entry.target}` : entry.kind,
        bytes: entry.kind === 'file' ? entry.bytes : 0,
        contents: entry.kind === 'file' ? entry.contents : NOTHING,
      })),
      close: () => image.close(),
    }
  } catch (error) {
    image.close()
    throw error
  }
}
