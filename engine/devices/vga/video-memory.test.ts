import { describe, expect, it } from 'vitest'
import { VRAM_BASE } from '../../memory/layout.ts'
import { TestAdapter } from './test-adapter.ts'

const powerOn = (mode: Parameters<TestAdapter['setMode']>[0]): TestAdapter => {
  const adapter = new TestAdapter()
  adapter.setMode(mode)
  return adapter
}

const isDirect = (adapter: TestAdapter, address: number): boolean =>
  adapter.map.readOffset(address >>> 12) >= 0

describe('text window', () => {
  it('is memory that needs no device, at B8000h or for monochrome at B0000h', () => {
    expect(isDirect(powerOn(0x03), 0xb8000)).toBe(true)
    expect(isDirect(powerOn(0x03), 0xb0000)).toBe(false)
    expect(isDirect(powerOn(0x07), 0xb0000)).toBe(true)
    expect(isDirect(powerOn(0x12), 0xb8000)).toBe(false)
  })

  it('is in planes 0 and 1 as soon as a program looks there, and back', () => {
    const adapter = powerOn(0x03)
    adapter.poke(0xb8002, 0x1741, 2)
    adapter.graphics(5, 0)
    adapter.graphics(6, 4)
    adapter.sequencer(4, 6)
    expect(adapter.peek(0xa0002)).toBe(0x41)
    adapter.graphics(4, 1)
    expect(adapter.peek(0xa0002)).toBe(0x17)
    adapter.sequencer(2, 1)
    adapter.poke(0xa0002, 0x42)
    adapter.graphics(4, 0)
    adapter.sequencer(2, 3)
    adapter.sequencer(4, 2)
    adapter.graphics(5, 0x10)
    adapter.graphics(6, 0x0e)
    expect(adapter.peek(0xb8002, 2)).toBe(0x1742)
  })

  it('leaves the fonts in plane 2 alone', () => {
    const adapter = powerOn(0x03)
    adapter.loadCharacter(0x41, [0x12, 0x34])
    for (let at = 0; at < 0x8000; at += 2) adapter.poke(0xb8000 + at, 0x0741, 2)
    adapter.vga.update()
    adapter.graphics(4, 2)
    adapter.graphics(5, 0)
    adapter.graphics(6, 4)
    expect([adapter.peek(0xa0000 + 0x41 * 32), adapter.peek(0xa0001 + 0x41 * 32)]).toEqual([0x12, 0x34])
  })

  it('keeps text outside of the visible page', () => {
    const adapter = powerOn(0x03)
    adapter.print(0xbfff0, 'end')
    adapter.vga.update()
    expect(adapter.peek(0xbfff2)).toBe(0x6e)
    adapter.crtc(0x0c, 0x3f)
    adapter.crtc(0x0d, 0xf8)
    expect(adapter.vga.text()?.lines[0]).toMatch(/^end/)
  })

  it('goes through the graphics controller while that changes data', () => {
    const adapter = powerOn(0x03)
    adapter.graphics(8, 0x0f)
    expect(isDirect(adapter, 0xb8000)).toBe(false)
    adapter.poke(0xb8000, 0x33)
    adapter.graphics(8, 0xff)
    expect(isDirect(adapter, 0xb8000)).toBe(true)
    expect(adapter.peek(0xb8000)).toBe(0x03)
  })
})

describe('mode 13h', () => {
  it('is memory that needs no device until the graphics controller is to change data', () => {
    const adapter = powerOn(0x13)
    expect(isDirect(adapter, 0xa0000)).toBe(true)
    adapter.poke(0xa1234, 0x55)
    expect(adapter.memory.vram[0x1234]).toBe(0x55)
    adapter.graphics(3, 0x18)
    expect(isDirect(adapter, 0xa0000)).toBe(false)
    expect(adapter.peek(0xa1234)).toBe(0x55)
    adapter.poke(0xa1234, 0x0f)
    expect(adapter.peek(0xa1234)).toBe(0x5a)
  })

  it('shows the same bytes as planes once unchained', () => {
    const adapter = powerOn(0x13)
    adapter.poke(0xa0004, 0x44332211, 4)
    adapter.sequencer(4, 6)
    adapter.graphics(4, 2)
    expect(adapter.peek(0xa0001)).toBe(0x33)
  })
})

describe('linear frame buffer', () => {
  it('appears where its base address register says, and nowhere without one', () => {
    const adapter = powerOn(0x13)
    adapter.vga.frameBuffer.place(0xe0000000)
    adapter.poke(0xe0000100, 0x12345678, 4)
    expect(adapter.memory.view.getUint32(VRAM_BASE + 0x100, true)).toBe(0x12345678)
    adapter.vga.frameBuffer.place(0xd0000000)
    expect(adapter.peek(0xe0000100, 4)).toBe(0xffffffff)
    expect(adapter.peek(0xd0000100, 4)).toBe(0x12345678)
    adapter.vga.frameBuffer.place(null)
    expect(adapter.peek(0xd0000100, 4)).toBe(0xffffffff)
  })

  it('fills its 16 MiB window and ends before the text window behind it', () => {
    const adapter = powerOn(0x03)
    adapter.vga.frameBuffer.place(0xe0000000)
    adapter.poke(0xe0ffffff, 0x77)
    expect(adapter.peek(0xe0ffffff)).toBe(0x77)
    adapter.poke(0xe1000000, 0x77)
    expect(adapter.peek(0xe1000000)).toBe(0xff)
    expect(adapter.peek(0xb8000)).toBe(0)
  })
})

describe('a reset', () => {
  it('clears planes and text and closes all windows', () => {
    const adapter = powerOn(0x03)
    adapter.print(0xb8000, 'secret')
    adapter.vga.reset()
    expect(isDirect(adapter, 0xb8000)).toBe(false)
    adapter.setMode(0x03)
    expect(adapter.peek(0xb8000, 4)).toBe(0)
  })
})
