import { describe, expect, it } from 'vitest'
import { Segment, State, TLB, Tlb, TLB_BYTES } from '../isa/state.ts'
import { buildStringMoves } from './string-moves.ts'

/** Where linear page 10h lies, and the next one elsewhere. */
const [FIRST, SECOND] = [0x600000, 0x604000]
const PAGE = 0x10000
const ALL = 0xffffffff | 0

/** Two pages that may be read and written, a third that may only be read. */
function setUp() {
  const memory = new WebAssembly.Memory({ initial: 0x61, maximum: 0x61, shared: true })
  const words = new Int32Array(memory.buffer)
  const bytes = new Uint8Array(memory.buffer)
  const map = (page: number, host: number, allowed: number): void => {
    new Int32Array(memory.buffer, TLB, TLB_BYTES / 4)[page >> 12] = (host - page) | allowed
  }
  map(PAGE, FIRST, Tlb.READ_USER | Tlb.WRITE_USER)
  map(PAGE + 0x1000, SECOND, Tlb.READ_USER | Tlb.WRITE_USER)
  map(PAGE + 0x2000, FIRST, Tlb.READ_USER)
  words[State.READ_BIT / 4] = Tlb.READ_USER
  words[State.WRITE_BIT / 4] = Tlb.WRITE_USER
  words[State.DF / 4] = 1
  for (const page of [FIRST, SECOND]) for (let i = 0; i < 4096; i++) bytes[page + i] = (i * 7) ^ (i >> 5)
  return { words, bytes, ...buildStringMoves(memory) }
}

describe('repeated MOVS at once', () => {
  it.each([1, 2, 4])('moves elements of %i bytes, any number of them', (size) => {
    for (const count of [0, 1, 3, 4, 5, 15, 16, 17, 63, 64, 65, 300]) {
      const { bytes, moveString } = setUp()
      const expected = bytes.slice()
      expected.copyWithin(SECOND + 5, FIRST + 1001, FIRST + 1001 + count * size)
      expect(moveString(PAGE + 0x1005, PAGE + 1001, count, size, ALL, 0, 0)).toBe(1)
      expect(Buffer.compare(bytes, expected), `${count}`).toBe(0)
    }
  })

  it('moves down within what it reads, and leaves what would read what it has written', () => {
    for (const distance of [1, 4, 16, 40]) {
      const { bytes, moveString } = setUp()
      const expected = bytes.slice()
      expected.copyWithin(FIRST + 100, FIRST + 100 + distance, FIRST + 200 + distance)
      expect(moveString(PAGE + 100, PAGE + 100 + distance, 100, 1, ALL, 0, 0)).toBe(1)
      expect(Buffer.compare(bytes, expected)).toBe(0)
      expect(moveString(PAGE + 100 + distance, PAGE + 100, 100, 1, ALL, 0, 0)).toBe(0)
    }
  })

  it('leaves what lies in two pages, may not be written, or goes backwards, and changes nothing', () => {
    const { words, bytes, moveString } = setUp()
    const before = bytes.slice()
    expect(moveString(PAGE + 0xff1, PAGE, 16, 1, ALL, 0, 0)).toBe(0)
    expect(moveString(PAGE, PAGE + 0xffd, 2, 2, ALL, 0, 0)).toBe(0)
    expect(moveString(PAGE + 0x2000, PAGE + 0x1000, 4, 4, ALL, 0, 0)).toBe(0)
    expect(moveString(PAGE, PAGE + 0x1000, 0x40000001, 4, ALL, 0, 0)).toBe(0)
    expect(moveString(0x50000, PAGE, 1, 1, ALL, 0, 0)).toBe(0)
    words[State.DF / 4] = -1
    expect(moveString(PAGE, PAGE + 0x1000, 4, 4, ALL, 0, 0)).toBe(0)
    words[State.DF / 4] = 1
    expect(Buffer.compare(bytes, before)).toBe(0)
  })

  it('keeps to segments and to the end of 16-bit addresses', () => {
    const { words, bytes, moveString } = setUp()
    const segment = State.SEGMENTS
    words[(segment + Segment.BASE) / 4] = PAGE - 0xff00
    words[(segment + Segment.READ_COUNT) / 4] = 0x10000
    words[(segment + Segment.WRITE_COUNT) / 4] = 0xff20
    expect(moveString(0xff10, 0xff80, 8, 2, 0xffff, segment, segment)).toBe(1)
    expect([...bytes.subarray(FIRST + 0x10, FIRST + 0x20)]).toEqual([
      ...bytes.subarray(FIRST + 0x80, FIRST + 0x90),
    ])
    // The last element begins where the segment ends.
    expect(moveString(0xff12, 0xff80, 8, 2, 0xffff, segment, segment)).toBe(0)
    expect(moveString(0xff00, 0xfff8, 5, 2, 0xffff, segment, segment)).toBe(0)
    expect(moveString(0xff00, 0xfff8, 4, 2, 0xffff, segment, segment)).toBe(1)
  })
})

describe('repeated STOS at once', () => {
  it.each([1, 2, 4])('stores elements of %i bytes, any number of them', (size) => {
    for (const count of [0, 1, 2, 3, 7, 16, 33, 500]) {
      const { bytes, storeString } = setUp()
      const expected = bytes.slice()
      for (let i = 0; i < count * size; i++) expected[FIRST + 3 + i] = 0x44332211 >>> (8 * (i % size))
      expect(storeString(PAGE + 3, 0x44332211, count, size, ALL, 0)).toBe(1)
      expect(Buffer.compare(bytes, expected), `${count}`).toBe(0)
    }
  })
})
