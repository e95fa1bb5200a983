import { describe, expect, it } from 'vitest'
import { GuestMemory } from '../../memory/guest-memory.ts'
import { ShownMemory } from './shown-memory.ts'

function setUp() {
  const { wasm, vram } = new GuestMemory(1)
  return { vram, shown: new ShownMemory(wasm) }
}

describe('what of a line has changed since it was shown', () => {
  it.each([
    [0, 1],
    [5, 6],
    [0, 4096],
    [17, 40],
    [4080, 4096],
    [4095, 4096],
    [1000, 3001],
  ])('from byte %i to %i', (start, end) => {
    const { vram, shown } = setUp()
    const at = 12_345 // lines of 24 bits begin anywhere
    vram[at + start] = 1
    vram[at + end - 1] = 2
    vram[at - 1] = vram[at + 4096] = 3 // the neighbours are another matter
    expect(shown.takeChange(at, 4096)).toEqual({ start, end })
    expect(shown.takeChange(at, 4096)).toBeNull()
    vram[at + start] = 0
    expect(shown.takeChange(at, 4096)).toEqual({ start, end: start + 1 })
  })

  it.each([1, 3, 15, 16, 17, 31, 33])('in a line of %i bytes', (bytes) => {
    const { vram, shown } = setUp()
    expect(shown.takeChange(64, bytes)).toBeNull()
    vram.fill(9, 64, 64 + bytes)
    expect(shown.takeChange(64, bytes)).toEqual({ start: 0, end: bytes })
    vram[64 + bytes - 1] = 1
    expect(shown.takeChange(64, bytes)).toEqual({ start: bytes - 1, end: bytes })
  })

  it.each([1, 3, 4, 5, 321, 1024])('gives %i pixels of 32 bits in the order of a picture', (count) => {
    const { vram, shown } = setUp()
    const at = 8204
    const words = new Uint32Array(vram.buffer, vram.byteOffset + at, count)
    for (let x = 0; x < count; x++) words[x] = 0x7f102030 + x
    for (const start of [0, 1]) {
      const out = new Uint32Array(count + 3)
      shown.readPixels(at, out.subarray(start, start + count))
      const expected = Array.from({ length: count }, (_, x) => {
        const rgb = 0x102030 + x
        return (0xff000000 | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0
      })
      expect([...out]).toEqual([...Array(start).fill(0), ...expected, ...Array(3 - start).fill(0)])
    }
  })

  it('is nothing once all of the line has been taken', () => {
    const { vram, shown } = setUp()
    vram.fill(7, 100, 200)
    shown.take(100, 100)
    expect(shown.takeChange(100, 100)).toBeNull()
  })
})
