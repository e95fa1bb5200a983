import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { unusable } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'

/**
 * Where a file lies that an image names: a backing file or an extent. An image from somebody else must not make
 * the host read what the user did not choose, so the file has to be in the image's own folder or below, with all
 * symbolic links followed, or be one that the user confirmed. Throws `file-unusable` with both names.
 *
 * @param image path of the image that names it
 * @param role what the file is to the image, such as "backing file"
 */
export function childPath(
  files: ImageFiles,
  image: string,
  name: string,
  role: string,
  confirmed: readonly string[],
): string {
  const shown = JSON.stringify(name.slice(0, 200))
  if (name === '' || name.length > 4096 || /\p{Cc}/u.test(name))
    throw unusable(image, `the name of its ${role} is damaged`)
  // One letter and a colon is a drive of Windows.
  if (/^[a-z][a-z0-9+.-]+:/i.test(name))
    throw unusable(image, `its ${role} ${shown} is no file but an address, which is never opened`)
  const realImage = files.realPath(image) ?? image
  const folder = dirname(realImage)
  const path = resolve(folder, name)
  const isConfirmed = confirmed.some((one) => resolve(one) === path)
  if (!isConfirmed && !isWithin(folder, path))
    throw unusable(image, `its ${role} ${shown} is not in its folder; confirm ${path} to let it be read`)
  const realPath = files.realPath(path)
  if (realPath === null) throw unusable(image, `its ${role} ${shown} is missing: there is no ${path}`)
  if (!isConfirmed && !isWithin(folder, realPath))
    throw unusable(
      image,
      `its ${role} ${shown} is a link out of its folder to ${realPath}; confirm ${path} to let it be read`,
    )
  return path
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
