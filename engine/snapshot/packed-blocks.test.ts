import { describe, expect, it } from 'vitest'
import { GroupedMemory, packBlocks, unpackBlocks } from './packed-blocks.ts'
import { unpackMemory } from './packed-memory.ts'

const PAGE = 4096

describe('packed blocks', () => {
  it('come back with their numbers, zeros included', () => {
    const blocks = [2, 70_000, 5].map((number) => [number, new Uint8Array(65536).fill(number & 7)] as const)
    const packed = packBlocks(blocks, 65536)
    const found = [...unpackBlocks(packed, 65536, 70_001)]
    expect(found.map(([number]) => number)).toEqual([2, 70_000, 5])
    for (const [index, [, bytes]] of found.entries()) expect(Buffer.compare(bytes, blocks[index]![1])).toBe(0)
    expect(() => [...unpackBlocks(packed, 65536, 70_000)]).toThrow('parts that this machine does not have')
  })

  it('are refused when they are damaged', () => {
    const page = new Uint8Array(PAGE).fill(9)
    const packed = packBlocks([[1, page], [2, page]], PAGE) // prettier-ignore
    for (const damaged of [packed.subarray(0, -1), packed.subarray(0, 6), packed.fill(0xff, 4, 8)])
      expect(() => [...unpackBlocks(damaged, PAGE, 4)]).toThrow('state-invalid')
  })

  it('are the memory of older states', () => {
    const pages = [3, 299, 599].map((number) => [number, new Uint8Array(PAGE).fill(number & 0xff)] as const)
    const memory = new Uint8Array(600 * PAGE).fill(0xaa)
    unpackMemory(new GroupedMemory(packBlocks(pages, PAGE)), memory)
    const expected = new Uint8Array(600 * PAGE)
    for (const [number, bytes] of pages) expected.set(bytes, number * PAGE)
    expect(Buffer.compare(memory, expected)).toBe(0)
  })
})
