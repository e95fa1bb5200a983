import { because } from '../../../protocol/reasons.ts'
import { unusable, damagedImage } from '../../host-file.ts'
import { asciiAt, viewOf } from '../fields.ts'
import { ByteReader } from '../byte-reader.ts'
import { type FloppyFormat, MAX_SECTORS, type StoredSector } from '../floppy-format.ts'

const HEADER_BYTES = 133

/** Sydex's CopyQM. Source: the description of the format in libdsk's drvqm.c, checked against its reader. */
export const copyQm: FloppyFormat = {
  name: 'copyqm',

  recognises: (start) => asciiAt(start, 0, 3) === 'CQ\x14',

  decode(path, bytes) {
    if (bytes.length < HEADER_BYTES) throw unusable(path, because('cut-short'))
    const view = viewOf(bytes)
    const sectorBytes = view.getUint16(3, true)
    const perTrack = view.getUint16(0x10, true)
    const heads = view.getUint16(0x12, true)
    const cylinders = view.getUint8(0x5b)
    const firstNumber = (view.getUint8(0x71) + 1) & 0xff
    const total = cylinders * heads * perTrack
    if (
      ![128, 256, 512, 1024].includes(sectorBytes) ||
      perTrack === 0 ||
      heads < 1 ||
      heads > 2 ||
      total > MAX_SECTORS
    )
      throw unusable(path, because('copyqm-damaged'))
    const comment = view.getUint16(0x6f, true)
    const reader = new ByteReader(path, bytes.subarray(HEADER_BYTES))
    reader.take(comment)
    const contents = unpack(path, reader, total * sectorBytes)
    return Array.from({ length: total }, (_, index): StoredSector => {
      const track = Math.floor(index / perTrack)
      return {
        cylinder: Math.floor(track / heads),
        head: track % heads,
        number: firstNumber + (index % perTrack),
        bytes: contents.subarray(index * sectorBytes, (index + 1) * sectorBytes),
        isGood: true,
      }
    })
  },
}

/** Runs with their length in front: negative for one byte repeated, positive for bytes as they are. */
function unpack(path: string, reader: ByteReader, length: number): Uint8Array {
  const contents = new Uint8Array(length)
  for (let done = 0; done < length && reader.left >= 2;) {
    const count = (reader.word() << 16) >> 16
    const bytes = Math.abs(count)
    if (count === 0) continue
    if (done + bytes > length) throw damagedImage(path, 'CopyQM', 'it holds more than its header says')
    if (count < 0) contents.fill(reader.byte(), done, done + bytes)
    else contents.set(reader.take(bytes), done)
    done += bytes
  }
  return contents
}
