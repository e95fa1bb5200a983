import { describe, expect, it } from 'vitest'
import { AbsentMemory, type ChunkSource } from './absent-memory.ts'

const PAGE = 4096
const CHUNK = 4 * PAGE

/** Chunks that are full of their number, but for those that are named, which are zeros; the last is half as long. */
function open({ count = 6, zeros = [2], damaged = -1 } = {}) {
  const reads: number[] = []
  const arrived: [number, number][] = []
  let isClosed = false
  let isComplete = false
  const memory = new Uint8Array(count * CHUNK - CHUNK / 2)
  const source: ChunkSource = {
    chunkBytes: CHUNK,
    chunkCount: count,
    holds: (chunk) => !zeros.includes(chunk),
    read: (chunk) => {
      if (chunk === damaged) throw new Error('it is damaged')
      reads.push(chunk)
      return new Uint8Array(chunk === count - 1 ? CHUNK / 2 : CHUNK).fill(chunk + 1)
    },
    close: () => (isClosed = true),
  }
  const absent = new AbsentMemory(
    memory,
    source,
    (first, pages) => void arrived.push([first, pages]),
    () => (isComplete = true),
  )
  return { absent, memory, reads, arrived, ended: () => isClosed && isComplete }
}

describe('memory that comes when it is reached', () => {
  it('comes once, as a whole chunk', () => {
    const { absent, memory, reads, arrived } = open()
    expect(absent.hasPage(4)).toBe(true)
    absent.reach(CHUNK + 5)
    absent.reach(2 * CHUNK - 1)
    absent.reach(CHUNK)
    expect(reads).toEqual([1])
    expect(arrived).toEqual([[4, 4]])
    expect([3, 4, 7, 8, 12].map((page) => absent.hasPage(page))).toEqual([true, false, false, false, true])
    expect(memory[CHUNK - 1]).toBe(0)
    expect(memory.subarray(CHUNK, 2 * CHUNK).every((byte) => byte === 2)).toBe(true)
    expect(memory[2 * CHUNK]).toBe(0)
  })

  it('keeps what was written to it since', () => {
    const { absent, memory } = open()
    absent.reach(0)
    memory[7] = 99
    absent.bringAll()
    expect(memory[7]).toBe(99)
  })

  it('comes in order where nobody reaches for it, and ends once', () => {
    const { absent, memory, reads, arrived, ended } = open()
    absent.reach(3 * CHUNK)
    const more: boolean[] = []
    for (let step = 0; step < 4; step++) more.push(absent.bringNext())
    expect(reads).toEqual([3, 0, 1, 4, 5])
    expect(more).toEqual([true, true, true, false])
    expect(arrived.at(-1)).toEqual([20, 2])
    expect(ended()).toBe(true)
    expect(memory.at(-1)).toBe(6)
    expect(memory.subarray(2 * CHUNK, 3 * CHUNK).every((byte) => byte === 0)).toBe(true)
    expect(absent.hasPage(23)).toBe(false)
  })

  it('ends as well when there is nothing in it', () => {
    const { absent, ended } = open({ count: 2, zeros: [0, 1] })
    expect(absent.bringNext()).toBe(false)
    expect(ended()).toBe(true)
  })

  it('stays zeros when it is abandoned', () => {
    const { absent, memory, reads, ended } = open()
    absent.reach(0)
    absent.abandon()
    expect(ended()).toBe(true)
    absent.reach(CHUNK)
    expect(reads).toEqual([0])
    expect(memory[CHUNK]).toBe(0)
  })

  it('tells of damage to all who reach for anything from then on', () => {
    const { absent } = open({ damaged: 1 })
    absent.reach(0)
    absent.check()
    expect(() => absent.reach(CHUNK)).toThrow('it is damaged')
    expect(() => absent.reach(3 * CHUNK)).toThrow('it is damaged')
    expect(() => absent.bringNext()).toThrow('it is damaged')
    expect(() => absent.check()).toThrow('it is damaged')
    absent.reach(0)
  })
})
