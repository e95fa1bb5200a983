import { createHash } from 'node:crypto'
import { HostImageFiles, type ImageFiles } from '../../storage/image-files.ts'
import { folded, walk } from '../../storage/volumes/volume.ts'
import { chooseVolume } from '../../storage/volumes/volumes-in.ts'
import type { Progress } from './copy-disk.ts'
import { openMedium, type SourceOptions } from './open-medium.ts'

/** A file or folder of a medium as it was when it was looked at. */
export interface ListedFile {
  /** With slashes. */
  path: string
  kind: 'file' | 'folder'
  bytes: number
  modifiedMs: number | null
  /** SHA-256 of its contents in hexadecimal digits; empty for a folder. */
  sha256: string
}

export type ListedChange = Omit<ListedFile, 'sha256'> & { change: 'added' | 'changed' | 'removed' }

/**
 * All files of a medium with one volume, so that it can be told later what changed. A guest need not note times, so
 * contents count. Links and devices are left out. Throws `file-unusable`.
 */
export function* listMedium(
  path: string,
  options: SourceOptions = {},
  files: ImageFiles = new HostImageFiles(),
): Generator<Progress, ListedFile[]> {
  const image = openMedium(files, path, options, { writable: false })
  try {
    const all = [...walk(path, chooseVolume(image, null).root)]
    const listed: ListedFile[] = []
    for (const [index, { path: inside, entry }] of all.entries()) {
      const { kind, modifiedMs } = entry
      if (kind === 'file') {
        const hash = createHash('sha256')
        for (const piece of entry.contents()) hash.update(piece)
        listed.push({ path: inside, kind, bytes: entry.bytes, modifiedMs, sha256: hash.digest('hex') })
      } else if (kind === 'folder') listed.push({ path: inside, kind, bytes: 0, modifiedMs, sha256: '' })
      yield { done: index + 1, total: all.length }
    }
    return listed
  } finally {
    image.close()
  }
}

/** What differs between two looks at a medium, by path. Names are compared as FAT does. */
export function changesBetween(before: readonly ListedFile[], after: readonly ListedFile[]): ListedChange[] {
  const keyOf = ({ path }: ListedFile): string => folded({ foldsCase: true }, path)
  const earlier = new Map(before.map((file) => [keyOf(file), file]))
  const changes: ListedChange[] = []
  const note = ({ path, kind, bytes, modifiedMs }: ListedFile, change: ListedChange['change']) =>
    changes.push({ path, kind, bytes, modifiedMs, change })
  for (const file of after) {
    const was = earlier.get(keyOf(file))
    earlier.delete(keyOf(file))
    if (!was) note(file, 'added')
    else if (was.kind !== file.kind || was.sha256 !== file.sha256) note(file, 'changed')
  }
  for (const file of earlier.values()) note(file, 'removed')
  return changes.toSorted((a, b) => a.path.localeCompare(b.path, 'en'))
}
