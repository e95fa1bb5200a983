import { describe, expect, it } from 'vitest'
import { BlockCodec, MAX_BLOCK_BYTES } from './block-codec.ts'

/** Bytes that follow from a seed: runs, repeats of what came before, and noise, in pieces of any length. */
function mixture(bytes: number, seed: number): Uint8Array {
  const block = new Uint8Array(bytes)
  let word = seed
  const random = (below: number): number => {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((word / 2 ** 32) * below)
  }
  for (let at = 0; at < bytes;) {
    const length = Math.min(bytes - at, 1 + random(random(4) === 0 ? 3000 : 40))
    const kind = random(4)
    const distance = 1 + random(Math.min(at, random(2) === 0 ? 20 : 70_000))
    const filler = random(256)
    for (let i = 0; i < length; i++, at++)
      block[at] = kind === 0 ? random(256) : kind === 1 || at < distance ? filler : block[at - distance]!
  }
  return block
}

const codec = new BlockCodec()

describe('packed blocks', () => {
  it.each([
    ...Array.from({ length: 40 }, (_, seed) => ({ bytes: 4096 * (1 + (seed % 9)), seed })),
    ...Array.from({ length: 40 }, (_, seed) => ({ bytes: 100 + seed, seed })),
    { bytes: MAX_BLOCK_BYTES, seed: 1 },
    { bytes: MAX_BLOCK_BYTES - 1, seed: 2 },
  ])('come back as they were: $bytes of seed $seed', ({ bytes, seed }) => {
    const block = mixture(bytes, seed)
    const packed = codec.pack(block)
    // A short one may be noise.
    if (packed === null) return expect(bytes).toBeLessThan(5000)
    expect(packed.length).toBeLessThan(bytes)
    expect(Buffer.compare(codec.unpack(packed, bytes)!, block)).toBe(0)
  })

  it('are next to nothing where all bytes are the same', () => {
    const packed = codec.pack(new Uint8Array(MAX_BLOCK_BYTES).fill(7))!
    expect(packed.length).toBeLessThan(MAX_BLOCK_BYTES / 200)
    expect(codec.unpack(packed, MAX_BLOCK_BYTES)!.every((byte) => byte === 7)).toBe(true)
  })

  it('are not packed where that gains nothing', () => {
    const noise = new Uint8Array(65536)
    for (let at = 0, word = 1; at < noise.length; at++)
      noise[at] = (word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0) >>> 24
    expect(codec.pack(noise)).toBeNull()
    for (const bytes of [0, 1, 5, 12, 13]) expect(codec.pack(new Uint8Array(bytes))).toBeNull()
  })

  it('are read as the format says', () => {
    // "abcd" as it is, four bytes from four back and four more, then the last five as they are.
    const packed = Uint8Array.from([0x44, 97, 98, 99, 100, 4, 0, 0x50, 1, 2, 3, 4, 5])
    expect([...codec.unpack(packed, 17)!]).toEqual([...Buffer.from('abcdabcdabcd'), 1, 2, 3, 4, 5])
  })

  it('that are damaged give something else of the same size, or nothing', () => {
    const block = mixture(20_000, 99)
    const packed = codec.pack(block)!
    for (let at = 0; at < packed.length; at++) {
      const damaged = packed.slice()
      damaged[at]! ^= 1 << (at & 7)
      const found = codec.unpack(damaged, block.length)
      if (found) expect(found.length).toBe(block.length)
      expect(codec.unpack(packed.subarray(0, at), block.length)).toBeNull()
    }
    expect(codec.unpack(packed, block.length - 1)).toBeNull()
    expect(codec.unpack(packed, block.length + 1)).toBeNull()
    expect(codec.unpack(new Uint8Array(MAX_BLOCK_BYTES + 1), 1)).toBeNull()
    expect(Buffer.compare(codec.unpack(packed, block.length)!, block)).toBe(0)
  })
})
