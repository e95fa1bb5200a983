import { viewOf } from '../../../engine/storage/formats/fields.ts'

const AT = { incompatible: 72, autoclear: 88, extensions: 104 }
const INCOMPATIBLE_DATA_FILE = 4n
const AUTOCLEAR_RAW_DATA = 2n
const DATA_FILE_EXTENSION = 0x44415441

/**
 * Header of an empty qcow2 (version 3, alone, without other features) made one that has its data in another file.
 * @param header at least its first 512 bytes @param isRaw the data file is at all times the disk itself
 */
export function withDataFile(header: Uint8Array, name: string, isRaw = false): Uint8Array {
  const changed = new Uint8Array(header)
  const view = viewOf(changed)
  const bytes = Buffer.from(name, 'utf8')
  view.setBigUint64(AT.incompatible, view.getBigUint64(AT.incompatible) | INCOMPATIBLE_DATA_FILE)
  if (isRaw) view.setBigUint64(AT.autoclear, AUTOCLEAR_RAW_DATA)
  view.setUint32(AT.extensions, DATA_FILE_EXTENSION)
  view.setUint32(AT.extensions + 4, bytes.length)
  changed.set(bytes, AT.extensions + 8)
  return changed
}
