import { PAGE_SHIFT } from '../../memory/layout.ts'
import type { VbeMode } from './dispi.ts'
import { planarNibbles } from './graphics-painter.ts'
import type { Palette } from './palette.ts'
import type { Surface } from './surface.ts'

const OPAQUE = 0xff000000

/** Bytes that a line of a mode shows, from its first byte on. */
function lineBytes({ width, depth, pan }: VbeMode): number {
  return depth === 4 ? Math.ceil((width + pan) / 8) * 4 : width * Math.ceil(depth / 8)
}

/**
 * Bochs VBE modes. Draws lines whose memory has been written, and tells what of them looks different: memory is watched
 * in pages, which are whole lines of a large mode, and windows are narrower than that.
 */
export class VbePainter {
  #bytes: Uint8Array
  #halves: Uint16Array
  #words: Uint32Array
  /** A line on its way into the picture. */
  #line = new Uint32Array(0)

  constructor(
    vram: Uint8Array,
    private readonly dirtyPages: Uint8Array,
    private readonly palette: Palette,
    private readonly surface: Surface,
  ) {
    this.#bytes = vram
    this.#halves = new Uint16Array(vram.buffer, vram.byteOffset, vram.length >> 1)
    this.#words = new Uint32Array(vram.buffer, vram.byteOffset, vram.length >> 2)
  }

  /** @param full draw every line */
  paint(mode: VbeMode, full: boolean): void {
    const { width, height, pitch, start } = mode
    const shown = lineBytes(mode)
    if (full) this.surface.touchAll()
    if (this.#line.length !== width) this.#line = new Uint32Array(width)
    for (let y = 0; y < height; y++) {
      const at = start + y * pitch
      if (!full && !this.#isDirty(at, at + shown - 1)) continue
      this.#draw(mode, at)
      if (full) this.surface.pixels.set(this.#line, y * width)
      else this.#put(y)
    }
  }

  /** Puts what is different of the line into the picture. */
  #put(y: number): void {
    const line = this.#line
    const { pixels } = this.surface
    const at = y * line.length
    let left = 0
    while (left < line.length && line[left] === pixels[at + left]) left++
    if (left === line.length) return
    let right = line.length
    while (line[right - 1] === pixels[at + right - 1]) right--
    pixels.set(line.subarray(left, right), at + left)
    this.surface.touch(left, y, right - left, 1)
  }

  #isDirty(first: number, last: number): boolean {
    for (let page = first >> PAGE_SHIFT; page <= last >> PAGE_SHIFT; page++)
      if (this.dirtyPages[page]) return true
    return false
  }

  #draw(mode: VbeMode, from: number): void {
    switch (mode.depth) {
      case 4:
        return this.#draw4(mode, from)
      case 8:
        return this.#draw8(mode.width, from)
      case 15:
        return this.#draw15(mode.width, from >> 1)
      case 16:
        return this.#draw16(mode.width, from >> 1)
      case 24:
        return this.#draw24(mode.width, from)
      case 32:
        return this.#draw32(mode.width, from >> 2)
    }
  }

  #draw4({ width, pan }: VbeMode, from: number): void {
    const line = this.#line
    const { attribute } = this.palette
    let nibbles = 0
    for (let x = 0, bit = pan, at = from >> 2; x < width; x++, bit = (bit + 1) & 7) {
      if (bit === 0 || x === 0) nibbles = planarNibbles(this.#words[at++]!)
      line[x] = attribute[(nibbles >>> (28 - 4 * bit)) & 15]!
    }
  }

  #draw8(width: number, from: number): void {
    const line = this.#line
    const { dac } = this.palette
    const bytes = this.#bytes
    for (let x = 0; x < width; x++) line[x] = dac[bytes[from + x]!]!
  }

  #draw15(width: number, from: number): void {
    const line = this.#line
    const halves = this.#halves
    for (let x = 0; x < width; x++) {
      const rgb = halves[from + x]!
      const red = ((rgb >> 7) & 0xf8) | ((rgb >> 12) & 7)
      const green = ((rgb >> 2) & 0xf8) | ((rgb >> 7) & 7)
      const blue = ((rgb << 3) & 0xf8) | ((rgb >> 2) & 7)
      line[x] = OPAQUE | (blue << 16) | (green << 8) | red
    }
  }

  #draw16(width: number, from: number): void {
    const line = this.#line
    const halves = this.#halves
    for (let x = 0; x < width; x++) {
      const rgb = halves[from + x]!
      const red = ((rgb >> 8) & 0xf8) | (rgb >> 13)
      const green = ((rgb >> 3) & 0xfc) | ((rgb >> 9) & 3)
      const blue = ((rgb << 3) & 0xf8) | ((rgb >> 2) & 7)
      line[x] = OPAQUE | (blue << 16) | (green << 8) | red
    }
  }

  #draw24(width: number, from: number): void {
    const line = this.#line
    const bytes = this.#bytes
    for (let x = 0, at = from; x < width; x++, at += 3)
      line[x] = OPAQUE | (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
  }

  #draw32(width: number, from: number): void {
    const line = this.#line
    const words = this.#words
    for (let x = 0; x < width; x++) {
      const rgb = words[from + x]!
      line[x] = OPAQUE | ((rgb & 0xff) << 16) | (rgb & 0xff00) | ((rgb >> 16) & 0xff)
    }
  }
}
