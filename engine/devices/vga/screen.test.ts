import { describe, expect, it } from 'vitest'
import { greyAt, greys, type ModeName, TestAdapter } from './test-adapter.ts'

const powerOn = (mode: ModeName): TestAdapter => {
  const adapter = new TestAdapter()
  adapter.setMode(mode)
  adapter.vga.update()
  return adapter
}

describe('sizes', () => {
  it.each([
    [0x03, 720, 400],
    [0x07, 720, 400],
    [0x04, 640, 400],
    [0x06, 640, 400],
    [0x0d, 640, 400],
    [0x10, 640, 350],
    [0x12, 640, 480],
    [0x13, 640, 400],
    ['320x240', 320, 240],
    ['360x480', 360, 480],
  ] as const)('of mode %s are %i×%i on a 4:3 monitor', (mode, width, height) => {
    expect(powerOn(mode).vga.update()).toMatchObject({ width, height, aspectRatio: 4 / 3 })
  })
})

describe('mode 4 (CGA, four colours)', () => {
  it('shows two bits a pixel, odd lines from the second 8 KiB, pixels and lines doubled', () => {
    const adapter = powerOn(0x04)
    adapter.poke(0xb8000, 0b00_01_10_11)
    adapter.poke(0xb8001, 0b11_00_00_00)
    adapter.poke(0xba000, 0b01_01_01_01)
    const frame = adapter.vga.update()
    const colors = [0, 0x13, 0x15, 0x17]
    const expected = [0, 1, 2, 3, 3, 0, 0, 0].flatMap((color) => [colors[color]!, colors[color]!])
    expect(greys(frame, 0, 0, 16)).toEqual(expected)
    expect(greys(frame, 0, 1, 16)).toEqual(expected)
    expect(greys(frame, 0, 2, 8)).toEqual(Array.from({ length: 8 }, () => 0x13))
    expect(greys(frame, 0, 4, 4)).toEqual([0, 0, 0, 0])
  })
})

describe('mode 6 (CGA, two colours)', () => {
  it('shows one bit a pixel', () => {
    const adapter = powerOn(0x06)
    adapter.poke(0xb8000 + 80, 0b1010_0001)
    const frame = adapter.vga.update()
    expect(greys(frame, 0, 4, 8)).toEqual([0x17, 0, 0x17, 0, 0, 0, 0, 0x17])
    expect(greyAt(frame, 0, 2)).toBe(0)
  })
})

describe('mode 12h', () => {
  it('shows four planes through the palette', () => {
    const adapter = powerOn(0x12)
    adapter.sequencer(2, 0b0101)
    adapter.poke(0xa0000 + 80, 0b1100_0000)
    adapter.sequencer(2, 0b1010)
    adapter.poke(0xa0000 + 80, 0b0110_0000)
    const frame = adapter.vga.update()
    // Colours 5, 15, 10 of the IBM palette: 05h, 3Fh, 3Ah.
    expect(greys(frame, 0, 1, 4)).toEqual([0x05, 0x3f, 0x3a, 0])
    expect(frame.dirty).toEqual([{ x: 0, y: 0, width: 640, height: 13 }])
  })

  it('leaves out planes that colour plane enable masks', () => {
    const adapter = powerOn(0x12)
    adapter.poke(0xa0000, 0xff)
    adapter.attribute(0x12, 0x05)
    expect(greyAt(adapter.vga.update(), 0, 0)).toBe(0x05)
  })

  it('selects palette pages by colour select and P54S', () => {
    const adapter = powerOn(0x12)
    adapter.poke(0xa0000, 0xff) // colour 15: 3fh
    adapter.out(0x3c8, 0x5f)
    for (const part of [0x2a, 0x2a, 0x2a]) adapter.out(0x3c9, part)
    adapter.attribute(0x14, 0x05)
    adapter.attribute(0x10, 0x81)
    expect(greyAt(adapter.vga.update(), 0, 0)).toBe(0x2a) // 0101b and the low four bits
    adapter.out(0x3c6, 0x0f)
    expect(greyAt(adapter.vga.update(), 0, 0)).toBe(0x0f)
  })

  it('scrolls smoothly by pixel panning', () => {
    const adapter = powerOn(0x12)
    adapter.poke(0xa0000, 0b0001_0000)
    adapter.poke(0xa0050, 0b1000_0000)
    adapter.attribute(0x13, 3)
    const frame = adapter.vga.update()
    expect(greys(frame, 0, 0, 3)).toEqual([0x3f, 0, 0])
    expect(greyAt(frame, 637, 0)).toBe(0x3f)
  })
})

describe('split screen', () => {
  it('starts again at address 0 after the line compare, there without panning if so asked', () => {
    const adapter = powerOn(0x12)
    adapter.poke(0xa0000, 0b0100_0000)
    adapter.poke(0xa1000, 0b0100_0000)
    adapter.crtc(0x0c, 0x10)
    adapter.crtc(0x07, 0x2e)
    adapter.crtc(0x09, 0x00)
    adapter.crtc(0x18, 99)
    adapter.attribute(0x13, 1)
    adapter.nextFrame()
    let frame = adapter.vga.update()
    expect(greys(frame, 0, 0, 2)).toEqual([0x3f, 0])
    expect(greys(frame, 0, 99, 2)).toEqual([0, 0])
    expect(greys(frame, 0, 100, 2)).toEqual([0x3f, 0])
    adapter.attribute(0x10, 0x21)
    frame = adapter.vga.update()
    expect(greys(frame, 0, 0, 2)).toEqual([0x3f, 0])
    expect(greys(frame, 0, 100, 2)).toEqual([0, 0x3f])
  })

  it('works in text, in the middle of a row', () => {
    const adapter = powerOn(0x03)
    adapter.print(0xb8000, 'status')
    adapter.print(0xb8000 + 0x1000, 'page')
    adapter.crtc(0x0c, 0x08)
    adapter.crtc(0x07, 0x0f)
    adapter.crtc(0x09, 0x0f)
    adapter.crtc(0x18, 0x77) // line 119: half of row 7
    const text = adapter.vga.text()!
    expect(text.lines[0]).toMatch(/^page/)
    expect(text.lines[8]).toMatch(/^status/)
    expect(text.rows).toBe(8 + 18)
  })
})

describe('mode 13h', () => {
  it('shows a byte a pixel, doubled both ways', () => {
    const adapter = powerOn(0x13)
    adapter.poke(0xa0000 + 320, 0x04030201, 4)
    const frame = adapter.vga.update()
    expect(greys(frame, 0, 2, 8)).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
    expect(greys(frame, 0, 3, 8)).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
    expect(greyAt(frame, 0, 4)).toBe(0)
  })

  it('redraws all for a changed colour and nothing for an unchanged one', () => {
    const adapter = powerOn(0x13)
    adapter.poke(0xa0000, 9)
    adapter.vga.update()
    adapter.out(0x3c8, 9)
    for (const part of [9, 9, 9]) adapter.out(0x3c9, part)
    expect(adapter.vga.update().dirty).toEqual([])
    adapter.out(0x3c8, 9)
    for (const part of [33, 33, 33]) adapter.out(0x3c9, part)
    const frame = adapter.vga.update()
    expect(frame.dirty).toEqual([{ x: 0, y: 0, width: 640, height: 400 }])
    expect(greyAt(frame, 0, 0)).toBe(33)
  })

  it('pans by pixels with every second panning value', () => {
    const adapter = powerOn(0x13)
    adapter.poke(0xa0000, 0x04030201, 4)
    adapter.attribute(0x13, 4)
    expect(greys(adapter.vga.update(), 0, 0, 4)).toEqual([3, 3, 4, 4])
  })

  it('wraps at the 64 KiB that chain-4 reaches', () => {
    const adapter = powerOn(0x13)
    adapter.poke(0xa0000, 7)
    adapter.crtc(0x0c, 0x3f)
    adapter.crtc(0x0d, 0xff)
    adapter.nextFrame()
    expect(greyAt(adapter.vga.update(), 8, 0)).toBe(7)
  })
})

describe('mode 13h made into 320×400 (the boot logo of Windows 95)', () => {
  it('shows the second half of video memory, written through the window at B8000h, with an animated palette', () => {
    const adapter = powerOn(0x13)
    adapter.sequencer(4, 6)
    adapter.crtc(0x14, 0)
    adapter.crtc(0x17, 0xe3)
    adapter.crtc(0x09, 0x40)
    adapter.crtc(0x0c, 0x80)
    adapter.graphics(6, 1) // 128 KiB from A0000h: B8000h reaches plane offset 8000h
    adapter.sequencer(2, 4)
    adapter.poke(0xb8000 + 399 * 80, 0x15)
    adapter.nextFrame()
    let frame = adapter.vga.update()
    expect(frame).toMatchObject({ width: 320, height: 400 })
    expect(greys(frame, 0, 399, 4)).toEqual([0, 0, 0x15, 0])
    adapter.out(0x3c8, 0x15)
    for (const part of [60, 60, 60]) adapter.out(0x3c9, part)
    frame = adapter.vga.update()
    expect(greyAt(frame, 2, 399)).toBe(60)
  })
})

describe('mode X', () => {
  it('flips pages at the vertical retrace, both halves of the address at once', () => {
    const adapter = powerOn('320x240')
    adapter.sequencer(2, 2)
    adapter.poke(0xa0000, 0x11)
    adapter.poke(0xa4b00, 0x22)
    expect(greyAt(adapter.vga.update(), 1, 0)).toBe(0x11)
    adapter.crtc(0x0c, 0x4b)
    expect(greyAt(adapter.vga.update(), 1, 0)).toBe(0x11)
    adapter.nextFrame()
    expect(greyAt(adapter.vga.update(), 1, 0)).toBe(0x22)
  })

  it('draws only rows whose memory was written', () => {
    const adapter = powerOn('320x240')
    adapter.poke(0xa0000 + 80 * 100, 5)
    const { dirty } = adapter.vga.update()
    // A page of 4 KiB is 1024 offsets of four planes: 12.8 rows.
    expect(dirty).toEqual([{ x: 0, y: 89, width: 320, height: 14 }])
    expect(adapter.vga.update().dirty).toEqual([])
  })
})

describe('mode Fh', () => {
  it('blinks pixels by inverting bit 3 in every second half second', () => {
    const adapter = powerOn(0x0f)
    adapter.clock.nowNs = 0
    adapter.sequencer(2, 4)
    adapter.poke(0xa0000, 0x80) // colour 4: blinking
    adapter.sequencer(2, 1)
    adapter.poke(0xa0000, 0x40) // colour 1: steady
    expect(greys(adapter.vga.update(), 0, 0, 3)).toEqual([0x18, 0x08, 0])
    adapter.clock.advance(16 * 14_300_000)
    expect(greys(adapter.vga.update(), 0, 0, 3)).toEqual([0, 0x08, 0])
  })
})

describe('a screen switched off', () => {
  it('goes dark only when it stays off, and comes back', () => {
    const adapter = powerOn(0x12)
    adapter.poke(0xa0000, 0xff)
    adapter.vga.update()
    adapter.sequencer(1, 0x21)
    expect(greyAt(adapter.vga.update(), 0, 0)).toBe(0x3f)
    adapter.clock.advance(50_000_000)
    expect(greyAt(adapter.vga.update(), 0, 0)).toBe(0)
    expect(adapter.vga.update().dirty).toEqual([])
    adapter.sequencer(1, 0x01)
    expect(greyAt(adapter.vga.update(), 0, 0)).toBe(0x3f)
  })

  it('shows the overscan colour while the palette is open to the processor', () => {
    const adapter = powerOn(0x12)
    adapter.attribute(0x11, 0x2a)
    adapter.in(0x3da)
    adapter.out(0x3c0, 0)
    adapter.vga.update()
    adapter.clock.advance(50_000_000)
    expect(greyAt(adapter.vga.update(), 100, 100)).toBe(0x2a)
  })

  it('is dark from power on', () => {
    const { vga } = new TestAdapter()
    const frame = vga.update()
    expect(frame).toMatchObject({ width: 640, height: 480 })
    expect(frame.dirty).toHaveLength(1)
  })
})
