import { describe, expect, it } from 'vitest'
import { rgba, TestAdapter } from './test-adapter.ts'

const powerOn = (): TestAdapter => {
  const adapter = new TestAdapter()
  adapter.setMode(0x03)
  adapter.vga.frameBuffer.place(0xe0000000)
  return adapter
}
const LFB = 0xe0000000

describe('registers', () => {
  it('read back, with the id B0C5h and older ids on request', () => {
    const adapter = powerOn()
    expect(adapter.readDispi(0)).toBe(0xb0c5)
    adapter.dispi(0, 0xb0c2)
    expect(adapter.readDispi(0)).toBe(0xb0c2)
    adapter.dispi(0, 0x1234)
    expect(adapter.readDispi(0)).toBe(0xb0c2)
    expect(adapter.in(0x1ce, 2)).toBe(0)
    adapter.dispi(1, 1024)
    expect(adapter.readDispi(1)).toBe(1024)
  })

  it('never give zero for XRES, which Windows 98 divides by', () => {
    const adapter = powerOn()
    expect(adapter.readDispi(1)).toBeGreaterThan(0)
    adapter.dispi(1, 0)
    adapter.dispi(2, 0)
    expect(adapter.readDispi(1)).toBeGreaterThan(0)
    expect(adapter.readDispi(2)).toBeGreaterThan(0)
  })

  it('tell the limits while GETCAPS is set', () => {
    const adapter = powerOn()
    adapter.dispi(4, 2)
    expect([1, 2, 3].map((index) => adapter.readDispi(index))).toEqual([2560, 1600, 32])
    adapter.dispi(4, 0)
    expect(adapter.readDispi(1)).toBe(640)
  })

  it('tell how much memory there is', () => {
    expect(powerOn().readDispi(10)).toBe(256)
  })

  it('derive the virtual height and keep offsets within memory', () => {
    const adapter = powerOn()
    adapter.setVbe(800, 600, 16)
    expect(adapter.readDispi(6)).toBe(800)
    adapter.dispi(6, 1024)
    expect(adapter.readDispi(7)).toBe(Math.floor((256 * 65536) / 2048))
    adapter.dispi(8, 1000)
    expect(adapter.readDispi(8)).toBe(224)
    adapter.dispi(9, 65535)
    expect(adapter.readDispi(9)).toBe(adapter.readDispi(7) - 600)
    adapter.dispi(6, 100)
    expect(adapter.readDispi(6)).toBe(800)
  })

  it('accept up to 1920×1200 with 32 bits and clamp what cannot be', () => {
    const adapter = powerOn()
    adapter.setVbe(1920, 1200, 32)
    expect(adapter.vga.update()).toMatchObject({ width: 1920, height: 1200, aspectRatio: 1.6 })
    adapter.setVbe(65535, 65535, 77)
    expect([1, 2, 3].map((index) => adapter.readDispi(index))).toEqual([2560, 1600, 8])
  })
})

describe('a mode', () => {
  it('clears its memory unless asked not to', () => {
    const adapter = powerOn()
    adapter.poke(LFB + 640 * 480 - 1, 0x55)
    adapter.setVbe(640, 480, 8, 0xc1)
    expect(adapter.peek(LFB + 640 * 480 - 1)).toBe(0x55)
    adapter.setVbe(640, 480, 8, 0x41)
    expect(adapter.peek(LFB + 640 * 480 - 1)).toBe(0)
  })

  it('shows 64 KiB banks at A0000h directly', () => {
    const adapter = powerOn()
    adapter.setVbe(640, 480, 8, 1)
    adapter.poke(0xa0005, 0x11)
    adapter.dispi(5, 3)
    adapter.poke(0xa0005, 0x22)
    expect(adapter.peek(LFB + 5)).toBe(0x11)
    expect(adapter.peek(LFB + 0x30005)).toBe(0x22)
    expect(adapter.map.readOffset(0xa0)).toBeGreaterThan(0)
    adapter.dispi(5, 256)
    expect(adapter.readDispi(5)).toBe(3)
    const { dirty } = adapter.vga.update()
    expect(dirty).toEqual([{ x: 0, y: 0, width: 640, height: 480 }])
    adapter.poke(0xa0005, 0x33)
    adapter.dispi(5, 0)
    // Seven lines lie in the page that was written; one of them looks different.
    expect(adapter.vga.update().dirty).toEqual([{ x: 133, y: 307, width: 1, height: 1 }])
  })

  it.each([
    [8, 0x21, 1, [0x86, 0x86, 0x86, 255]],
    [15, 0x7c1f, 2, [255, 0, 255, 255]],
    [16, 0x07e0, 2, [0, 255, 0, 255]],
    [24, 0x332211, 4, [0x33, 0x22, 0x11, 255]],
    [32, 0xaa332211, 4, [0x33, 0x22, 0x11, 255]],
  ] as const)('of %i bits has its pixels in the right colours', (depth, value, size, expected) => {
    const adapter = powerOn()
    adapter.setVbe(640, 480, depth)
    const at = (5 * 640 + 7) * Math.ceil(depth / 8)
    adapter.poke(LFB + at, value, size)
    const frame = adapter.vga.update()
    expect(rgba(frame, 7, 5)).toEqual(expected)
    expect(rgba(frame, 6, 5)).toEqual([0, 0, 0, 255])
  })

  it('of 4 bits is planar, in banks of 64 KiB of plane offsets', () => {
    const adapter = powerOn()
    adapter.setMode(0x12)
    adapter.setVbe(1024, 768, 4)
    adapter.sequencer(2, 0x05)
    adapter.poke(0xa0000 + 128 + 1, 0x80)
    adapter.dispi(5, 1)
    adapter.poke(0xa0000, 0x01)
    const frame = adapter.vga.update()
    expect(rgba(frame, 8, 1)[0]).toBe(0x14) // attribute 5
    expect(rgba(frame, 7, 512)[0]).toBe(0x14)
    expect(rgba(frame, 6, 512)[0]).toBe(0)
  })

  it('pans by virtual width and offsets', () => {
    const adapter = powerOn()
    adapter.setVbe(640, 480, 32)
    adapter.dispi(6, 800)
    adapter.poke(LFB + (100 * 800 + 50) * 4, 0xffffff, 4)
    adapter.dispi(8, 40)
    adapter.dispi(9, 90)
    const frame = adapter.vga.update()
    expect(rgba(frame, 10, 10)).toEqual([255, 255, 255, 255])
  })

  it('draws only lines whose pages were written, and tells what looks different in them', () => {
    const adapter = powerOn()
    adapter.setVbe(1024, 768, 32)
    adapter.vga.update()
    expect(adapter.vga.update().dirty).toEqual([])
    adapter.poke(LFB + 4096 * 10, 1)
    adapter.poke(LFB + 4096 * 11, 1)
    adapter.poke(LFB + 4096 * 700, 1)
    expect(adapter.vga.update().dirty).toEqual([
      { x: 0, y: 10, width: 1, height: 2 },
      { x: 0, y: 700, width: 1, height: 1 },
    ])
    expect(adapter.vga.update().dirty).toEqual([])
    adapter.poke(LFB + 4096 * 20 + 4 * 500, 0x123456, 4)
    adapter.poke(LFB + 4096 * 21 + 4 * 520, 0x123456, 4)
    const frame = adapter.vga.update()
    expect(frame.dirty).toEqual([{ x: 500, y: 20, width: 21, height: 2 }])
    expect(rgba(frame, 520, 21)).toEqual([0x12, 0x34, 0x56, 255])
    adapter.poke(LFB + 4096 * 20 + 4 * 500, 0x123456, 4) // nothing looks different
    expect(adapter.vga.update().dirty).toEqual([])
  })
})

describe('switching off', () => {
  it('keeps the picture until a legacy mode set arrives: windowed DOS boxes of Windows 9x', () => {
    const adapter = powerOn()
    adapter.setVbe(640, 480, 32)
    adapter.poke(LFB, 0xff0000, 4)
    adapter.dispi(4, 0)
    expect(adapter.readDispi(4)).toBe(0)
    adapter.out(0x3c8, 1)
    expect(rgba(adapter.vga.update(), 0, 0)).toEqual([255, 0, 0, 255])
    expect(adapter.vga.text()).toBeNull()
    adapter.setMode(0x03)
    expect(adapter.vga.update()).toMatchObject({ width: 720, height: 400 })
    expect(adapter.vga.text()).not.toBeNull()
  })

  it('lets the next mode be described while the old picture stays', () => {
    const adapter = powerOn()
    adapter.setVbe(640, 480, 32)
    adapter.dispi(4, 0)
    adapter.dispi(1, 800)
    adapter.dispi(2, 600)
    expect(adapter.vga.update()).toMatchObject({ width: 640, height: 480 })
    adapter.dispi(4, 0x41)
    expect(adapter.vga.update()).toMatchObject({ width: 800, height: 600 })
  })
})
