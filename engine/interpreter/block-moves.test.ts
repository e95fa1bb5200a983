import { describe, expect, it } from 'vitest'
import { buildBlockMoves } from './block-moves.ts'

function setUp() {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  const bytes = new Uint8Array(memory.buffer)
  bytes.forEach((_, i) => (bytes[i] = Math.imul(i, 167) >>> 2))
  return { bytes, moves: buildBlockMoves(memory) }
}

describe('moves of blocks', () => {
  it.each([
    [1000, 2003, 100],
    [1005, 1000, 100],
    [1000, 1005, 100],
    [1000, 1000, 1],
  ])('copy to %i from %i, %i bytes, as if all were read first', (to, from, length) => {
    const { bytes, moves } = setUp()
    const expected = Uint8Array.from(bytes).copyWithin(to, from, from + length)
    moves.copy(to, from, length)
    expect(Buffer.compare(bytes, expected)).toBe(0)
  })

  it.each([16, 17, 18, 20, 31, 32, 33, 64, 4093])('fill %i bytes with a word, and no more', (length) => {
    const { bytes, moves } = setUp()
    const word = 0x04030201
    // A length that is no multiple of the word is one of shorter elements, which are all alike.
    const value = length % 4 === 0 ? word : length % 2 === 0 ? 0x02010201 : 0x01010101
    const expected = Uint8Array.from(bytes)
    for (let i = 0; i < length; i++) expected[1003 + i] = value >>> (8 * (i & 3))
    moves.fill(1003, value, length)
    expect(Buffer.compare(bytes, expected)).toBe(0)
  })
})
