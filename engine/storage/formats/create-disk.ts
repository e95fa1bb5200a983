import { because } from '../../protocol/reasons.ts'
import { DiskError } from '../block-image.ts'
import { unusable } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'
import { type CreateRequest, type FormatName, SECTOR_BYTES } from './disk-image.ts'
import { formatNamed } from './formats.ts'

/** 2^32 sectors: the most that partition tables and firmware of the time can name. */
export const MAX_DISK_BYTES = 2 ** 32 * SECTOR_BYTES

/** Formats that can be encrypted. */
export const ENCRYPTED_FORMATS: readonly FormatName[] = ['qcow2', 'luks']

/**
 * Makes an empty disk in a new file. Throws `file-unusable`, leaving nothing. What is over an encrypted image is
 * encrypted as well: else what a guest writes would lie beside it in clear.
 */
export function createDisk(
  files: ImageFiles,
  path: string,
  format: FormatName,
  request: CreateRequest,
): void {
  const made = formatNamed(format)
  const { variants } = made
  const { sizeBytes, variant } = request
  if (!made.create) throw unusable(path, because('format-not-made', { format }))
  if (variant !== undefined && !variants.includes(variant))
    throw unusable(path, because('format-no-variant', { format, variant, variants: variants.join(', ') }))
  if (sizeBytes <= 0 || sizeBytes % SECTOR_BYTES !== 0 || sizeBytes > MAX_DISK_BYTES)
    throw unusable(path, because('disk-size', { bytes: sizeBytes }))
  const isBelow = request.backing?.image.details.encryption !== undefined
  if ((request.encryption || isBelow) && !ENCRYPTED_FORMATS.includes(format))
    throw unusable(path, because(isBelow ? 'format-not-encrypted-below' : 'format-not-encrypted', { format }))
  const file = files.create(path)
  try {
    const encryption = request.encryption ?? request.backing?.image.details.encryption?.copy()
    made.create(file, { ...request, encryption }, files)
    file.sync()
  } catch (error) {
    files.remove(path)
    throw error instanceof DiskError ? unusable(path, error.reason, error) : error
  } finally {
    file.close()
  }
}
