import { type CrtcValues, crtcValues } from './crtc-values.ts'
import { AR, CR, GR, SR, type VgaRegisters } from './registers.ts'

/** How the address counter becomes an offset in the planes. */
export const ADDRESSING = { byte: 0, word: 1, wordWrapped: 2, doubleWord: 3 } as const
export type Addressing = (typeof ADDRESSING)[keyof typeof ADDRESSING]

/**
 * The plane offset that the CRT controller fetches for a value of its address counter. Word mode shifts the
 * counter left and puts bit 15 (or 13) in the gap. Double-word mode reaches the same 64 KiB as chain-4 does
 * from the processor's side; with planes interleaved that is every offset in turn, wrapping at 16 Ki.
 */
export function planeOffset(addressing: Addressing, counter: number): number {
  switch (addressing) {
    case ADDRESSING.byte:
      return counter & 0xffff
    case ADDRESSING.word:
      return ((counter << 1) & 0xfffe) | ((counter >> 15) & 1)
    case ADDRESSING.wordWrapped:
      return ((counter << 1) & 0xfffe) | ((counter >> 13) & 1)
    case ADDRESSING.doubleWord:
      return counter & 0x3fff
  }
}

/** Some successive scan lines of one row of characters. */
export interface TextBand {
  /** First scan line on the screen. */
  y: number
  height: number
  /** Scan line of the band's first line within the character. */
  firstScan: number
  /** Address counter of the first character. */
  address: number
  /** Pixels by which the row is shifted to the left. */
  pan: number
}

export interface TextLayout {
  columns: number
  width: number
  height: number
  dots: 8 | 9
  /** Scan lines of a character, as the font has them. */
  cellHeight: number
  /** Each line of the font is shown twice. */
  isDoubled: boolean
  addressing: Addressing
  bands: TextBand[]
}

/** How the bits of the planes become pixels. */
export type PixelFormat = 'planar' | 'interleaved' | 'nibbles' | 'bytes'

export interface GraphicsLayout {
  /** Size of the picture in pixels. */
  width: number
  height: number
  format: PixelFormat
  addressing: Addressing
  /** Pixels of a character clock: 8, or 4 of 8 bits. */
  pixelsPerFetch: 4 | 8
  /** Copies of each pixel side by side: 2 where a 200-line mode is shown as its 400 lines. */
  xScale: 1 | 2
  /** The address counter moves on every 1, 2 or 4 characters: shift. */
  countShift: number
  /** Bits of the plane offset that the row scan counter replaces. */
  bankMask: number
  /** For each row of pixels: address counter, replaced bits of the offset, pixels to skip. */
  counters: Int32Array
  banks: Int32Array
  pans: Uint8Array
}

const MODE_CONTROL = {
  rowScan13: 0x01,
  rowScan14: 0x02,
  countByTwo: 0x08,
  wrap: 0x20,
  byteMode: 0x40,
} as const
const UNDERLINE = { countByFour: 0x20, doubleWord: 0x40 } as const
const PANNING_STOPS_AT_SPLIT = 0x20
const EIGHT_BIT_PIXELS = 0x40

function addressing({ crtc }: VgaRegisters): Addressing {
  const mode = crtc[CR.modeControl]!
  if (crtc[CR.underlineLocation]! & UNDERLINE.doubleWord) return ADDRESSING.doubleWord
  if (mode & MODE_CONTROL.byteMode) return ADDRESSING.byte
  return mode & MODE_CONTROL.wrap ? ADDRESSING.word : ADDRESSING.wordWrapped
}

/** The state of the row counters while they run down the screen. */
interface Start {
  address: number
  scan: number
  pan: number
}

/** @param start the start address in force */
function startOf(
  { crtc, attribute }: VgaRegisters,
  start: number,
  pixelPan: number,
): [top: Start, split: Start] {
  const preset = crtc[CR.presetRowScan]!
  const address = start + ((preset >> 5) & 3)
  const top = { address, scan: preset & 31, pan: pixelPan }
  const splitPan = attribute[AR.modeControl]! & PANNING_STOPS_AT_SPLIT ? 0 : pixelPan
  return [top, { address: 0, scan: 0, pan: splitPan }]
}

/** @param start the start address in force */
export function textLayout(registers: VgaRegisters, start: number): TextLayout {
  const { crtc, attribute } = registers
  const { characters: columns, lines, dots, lineCompare }: CrtcValues = crtcValues(registers)
  const cellHeight = (crtc[CR.maximumScanLine]! & 31) + 1
  const isDoubled = (crtc[CR.maximumScanLine]! & 0x80) !== 0
  const double = isDoubled ? 1 : 0
  // With 9 dots 8 means "not shifted" and 0 to 7 are shifts of 1 to 8.
  const panning = attribute[AR.panning]!
  const pixelPan = dots === 9 ? (panning >= 8 ? 0 : panning + 1) : panning & 7
  const [first, split] = startOf(registers, start, pixelPan)
  let row = first
  row.scan = Math.min(row.scan, cellHeight - 1)
  const splitLine = lineCompare + 1
  const bands: TextBand[] = []
  for (let y = 0; y < lines;) {
    const limit = y < splitLine ? Math.min(splitLine, lines) : lines
    const height = Math.min((cellHeight - row.scan) << double, limit - y)
    bands.push({ y, height, firstScan: row.scan, address: row.address, pan: row.pan })
    y += height
    row = y === splitLine ? split : { ...row, address: row.address + 2 * crtc[CR.offset]!, scan: 0 }
  }
  const width = columns * dots
  return {
    columns,
    width,
    height: lines,
    dots,
    cellHeight,
    isDoubled,
    addressing: addressing(registers),
    bands,
  }
}

/** @param start the start address in force */
export function graphicsLayout(registers: VgaRegisters, start: number): GraphicsLayout {
  const { crtc, graphics, attribute, sequencer } = registers
  const { characters, lines, lineCompare } = crtcValues(registers)
  const mode = crtc[CR.modeControl]!
  const shift = graphics[GR.mode]! & 0x60
  const isWide = shift >= 0x40 && (attribute[AR.modeControl]! & EIGHT_BIT_PIXELS) !== 0
  const format: PixelFormat = isWide ? 'bytes' : shift >= 0x40 ? 'nibbles' : shift ? 'interleaved' : 'planar'
  const pixelsPerFetch = isWide ? 4 : 8
  const bankMask = (mode & MODE_CONTROL.rowScan13 ? 0 : 0x2000) | (mode & MODE_CONTROL.rowScan14 ? 0 : 0x4000)

  const rowScans = (crtc[CR.maximumScanLine]! & 31) + 1
  const double = crtc[CR.maximumScanLine]! & 0x80 ? 1 : 0
  const repeats = (bankMask ? 1 : rowScans) << double
  // Everything is drawn at the size of its pixels but the BIOS's modes of 200 lines, which the VGA never
  // shows as such: they come as the 400 lines that it makes of them.
  const isDoubled = lines === 400 && repeats === 2
  const step = isDoubled ? 1 : repeats
  const isHalfWidth = isWide || (sequencer[SR.clockingMode]! & 8) !== 0
  const xScale = isDoubled && isHalfWidth ? 2 : 1

  const height = Math.ceil(lines / step)
  const counters = new Int32Array(height)
  const banks = new Int32Array(height)
  const pans = new Uint8Array(height)
  const panning = attribute[AR.panning]!
  const [top, split] = startOf(registers, start, isWide ? (panning & 7) >> 1 : panning & 7)
  let { address, scan, pan } = top
  let repeat = 0
  for (let line = 0; line < lines; line++) {
    if (line % step === 0) {
      const y = line / step
      counters[y] = address
      banks[y] = ((scan & 1) << 13) | ((scan & 2) << 13)
      pans[y] = pan
    }
    if (line === lineCompare) {
      ;({ address, scan, pan } = split)
      repeat = 0
    } else if (++repeat > double) {
      repeat = 0
      if (++scan >= rowScans) {
        scan = 0
        address += 2 * crtc[CR.offset]!
      }
    }
  }
  return {
    width: characters * pixelsPerFetch * xScale,
    height,
    format,
    addressing: addressing(registers),
    pixelsPerFetch,
    xScale,
    countShift:
      crtc[CR.underlineLocation]! & UNDERLINE.countByFour ? 2 : mode & MODE_CONTROL.countByTwo ? 1 : 0,
    bankMask,
    counters,
    banks,
    pans,
  }
}
