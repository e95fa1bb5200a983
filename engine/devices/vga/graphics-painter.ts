import { PAGE_SHIFT } from '../../memory/layout.ts'
import type { Palette } from './palette.ts'
import { type GraphicsLayout, type PixelFormat, planeOffset } from './scan-layout.ts'
import type { Surface } from './surface.ts'

/** Plane offsets in a page of interleaved video memory: shift. */
const OFFSETS_SHIFT = PAGE_SHIFT - 2
const LAST_PAGE = 0xffff >> OFFSETS_SHIFT

/** By byte: its bits as the lowest bits of eight nibbles, the most significant one first. */
const SPREAD = Int32Array.from({ length: 256 }, (_, byte) => {
  let nibbles = 0
  for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) nibbles |= 1 << (4 * bit)
  return nibbles
})

/** By byte: its bit pairs as the low halves of four nibbles. */
const PAIRS = Int32Array.from({ length: 256 }, (_, byte) => {
  let nibbles = 0
  for (let pair = 0; pair < 4; pair++) nibbles |= ((byte >> (2 * pair)) & 3) << (4 * pair)
  return nibbles
})

/** Eight pixels of four bits, the leftmost in the highest nibble, from one bit of each plane for each pixel. */
export const planarNibbles = (planes: number): number =>
  SPREAD[planes & 0xff]! |
  (SPREAD[(planes >> 8) & 0xff]! << 1) |
  (SPREAD[(planes >> 16) & 0xff]! << 2) |
  (SPREAD[planes >>> 24]! << 3)

/** Interleaved shift mode (CGA): two bits for each pixel, planes 0 and 1 in turn; planes 2 and 3 add the upper bits. */
const interleavedNibbles = (planes: number): number =>
  (PAIRS[planes & 0xff]! << 16) |
  PAIRS[(planes >> 8) & 0xff]! |
  (PAIRS[(planes >> 16) & 0xff]! << 18) |
  (PAIRS[planes >>> 24]! << 2)

/** 256-colour shift mode without 8-bit pixels: the nibbles of planes 0 to 3 one after the other. */
const packedNibbles = (planes: number): number =>
  ((planes & 0xff) << 24) | ((planes & 0xff00) << 8) | ((planes >> 8) & 0xff00) | (planes >>> 24)

function nibblesOf(format: PixelFormat, planes: number): number {
  if (format === 'planar') return planarNibbles(planes)
  return format === 'interleaved' ? interleavedNibbles(planes) : packedNibbles(planes)
}

/** All graphics modes that the VGA's own registers describe. Draws rows whose memory has been written. */
export class GraphicsPainter {
  /** One row as it comes from the shift registers, with what panning cuts off. */
  #row = new Uint32Array(0)

  constructor(
    private readonly planes: Int32Array,
    private readonly dirtyPages: Uint8Array,
    private readonly palette: Palette,
    private readonly surface: Surface,
  ) {}

  /** @param full draw every row */
  paint(layout: GraphicsLayout, full: boolean): void {
    const { height, counters, banks, pans } = layout
    if (full) this.surface.touchAll()
    for (let y = 0; y < height; y++) {
      if (!full && !this.#isDirty(layout, y)) continue
      // Doubled lines repeat the row above, which has been drawn if this one has.
      const repeats =
        y > 0 &&
        counters[y] === counters[y - 1] &&
        pans[y] === pans[y - 1] &&
        !((banks[y]! ^ banks[y - 1]!) & layout.bankMask)
      if (repeats) this.surface.pixels.copyWithin(y * layout.width, (y - 1) * layout.width, y * layout.width)
      else this.#draw(layout, y)
      if (!full) this.surface.touch(0, y, layout.width, 1)
    }
  }

  #fetches(layout: GraphicsLayout, y: number): number {
    const pixels = layout.width / layout.xScale
    return Math.ceil((pixels + layout.pans[y]!) / layout.pixelsPerFetch)
  }

  #isDirty(layout: GraphicsLayout, y: number): boolean {
    const { addressing, bankMask, countShift } = layout
    const counter = layout.counters[y]!
    const first = planeOffset(addressing, counter)
    const last = planeOffset(addressing, counter + (this.#fetches(layout, y) >> countShift))
    // A row that wraps round, or whose address carries into replaced bits, may lie anywhere.
    const isSpread = last < first || ((first ^ last) & bankMask) !== 0
    const bank = layout.banks[y]! & bankMask
    const from = isSpread ? 0 : ((first & ~bankMask) | bank) >> OFFSETS_SHIFT
    const to = isSpread ? LAST_PAGE : ((last & ~bankMask) | bank) >> OFFSETS_SHIFT
    for (let page = from; page <= to; page++) if (this.dirtyPages[page]) return true
    return false
  }

  #draw(layout: GraphicsLayout, y: number): void {
    const { width, xScale, format, addressing, bankMask, countShift, pixelsPerFetch } = layout
    const pan = layout.pans[y]!
    const counter = layout.counters[y]!
    const bank = layout.banks[y]! & bankMask
    const fetches = this.#fetches(layout, y)
    const { pixels } = this.surface
    const isDirect = pan === 0 && xScale === 1
    if (this.#row.length < fetches * pixelsPerFetch) this.#row = new Uint32Array(fetches * pixelsPerFetch)
    const into = isDirect ? pixels : this.#row
    let at = isDirect ? y * width : 0
    const { packed, attribute } = this.palette
    for (let fetch = 0; fetch < fetches; fetch++) {
      const offset = (planeOffset(addressing, counter + (fetch >> countShift)) & ~bankMask) | bank
      const planes = this.planes[offset]!
      if (format === 'bytes') {
        into[at] = packed[planes & 0xff]!
        into[at + 1] = packed[(planes >> 8) & 0xff]!
        into[at + 2] = packed[(planes >> 16) & 0xff]!
        into[at + 3] = packed[planes >>> 24]!
        at += 4
      } else {
        const nibbles = nibblesOf(format, planes)
        for (let shift = 28; shift >= 0; shift -= 4) into[at++] = attribute[(nibbles >>> shift) & 15]!
      }
    }
    if (isDirect) return
    for (let x = 0, out = y * width; x < width; x++)
      pixels[out++] = this.#row[pan + (xScale === 2 ? x >> 1 : x)]!
  }
}
