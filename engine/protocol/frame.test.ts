import { describe, expect, it } from 'vitest'
import {
  frameBytes,
  mergeRects,
  messageBytes,
  pixelsOf,
  readFrame,
  writeFrame,
  type FrameRect,
} from './frame.ts'

const picture = (width: number, height: number) =>
  Uint8Array.from({ length: width * height * 4 }, (_, at) => at & 0xff)
const header = (rects: FrameRect[]) => ({ sequence: 7, width: 8, height: 4, aspectRatio: 4 / 3, rects })

describe('frame messages', () => {
  it('carry the pixels of their rectangles', () => {
    const rects = [
      { x: 2, y: 1, width: 3, height: 2 },
      { x: 7, y: 3, width: 1, height: 1 },
    ]
    const out = new ArrayBuffer(frameBytes(rects) + 100)
    writeFrame(out, header(rects), picture(8, 4))
    const frame = readFrame(out)!
    expect(frame).toMatchObject({ sequence: 7, width: 8, height: 4 })
    expect(frame.aspectRatio).toBeCloseTo(4 / 3)
    expect(frame.rects).toMatchObject(rects)
    const pixel = (x: number, y: number) => ((y * 8 + x) * 4) & 0xff
    const redsOf = (rect: (typeof frame.rects)[number]) =>
      [...pixelsOf(rect, new Uint32Array(0))!].map((rgba) => rgba & 0xff)
    expect(redsOf(frame.rects[0]!)).toEqual(
      [2, 3, 4].flatMap((x) => pixel(x, 1)).concat([2, 3, 4].map((x) => pixel(x, 2))),
    )
    expect(redsOf(frame.rects[1]!)).toEqual([pixel(7, 3)])
  })

  it('are short where the picture is of one colour', () => {
    const rects = [{ x: 0, y: 0, width: 8, height: 4 }]
    const out = new ArrayBuffer(frameBytes(rects))
    writeFrame(out, header(rects), new Uint8Array(8 * 4 * 4).fill(0x55))
    expect(messageBytes(out)).toBeLessThan(64)
    const [rect] = readFrame(out)!.rects
    expect([...pixelsOf(rect!, new Uint32Array(32))!]).toEqual(Array(32).fill(0x55555555))
  })

  it('are refused when damaged', () => {
    const rects = [{ x: 0, y: 0, width: 8, height: 4 }]
    const good = new ArrayBuffer(frameBytes(rects))
    writeFrame(good, header(rects), picture(8, 4))
    const damage = (at: number, value: number) => {
      const bytes = new Uint8Array(good.slice(0))
      bytes[at] = value
      return bytes.buffer
    }
    expect(readFrame(new ArrayBuffer(3))).toBeNull()
    expect(readFrame(good.slice(0, -1))).toBeNull()
    expect(readFrame(damage(0, 0))).toBeNull()
    expect(readFrame(damage(12, 65))).toBeNull()
    expect(readFrame(damage(24, 1))).toBeNull() // a rectangle that leaves the picture
    expect(readFrame(damage(8, 0))).toBeNull() // no width
    expect(readFrame(damage(32, 129))).toBeNull() // pixels that are no words
    expect(readFrame(damage(33, 1))).toBeNull() // more of them than there are
  })
})

describe('mergeRects', () => {
  const square = (x: number, y: number) => ({ x, y, width: 10, height: 10 })

  it('joins what touches, also through a third', () => {
    expect(mergeRects([square(0, 0), square(20, 0)], [square(10, 0)])).toEqual([
      { x: 0, y: 0, width: 30, height: 10 },
    ])
  })

  it('keeps apart what lies apart, up to a bound', () => {
    expect(mergeRects([square(0, 0)], [square(50, 50)])).toHaveLength(2)
    const many = Array.from({ length: 17 }, (_, n) => square(n * 20, 0))
    expect(mergeRects([], many)).toEqual([{ x: 0, y: 0, width: 330, height: 10 }])
  })
})
