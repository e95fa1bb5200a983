import { describe, expect, it } from 'vitest'
import { readRuns, writeRuns } from './frame-runs.ts'

/** Writes a whole picture and reads it again; null where runs did not pay. */
function pass(pixels: Uint32Array, width: number): { words: number; read: Uint32Array } | null {
  const out = new Uint32Array(pixels.length)
  const words = writeRuns(out, { x: 0, y: 0, width, height: pixels.length / width }, pixels, width)
  if (words === 0) return null
  const read = new Uint32Array(pixels.length)
  expect(readRuns(out.subarray(0, words), read)).toBe(true)
  return { words, read }
}

/** A number of 32 bits that looks like any other. */
const noise = (n: number): number => Math.imul(n + 1, 0x9e3779b1) >>> 0

describe('pixels in runs', () => {
  it('make a head and a pixel of an area of one colour, over all its rows', () => {
    expect(pass(new Uint32Array(320 * 240).fill(0xff4080c0), 320)?.words).toBe(2)
  })

  it('come out as they went in, runs of all lengths between single pixels', () => {
    for (let turn = 0; turn < 50; turn++) {
      const pixels = new Uint32Array(64 * 16)
      for (let at = 0; at < pixels.length;) {
        const count = 1 + ((noise(turn * 1000 + at) >>> 8) % (turn + 3))
        pixels.fill(noise(at >> 4), at, at + count)
        at += count
      }
      const passed = pass(pixels, 64)
      if (passed) expect(passed.read).toEqual(pixels)
    }
  })

  it('take a rectangle out of a wider picture', () => {
    const picture = Uint32Array.from({ length: 100 * 50 }, (_, at) => (at % 100 < 60 ? 1 : 2))
    const out = new Uint32Array(20 * 10)
    const words = writeRuns(out, { x: 50, y: 7, width: 20, height: 10 }, picture, 100)
    const read = new Uint32Array(200)
    expect(readRuns(out.subarray(0, words), read)).toBe(true)
    expect([...read.subarray(0, 20)]).toEqual([...Array(10).fill(1), ...Array(10).fill(2)])
  })

  it('are given up where a photograph has none', () => {
    expect(
      pass(
        Uint32Array.from({ length: 200 * 100 }, (_, at) => noise(at)),
        200,
      ),
    ).toBeNull()
    expect(pass(new Uint32Array(1), 1)).toBeNull()
  })

  it.each([
    ['too few pixels', [(3 << 1) | 1, 7]],
    ['too many', [(5 << 1) | 1, 7]],
    ['a run without its pixel', [(4 << 1) | 1]],
    ['single pixels that are missing', [4 << 1, 1, 2]],
    ['nothing that it counts', [1, 7, (4 << 1) | 1, 7]],
    ['a count that overflows', [0xffffffff, 7]],
  ])('are refused with %s', (_, words) =>
    expect(readRuns(Uint32Array.from(words), new Uint32Array(4))).toBe(false),
  )
})
