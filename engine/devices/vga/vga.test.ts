import { describe, expect, it } from 'vitest'
import { TestAdapter } from './test-adapter.ts'

const powerOn = (mode: Parameters<TestAdapter['setMode']>[0] = 0x03): TestAdapter => {
  const adapter = new TestAdapter()
  adapter.setMode(mode)
  return adapter
}

describe('attribute controller', () => {
  it('takes index and data in turn at 3C0h, and the index first after a read of input status 1', () => {
    const adapter = powerOn()
    adapter.in(0x3da)
    adapter.out(0x3c0, 0x31)
    adapter.out(0x3c0, 0x2a)
    adapter.out(0x3c0, 0x31)
    expect(adapter.in(0x3c1)).toBe(0x2a)
    expect(adapter.in(0x3c0)).toBe(0x31)
    adapter.in(0x3da) // forgets that data was due
    adapter.out(0x3c0, 0x32)
    expect(adapter.in(0x3c0)).toBe(0x32)
  })

  it('ignores writes to registers above 14h, by which Linux looks for a Tseng chip', () => {
    const adapter = powerOn()
    for (let index = 0x15; index < 0x20; index++) {
      adapter.attribute(index, 0x5a)
      expect(adapter.in(0x3c1)).toBe(0)
    }
  })
})

describe('probes for other chips', () => {
  it('finds no register beyond those of a VGA', () => {
    const adapter = powerOn()
    adapter.out(0x3bf, 3) // the key of an ET4000
    adapter.out(0x3d8, 0xa0)
    for (const index of [0x19, 0x33, 0x34, 0x3f]) {
      adapter.crtc(index, 0xa5)
      expect(adapter.in(0x3d5)).toBe(0)
    }
    adapter.sequencer(6, 0x12) // the key of a Cirrus chip
    expect(adapter.in(0x3c5)).toBe(0)
    adapter.graphics(9, 0x55)
    expect(adapter.in(0x3cf)).toBe(0)
    adapter.out(0x3cd, 0x11) // segment select of an ET4000
    expect(adapter.in(0x3cd)).toBe(0xff)
  })

  it.each([
    [0, 0x10],
    [1, 0],
    [2, 0],
    [3, 0x10],
  ])('shows EGA switch %i, by clock select, in input status 0 bit 4', (select, expected) => {
    const adapter = powerOn()
    adapter.out(0x3c2, 0x63 | (select << 2))
    expect(adapter.in(0x3c2) & 0x10).toBe(expected)
  })
})

describe('CRT controller', () => {
  it('protects registers 0 to 7, but for bit 8 of the line compare', () => {
    const adapter = powerOn()
    adapter.crtc(0x11, 0x8e)
    adapter.crtc(0x00, 0x11)
    expect(adapter.in(0x3d5)).toBe(0x5f)
    adapter.crtc(0x07, 0xef)
    expect(adapter.in(0x3d5)).toBe(0x0f)
    adapter.crtc(0x07, 0x10)
    expect(adapter.in(0x3d5)).toBe(0x1f)
    adapter.crtc(0x18, 0x40)
    expect(adapter.in(0x3d5)).toBe(0x40)
  })

  it('answers at 3Dxh or 3Bxh as miscellaneous output says', () => {
    const adapter = powerOn()
    expect(adapter.in(0x3b5)).toBe(0xff)
    expect(adapter.in(0x3ba)).toBe(0xff)
    adapter.setMode(0x07)
    expect(adapter.in(0x3cc)).toBe(0x66)
    adapter.out(0x3b4, 0x14)
    expect(adapter.in(0x3b5)).toBe(0x0d)
    expect(adapter.in(0x3d5)).toBe(0xff)
    expect(adapter.in(0x3da)).toBe(0xff)
  })

  it('reads back feature control at 3CAh', () => {
    const adapter = powerOn()
    adapter.out(0x3da, 2)
    expect(adapter.in(0x3ca)).toBe(2)
  })
})

describe('DAC', () => {
  it('takes and gives three components with the index moving on, wrapping at 256', () => {
    const adapter = powerOn()
    adapter.out(0x3c8, 255)
    for (const value of [1, 2, 3, 4, 5, 6]) adapter.out(0x3c9, value)
    adapter.out(0x3c7, 255)
    expect(adapter.in(0x3c7)).toBe(3)
    expect([1, 2, 3, 4, 5, 6].map(() => adapter.in(0x3c9))).toEqual([1, 2, 3, 4, 5, 6])
    adapter.out(0x3c8, 0)
    expect(adapter.in(0x3c7)).toBe(0)
  })

  it('keeps six bits of each component, and eight once VBE asks for them', () => {
    const adapter = powerOn()
    adapter.out(0x3c8, 7)
    for (const value of [0xff, 0x40, 0x3f]) adapter.out(0x3c9, value)
    adapter.out(0x3c7, 7)
    expect([adapter.in(0x3c9), adapter.in(0x3c9), adapter.in(0x3c9)]).toEqual([0x3f, 0, 0x3f])
    adapter.setVbe(640, 480, 8, 0x61)
    adapter.out(0x3c8, 7)
    for (const value of [0xff, 0x40, 0x3f]) adapter.out(0x3c9, value)
    adapter.out(0x3c7, 7)
    expect([adapter.in(0x3c9), adapter.in(0x3c9), adapter.in(0x3c9)]).toEqual([0xff, 0x40, 0x3f])
  })

  it('takes a colour along that is half written when the width of components changes', () => {
    const adapter = powerOn()
    adapter.setVbe(640, 480, 8, 0x61)
    adapter.out(0x3c8, 7)
    adapter.out(0x3c9, 0xff)
    adapter.dispi(4, 0)
    for (const value of [1, 2]) adapter.out(0x3c9, value)
    adapter.out(0x3c7, 7)
    expect([adapter.in(0x3c9), adapter.in(0x3c9), adapter.in(0x3c9)]).toEqual([0x3f, 1, 2])
  })

  it('changes a colour only with its third component', () => {
    const adapter = powerOn()
    adapter.out(0x3c8, 9)
    adapter.out(0x3c9, 1)
    adapter.out(0x3c9, 2)
    adapter.out(0x3c7, 9)
    expect([adapter.in(0x3c9), adapter.in(0x3c9), adapter.in(0x3c9)]).toEqual([9, 9, 9])
  })
})

describe('saved state', () => {
  it('restores registers, latches, palette and VBE mode, also into another adapter', () => {
    const one = powerOn(0x12)
    one.poke(0xa0010, 0x5a)
    one.peek(0xa0010)
    one.in(0x3da)
    one.out(0x3c0, 0x31) // data due next
    one.setVbe(800, 600, 16)
    one.dispi(6, 1024)
    one.dispi(9, 3)
    const saved = one.vga.save()
    const two = powerOn(0x03)
    two.vga.restore(structuredClone(saved))
    expect(two.vga.save()).toEqual(saved)
    expect(two.vga.update().width).toBe(800)
    one.vga.reset()
    expect(one.vga.save()).not.toEqual(saved)
    one.vga.restore(saved)
    expect(one.vga.save()).toEqual(saved)
  })

  it('shows the restored text once memory is restored too', () => {
    const one = powerOn()
    one.print(0xb8000, 'Hello')
    const saved = one.vga.save()
    const memory = one.memory.vram.slice()
    const two = powerOn(0x13)
    two.vga.update()
    two.vga.restore(saved)
    two.memory.vram.set(memory)
    expect(two.vga.text()?.lines[0]).toMatch(/^Hello/)
    expect(two.peek(0xb8000)).toBe(0x48)
  })

  it('restores the same picture as long as a start address waits for its retrace', () => {
    const adapter = powerOn(0x13)
    adapter.poke(0xa0000, 0x21)
    adapter.poke(0xa0004, 0x07)
    adapter.crtc(0x0d, 1)
    const saved = adapter.vga.save()
    adapter.vga.restore(saved)
    expect(adapter.vga.update().pixels[0]! >> 2).toBe(0x21)
    adapter.nextFrame()
    expect(adapter.vga.update().pixels[0]! >> 2).toBe(0x07)
  })

  it.each([
    ['no state', null],
    ['another version', { version: 2 }],
    ['nothing in it', { version: 1 }],
  ])('refuses %s and changes nothing', (_, state) => {
    const adapter = powerOn()
    const before = adapter.vga.save()
    expect(() => adapter.vga.restore(state)).toThrow('state-invalid')
    expect(adapter.vga.save()).toEqual(before)
  })

  it('refuses registers out of range, and fits sizes that do not belong together', () => {
    const adapter = powerOn()
    const saved = adapter.vga.save()
    expect(() => adapter.vga.restore({ ...saved, latch: 2 ** 32 })).toThrow('latch')
    const dispi = { ...saved.dispi, width: 0, height: 65535, depth: 7, bank: 65535, isShown: true }
    adapter.vga.restore({ ...saved, dispi })
    expect(adapter.vga.update()).toMatchObject({ width: 1, height: 1600 })
  })
})

describe('any guest', () => {
  it('can do nothing that throws, takes long or draws without end', () => {
    const adapter = powerOn()
    let seed = 12345
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return Math.floor((seed / 2 ** 32) * below)
    }
    const ports = [...Array.from({ length: 0x30 }, (_, at) => 0x3b0 + at), 0x1ce, 0x1cf]
    for (let step = 0; step < 60_000; step++) {
      const size = ([1, 2, 4] as const)[random(3)]!
      const kind = random(8)
      if (kind < 4) adapter.out(ports[random(ports.length)]!, random(2 ** (8 * size)), size)
      else if (kind === 4) adapter.in(ports[random(ports.length)]!, size)
      else if (kind === 5) adapter.poke(0xa0000 + random(0x1fffd), random(2 ** (8 * size)), size)
      else if (kind === 6) adapter.peek(0xa0000 + random(0x1fffd), size)
      else if (step % 40 === 0) {
        adapter.clock.advance(random(30_000_000))
        const frame = adapter.vga.update()
        expect(frame.pixels.length).toBe(frame.width * frame.height * 4)
        for (const { x, y, width, height } of frame.dirty)
          expect(x >= 0 && y >= 0 && x + width <= frame.width && y + height <= frame.height).toBe(true)
        adapter.vga.text()
      }
    }
  })
})
