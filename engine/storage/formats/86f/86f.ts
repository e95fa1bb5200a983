import { because } from '../../../protocol/reasons.ts'
import { unusable, damagedImage } from '../../host-file.ts'
import { asciiAt, viewOf } from '../fields.ts'
import { type FloppyFormat, MAX_SECTORS, type StoredSector } from '../floppy-format.ts'
import { MfmTrack } from './mfm-track.ts'

const VERSION = 0x020c
const TABLE_AT = 8
/** More than any drive can step to, in tracks of a drive with 80. */
const MAX_TRACKS = 86

/** Bits of the flags of a disk. */
const FLAG = {
  surface: 0x0001,
  twoSides: 0x0008,
  extraCells: 0x0080,
  zones: 0x0700,
  swapped: 0x0800,
  faster: 0x1000,
  wholeBytes: 0x2000,
} as const

/** Sixteen cells each, for a track of the usual speed, and 1, 1.5 and 2 percent slower and faster; by density. */
const NORMAL_WORDS = [12_500, 12_500, 25_000, 50_000]
const SLOWER_WORDS = [
  [12_625, 12_687, 12_750],
  [12_625, 12_687, 12_750],
  [25_250, 25_375, 25_500],
  [50_500, 50_750, 51_000],
]
const FASTER_WORDS = [
  [12_376, 12_315, 12_254],
  [12_376, 12_315, 12_254],
  [24_752, 24_630, 24_509],
  [49_504, 49_261, 49_019],
]
const MAX_EXTRA_CELLS = 32_768
const MAX_CELLS = 1_000_000
/** Kilobits a second of the data rates, by their numbers. */
const RATES = [500, 300, 250, 1000, 250, 2000, 250, 250]

/**
 * 86Box's image of a floppy's surface: the cells of each track as they pass under the head. Only sectors of MFM are
 * looked for; weak bits and holes are what their cells are, and fail by their checksum.
 * Source: 86Box's documentation, "86F floppy image format", and how version 2.12 of it is read by 86Box 5.
 */
export const f86: FloppyFormat = {
  name: '86f',
  // Two sides of the densest floppy, each track twice for what is known of the surface.
  maxBytes: 40 * 1024 ** 2,

  recognises: (start) => /^86bf$/i.test(asciiAt(start, 0, 4)),

  decode(path, bytes) {
    const view = viewOf(bytes)
    if (asciiAt(bytes, 0, 4) !== '86BF') throw unusable(path, because('f86-compressed'))
    if (bytes.length < TABLE_AT) throw unusable(path, because('cut-short'))
    const version = view.getUint16(4, true)
    if (version !== VERSION)
      throw unusable(path, because('f86-version', { major: version >> 8, minor: version & 0xff }))
    const flags = view.getUint16(6, true)
    if (flags & FLAG.zones) throw unusable(path, because('f86-zones'))
    const sides = flags & FLAG.twoSides ? 2 : 1
    const sectors: StoredSector[] = []
    /** Tracks that lie over each other could make a small file take long. */
    let budget = bytes.length
    for (let entry = 0; entry < MAX_TRACKS * sides; entry++) {
      const at = TABLE_AT + entry * 4
      const position = at + 4 <= bytes.length ? view.getUint32(at, true) : 0
      if (position === 0) continue
      const track = readTrack(path, bytes, position, flags)
      budget -= track.storedBytes
      if (budget < 0) throw damagedImage(path, '86F', 'its tracks lie over each other')
      const [physical, head] = [Math.floor(entry / sides), entry % sides]
      for (const found of new MfmTrack(track.cells).sectors()) {
        const { addressHead, ...sector } = found
        // Tracks of 40 are as wide as two of 80, and stand there twice.
        const isAtHome = sector.cylinder === physical || sector.cylinder === physical >> 1
        if (isAtHome && addressHead === head) sectors.push(sector)
      }
      if (sectors.length > MAX_SECTORS) throw unusable(path, because('floppy-too-many-sectors-held'))
    }
    if (sectors.length === 0) throw unusable(path, because('f86-no-mfm'))
    return sectors
  },
}

/** A track: its own flags, how many cells it has more, where the index hole is, and the cells. */
function readTrack(
  path: string,
  bytes: Uint8Array,
  position: number,
  flags: number,
): { cells: Uint8Array; storedBytes: number } {
  const hasExtra = (flags & FLAG.extraCells) !== 0
  const headerBytes = hasExtra ? 10 : 6
  if (position + headerBytes > bytes.length) throw damagedImage(path, '86F', 'a track of it is cut off')
  const view = viewOf(bytes)
  const slowness = (flags >> 5) & 3
  const isFaster = (flags & FLAG.faster) !== 0
  /** What is said of extra cells is the number of all of them. */
  const isExact = slowness === 0 && isFaster
  const extra = hasExtra ? view.getInt32(position + 2, true) : 0
  if (isExact ? extra < 0 || extra > MAX_CELLS : Math.abs(extra) > MAX_EXTRA_CELLS)
    throw damagedImage(path, '86F', `a track of it has ${extra} cells more than others`)
  const density = (flags >> 1) & 3
  const table = isFaster ? FASTER_WORDS : SLOWER_WORDS
  const words = slowness === 0 ? NORMAL_WORDS[density]! : table[density]![slowness - 1]!
  const storedCells = isExact ? extra : words * 16 + extra
  const unit = flags & FLAG.wholeBytes ? 8 : 16
  const storedBytes = (Math.ceil(storedCells / unit) * unit) / 8
  const start = position + headerBytes
  if (start + storedBytes > bytes.length) throw damagedImage(path, '86F', 'a track of it is cut off')
  const used = isExact
    ? storedCells
    : Math.min(storedCells, cellsOf(view.getUint16(position, true), slowness, isFaster) + extra)
  const isSwapped = (flags & FLAG.swapped) !== 0
  const cells = new Uint8Array(used)
  for (let cell = 0; cell < used; cell += 8) {
    const eight = bytes[start + ((cell >> 3) ^ (isSwapped ? 1 : 0))]!
    for (let bit = 0; bit < 8; bit++) cells[cell + bit] = (eight >> (7 - bit)) & 1
  }
  return { cells, storedBytes: storedBytes * (flags & FLAG.surface ? 2 : 1) }
}

/** How many cells pass in a turn, by the flags of a track: its data rate and the speed of its drive. */
function cellsOf(trackFlags: number, slowness: number, isFaster: boolean): number {
  const turnsAMinute = (trackFlags & 0xe0) === 0x20 ? 360 : 300
  const drift = [1, 1.01, 1.015, 1.02][slowness]!
  const cells = ((RATES[trackFlags & 7]! * 1000 * 2 * 60) / turnsAMinute) * (isFaster ? 1 / drift : drift)
  return Math.floor(cells / 16) * 16
}
