import { checksum } from '../../../engine/storage/formats/86f/mfm-track.ts'

/** A floppy to be written as cells. */
export interface Surface {
  /** Tracks of a drive with 80. */
  tracks: number
  sides: 1 | 2
  /** Sectors of a track, by their addresses; none leaves the track out. */
  sectorsOf: (track: number, side: number) => { cylinder: number; number: number; bytes: Uint8Array }[]
  /** Flags of the disk besides how many sides it has. */
  flags?: number
  /** Of each track: data rate 2 and MFM for 250 kbit/s. */
  trackFlags?: number
  /** Cells of a track as it is stored, and those that it uses. */
  storedCells?: number
  usedCells?: number
  /** Where the first sector begins, in cells. */
  firstAt?: number
}

/** An 86F image, version 2.12. */
export function encode86f({
  tracks,
  sides,
  sectorsOf,
  flags = 0,
  trackFlags = 0x0a,
  storedCells = 200_000,
  usedCells = 100_000,
  firstAt = 80 * 16,
}: Surface): Uint8Array {
  const header = Buffer.alloc(8 + (sides === 2 ? 2048 : 1024))
  header.write('86BF', 0, 'latin1')
  header.writeUInt16LE(0x020c, 4)
  header.writeUInt16LE(flags | (sides === 2 ? 8 : 0), 6)
  const parts: Uint8Array[] = [header]
  let end = header.length
  for (let entry = 0; entry < tracks * sides; entry++) {
    const found = sectorsOf(Math.floor(entry / sides), entry % sides)
    if (found.length === 0) continue
    header.writeUInt32LE(end, 8 + entry * 4)
    const trackHeader = Buffer.alloc(6)
    trackHeader.writeUInt16LE(trackFlags, 0)
    const cells = new Cells(usedCells, firstAt)
    for (const { cylinder, number, bytes } of found) {
      const sizeCode = Math.log2(bytes.length / 128)
      cells.block(0xfe, Uint8Array.of(cylinder, entry % sides, number, sizeCode))
      cells.bytes(new Uint8Array(22).fill(0x4e))
      cells.block(0xfb, bytes)
      cells.bytes(new Uint8Array(40).fill(0x4e))
    }
    const stored = new Uint8Array(storedCells / 8)
    for (let cell = 0; cell < usedCells; cell++)
      stored[(cell >> 3) ^ (flags & 0x800 ? 1 : 0)]! |= cells.bits[cell]! << (7 - (cell & 7))
    parts.push(trackHeader, stored)
    end += trackHeader.length + stored.length
  }
  return Buffer.concat(parts)
}

/** Cells of a track in MFM; what does not fit at its end goes on at its beginning. */
class Cells {
  readonly bits: Uint8Array
  #last = 0

  constructor(
    private readonly count: number,
    private at: number,
  ) {
    this.bits = new Uint8Array(count)
  }

  bytes(bytes: Uint8Array): void {
    for (const byte of bytes)
      for (let bit = 7; bit >= 0; bit--) {
        const data = (byte >> bit) & 1
        this.#put(this.#last === 0 && data === 0 ? 1 : 0)
        this.#put(data)
        this.#last = data
      }
  }

  /** Zeros, three marks, and what the mark is of, with its checksum. */
  block(mark: number, bytes: Uint8Array): void {
    this.bytes(new Uint8Array(12))
    for (let sync = 0; sync < 3; sync++) for (let bit = 15; bit >= 0; bit--) this.#put((0x4489 >> bit) & 1)
    this.#last = 1
    const crc = checksum(mark, bytes)
    this.bytes(Uint8Array.of(mark, ...bytes, crc >> 8, crc & 0xff))
  }

  #put(bit: number): void {
    this.bits[this.at++ % this.count] = bit
  }
}
