import { lstat, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { MAX_PICTURE_BYTES, VmPicture } from '../../engine/protocol/vm-picture.ts'
import { writeFileAtomically } from './atomic-file.ts'

/** The file in a machine's folder that is its user's own picture of it. */
const PICTURE = 'icon.png'

/** What differs whenever the picture in a machine's folder does; null when it has none. */
export async function pictureStamp(folder: string): Promise<string | null> {
  const status = await lstat(join(folder, PICTURE)).catch(() => null)
  return status?.isFile() ? `${status.mtimeMs}-${status.size}` : null
}

/** In base64. Null where there is none, and where the file is no such picture: a folder may come from anywhere. */
export async function readPicture(folder: string): Promise<string | null> {
  const path = join(folder, PICTURE)
  const status = await lstat(path).catch(() => null)
  if (!status?.isFile() || status.size > MAX_PICTURE_BYTES) return null
  const picture = await readFile(path, 'base64').catch(() => null)
  return v.is(VmPicture, picture) ? picture : null
}

/** @param picture in base64; null takes it away */
export async function writePicture(folder: string, picture: string | null): Promise<void> {
  const path = join(folder, PICTURE)
  if (picture === null) await rm(path, { force: true })
  else await writeFileAtomically(path, Buffer.from(picture, 'base64'))
}
