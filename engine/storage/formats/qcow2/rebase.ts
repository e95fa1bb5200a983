import { because } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { readUpTo, viewOf } from '../fields.ts'
import { BACKING_FORMAT_EXTENSION, ENCRYPTION_EXTENSION, readQcow2Header } from './header.ts'

/** One write of a sector is on a disk whole or not at all. */
const SECTOR = 512
/** Where the name lies, in turns: the old one must stay readable until the header points to the new one. */
const NAME_PLACES = [1024, 2560]
const MAX_NAME_BYTES = 1023

/**
 * Gives a qcow2 image another backing file, which shows the same where the image holds nothing. Whenever the power
 * fails, the image names one of the two. Throws `file-unusable` for an image whose header holds more than this
 * program writes.
 */
export function rebaseQcow2(file: HostFile, backing: { name: string; format: string }): void {
  const header = readQcow2Header(file)
  if (header.backingFile === backing.name && header.backingFormat === backing.format) return
  const sector = readUpTo(file, 0, SECTOR)
  const view = viewOf(sector)
  const start = header.version === 3 ? view.getUint32(100) : 72
  if (2 ** header.clusterBits < 4096) throw unusable(file.path, because('rebase-clusters'))
  const { end, encryption } = knownExtensions(sector, start)
  if (end + 8 > SECTOR || view.getUint32(end) !== 0) throw unusable(file.path, because('rebase-foreign'))
  const name = Buffer.from(backing.name, 'utf8')
  const format = Buffer.from(backing.format, 'latin1')
  if (name.length > MAX_NAME_BYTES) throw unusable(file.path, because('backing-name-long'))

  const oldPlace = Number(view.getBigUint64(8))
  const oldEnd = oldPlace + view.getUint32(16)
  const place = NAME_PLACES.find((at) => oldEnd <= at || oldPlace >= at + name.length)
  if (place === undefined) throw unusable(file.path, because('rebase-no-room'))
  file.writeAt(place, name)
  file.sync()

  sector.fill(0, start)
  sector.set(encryption, start)
  const formatAt = start + encryption.length
  view.setUint32(formatAt, BACKING_FORMAT_EXTENSION)
  view.setUint32(formatAt + 4, format.length)
  sector.set(format, formatAt + 8)
  view.setBigUint64(8, BigInt(place))
  view.setUint32(16, name.length)
  file.writeAt(0, sector)
  file.sync()
}

/** Where the extensions that this program writes end, and the one that says where the keys lie. */
function knownExtensions(sector: Uint8Array, start: number): { end: number; encryption: Uint8Array } {
  const view = viewOf(sector)
  let encryption: Uint8Array = new Uint8Array(0)
  let end = start
  while (end + 8 <= SECTOR) {
    const type = view.getUint32(end)
    if (type !== BACKING_FORMAT_EXTENSION && type !== ENCRYPTION_EXTENSION) break
    const next = end + 8 + Math.ceil(view.getUint32(end + 4) / 8) * 8
    if (type === ENCRYPTION_EXTENSION) encryption = sector.slice(end, next)
    end = next
  }
  return { end, encryption }
}
