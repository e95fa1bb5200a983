import type { Rect } from '../display.ts'

/** More than this many rectangles cost more to handle than the pixels they save. */
const MAX_RECTS = 16

/** The picture being drawn: RGBA pixels and the parts that changed since they were last asked for. */
export class Surface {
  width = 0
  height = 0
  bytes = new Uint8Array(0)
  /** The same pixels, one element each, red in the low byte. */
  pixels = new Uint32Array(0)
  #rects: Rect[] = []

  resize(width: number, height: number): void {
    if (width === this.width && height === this.height) return
    this.width = width
    this.height = height
    this.pixels = new Uint32Array(width * height)
    this.bytes = new Uint8Array(this.pixels.buffer)
  }

  fill(pixel: number): void {
    this.pixels.fill(pixel)
    this.touchAll()
  }

  touchAll(): void {
    this.#rects = [{ x: 0, y: 0, width: this.width, height: this.height }]
  }

  /** Notes a changed rectangle. Callers go from top to bottom: one that continues the last is merged with it. */
  touch(x: number, y: number, width: number, height: number): void {
    const last = this.#rects.at(-1)
    if (!last || (last.y + last.height < y && this.#rects.length < MAX_RECTS)) {
      this.#rects.push({ x, y, width, height })
      return
    }
    const right = Math.max(last.x + last.width, x + width)
    const bottom = Math.max(last.y + last.height, y + height)
    last.x = Math.min(last.x, x)
    last.y = Math.min(last.y, y)
    last.width = right - last.x
    last.height = bottom - last.y
  }

  takeDirty(): Rect[] {
    const rects = this.#rects
    this.#rects = []
    return rects
  }
}
