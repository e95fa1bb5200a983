import { PAGE_SHIFT } from '../../memory/layout.ts'
import type { VbeMode } from './dispi.ts'
import { planarNibbles } from './graphics-painter.ts'
import type { Palette } from './palette.ts'
import type { Change, ShownMemory } from './shown-memory.ts'
import type { Surface } from './surface.ts'

const OPAQUE = 0xff000000

/** Bytes that a line of a mode shows, from its first byte on. */
function lineBytes({ width, depth, pan }: VbeMode): number {
  return depth === 4 ? Math.ceil((width + pan) / 8) * 4 : width * Math.ceil(depth / 8)
}

/**
 * Bochs VBE modes. Draws what has changed of lines whose memory has been written: memory is watched in pages, which are
 * whole lines of a large mode, and windows are narrower than that.
 */
export class VbePainter {
  #bytes: Uint8Array
  #halves: Uint16Array
  #words: Uint32Array

  constructor(
    vram: Uint8Array,
    private readonly shown: ShownMemory,
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
    const bytes = lineBytes(mode)
    if (full) this.surface.touchAll()
    for (let y = 0; y < height; y++) {
      const at = start + y * pitch
      if (full) {
        this.shown.take(at, bytes)
        this.#draw(mode, at, y, 0, width)
      } else if (this.#isDirty(at, at + bytes - 1)) {
        const change = this.shown.takeChange(at, bytes)
        if (change) this.#drawChange(mode, at, y, change)
      }
    }
  }

  #drawChange(mode: VbeMode, at: number, y: number, { start, end }: Change): void {
    const { width, depth, pan } = mode
    let [left, right] = [0, width]
    if (depth === 4) {
      // Four bytes are eight pixels, of which the first ones may be panned out of sight.
      left = Math.max(0, (start >> 2) * 8 - pan)
      right = Math.min(width, ((end + 3) >> 2) * 8 - pan)
    } else {
      const size = Math.ceil(depth / 8)
      left = Math.floor(start / size)
      right = Math.ceil(end / size)
    }
    if (left >= right) return
    this.#draw(mode, at, y, left, right)
    this.surface.touch(left, y, right - left, 1)
  }

  #isDirty(first: number, last: number): boolean {
    for (let page = first >> PAGE_SHIFT; page <= last >> PAGE_SHIFT; page++)
      if (this.dirtyPages[page]) return true
    return false
  }

  /** @param at where the line begins in video memory */
  #draw({ width, depth, pan }: VbeMode, at: number, y: number, left: number, right: number): void {
    const out = this.surface.pixels.subarray(y * width + left, y * width + right)
    switch (depth) {
      case 4:
        return this.#draw4(out, at >> 2, left + pan)
      case 8:
        return this.#draw8(out, at + left)
      case 15:
        return this.#draw15(out, (at >> 1) + left)
      case 16:
        return this.#draw16(out, (at >> 1) + left)
      case 24:
        return this.#draw24(out, at + left * 3)
      case 32:
        return this.shown.readPixels(at + 4 * left, out)
    }
  }

  /** @param first pixel of the line, counted from where its memory begins */
  #draw4(out: Uint32Array, from: number, first: number): void {
    const { attribute } = this.palette
    for (let x = 0, nibbles = 0; x < out.length; x++) {
      const pixel = first + x
      if (x === 0 || (pixel & 7) === 0) nibbles = planarNibbles(this.#words[from + (pixel >> 3)]!)
      out[x] = attribute[(nibbles >>> (28 - 4 * (pixel & 7))) & 15]!
    }
  }

  #draw8(out: Uint32Array, from: number): void {
    const { dac } = this.palette
    const bytes = this.#bytes
    for (let x = 0; x < out.length; x++) out[x] = dac[bytes[from + x]!]!
  }

  #draw15(out: Uint32Array, from: number): void {
    const halves = this.#halves
    for (let x = 0; x < out.length; x++) {
      const rgb = halves[from + x]!
      const red = ((rgb >> 7) & 0xf8) | ((rgb >> 12) & 7)
      const green = ((rgb >> 2) & 0xf8) | ((rgb >> 7) & 7)
      const blue = ((rgb << 3) & 0xf8) | ((rgb >> 2) & 7)
      out[x] = OPAQUE | (blue << 16) | (green << 8) | red
    }
  }

  #draw16(out: Uint32Array, from: number): void {
    const halves = this.#halves
    for (let x = 0; x < out.length; x++) {
      const rgb = halves[from + x]!
      const red = ((rgb >> 8) & 0xf8) | (rgb >> 13)
      const green = ((rgb >> 3) & 0xfc) | ((rgb >> 9) & 3)
      const blue = ((rgb << 3) & 0xf8) | ((rgb >> 2) & 7)
      out[x] = OPAQUE | (blue << 16) | (green << 8) | red
    }
  }

  #draw24(out: Uint32Array, from: number): void {
    const bytes = this.#bytes
    for (let x = 0, at = from; x < out.length; x++, at += 3)
      out[x] = OPAQUE | (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
  }
}
