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

/** Bochs VBE modes. Draws lines whose memory has been written. */
export class VbePainter {
  #bytes: Uint8Array
  #halves: Uint16Array
  #words: Uint32Array

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
    for (let y = 0; y < height; y++) {
      const at = start + y * pitch
      if (!full) {
        if (!this.#isDirty(at, at + shown - 1)) continue
        this.surface.touch(0, y, width, 1)
      }
      this.#draw(mode, at, y * width)
    }
  }

  #isDirty(first: number, last: number): boolean {
    for (let page = first >> PAGE_SHIFT; page <= last >> PAGE_SHIFT; page++)
      if (this.dirtyPages[page]) return true
    return false
  }

  #draw(mode: VbeMode, from: number, to: number): void {
    switch (mode.depth) {
      case 4:
        return this.#draw4(mode, from, to)
      case 8:
        return this.#draw8(mode.width, from, to)
      case 15:
        return this.#draw15(mode.width, from >> 1, to)
      case 16:
        return this.#draw16(mode.width, from >> 1, to)
      case 24:
        return this.#draw24(mode.width, from, to)
      case 32:
        return this.#draw32(mode.width, from >> 2, to)
    }
  }

  #draw4({ width, pan }: VbeMode, from: number, to: number): void {
    const { pixels } = this.surface
    const { attribute } = this.palette
    let nibbles = 0
    for (let x = 0, bit = pan, at = from >> 2; x < width; x++, bit = (bit + 1) & 7) {
      if (bit === 0 || x === 0) nibbles = planarNibbles(this.#words[at++]!)
      pixels[to + x] = attribute[(nibbles >>> (28 - 4 * bit)) & 15]!
    }
  }

  #draw8(width: number, from: number, to: number): void {
    const { pixels } = this.surface
    const { dac } = this.palette
    const bytes = this.#bytes
    for (let x = 0; x < width; x++) pixels[to + x] = dac[bytes[from + x]!]!
  }

  #draw15(width: number, from: number, to: number): void {
    const { pixels } = this.surface
    const halves = this.#halves
    for (let x = 0; x < width; x++) {
      const rgb = halves[from + x]!
      const red = ((rgb >> 7) & 0xf8) | ((rgb >> 12) & 7)
      const green = ((rgb >> 2) & 0xf8) | ((rgb >> 7) & 7)
      const blue = ((rgb << 3) & 0xf8) | ((rgb >> 2) & 7)
      pixels[to + x] = OPAQUE | (blue << 16) | (green << 8) | red
    }
  }

  #draw16(width: number, from: number, to: number): void {
    const { pixels } = this.surface
    const halves = this.#halves
    for (let x = 0; x < width; x++) {
      const rgb = halves[from + x]!
      const red = ((rgb >> 8) & 0xf8) | (rgb >> 13)
      const green = ((rgb >> 3) & 0xfc) | ((rgb >> 9) & 3)
      const blue = ((rgb << 3) & 0xf8) | ((rgb >> 2) & 7)
      pixels[to + x] = OPAQUE | (blue << 16) | (green << 8) | red
    }
  }

  #draw24(width: number, from: number, to: number): void {
    const { pixels } = this.surface
    const bytes = this.#bytes
    for (let x = 0, at = from; x < width; x++, at += 3)
      pixels[to + x] = OPAQUE | (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
  }

  #draw32(width: number, from: number, to: number): void {
    const { pixels } = this.surface
    const words = this.#words
    for (let x = 0; x < width; x++) {
      const rgb = words[from + x]!
      pixels[to + x] = OPAQUE | ((rgb & 0xff) << 16) | (rgb & 0xff00) | ((rgb >> 16) & 0xff)
    }
  }
}
