import { randomBytes } from 'node:crypto'
import { EngineError } from '../../../base/errors.ts'
import { because } from '../../../protocol/reasons.ts'
import { DiskError } from '../../block-image.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { type DiskFormat, type OpenContext, SECTOR_BYTES } from '../disk-image.ts'
import { readPadded, readUpTo } from '../fields.ts'
import { FlatImage } from '../raw/raw.ts'
import { EncryptedFile } from './encrypted-file.ts'
import {
  encodeFreeSlot,
  encodeSlot,
  freeSlots,
  isLuks,
  LUKS_HEADER_BYTES,
  type LuksHeader,
  readLuksHeader,
  slotEntryAt,
} from './header.ts'
import type { Keyring } from './keyring.ts'
import { sectorCipher } from './sector-cipher.ts'

/** An encrypted volume in a file of its own: header and keys, then every sector of the disk. LUKS, version 1. */
export const luks: DiskFormat = {
  name: 'luks',
  variants: ['v1'],

  recognises: (first) => isLuks(first),

  open(file, context) {
    const header = readLuksHeader(file.path, readUpTo(file, 0, LUKS_HEADER_BYTES))
    const { payloadPosition } = header
    if (payloadPosition === 0 || payloadPosition > file.size)
      throw unusable(file.path, because('luks-data-elsewhere'))
    const bytes = file.size - payloadPosition
    if (bytes === 0 || bytes % SECTOR_BYTES !== 0)
      throw unusable(file.path, because('disk-size-truncated', { bytes }))
    const data = unlock(file, header, { position: 0, start: payloadPosition }, context)
    return new LuksImage(data, payloadPosition, bytes / SECTOR_BYTES, {
      format: 'luks',
      variant: 'v1',
      clusterBytes: null,
      backingFile: null,
      identity: null,
      snapshots: [],
      files: [file.path],
      encryption: encryptionOf(file, header, { position: 0, bytes: payloadPosition }),
    })
  },

  create(file, { sizeBytes, encryption }) {
    if (!encryption) throw unusable(file.path, because('passphrase-wanted'))
    file.writeAt(0, encryption.area)
    file.truncate(encryption.area.length + sizeBytes)
  },
}

/** What was never written is whatever the key makes of nothing. */
class LuksImage extends FlatImage {
  readonly beginsAsNoise = true
}

/** Header and keys of an encrypted volume, as they are to be in another image that the same passphrase opens. */
export interface LuksArea {
  readonly header: LuksHeader
  readonly area: Uint8Array
}

/** What is known of an image's encryption without its passphrase. */
export interface Encryption {
  readonly header: LuksHeader
  /** For an image over it, or in its place: the same passphrase opens both. Throws `DiskError`. */
  copy(): LuksArea
  /**
   * Another passphrase for the same key: data stay as they are. The first passphrase of `to` takes the place of the one
   * of `from` that opens it; others stay. A failure in between leaves the old one or both. The image has to be opened again
   * then. Throws `passphrase-wrong`, `file-unusable`, `DiskError`.
   */
  changePassphrase(from: Keyring, to: Keyring): void
}

export function encryptionOf(
  file: HostFile,
  header: LuksHeader,
  place: { position: number; bytes: number },
): Encryption {
  return {
    header,
    copy() {
      const area = new Uint8Array(place.bytes)
      readPadded(file, place.position, area)
      return { header, area }
    },
    changePassphrase: (from, to) => changePassphrase(file, place.position, header, from, to),
  }
}

/** @param position of the header in the file */
function changePassphrase(
  file: HostFile,
  position: number,
  header: LuksHeader,
  from: Keyring,
  to: Keyring,
): void {
  if (!file.writable) throw new DiskError('readonly', file.path, because('opened-read-only'))
  const { key, slot } = from.open(file.path, header, (at, into) => readPadded(file, position + at, into))
  const [free] = freeSlots(readUpTo(file, position, LUKS_HEADER_BYTES), header)
  if (!free) throw unusable(file.path, because('luks-keys-in-use'))
  const { material, ...lock } = to.lock(key, header)
  file.writeAt(position + free.position, material)
  file.sync()
  file.writeAt(position + slotEntryAt(free.index), encodeSlot({ ...free, ...lock }))
  file.sync()
  file.writeAt(position + slotEntryAt(slot.index), encodeFreeSlot())
  // Whoever finds the old stripes could still open them with the old passphrase.
  file.writeAt(position + slot.position, randomBytes(material.length))
  file.sync()
}

/**
 * The data of an encrypted image. Throws `passphrase-missing` and `passphrase-wrong`, before anything is done.
 * @param place where the header lies, and the sector with number 0, which may be of another file
 */
export function unlock(
  file: HostFile,
  header: LuksHeader,
  place: { position: number; start: number; data?: HostFile },
  { keyring, isLocked }: Pick<OpenContext, 'keyring' | 'isLocked'>,
): EncryptedFile {
  const data = place.data ?? file
  if (!keyring) {
    if (!isLocked) throw new EngineError('passphrase-missing', { path: file.path })
    return new EncryptedFile(data, null, place.start)
  }
  const key = keyring.keyOf(file.path, header, (position, into) =>
    readPadded(file, place.position + position, into),
  )
  return new EncryptedFile(data, sectorCipher(header.mode, key), place.start)
}
