import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { because } from '../../protocol/reasons.ts'
import { unusable } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'

export type ChildRole = 'image' | 'backing-file' | 'data-file' | 'extent' | 'track-file' | 'sector-file'

/**
 * Where a file lies that an image names: a backing file, a data file or an extent. An image from somebody else must not make
 * the host read what the user did not choose, so the file has to be in the image's own folder or below, with all
 * symbolic links followed, or be one that the user confirmed. Throws `file-unusable` with both names.
 *
 * @param image path of the image that names it
 * @param role what the file is to the image
 */
export function childPath(
  files: ImageFiles,
  image: string,
  name: string,
  role: ChildRole,
  confirmed: readonly string[],
): string {
  const shown = JSON.stringify(name.slice(0, 200))
  const what = { role: because(`role-${role}`), name: shown }
  if (name === '' || name.length > 4096 || /\p{Cc}/u.test(name))
    throw unusable(image, because('child-name-damaged', { role: what.role }))
  // One letter and a colon is a drive of Windows.
  if (/^[a-z][a-z0-9+.-]+:/i.test(name)) throw unusable(image, because('child-address', what))
  const realImage = files.realPath(image) ?? image
  const folder = dirname(realImage)
  const path = resolve(folder, name)
  const isConfirmed = confirmed.some((one) => resolve(one) === path)
  if (!isConfirmed && !isWithin(folder, path))
    throw unusable(image, because('child-outside', { ...what, path }))
  const realPath = files.realPath(path)
  if (realPath === null) throw unusable(image, because('child-missing', { ...what, path }))
  if (!isConfirmed && !isWithin(folder, realPath))
    throw unusable(image, because('child-link-outside', { ...what, target: realPath, path }))
  return path
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
