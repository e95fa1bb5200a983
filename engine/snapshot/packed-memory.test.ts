import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { clearMemory } from '../memory/zero-pages.ts'
import {
  ChunkedMemory,
  type MemoryChunks,
  packMemory,
  packMemoryAside,
  unpackMemory,
} from './packed-memory.ts'
import { bytesOfState } from './state-file.ts'

const PAGE = 4096

function memoryOf(pages: number, filled: Record<number, number> = {}): Uint8Array {
  const memory = new Uint8Array(pages * PAGE)
  for (const [page, value] of Object.entries(filled)) memory[(Number(page) + 1) * PAGE - 1] = value
  return memory
}

/** As it is in a file of nothing else, which begins with some other byte. */
function kept({ index, chunks }: MemoryChunks): ChunkedMemory {
  const file = Buffer.concat([Uint8Array.of(0xff), ...chunks])
  const memory = new ChunkedMemory(bytesOfState(file), index, 1)
  expect(memory.end).toBe(file.length)
  return memory
}

const bytesOf = ({ index, chunks }: MemoryChunks): number =>
  chunks.reduce((sum, { length }) => sum + length, index.length)

describe('packed memory', () => {
  it('comes back byte for byte, with zeros where there were some', () => {
    const before = memoryOf(600, { 0: 1, 3: 128, 299: 7, 599: 255 })
    const packed = packMemory(before)
    const after = new Uint8Array(600 * PAGE).fill(0xaa)

    unpackMemory(kept(packed), after)

    expect(Buffer.compare(after, before)).toBe(0)
    expect(packed.chunks).toHaveLength(3)
    expect(bytesOf(packed)).toBeLessThan(4000)
    expect([...kept(packed).pages()].map(([page]) => page)).toEqual([0, 3, 299, 599])
  })

  it('comes back as well when it is packed aside, and what does not pack is stored', async () => {
    const before = memoryOf(1200, { 3: 128, 299: 7 })
    randomFillSync(before, 300 * PAGE, 600 * PAGE)
    const packed = await packMemoryAside(before)
    expect(bytesOf(packed) / (600 * PAGE)).toBeGreaterThan(0.9)
    expect(bytesOf(packed) / (600 * PAGE)).toBeLessThan(1.01)
    const after = new Uint8Array(before.length)
    unpackMemory(kept(packed), after)
    expect(Buffer.compare(after, before)).toBe(0)
  })

  it('is packed aside from memory that threads share, telling how far it is, until it is cancelled', async () => {
    const memory = new Uint8Array(new SharedArrayBuffer(64 * 1024 * 1024)).fill(1)
    const stop = new AbortController()
    let last = 0
    const packing = packMemoryAside(memory, stop.signal, (bytes) => {
      expect(bytes).toBeGreaterThan(last)
      last = bytes
      stop.abort()
    })
    await expect(packing).rejects.toMatchObject({ code: 'cancelled' })
    expect(last).toBeLessThan(memory.length)
  })

  it('is refused when anything of it is damaged', () => {
    const before = memoryOf(
      200,
      Object.fromEntries(Array.from({ length: 200 }, (_, page) => [page, page | 1])),
    )
    const { index, chunks } = packMemory(before)
    const file = Buffer.concat(chunks)
    const read = (position = 0, of = index): void => {
      const memory = new ChunkedMemory(bytesOfState(file), of, position)
      for (const _ of memory.checking()) void _
    }
    read()
    for (let at = 0; at < file.length; at += 397) {
      file[at]! ^= 0x10
      expect(() => read()).toThrow('its checksum is wrong')
      file[at]! ^= 0x10
    }
    expect(() => read(1)).toThrow('its checksum is wrong')
    expect(() => read(0, index.subarray(0, -1))).toThrow('its index is damaged')
    expect(() => read(0, index.subarray(0, 3))).toThrow('its index is damaged')
    expect(() => read(0, Uint8Array.from(index).fill(0xff, 4, 8))).toThrow('a part of it is too long')
    expect(() => kept({ index, chunks }).checkSize(before.length + PAGE)).toThrow('of another size')
    expect(() => unpackMemory(kept({ index, chunks }), memoryOf(4))).toThrow(
      'parts that this machine does not have',
    )
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
    unpackMemory(kept(packMemory(memory)), memory)

    expect(residentMiB() - before).toBeLessThan(24)
  })
})
