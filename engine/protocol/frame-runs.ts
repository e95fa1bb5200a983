import type { FrameRect } from './frame.ts'

/*
 * Pixels in runs, as 32-bit words: a head, whose lowest bit tells a run of one pixel from single ones and whose others
 * count them, then that pixel, or all the single ones. Desktops and consoles are mostly areas of one colour, and what a
 * frame is shorter need not be copied from process to process.
 */

/** Equal pixels that are a run; fewer are written one by one. */
const SHORTEST_RUN = 4
/** After so many pixels it is seen whether runs pay. */
const TRIAL_PIXELS = 8192

/** Words that so many pixels may take in runs: not much less is not worth the reading. */
const worthwhile = (pixels: number): number => (pixels * 3) >> 2

/**
 * Writes a rectangle of a picture in runs, which go on from row to row.
 * @param out has room for the rectangle's pixels
 * @param pixels of the picture, `pitch` in a row
 * @returns words that were written; 0 when runs do not pay, and what is in `out` then means nothing
 */
export function writeRuns(out: Uint32Array, rect: FrameRect, pixels: Uint32Array, pitch: number): number {
  const { width, height } = rect
  const most = worthwhile(width * height)
  let at = 0
  /** Heads of the single pixels, or of the run, that the last ones went to; -1 for the other of the two. */
  let singles = -1
  let run = -1
  for (let y = 0; y < height; y++) {
    // At the worst, a row takes its pixels and a head.
    if (at + width + 1 > most) return 0
    if (y * width >= TRIAL_PIXELS && at > worthwhile(y * width)) return 0
    const row = (rect.y + y) * pitch + rect.x
    const end = row + width
    for (let x = row; x < end;) {
      const pixel = pixels[x]!
      let next = x + 1
      while (next < end && pixels[next] === pixel) next++
      const count = next - x
      x = next
      if (count < SHORTEST_RUN) {
        if (singles < 0) singles = at++
        run = -1
        for (let n = 0; n < count; n++) out[at++] = pixel
        continue
      }
      if (singles >= 0) out[singles] = (at - singles - 1) << 1
      singles = -1
      if (run >= 0 && out[run + 1] === pixel) out[run]! += count << 1
      else {
        run = at
        out[at++] = (count << 1) | 1
        out[at++] = pixel
      }
    }
  }
  if (singles >= 0) out[singles] = (at - singles - 1) << 1
  return at
}

/** Reads what `writeRuns` wrote. @returns false when it is damaged or not exactly as many pixels */
export function readRuns(packed: Uint32Array, pixels: Uint32Array): boolean {
  let to = 0
  for (let from = 0; from < packed.length;) {
    const head = packed[from++]!
    const count = head >>> 1
    const isRun = (head & 1) !== 0
    if (count === 0 || count > pixels.length - to || (isRun ? 1 : count) > packed.length - from) return false
    if (isRun) pixels.fill(packed[from++]!, to, to + count)
    else {
      pixels.set(packed.subarray(from, from + count), to)
      from += count
    }
    to += count
  }
  return to === pixels.length
}
