import { because } from '../../../protocol/reasons.ts'
import { unusable, damagedImage } from '../../host-file.ts'
import { asciiAt } from '../fields.ts'
import { ByteReader } from '../byte-reader.ts'
import { type FloppyFormat, MAX_SECTORS, type StoredSector } from '../floppy-format.ts'
import { unpackLzhuf } from './lzhuf.ts'

const HEADER_BYTES = 12
const HAS_COMMENT = 0x80
const END_OF_DISK = 0xff
/** More than any floppy unpacks to. */
const MAX_UNPACKED_BYTES = 8 * 1024 ** 2

/** Of a sector: written twice is bit 0, then a wrong checksum, deleted, skipped as free, without data, without address. */
const FLAG = { wrongChecksum: 0x02, notStored: 0x10, noData: 0x20 } as const

/** Sydex's Teledisk. Source: D. Dunfield, "TeleDisk file format" (td0notes). */
export const td0: FloppyFormat = {
  name: 'td0',

  recognises: (start) => /^td$/i.test(asciiAt(start, 0, 2)) && start[2] === 0 && start.length > HEADER_BYTES,

  decode(path, bytes) {
    if (bytes.length < HEADER_BYTES) throw unusable(path, because('cut-short'))
    const isPacked = asciiAt(bytes, 0, 2) === 'td'
    if (isPacked && bytes[4]! < 20) throw unusable(path, because('teledisk-old'))
    const body = bytes.subarray(HEADER_BYTES)
    const reader = new ByteReader(path, isPacked ? unpackLzhuf(body, MAX_UNPACKED_BYTES) : body)
    if (bytes[7]! & HAS_COMMENT) {
      reader.take(2)
      const length = reader.word()
      reader.take(6 + length)
    }
    const sectors: StoredSector[] = []
    for (let count = reader.byte(); count !== END_OF_DISK; count = reader.byte()) {
      const cylinder = reader.byte()
      const head = reader.byte() & 1
      reader.take(1)
      for (let index = 0; index < count; index++) {
        const sector = readSector(path, reader, cylinder, head)
        if (sector) sectors.push(sector)
      }
      if (sectors.length > MAX_SECTORS) throw unusable(path, because('floppy-too-many-sectors'))
    }
    return sectors
  },
}

/** Null for what Teledisk made up because it found no address. */
function readSector(path: string, reader: ByteReader, cylinder: number, head: number): StoredSector | null {
  reader.take(2) // cylinder and head as the address mark has them
  const number = reader.byte()
  const sizeCode = reader.byte()
  const flags = reader.byte()
  reader.take(1)
  if (sizeCode > 6) {
    if (flags & (FLAG.notStored | FLAG.noData)) return null
    throw damagedImage(path, 'Teledisk', `it has a sector of size ${sizeCode}`)
  }
  const length = 128 << sizeCode
  // Sectors that no file used are left out: their contents do not matter.
  if (flags & FLAG.notStored) return { cylinder, head, number, bytes: new Uint8Array(length), isGood: true }
  if (flags & FLAG.noData) return { cylinder, head, number, bytes: new Uint8Array(length), isGood: false }
  const stored = new ByteReader(path, reader.take(reader.word()))
  const bytes = unpack(path, stored, length)
  return { cylinder, head, number, bytes, isGood: (flags & FLAG.wrongChecksum) === 0 }
}

/** 0: as it is; 1: one pair of bytes repeated; 2: runs of patterns and of bytes as they are. */
function unpack(path: string, reader: ByteReader, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const encoding = reader.byte()
  let done = 0
  const put = (pattern: Uint8Array, times: number): void => {
    if (done + pattern.length * times > length)
      throw damagedImage(path, 'Teledisk', 'a sector holds more than its size')
    for (let count = 0; count < times; count++, done += pattern.length) bytes.set(pattern, done)
  }
  switch (encoding) {
    case 0:
      put(reader.take(length), 1)
      break
    case 1:
      while (reader.left >= 4) {
        const times = reader.word()
        put(reader.take(2), times)
      }
      break
    case 2:
      while (reader.left >= 2) {
        const pairs = reader.byte()
        const count = reader.byte()
        if (pairs === 0) put(reader.take(count), 1)
        else put(reader.take(pairs * 2), count)
      }
      break
    default:
      throw damagedImage(path, 'Teledisk', `a sector is packed in the unknown way ${encoding}`)
  }
  return bytes
}
