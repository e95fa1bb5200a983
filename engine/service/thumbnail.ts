import type { Picture } from './thread-messages.ts'
import { encodePng } from './png.ts'

const WIDTH = 240

/** A small PNG of a picture in the proportions of its monitor; every pixel is the mean of those it stands for. */
export function thumbnail({ width, height, aspectRatio, pixels }: Picture): Buffer {
  const toWidth = Math.min(WIDTH, width)
  const toHeight = Math.max(1, Math.round(toWidth / aspectRatio))
  const small = new Uint8Array(toWidth * toHeight * 4)
  for (let y = 0, to = 0; y < toHeight; y++) {
    const [top, bottom] = span(y, toHeight, height)
    for (let x = 0; x < toWidth; x++, to += 4) {
      const [left, right] = span(x, toWidth, width)
      let [red, green, blue] = [0, 0, 0]
      for (let row = top; row < bottom; row++)
        for (let from = (row * width + left) * 4, end = (row * width + right) * 4; from < end; from += 4) {
          red += pixels[from]!
          green += pixels[from + 1]!
          blue += pixels[from + 2]!
        }
      const count = (bottom - top) * (right - left)
      small.set([red / count, green / count, blue / count, 255], to)
    }
  }
  return encodePng(toWidth, toHeight, small)
}

/** Which of `from` rows or columns the one at `at` of `to` stands for: at least one. */
function span(at: number, to: number, from: number): [number, number] {
  const start = Math.min(from - 1, Math.floor((at * from) / to))
  return [start, Math.max(start + 1, Math.floor(((at + 1) * from) / to))]
}
