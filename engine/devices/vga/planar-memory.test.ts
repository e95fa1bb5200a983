import { describe, expect, it } from 'vitest'
import { TestAdapter } from './test-adapter.ts'

const powerOn = (): TestAdapter => {
  const adapter = new TestAdapter()
  adapter.setMode(0x12)
  return adapter
}

/** The four planes' bytes at an offset, read one by one. */
const planesAt = (adapter: TestAdapter, offset: number): number[] =>
  [0, 1, 2, 3].map((plane) => {
    adapter.graphics(4, plane)
    return adapter.peek(0xa0000 + offset)
  })

/** Fills an offset's planes, and reads it so that the latches hold them. */
const latchPlanes = (adapter: TestAdapter, offset: number, bytes: readonly number[]): void => {
  for (const [plane, byte] of bytes.entries()) {
    adapter.sequencer(2, 1 << plane)
    adapter.poke(0xa0000 + offset, byte)
  }
  adapter.sequencer(2, 0x0f)
  adapter.peek(0xa0000 + offset)
}

describe('write mode 0', () => {
  it('writes the processor byte to the planes of the map mask', () => {
    const adapter = powerOn()
    adapter.sequencer(2, 0b0101)
    adapter.poke(0xa0000, 0x5a)
    expect(planesAt(adapter, 0)).toEqual([0x5a, 0, 0x5a, 0])
  })

  it('rotates to the right', () => {
    const adapter = powerOn()
    adapter.graphics(3, 3)
    adapter.poke(0xa0000, 0b1000_0101)
    expect(planesAt(adapter, 0)).toEqual(Array.from({ length: 4 }, () => 0b1011_0000))
  })

  it('takes set/reset instead of data in enabled planes', () => {
    const adapter = powerOn()
    adapter.graphics(0, 0b0011)
    adapter.graphics(1, 0b0110)
    adapter.poke(0xa0000, 0x0f)
    expect(planesAt(adapter, 0)).toEqual([0x0f, 0xff, 0x00, 0x0f])
  })

  it('takes latched bits where the bit mask is clear', () => {
    const adapter = powerOn()
    latchPlanes(adapter, 0, [0x11, 0x22, 0x44, 0x88])
    adapter.graphics(8, 0xf0)
    adapter.poke(0xa0001, 0xff)
    expect(planesAt(adapter, 1)).toEqual([0xf1, 0xf2, 0xf4, 0xf8])
  })

  it.each([
    ['AND', 1, [0x10, 0x20, 0x40, 0x80]],
    ['OR', 2, [0xf1, 0xf2, 0xf4, 0xf8]],
    ['XOR', 3, [0xe1, 0xd2, 0xb4, 0x78]],
  ])('combines with the latches by %s', (_, select, expected) => {
    const adapter = powerOn()
    latchPlanes(adapter, 0, [0x11, 0x22, 0x44, 0x88])
    adapter.graphics(3, select << 3)
    adapter.poke(0xa0000, 0xf0)
    expect(planesAt(adapter, 0)).toEqual(expected)
  })

  it('handles words and double words as bytes from the lowest address on', () => {
    const adapter = powerOn()
    adapter.poke(0xa0000, 0x44332211, 4)
    expect([0, 1, 2, 3].map((at) => adapter.peek(0xa0000 + at))).toEqual([0x11, 0x22, 0x33, 0x44])
    expect(adapter.peek(0xa0000, 4)).toBe(0x44332211)
    adapter.poke(0xa0001, 0xbeef, 2)
    expect(adapter.peek(0xa0000, 4)).toBe(0x44beef11)
    adapter.poke(0xa0000, 0xff000000, 4)
    expect(adapter.peek(0xa0000, 4)).toBe(0xff000000)
  })
})

describe('other write modes', () => {
  it('copies the latches in mode 1, whatever the bit mask', () => {
    const adapter = powerOn()
    latchPlanes(adapter, 0, [1, 2, 3, 4])
    adapter.graphics(8, 0)
    adapter.graphics(5, 1)
    adapter.poke(0xa0100, 0xff)
    expect(planesAt(adapter, 0x100)).toEqual([1, 2, 3, 4])
  })

  it('writes a colour under the bit mask in mode 2', () => {
    const adapter = powerOn()
    latchPlanes(adapter, 0, [0, 0xff, 0, 0xff])
    adapter.graphics(8, 0x18)
    adapter.graphics(5, 2)
    adapter.poke(0xa0000, 0b1001)
    expect(planesAt(adapter, 0)).toEqual([0x18, 0xe7, 0, 0xff])
  })

  it('writes set/reset under the rotated byte AND the bit mask in mode 3', () => {
    const adapter = powerOn()
    latchPlanes(adapter, 0, [0, 0xff, 0, 0xff])
    adapter.graphics(0, 0b1001)
    adapter.graphics(1, 0) // not looked at in mode 3
    adapter.graphics(3, 4)
    adapter.graphics(8, 0x3c)
    adapter.graphics(5, 3)
    adapter.poke(0xa0000, 0xf1) // rotated by four: 1fh
    expect(planesAt(adapter, 0)).toEqual([0x1c, 0xe3, 0, 0xff])
  })
})

describe('reading', () => {
  it('compares colours in read mode 1, with don’t-care planes', () => {
    const adapter = powerOn()
    latchPlanes(adapter, 0, [0b1100, 0b1010, 0, 0xff])
    adapter.graphics(5, 8)
    adapter.graphics(2, 0b1001)
    adapter.graphics(7, 0b1111)
    expect(adapter.peek(0xa0000)).toBe(0b0000_0100)
    adapter.graphics(7, 0b1101)
    expect(adapter.peek(0xa0000)).toBe(0b0000_1100)
    adapter.graphics(7, 0)
    expect(adapter.peek(0xa0000)).toBe(0xff)
  })
})

describe('addressing', () => {
  it.each([
    ['A0000h, 128 KiB', 0, 0xa0000, 0xbffff],
    ['A0000h, 64 KiB', 1, 0xa0000, 0xaffff],
    ['B0000h, 32 KiB', 2, 0xb0000, 0xb7fff],
    ['B8000h, 32 KiB', 3, 0xb8000, 0xbffff],
  ])('answers only at %s', (_, map, first, last) => {
    const adapter = powerOn()
    adapter.graphics(6, 1 | (map << 2))
    for (const address of [first, last]) {
      adapter.poke(address, 0x42)
      expect(adapter.peek(address)).toBe(0x42)
    }
    for (const address of [first - 1, last + 1])
      if (address >= 0xa0000 && address < 0xc0000) expect(adapter.peek(address)).toBe(0xff)
  })

  it('answers whatever the RAM enable bit says, as clones do', () => {
    const adapter = powerOn()
    adapter.out(0x3c2, 0xe1)
    adapter.poke(0xa0000, 0x42)
    expect(adapter.peek(0xa0000)).toBe(0x42)
  })

  it('goes odd/even only where sequencer and graphics controller agree, and then without GR6 bit 1', () => {
    const adapter = powerOn()
    adapter.sequencer(4, 0)
    adapter.sequencer(2, 4)
    adapter.graphics(5, 0)
    adapter.graphics(6, 0)
    adapter.graphics(4, 2)
    // A font goes into plane 2 byte by byte.
    for (const at of [0, 1, 2]) adapter.poke(0xa0000 + at, 0x10 + at)
    expect([0, 1, 2].map((at) => adapter.peek(0xa0000 + at))).toEqual([0x10, 0x11, 0x12])

    adapter.sequencer(2, 3)
    adapter.graphics(5, 0x10)
    adapter.graphics(6, 0x0c)
    adapter.graphics(4, 0)
    adapter.poke(0xb8002, 0x41)
    adapter.poke(0xb8003, 0x07)
    adapter.graphics(5, 0)
    adapter.sequencer(4, 4)
    // Character and attribute lie at one offset of planes 0 and 1.
    const planes = [0, 1].map((plane) => {
      adapter.graphics(4, plane)
      return adapter.peek(0xb8002)
    })
    expect(planes).toEqual([0x41, 0x07])
  })

  it('puts even addresses into planes 0 and 2 and odd ones into 1 and 3 with odd/even addressing', () => {
    const adapter = powerOn()
    adapter.sequencer(4, 2)
    adapter.graphics(5, 0x10)
    adapter.graphics(6, 7)
    adapter.poke(0xa0010, 0x11)
    adapter.poke(0xa0011, 0x22)
    expect([adapter.peek(0xa0010), adapter.peek(0xa0011)]).toEqual([0x11, 0x22])
    adapter.sequencer(4, 6)
    adapter.graphics(5, 0)
    adapter.graphics(6, 5)
    expect(planesAt(adapter, 0x10)).toEqual([0x11, 0x22, 0x11, 0x22])
    expect(planesAt(adapter, 0x11)).toEqual([0, 0, 0, 0])
  })

  it('reaches pixels in order with chain-4, under the map mask', () => {
    const adapter = powerOn()
    adapter.setMode(0x13)
    adapter.sequencer(2, 0b0110)
    adapter.poke(0xa0000, 0x44332211, 4)
    expect(adapter.peek(0xa0000, 4)).toBe(0x00332200)
    adapter.sequencer(2, 0x0f)
    adapter.graphics(8, 0x0f)
    adapter.peek(0xa0001)
    adapter.poke(0xa0001, 0xff)
    expect(adapter.peek(0xa0001)).toBe(0x2f)
  })
})
