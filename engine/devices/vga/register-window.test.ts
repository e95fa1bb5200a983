import { describe, expect, it } from 'vitest'
import { TestAdapter } from './test-adapter.ts'

const BASE = 0xe1000000

const powerOn = (): TestAdapter => {
  const adapter = new TestAdapter()
  adapter.setMode(0x03)
  adapter.vga.registerWindow.place(BASE)
  return adapter
}

describe('the registers in memory', () => {
  it('begin with the EDID of the monitor, whose first detailed timing is 1280 by 800 at 60 Hz', () => {
    const adapter = powerOn()
    const edid = Array.from({ length: 128 }, (_, offset) => adapter.peek(BASE + offset))
    expect(edid.slice(0, 8)).toEqual([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0])
    expect(edid.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0)
    expect([edid[18], edid[19], edid[126]]).toEqual([1, 3, 0]) // version 1.3, no extension
    const [
      clockLow = 0,
      clockHigh = 0,
      columns = 0,
      blank = 0,
      upper = 0,
      rows = 0,
      rowBlank = 0,
      rowUpper = 0,
    ] = edid.slice(54)
    const width = columns | ((upper & 0xf0) << 4)
    const height = rows | ((rowUpper & 0xf0) << 4)
    const dots = (width + (blank | ((upper & 0x0f) << 8))) * (height + (rowBlank | ((rowUpper & 0x0f) << 8)))
    expect([width, height]).toEqual([1280, 800])
    expect(((clockLow | (clockHigh << 8)) * 10_000) / dots).toBeCloseTo(60, 0)
    expect(adapter.peek(BASE + 128, 4)).toBe(0)
  })

  it('are those of ports 3C0h to 3DFh, bytes of a word in order', () => {
    const adapter = powerOn()
    adapter.poke(BASE + 0x404, 0x0f02, 2) // map mask, as an index and its data
    adapter.out(0x3c4, 2)
    expect([adapter.in(0x3c5), adapter.peek(BASE + 0x404, 2)]).toEqual([0x0f, 0x0f02])
    adapter.peek(BASE + 0x41a)
    adapter.poke(BASE + 0x400, 0x20)
    expect(adapter.in(0x3c0)).toBe(0x20)
  })

  it('are those of VBE without their index, two at a time as well', () => {
    const adapter = powerOn()
    expect(adapter.peek(BASE + 0x500, 2)).toBe(0xb0c5)
    adapter.poke(BASE + 0x502, 1024 | (768 << 16), 4)
    adapter.poke(BASE + 0x506, 32, 2)
    adapter.poke(BASE + 0x508, 0x41, 2)
    expect([1, 2, 3, 4].map((index) => adapter.readDispi(index))).toEqual([1024, 768, 32, 0x41])
    expect(adapter.peek(BASE + 0x502, 4)).toBe(1024 | (768 << 16))
    adapter.poke(BASE + 0x502, 1) // half a register
    expect(adapter.readDispi(1)).toBe(1024)
    expect(adapter.peek(BASE + 0x514, 2)).toBe(256)
  })

  it('tell that pixels are little-endian, which cannot be changed', () => {
    const adapter = powerOn()
    adapter.poke(BASE + 0x604, 0xbebebebe, 4)
    expect([adapter.peek(BASE + 0x600, 4), adapter.peek(BASE + 0x604, 4)]).toEqual([8, 0x1e1e1e1e])
  })

  it('answer nowhere while they have no place', () => {
    const adapter = powerOn()
    adapter.vga.registerWindow.place(null)
    expect(adapter.peek(BASE, 4)).toBe(0xffffffff)
  })

  it('survive accesses anywhere, of any width', () => {
    const adapter = powerOn()
    for (let offset = 0; offset < 0x1000; offset++)
      for (const size of [1, 2, 4] as const) {
        if (offset + size > 0x1000) continue
        adapter.poke(BASE + offset, 0xffffffff, size)
        expect(adapter.peek(BASE + offset, size)).toBeLessThan(2 ** (8 * size))
      }
  })
})
