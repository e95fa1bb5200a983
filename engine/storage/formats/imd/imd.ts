import { damagedImage } from '../../host-file.ts'
import { asciiAt } from '../fields.ts'
import { ByteReader } from '../byte-reader.ts'
import { type FloppyFormat, MAX_SECTORS, type StoredSector } from '../floppy-format.ts'

const END_OF_COMMENT = 0x1a
const HAS_CYLINDERS = 0x80
const HAS_HEADS = 0x40

/** Dave Dunfield's ImageDisk. Source: the manual of IMD 1.18, "IMD File Format". */
export const imd: FloppyFormat = {
  name: 'imd',

  recognises: (start) => asciiAt(start, 0, 4) === 'IMD ',

  decode(path, bytes) {
    const comment = bytes.indexOf(END_OF_COMMENT)
    if (comment < 0) throw damagedImage(path, 'IMD', 'its IMD header has no end')
    const reader = new ByteReader(path, bytes.subarray(comment + 1))
    const sectors: StoredSector[] = []
    while (reader.left > 0) sectors.push(...readTrack(path, reader, sectors.length))
    return sectors
  },
}

function readTrack(path: string, reader: ByteReader, before: number): StoredSector[] {
  const mode = reader.byte()
  const cylinder = reader.byte()
  const flags = reader.byte()
  const count = reader.byte()
  const sizeCode = reader.byte()
  if (mode > 5 || cylinder > 90 || (flags & 0x3f) > 1 || sizeCode > 6 || before + count > MAX_SECTORS)
    throw damagedImage(path, 'IMD', `its track ${before} is damaged`)
  const numbers = reader.take(count)
  if (flags & HAS_CYLINDERS) reader.take(count)
  if (flags & HAS_HEADS) reader.take(count)
  return Array.from(numbers, (number) => ({
    cylinder,
    head: flags & 1,
    number,
    ...readData(path, reader, 128 << sizeCode),
  }))
}

/** 0: not there; then pairs of plain and filled with one byte: good, deleted, with an error, both. */
function readData(path: string, reader: ByteReader, length: number): Pick<StoredSector, 'bytes' | 'isGood'> {
  const type = reader.byte()
  if (type > 8) throw damagedImage(path, 'IMD', `it has a sector of the unknown type ${type}`)
  if (type === 0) return { bytes: new Uint8Array(length), isGood: false }
  const isFilled = type % 2 === 0
  const bytes = isFilled ? new Uint8Array(length).fill(reader.byte()) : reader.take(length)
  return { bytes, isGood: type <= 4 }
}
