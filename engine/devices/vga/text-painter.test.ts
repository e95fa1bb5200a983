import { describe, expect, it } from 'vitest'
import { CODE_PAGE_437 } from './code-page-437.ts'
import { greyAt, greys, TestAdapter } from './test-adapter.ts'

const BLOCK = Array.from({ length: 16 }, () => 0xff)
const COLUMN = Array.from({ length: 16 }, () => 0x81)

const powerOn = (): TestAdapter => {
  const adapter = new TestAdapter()
  adapter.setMode(0x03)
  adapter.loadCharacter(0x41, COLUMN)
  adapter.loadCharacter(0xc4, BLOCK)
  adapter.loadCharacter(0xdb, BLOCK)
  adapter.loadCharacter(0xe0, BLOCK)
  // The cursor out of the way: its address is 0.
  adapter.crtc(0x0a, 0x20)
  adapter.clock.nowNs = 0
  adapter.vga.update()
  return adapter
}

describe('characters', () => {
  it('are nine dots wide: the ninth is background but for line drawing characters', () => {
    const adapter = powerOn()
    adapter.poke(0xb8000, 0x1f41, 2)
    adapter.poke(0xb8002, 0x1fc4, 2)
    adapter.poke(0xb8004, 0x1fe0, 2)
    const frame = adapter.vga.update()
    expect(greys(frame, 0, 3, 9)).toEqual([0x3f, 1, 1, 1, 1, 1, 1, 0x3f, 1])
    expect(greys(frame, 9, 3, 9)).toEqual(Array.from({ length: 9 }, () => 0x3f))
    expect(greys(frame, 18, 3, 9)).toEqual([...Array.from({ length: 8 }, () => 0x3f), 1])
    adapter.attribute(0x10, 0x08)
    expect(greyAt(adapter.vga.update(), 17, 3)).toBe(1)
  })

  it('are eight dots wide if the clocking mode says so', () => {
    const adapter = powerOn()
    adapter.sequencer(1, 1)
    adapter.poke(0xb8002, 0x0741, 2)
    const frame = adapter.vga.update()
    expect(frame.width).toBe(640)
    expect(greys(frame, 8, 0, 8)).toEqual([7, 0, 0, 0, 0, 0, 0, 7])
  })

  it('are redrawn alone when they change', () => {
    const adapter = powerOn()
    adapter.poke(0xb8000 + 160 * 3 + 20, 0x0741, 2)
    adapter.poke(0xb8000 + 160 * 20, 0x0741, 2)
    expect(adapter.vga.update().dirty).toEqual([
      { x: 90, y: 48, width: 9, height: 16 },
      { x: 0, y: 320, width: 9, height: 16 },
    ])
    adapter.poke(0xb8000 + 160 * 20, 0x0741, 2)
    expect(adapter.vga.update().dirty).toEqual([])
  })

  it('change with the font', () => {
    const adapter = powerOn()
    adapter.poke(0xb8000, 0x0741, 2)
    expect(greyAt(adapter.vga.update(), 1, 0)).toBe(0)
    adapter.loadCharacter(0x41, BLOCK)
    expect(greyAt(adapter.vga.update(), 1, 0)).toBe(7)
  })

  it('come from font A where attribute bit 3 is set and from font B elsewhere', () => {
    const adapter = powerOn()
    adapter.loadCharacter(0x41, BLOCK, 0x2000) // font 4
    adapter.sequencer(3, 0x20)
    adapter.poke(0xb8000, 0x0741, 2)
    adapter.poke(0xb8002, 0x0f41, 2)
    const frame = adapter.vga.update()
    expect(greys(frame, 0, 0, 3)).toEqual([7, 0, 0])
    expect(greys(frame, 9, 0, 3)).toEqual([0x3f, 0x3f, 0x3f])
  })

  it('are underlined in monochrome modes for attributes 1 and 9', () => {
    const adapter = new TestAdapter()
    adapter.setMode(0x07)
    adapter.crtc(0x0a, 0x20)
    adapter.poke(0xb0000, 0x0120, 2)
    adapter.poke(0xb0002, 0x0720, 2)
    const frame = adapter.vga.update()
    expect(greyAt(frame, 0, 12)).toBe(0)
    expect(greys(frame, 0, 13, 10)).toEqual([...Array.from({ length: 9 }, () => 8), 0])
  })
})

describe('attribute bit 7', () => {
  it('blinks 16 frames on, 16 frames off', () => {
    const adapter = powerOn()
    adapter.poke(0xb8000, 0x9741, 2)
    expect(greys(adapter.vga.update(), 0, 0, 2)).toEqual([7, 1])
    adapter.clock.advance(17 * 14_268_000)
    expect(greys(adapter.vga.update(), 0, 0, 2)).toEqual([1, 1])
    adapter.clock.advance(16 * 14_268_000)
    expect(greys(adapter.vga.update(), 0, 0, 2)).toEqual([7, 1])
  })

  it('is a bright background when blinking is off', () => {
    const adapter = powerOn()
    adapter.attribute(0x10, 0x04)
    adapter.poke(0xb8000, 0x9741, 2)
    adapter.clock.advance(17 * 14_268_000)
    expect(greys(adapter.vga.update(), 0, 0, 2)).toEqual([7, 0x39])
  })
})

describe('the cursor', () => {
  it('covers its scan lines in the colour of its character, 8 frames on, 8 frames off', () => {
    const adapter = powerOn()
    adapter.poke(0xb8000 + 2 * 81, 0x0720, 2)
    adapter.crtc(0x0f, 81)
    adapter.crtc(0x0a, 0x0d)
    adapter.crtc(0x0b, 0x0e)
    const frame = adapter.vga.update()
    expect([28, 29, 30, 31].map((y) => greyAt(frame, 9, y))).toEqual([0, 7, 7, 0])
    expect(adapter.vga.text()?.cursor).toEqual({ column: 1, row: 1 })
    adapter.clock.advance(9 * 14_268_000)
    expect(greyAt(adapter.vga.update(), 9, 29)).toBe(0)
    expect(adapter.vga.text()?.cursor).toEqual({ column: 1, row: 1 })
  })

  it('moves and changes its shape at once', () => {
    const adapter = powerOn()
    for (let cell = 0; cell < 4; cell++) adapter.poke(0xb8000 + 2 * cell, 0x0720, 2)
    adapter.crtc(0x0a, 0x0d)
    adapter.crtc(0x0b, 0x0e)
    expect(greyAt(adapter.vga.update(), 0, 13)).toBe(7)
    adapter.crtc(0x0a, 0x00)
    expect(greyAt(adapter.vga.update(), 0, 0)).toBe(7)
    adapter.crtc(0x0f, 2)
    const frame = adapter.vga.update()
    expect([greyAt(frame, 0, 0), greyAt(frame, 18, 0)]).toEqual([0, 7])
  })

  it('is hidden by bit 5 of its start, by a start below its end and by lying elsewhere', () => {
    const adapter = powerOn()
    expect(adapter.vga.text()?.cursor).toBeNull()
    adapter.crtc(0x0a, 0x0e)
    adapter.crtc(0x0b, 0x0d)
    expect(adapter.vga.text()?.cursor).toBeNull()
    adapter.crtc(0x0b, 0x0f)
    expect(adapter.vga.text()?.cursor).toEqual({ column: 0, row: 0 })
    adapter.crtc(0x0e, 0x10)
    expect(adapter.vga.text()?.cursor).toBeNull()
  })
})

describe('scrolling', () => {
  it('pans by dots, nine dots counting from 8', () => {
    const adapter = powerOn()
    adapter.poke(0xb8000, 0x0741, 2)
    adapter.poke(0xb8000 + 160, 0x0741, 2)
    adapter.attribute(0x13, 8)
    expect(greys(adapter.vga.update(), 0, 0, 8)).toEqual([7, 0, 0, 0, 0, 0, 0, 7])
    adapter.attribute(0x13, 0)
    const frame = adapter.vga.update()
    expect(greys(frame, 0, 0, 7)).toEqual([0, 0, 0, 0, 0, 0, 7])
    expect(greyAt(frame, 719, 0)).toBe(7) // column 80 is column 0 of the next row
  })

  it('moves by scan lines with the preset row scan', () => {
    const adapter = powerOn()
    adapter.loadCharacter(0x42, [0, 0, 0, 0xff])
    adapter.poke(0xb8000, 0x0742, 2)
    adapter.crtc(0x08, 3)
    adapter.poke(0xb8000 + 160, 0x0742, 2)
    const frame = adapter.vga.update()
    expect([0, 1, 16].map((y) => greyAt(frame, 0, y))).toEqual([7, 0, 7])
  })

  it('follows the offset register from row to row', () => {
    const adapter = powerOn()
    adapter.crtc(0x13, 0x30) // rows of 96 characters
    adapter.print(0xb8000 + 2 * 96, 'second')
    expect(adapter.vga.text()?.lines[1]).toMatch(/^second/)
  })

  it('moves by rows with the start address, drawing only what differs', () => {
    const adapter = powerOn()
    adapter.poke(0xb8000 + 160, 0x0741, 2)
    adapter.vga.update()
    adapter.crtc(0x0d, 80)
    adapter.nextFrame()
    const frame = adapter.vga.update()
    expect(greyAt(frame, 0, 0)).toBe(7)
    expect(frame.dirty).toEqual([{ x: 0, y: 0, width: 9, height: 32 }])
  })
})

describe('text as Unicode', () => {
  it('has a character for each code', () => {
    expect([...CODE_PAGE_437]).toHaveLength(256)
    expect(CODE_PAGE_437.length).toBe(256)
    expect([0x01, 0x41, 0x84, 0xb3, 0xdb, 0xe1].map((code) => CODE_PAGE_437[code])).toEqual([
      '☺',
      'A',
      'ä',
      '│',
      '█',
      'ß',
    ])
  })

  it('keeps trailing blanks, and is not there in graphics', () => {
    const adapter = powerOn()
    adapter.print(0xb8000 + 160, 'C:\\>')
    const text = adapter.vga.text()!
    expect(text).toMatchObject({ columns: 80, rows: 25 })
    expect(text.lines[1]).toBe('C:\\>'.padEnd(80))
    adapter.setMode(0x13)
    expect(adapter.vga.text()).toBeNull()
  })
})
