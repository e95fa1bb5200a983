import { beforeEach, describe, expect, it } from 'vitest'
import type { Registers } from '../../port/registers.ts'
import { TestGuest } from '../../port/test-guest.ts'
import { scaledShape } from './cursor.ts'
import { initializeVideo, int10 } from './index.ts'
import { GRAPHICS_MODES, parameterTable } from './modes.ts'
import { defaultPalette } from './palettes.ts'

let guest: TestGuest
const call = (setup: Partial<Registers>): Registers => guest.call(int10, setup).r
/** Last value written to an indexed register. */
const indexed = (port: number, index: number): number | undefined => {
  let current = -1
  let value: number | undefined
  for (const [at, written] of guest.writes) {
    if (at === port) current = written
    else if (at === port + 1 && current === index) value = written
  }
  return value
}
const put = (text: string) => {
  for (const character of text) call({ ah: 0x0e, al: character.charCodeAt(0), bx: 7 })
}

beforeEach(() => {
  guest = new TestGuest()
  guest.ports.set(0x3cc, 0x67)
  guest.run(initializeVideo())
})

describe('text', () => {
  it('starts in mode 3 with 80 by 25 cells of 16 lines', () => {
    expect(call({ ah: 0x0f }).ax).toBe(0x5003)
    expect([guest.memory[0x484], guest.word(0x40, 0x85), guest.word(0x40, 0x63)]).toEqual([24, 16, 0x3d4])
    expect(guest.word(0xb800, 0)).toBe(0x0720)
  })

  it('prints, wraps, scrolls and moves the cursor', () => {
    put('hello\r\nworld')
    expect([guest.row(0), guest.row(1)]).toEqual(['hello', 'world'])
    const { dh, dl } = call({ ah: 3, bx: 0 })
    expect([dh, dl]).toEqual([1, 5])
    expect([indexed(0x3d4, 0x0e), indexed(0x3d4, 0x0f)]).toEqual([0, 85])

    put('\r\n'.repeat(24) + 'last')
    expect([guest.row(0), guest.row(24)]).toEqual(['world', 'last'])
    put('x'.repeat(80))
    expect([guest.row(23), guest.row(24)]).toEqual([`last${'x'.repeat(76)}`, 'xxxx'])
  })

  it('backspaces without deleting and stops at the first column', () => {
    put('ab\b\b\bc')
    expect(guest.row(0)).toBe('cb')
  })

  it('scrolls a window up and down and clears it with 0 lines', () => {
    put('11111\r\n22222\r\n33333')
    call({ ax: 0x0601, bx: 0x1700, cx: 0x0001, dx: 0x0203 })
    expect([0, 1, 2].map((row) => guest.row(row))).toEqual(['12221', '23332', '3   3'])
    expect(guest.memory[0xb8000 + (2 * 80 + 1) * 2 + 1]).toBe(0x17)
    call({ ax: 0x0701, bx: 0x0700, cx: 0x0000, dx: 0x024f })
    expect([0, 1, 2].map((row) => guest.row(row))).toEqual(['', '12221', '23332'])
    call({ ax: 0x0600, bx: 0x0700, cx: 0, dx: 0x184f })
    expect(guest.row(1)).toBe('')
  })

  it('writes and reads cells on any page', () => {
    call({ ah: 2, bx: 0x0100, dx: 0x0203 })
    call({ ah: 9, al: 0x41, bx: 0x011e, cx: 3 })
    expect(call({ ah: 8, bx: 0x0100 }).ax).toBe(0x1e41)
    expect(guest.word(0xb800, 0x1000 + (2 * 80 + 5) * 2)).toBe(0x1e41)
    call({ ah: 0x0a, al: 0x42, bx: 0x0100, cx: 1 })
    expect(call({ ah: 8, bx: 0x0100 }).ax).toBe(0x1e42)
  })

  it('shows another page', () => {
    call({ ax: 0x0502 })
    expect([indexed(0x3d4, 0x0c), indexed(0x3d4, 0x0d)]).toEqual([0x10, 0])
    expect(call({ ah: 0x0f }).bh).toBe(2)
  })

  it('writes strings with their attributes', () => {
    guest.set(0x60, 0, [0x41, 0x1f, 0x42, 0x2f])
    call({ ax: 0x1303, bx: 0, cx: 2, dx: 0x0500, es: 0x60, bp: 0 })
    expect(guest.bytes(0xb800, 5 * 160, 4)).toEqual([0x41, 0x1f, 0x42, 0x2f])
    expect(call({ ah: 3, bx: 0 }).dx).toBe(0x0502)
  })

  it.each([
    [0x0607, 16, { start: 13, end: 14 }],
    [0x0007, 16, { start: 0, end: 15 }],
    [0x2000, 16, { start: 0x20, end: 0 }],
    [0x0d0e, 16, { start: 13, end: 14 }],
    [0x0607, 8, { start: 6, end: 7 }],
  ])('scales the cursor shape %i to %i lines', (shape, height, lines) => {
    expect(scaledShape(shape, height)).toEqual(lines)
  })

  it('has 50 lines with the 8-line font', () => {
    call({ ax: 0x1112, bx: 0 })
    expect([guest.memory[0x484], guest.word(0x40, 0x85)]).toEqual([49, 8])
    expect([indexed(0x3d4, 9)! & 0x1f, indexed(0x3d4, 0x12)]).toEqual([7, 0x8f])
  })
})

describe('mode set', () => {
  it.each(GRAPHICS_MODES.map(({ number }) => number))(
    'programs mode %i as the parameter table has it',
    (number) => {
      guest.writes.length = 0
      call({ ax: number })
      const mode = GRAPHICS_MODES.find((candidate) => candidate.number === number)!
      expect(mode.crtc.map((_, index) => indexed(mode.misc & 1 ? 0x3d4 : 0x3b4, index))).toEqual(mode.crtc)
      expect(mode.graphics.map((_, index) => indexed(0x3ce, index))).toEqual(mode.graphics)
      expect(mode.sequencer.map((_, index) => indexed(0x3c4, index + 1))).toEqual(mode.sequencer)
      expect(guest.writes).toContainEqual([0x3c2, mode.misc])
      expect(call({ ah: 0x0f }).al).toBe(number)
    },
  )

  it('keeps the memory with bit 7', () => {
    guest.set(0xb800, 0, [0x58])
    call({ ax: 0x0083 })
    expect(guest.memory[0xb8000]).toBe(0x58)
    expect(call({ ah: 0x0f }).al).toBe(0x83)
  })

  it('leaves an extended mode', () => {
    guest.writes.length = 0
    call({ ax: 3 })
    expect(guest.writes.slice(0, 2)).toEqual([
      [0x1ce, 4],
      [0x1cf, 0],
    ])
  })

  it('loads the colours of the mode', () => {
    expect(defaultPalette('ega')[0x14]).toEqual([0x2a, 0x15, 0])
    expect(defaultPalette('cga')[6]).toEqual([0x2a, 0x15, 0])
    const colors = defaultPalette('vga256')
    expect([colors[1], colors[15], colors[32], colors[40], colors[44], colors[255]]).toEqual([
      [0, 0, 0x2a],
      [0x3f, 0x3f, 0x3f],
      [0, 0, 0x3f],
      [0x3f, 0, 0],
      [0x3f, 0x3f, 0],
      [0, 0, 0],
    ])
  })

  it('has a parameter table of 29 entries in the order of IBM', () => {
    const table = parameterTable()
    expect(table.length).toBe(29 * 64)
    expect(
      [0, 3, 4, 7, 0x0d, 0x10, 0x18, 0x1c].map((entry) => [table[entry * 64], table[entry * 64 + 2]]),
    ).toEqual([
      [40, 8],
      [80, 8],
      [40, 8],
      [80, 14],
      [40, 8],
      [80, 14],
      [80, 16],
      [40, 8],
    ])
  })
})

describe('graphics', () => {
  it('draws pixels in mode 13h and the CGA modes', () => {
    call({ ax: 0x13 })
    call({ ah: 0x0c, al: 0x2a, cx: 10, dx: 2, bx: 0 })
    expect(guest.memory[0xa0000 + 650]).toBe(0x2a)
    expect(call({ ah: 0x0d, cx: 10, dx: 2, bx: 0 }).al).toBe(0x2a)
    call({ ax: 4 })
    call({ ah: 0x0c, al: 2, cx: 5, dx: 3, bx: 0 })
    expect(guest.memory[0xb8000 + 0x2000 + 80 + 1]).toBe(0x20)
    call({ ah: 0x0c, al: 0x83, cx: 5, dx: 3, bx: 0 })
    expect(call({ ah: 0x0d, cx: 5, dx: 3, bx: 0 }).al).toBe(1)
  })

  it('draws characters with the font of INT 43h', () => {
    guest.set(0xc000, 0x6000 + 0x41 * 8, [0x18, 0x3c, 0x66, 0x66, 0x7e, 0x66, 0x66, 0])
    call({ ax: 0x13 })
    call({ ah: 9, al: 0x41, bx: 5, cx: 1 })
    expect(guest.bytes(0xa000, 0, 8)).toEqual([0, 0, 0, 5, 5, 0, 0, 0])
    expect(guest.bytes(0xa000, 320, 8)).toEqual([0, 0, 5, 5, 5, 5, 0, 0])
    expect(call({ ah: 8, bx: 0 }).al).toBe(0x41)
  })
})

describe('what the adapter tells', () => {
  it('is a VGA with a colour display', () => {
    const r = call({ ax: 0x1a00 })
    expect([r.al, r.bx]).toEqual([0x1a, 8])
    expect(call({ ah: 0x12, bl: 0x10 }).bx).toBe(3)
  })

  it('packs 64 bytes of state exactly', () => {
    guest.ports.set(0x3c5, 0)
    expect(call({ ax: 0x1b00, bx: 0, es: 0x60, di: 0 }).al).toBe(0x1b)
    const at = (offset: number) => guest.memory[0x600 + offset]
    expect(guest.dword(0x60, 0)).toBe(0xc0000100)
    expect([
      at(4),
      guest.word(0x60, 5),
      at(0x22),
      guest.word(0x60, 0x23),
      at(0x25),
      guest.word(0x60, 0x27),
      at(0x29),
      at(0x2a),
      at(0x31),
    ]).toEqual([3, 80, 25, 16, 8, 16, 8, 2, 3])
  })
})

describe('VBE', () => {
  const dispi = new Map<number, number>()
  beforeEach(() => {
    dispi.clear()
    dispi.set(0, 0xb0c5).set(10, 256)
    let index = 0
    guest.ports.set(0x1ce, (value) => (index = value ?? index))
    guest.ports.set(0x1cf, (value) => {
      if (value !== undefined) dispi.set(index, value)
      return dispi.get(index) ?? 0
    })
    let config = 0
    guest.ports.set(0xcf8, (value) => (config = value ?? config))
    guest.ports.set(0xcfc, () =>
      config === 0x80001000 ? 0x11111234 : config === 0x80001010 ? 0xe0000008 : 0xffffffff,
    )
  })

  it('describes itself and its modes', () => {
    guest.set(0x60, 0, [0x56, 0x42, 0x45, 0x32])
    expect(call({ ax: 0x4f00, es: 0x60, di: 0 }).ax).toBe(0x004f)
    expect(guest.bytes(0x60, 0, 6)).toEqual([0x56, 0x45, 0x53, 0x41, 0, 3])
    expect(guest.word(0x60, 18)).toBe(256)
    const list = guest.dword(0x60, 14)
    const modes: number[] = []
    for (let at = (list >>> 16) * 16 + (list & 0xffff); guest.view.getUint16(at, true) !== 0xffff; at += 2)
      modes.push(guest.view.getUint16(at, true))
    expect(modes).toContain(0x101)
    expect(modes).toContain(0x189)
  })

  it('gives no more than 256 bytes to a program of VBE 1.x', () => {
    guest.set(0x60, 256, [0xaa])
    call({ ax: 0x4f00, es: 0x60, di: 0 })
    expect(guest.memory[0x700]).toBe(0xaa)
  })

  it('describes a mode with its frame buffer', () => {
    expect(call({ ax: 0x4f01, cx: 0x118, es: 0x60, di: 0 }).ax).toBe(0x004f)
    expect([
      guest.word(0x60, 0) & 0x80,
      guest.word(0x60, 16),
      guest.word(0x60, 18),
      guest.word(0x60, 20),
      guest.memory[0x619],
    ]).toEqual([0x80, 3072, 1024, 768, 24])
    expect(guest.dword(0x60, 40)).toBe(0xe0000000)
    expect(call({ ax: 0x4f01, cx: 0x1ff, es: 0x60, di: 0 }).ax).toBe(0x014f)
  })

  it('sets modes, with and without a linear frame buffer', () => {
    expect(call({ ax: 0x4f02, bx: 0x4144 }).ax).toBe(0x004f)
    expect([1, 2, 3, 4].map((index) => dispi.get(index))).toEqual([1024, 768, 32, 0x41])
    expect(call({ ax: 0x4f03 }).bx).toBe(0x4144)
    expect(call({ ax: 0x4f05, bx: 0, dx: 1 }).ax).toBe(0x034f)
    call({ ax: 0x4f02, bx: 0x8101 })
    expect(dispi.get(4)).toBe(0x81)
    expect(call({ ax: 0x4f05, bx: 0, dx: 3 }).ax).toBe(0x004f)
    expect(call({ ax: 0x4f02, bx: 0x0003 }).ax).toBe(0x004f)
    expect(call({ ax: 0x4f03 }).bx).toBe(3)
  })

  it('pans, and refuses to outside of an extended mode', () => {
    expect(call({ ax: 0x4f07, bx: 0, cx: 0, dx: 0 }).ax).toBe(0x034f)
    call({ ax: 0x4f02, bx: 0x4101 })
    expect(call({ ax: 0x4f07, bx: 0x80, cx: 8, dx: 100 }).ax).toBe(0x004f)
    expect([dispi.get(8), dispi.get(9)]).toEqual([8, 100])
  })

  it('loads palettes of 4-byte entries', () => {
    guest.set(0x60, 0, [1, 2, 3, 0, 4, 5, 6, 0])
    guest.writes.length = 0
    call({ ax: 0x4f09, bx: 0, cx: 2, dx: 0x10, es: 0x60, di: 0 })
    expect(
      guest.writes.filter(([port]) => port === 0x3c8 || port === 0x3c9).map(([, value]) => value),
    ).toEqual([0x10, 3, 2, 1, 6, 5, 4])
  })

  it('has an EDID with a right checksum', () => {
    expect(call({ ax: 0x4f15, bx: 1, cx: 0, dx: 0, es: 0x60, di: 0 }).ax).toBe(0x004f)
    const edid = guest.bytes(0x60, 0, 128)
    expect(edid.slice(0, 8)).toEqual([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0])
    expect(edid.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0)
  })
})
