import { EngineError } from '../../../base/errors.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { type DiskFormat, type OpenContext, SECTOR_BYTES } from '../disk-image.ts'
import { readPadded, readUpTo } from '../fields.ts'
import { FlatImage } from '../raw/raw.ts'
import { EncryptedFile } from './encrypted-file.ts'
import { isLuks, LUKS_HEADER_BYTES, type LuksHeader, readLuksHeader } from './header.ts'
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
      throw unusable(file.path, 'its data lie in another file, or it is cut short')
    const bytes = file.size - payloadPosition
    if (bytes === 0 || bytes % SECTOR_BYTES !== 0)
      throw unusable(file.path, `its disk of ${bytes} bytes is not a multiple of 512; it is truncated`)
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
    if (!encryption) throw unusable(file.path, 'give the passphrase that it is to have')
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
  }
}

/**
 * The data of an encrypted image. Throws `passphrase-missing` and `passphrase-wrong`, before anything is done.
 * @param place where the header lies, and the sector with number 0
 */
export function unlock(
  file: HostFile,
  header: LuksHeader,
  place: { position: number; start: number },
  { keyring, isLocked }: Pick<OpenContext, 'keyring' | 'isLocked'>,
): EncryptedFile {
  if (!keyring) {
    if (!isLocked) throw new EngineError('passphrase-missing', { path: file.path })
    return new EncryptedFile(file, null, place.start)
  }
  const key = keyring.keyOf(file.path, header, (position, into) =>
    readPadded(file, place.position + position, into),
  )
  return new EncryptedFile(file, sectorCipher(header.mode, key), place.start)
}
