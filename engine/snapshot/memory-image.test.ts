import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { clearMemory } from '../memory/zero-pages.ts'
import {
  packBlocks,
  packMemory,
  packMemoryAside,
  unpackBlocks,
  unpackMemory,
  unpackMemoryAside,
} from './memory-image.ts'

const PAGE = 4096

function memoryOf(pages: number, filled: Record<number, number> = {}): Uint8Array {
  const memory = new Uint8Array(pages * PAGE)
  for (const [page, value] of Object.entries(filled)) memory[(Number(page) + 1) * PAGE - 1] = value
  return memory
}

describe('packed memory', () => {
  it('comes back byte for byte, with zeros where there were some', () => {
    const before = memoryOf(600, { 0: 1, 3: 128, 299: 7, 599: 255 })
    const packed = packMemory(before)
    const after = new Uint8Array(600 * PAGE).fill(0xaa)

    unpackMemory(packed, after)

    expect(Buffer.compare(after, before)).toBe(0)
    expect(packed.length).toBeLessThan(1000)
  })

  it('comes back as well when it is packed aside, and what does not pack is stored', async () => {
    const before = memoryOf(1200, { 3: 128, 299: 7 })
    let word = 1
    const words = new Uint32Array(before.buffer, 300 * PAGE, 600 * 1024)
    for (let at = 0; at < words.length; at++)
      words[at] = word = (Math.imul(word, 1_664_525) + 1_013_904_223) ^ (word >>> 7)
    const packed = await packMemoryAside(before)
    expect(packed.length / (600 * PAGE)).toBeGreaterThan(0.9)
    expect(packed.length / (600 * PAGE)).toBeLessThan(1.01)
    const after = new Uint8Array(before.length)
    unpackMemory(packed, after)
    expect(Buffer.compare(after, before)).toBe(0)
  })

  it('is unpacked aside to the same, whatever was there before', async () => {
    const filled = Object.fromEntries(Array.from({ length: 900 }, (_, at) => [at * 2, (at % 255) + 1]))
    const before = memoryOf(2000, filled)
    const after = new Uint8Array(before.length).fill(0xaa)
    await unpackMemoryAside(packMemory(before), after)
    expect(Buffer.compare(after, before)).toBe(0)
  })

  it('is refused when damaged, aside as well', async () => {
    const packed = packMemory(memoryOf(4, { 1: 9, 2: 9 }))
    for (const damaged of [packed.subarray(0, -1), packed.subarray(0, 6), packed.fill(0xff, 4, 8)])
      await expect(unpackMemoryAside(damaged, memoryOf(4))).rejects.toThrow('state-invalid')
    await expect(unpackMemoryAside(packMemory(memoryOf(9, { 8: 1 })), memoryOf(4))).rejects.toThrow(
      'parts that this machine does not have',
    )
  })

  it('is refused when damaged, with memory left as it was', () => {
    const packed = packMemory(memoryOf(4, { 1: 9, 2: 9 }))
    const memory = memoryOf(4, { 0: 5 })
    for (const damaged of [packed.subarray(0, -1), packed.subarray(0, 6), packed.fill(0xff, 4, 8)])
      expect(() => unpackMemory(damaged, memory)).toThrow('state-invalid')
    expect(() => unpackMemory(packMemory(memoryOf(9, { 8: 1 })), memory)).toThrow(
      'parts that this machine does not have',
    )
    expect(Buffer.compare(memory, memoryOf(4, { 0: 5 }))).toBe(0)
  })
})

describe('packed blocks', () => {
  it('come back with their numbers, zeros included', () => {
    const blocks = [2, 70_000, 5].map((number) => [number, new Uint8Array(65536).fill(number & 7)] as const)
    const packed = packBlocks(blocks, 65536)
    expect([...unpackBlocks(packed, 65536, 70_001)]).toEqual(blocks)
    expect(() => [...unpackBlocks(packed, 65536, 70_000)]).toThrow('parts that this machine does not have')
  })
})

describe.runIf(process.platform === 'linux')('memory of zeros', () => {
  const residentMiB = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024

  /** Some kernels of virtual machines have no page of zeros that stands for all untouched ones. */
  const readingCommits = (): boolean => {
    const untouched = new Uint8Array(
      new WebAssembly.Memory({ initial: 512, maximum: 512, shared: true }).buffer,
    )
    const before = residentMiB()
    let sum = 0
    for (let at = 0; at < untouched.length; at += 4096) sum += untouched[at]!
    expect(sum).toBe(0)
    return residentMiB() - before > 16
  }

  it('is not committed by being cleared, saved or restored', ({ skip }) => {
    if (readingCommits()) skip('not on this machine: reading untouched memory commits it')
    const pages = 1024 // 64 MiB
    const wasm = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    const memory = new Uint8Array(wasm.buffer)
    memory[5 * PAGE] = 1
    const before = residentMiB()

    clearMemory(memory)
    expect(memory[5 * PAGE]).toBe(0)
    unpackMemory(packMemory(memory), memory)

    expect(residentMiB() - before).toBeLessThan(24)
  })
})
