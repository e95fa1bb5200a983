import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { packBlocks } from './packed-blocks.ts'
import { packMemory, unpackMemory } from './packed-memory.ts'
import { bytesOfState, readStateFile, writeStateFile } from './state-file.ts'

const PAGE = 4096
const RAM = new Uint8Array(100 * PAGE).fill(5, 7 * PAGE, 90 * PAGE)
const VRAM = new Uint8Array(20 * PAGE).fill(6, 19 * PAGE)
const WRITES = Uint8Array.of(1, 2, 3)
const STATE = { version: 2, big: 1n, bytes: Uint8Array.of(9) }

const written = (): Uint8Array =>
  writeStateFile({ state: STATE, ram: packMemory(RAM), vram: packMemory(VRAM), writes: [WRITES] })

/** As it was written until memory was in chunks. */
function writtenBefore(version = 2): Uint8Array {
  const json = Buffer.from('{"version":2,"big":{"$int":"1"},"bytes":{"$bytes":"CQ==","$type":"Uint8Array"}}')
  const pages = (memory: Uint8Array, first: number, count: number) =>
    packBlocks(
      Array.from({ length: count }, (_, index) => {
        const page = first + index
        return [page, memory.subarray(page * PAGE, (page + 1) * PAGE)] as const
      }),
      PAGE,
    )
  const parts = [json, pages(RAM, 7, 83), pages(VRAM, 19, 1), WRITES]
  const header = Buffer.alloc(16 + 4 * parts.length)
  header.set(Buffer.from('VITRINE\x1a', 'latin1'))
  header.writeUInt32LE(version, 8)
  header.writeUInt32LE(parts.length, 12)
  parts.forEach(({ length }, index) => header.writeUInt32LE(length, 16 + 4 * index))
  const covered = Buffer.concat([header, ...parts])
  return Buffer.concat([covered, createHash('sha256').update(covered).digest()])
}

const read = (bytes: Uint8Array) => readStateFile(bytesOfState(bytes))

/** Everything that is in a file. */
function whole(bytes: Uint8Array) {
  const { state, ram, vram, writes } = read(bytes)
  const [ramBytes, vramBytes] = [new Uint8Array(RAM.length), new Uint8Array(VRAM.length)]
  unpackMemory(ram, ramBytes)
  unpackMemory(vram, vramBytes)
  return {
    state,
    ram: Buffer.from(ramBytes),
    vram: Buffer.from(vramBytes),
    writes: writes.map((one) => [...one]),
  }
}

const EVERYTHING = { state: STATE, ram: Buffer.from(RAM), vram: Buffer.from(VRAM), writes: [[1, 2, 3]] }

describe('a state file', () => {
  it('comes back as it was', () => {
    expect(whole(written())).toEqual(EVERYTHING)
  })

  it('comes back as well when it was written before memory was in chunks', () => {
    expect(whole(writtenBefore())).toEqual(EVERYTHING)
    expect(read(writtenBefore()).ram.chunks).toBeNull()
    expect(() => read(writtenBefore(1))).toThrow('made by an older version')
  })

  it.each([written, writtenBefore])(
    'is refused when any bit of it has changed, or it was cut: %o',
    (write) => {
      const file = write()
      for (let at = 0; at < file.length; at++) {
        const damaged = Uint8Array.from(file)
        damaged[at]! ^= 1 << (at & 7)
        expect(() => whole(damaged), `at ${at}`).toThrow(/state-(invalid|too-new)/)
      }
      for (let length = 0; length < file.length; length += 7)
        expect(() => whole(file.subarray(0, length)), `cut at ${length}`).toThrow('state-invalid')
      expect(() => whole(Buffer.concat([file, Uint8Array.of(0)]))).toThrow('something was added to it')
    },
  )
})
