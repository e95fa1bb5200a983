import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { hostFailure } from '../../storage/host-file.ts'
import { HostImageFiles, type ImageFiles } from '../../storage/image-files.ts'
import { folded, type VolumeFile, walk, type VolumeEntry } from '../../storage/volumes/volume.ts'
import { chooseVolume } from '../../storage/volumes/volumes-in.ts'
import type { Progress } from './copy-disk.ts'
import { openMedium, type SourceOptions } from './open-medium.ts'

export interface TakenOver {
  /** Files of the folder that would be replaced or removed; nothing was done then. */
  conflicts: string[]
  /** How many were taken over. */
  taken: number
  /** What may not or cannot be made in the folder, by its path in the medium. */
  left: string[]
}

interface Source {
  path: string
  options: SourceOptions
}

/**
 * Makes a folder of the host what a medium is, in the paths that are given: files that it has are copied, others
 * removed. A guest chose the names: none leads out of the folder, through links neither. Each file is there whole or
 * as it was. Throws `file-unusable`, `DiskError`; what was taken over before a file that fails stays.
 *
 * @param replaces whether files of the folder may be replaced and removed; where not, and there are such, nothing is done
 */
export function* takeOver(
  { path, options }: Source,
  paths: readonly string[],
  folder: string,
  replaces: boolean,
  files: ImageFiles = new HostImageFiles(),
): Generator<Progress, TakenOver> {
  const image = openMedium(files, path, options, { writable: false })
  try {
    const volume = chooseVolume(image, null)
    const inMedium = new Map([...walk(path, volume.root)].map(({ path: inside, entry }) => [inside, entry]))
    const root = fs.realpathSync(folder)
    const found = paths.map((inside) => ({ inside, entry: inMedium.get(inside) }))
    if (!replaces) {
      const conflicts = found.filter(
        ({ inside, entry }) => entry?.kind !== 'folder' && isFileAt(root, inside),
      )
      if (conflicts.length > 0)
        return { conflicts: conflicts.map(({ inside }) => inside), taken: 0, left: [] }
    }
    // What a folder holds is removed before the folder.
    const gone = found.filter(({ entry }) => !entry).toReversed()
    const ordered = [...found.filter(({ entry }) => entry), ...gone]
    const left: string[] = []
    for (const [index, { inside, entry }] of ordered.entries()) {
      if (!takeOne(root, inside, entry)) left.push(inside)
      yield { done: index + 1, total: ordered.length }
    }
    return { conflicts: [], taken: ordered.length - left.length, left }
  } finally {
    image.close()
  }
}

/** @returns whether it was taken over */
function takeOne(root: string, inside: string, entry: VolumeEntry | undefined): boolean {
  try {
    const place = placeOf(root, inside, entry !== undefined)
    if (place === null || entry?.kind === 'other') return false
    const there = fs.lstatSync(place, { throwIfNoEntry: false })
    if (!entry) return there === undefined || remove(place, there)
    if (entry.kind === 'folder') {
      if (!there) fs.mkdirSync(place)
      return !there || there.isDirectory()
    }
    if (there && !there.isFile()) return false
    write(entry, place, there?.mode)
    return true
  } catch (error) {
    throw isHostError(error) ? hostFailure(error, join(root, inside), 'file-not-written') : error
  }
}

const isHostError = (error: unknown): boolean => error instanceof Error && 'syscall' in error

/** A folder only when nothing is in it any more. */
function remove(place: string, there: fs.Stats): boolean {
  if (there.isFile()) fs.rmSync(place)
  else if (there.isDirectory() && fs.readdirSync(place).length === 0) fs.rmdirSync(place)
  else return false
  return true
}

/** The file gets its name when it is whole and on the disk; the rights of one that it replaces stay. */
function write({ contents, modifiedMs }: VolumeFile, place: string, mode: number | undefined): void {
  const temporary = join(place, '..', `.${randomBytes(6).toString('hex')}.part`)
  const file = fs.openSync(temporary, 'wx', mode === undefined ? 0o666 : mode & 0o777)
  try {
    try {
      for (const piece of contents()) fs.writeFileSync(file, piece)
      fs.fsyncSync(file)
      if (modifiedMs !== null) fs.futimesSync(file, modifiedMs / 1000, modifiedMs / 1000)
    } finally {
      fs.closeSync(file)
    }
    fs.renameSync(temporary, place)
  } finally {
    fs.rmSync(temporary, { force: true })
  }
}

const isFileAt = (root: string, inside: string): boolean => {
  const place = placeOf(root, inside, false)
  return place !== null && (fs.lstatSync(place, { throwIfNoEntry: false })?.isFile() ?? false)
}

/**
 * Where a path of the medium is in the folder; null where that is outside of it, behind a link, or under a name that a
 * host might take for something else. A name that is there in other letters is that one.
 *
 * @param makes whether folders on the way are made
 */
function placeOf(root: string, inside: string, makes: boolean): string | null {
  const names = inside.split('/')
  if (!names.every(isPlainName)) return null
  let place = root
  for (const [index, name] of names.entries()) {
    const next = join(place, nameThere(place, name))
    if (index === names.length - 1) return next
    const there = fs.lstatSync(next, { throwIfNoEntry: false })
    // Nothing is below of what is not there.
    if (!there && !makes) return next
    if (there && !there.isDirectory()) return null
    if (!there) fs.mkdirSync(next)
    place = next
  }
  return null
}

function nameThere(folder: string, name: string): string {
  if (fs.lstatSync(join(folder, name), { throwIfNoEntry: false })) return name
  const wanted = folded({ foldsCase: true }, name)
  return fs.readdirSync(folder).find((other) => folded({ foldsCase: true }, other) === wanted) ?? name
}

/** Names of devices on Windows, with any ending. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?$/i

/** Whether a name means a file of that name on every host: no device, stream or pattern, nothing that is cut off. */
export const isPlainName = (name: string): boolean =>
  name !== '' && !/[<>:"|?*\\/\p{Cc}]/u.test(name) && !/[. ]$/.test(name) && !DEVICE.test(name)
