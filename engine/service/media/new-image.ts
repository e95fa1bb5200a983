import { randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { because } from '../../protocol/reasons.ts'
import { createDisk } from '../../storage/formats/create-disk.ts'
import {
  type Compressor,
  type CreateRequest,
  type DiskImage,
  type FormatName,
  SECTOR_BYTES,
} from '../../storage/formats/disk-image.ts'
import { isAllZero } from '../../storage/formats/fields.ts'
import { formatNamed } from '../../storage/formats/formats.ts'
import type { Keyring } from '../../storage/formats/luks/keyring.ts'
import { openDisk } from '../../storage/formats/open-disk.ts'
import { unusable } from '../../storage/host-file.ts'
import type { ImageFiles } from '../../storage/image-files.ts'
import { copyDisk, type Progress, shownExtent } from './copy-disk.ts'

export interface NewImage {
  format: FormatName
  request: CreateRequest
  /** Clusters are compressed, in formats that have that. */
  compress: boolean
  /** Files outside of the image's folder that it may build on. */
  confirmed: readonly string[]
  /** What opens it, where it is encrypted. */
  keyring: Keyring | undefined
}

/**
 * Makes an image with a disk's contents, or an empty one. It comes into being whole: under another name beside its
 * place until all of it is on the host's disk. Whatever goes wrong, or whoever stops it, leaves nothing behind.
 *
 * @param replaces whether a file at `path` is to be replaced
 */
export function* makeImage(
  files: ImageFiles,
  path: string,
  image: NewImage,
  source: DiskImage | null,
  replaces: boolean,
): Generator<Progress, void> {
  // A link stays a link: what it leads to is replaced.
  const place = files.realPath(path) ?? path
  if (!replaces && files.realPath(path) !== null) throw unusable(path, because('file-there'))
  const name = basename(place)
  const temporary = join(dirname(place), `.${name}.${randomBytes(6).toString('hex')}.part`)
  let made: readonly string[] = [temporary]
  try {
    const request = { ...image.request, name }
    if (image.compress) yield* fillCompressed(files, temporary, image.format, request, source)
    else {
      createDisk(files, temporary, image.format, request)
      if (source) {
        const { format, confirmed, keyring } = image
        const target = openDisk(files, temporary, { format, writable: true, confirmed, keyring })
        made = target.details.files
        try {
          yield* copyDisk(source, target)
        } finally {
          target.close()
        }
      }
    }
    files.replace(temporary, place)
    made = []
  } finally {
    for (const file of made) files.remove(file)
  }
}

function* fillCompressed(
  files: ImageFiles,
  path: string,
  format: FormatName,
  request: CreateRequest,
  source: DiskImage | null,
): Generator<Progress, void> {
  const made = formatNamed(format)
  if (!made.compressor) throw unusable(path, because('format-not-compressed', { format }))
  const file = files.create(path)
  try {
    const compressor = made.compressor(file, request, files)
    if (source) yield* compress(source, compressor)
    compressor.finish()
  } finally {
    file.close()
  }
}

function* compress(source: DiskImage, target: Compressor): Generator<Progress, void> {
  const total = source.sectorCount
  const clusterSectors = target.clusterBytes / SECTOR_BYTES
  const cluster = new Uint8Array(target.clusterBytes)
  for (let done = 0; done < total;) {
    const { sectors, holds } = shownExtent(source, done, Math.min(total - done, 2 ** 31))
    // Clusters that are zeros in part have to be looked at.
    const skipped = holds === 'data' ? 0 : Math.floor(sectors / clusterSectors) * clusterSectors
    if (skipped > 0) done += skipped
    else {
      const count = Math.min(clusterSectors, total - done)
      cluster.fill(0, count * SECTOR_BYTES)
      source.read(done, count, cluster.subarray(0, count * SECTOR_BYTES))
      if (!isAllZero(cluster)) target.add(done / clusterSectors, cluster)
      done += count
    }
    yield { done, total }
  }
}
