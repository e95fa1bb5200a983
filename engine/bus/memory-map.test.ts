import { describe, expect, it } from 'vitest'
import { GuestMemory } from '../memory/guest-memory.ts'
import { MIB, RAM_BASE, RAM_MAP, ROM_BASE } from '../memory/layout.ts'
import { MemoryMap } from './memory-map.ts'

const RAM = { name: 'ram', base: 0, read: { offset: RAM_BASE }, write: { offset: RAM_BASE }, priority: 0 }

function powerOn() {
  const map = new MemoryMap(new GuestMemory(1))
  map.map({ ...RAM, length: MIB })
  return map
}

const answering = (value: number) => ({ device: { read: () => value, write: () => {} } })

it('lets the higher priority answer, and of equals the later', () => {
  const map = powerOn()
  map.map({ name: 'hole', base: 0xa0000, length: 0x20000, read: answering(1), write: null, priority: 1 })
  map.map({ name: 'late', base: 0xb0000, length: 0x2000, read: answering(2), write: null, priority: 1 })
  map.map({ name: 'low', base: 0xa0000, length: 0x20000, read: answering(3), write: null, priority: 0 })
  expect([0x9f000, 0xa0000, 0xb1fff, 0xb2000, 0xc0000].map((address) => map.read(address, 1))).toEqual([
    0, 1, 2, 1, 0,
  ])
})

it('shows again what lay below a region that is moved or hidden', () => {
  const map = powerOn()
  map.write(0x10000, 0x55, 1)
  const window = map.map({
    name: 'window',
    base: 0x10000,
    length: 0x1000,
    read: answering(1),
    write: null,
    priority: 2,
  })
  map.write(0x10000, 0xaa, 1) // into nothing
  window.update({ base: 0x20000 })
  expect([map.read(0x10000, 1), map.read(0x20000, 1)]).toEqual([0x55, 1])
  window.update(null)
  expect(map.read(0x20000, 1)).toBe(0)
})

it('reads from one place and writes to another, as shadowed ROM does', () => {
  const map = powerOn()
  map.map({
    name: 'rom',
    base: 0xf0000,
    length: 0x10000,
    read: { offset: ROM_BASE },
    write: { offset: RAM_BASE + 0xf0000 },
    priority: 1,
  })
  map.write(0xf1234, 0x77, 1)
  expect(map.read(0xf1234, 1)).toBe(0)
  expect(map.memory.ram[0xf1234]).toBe(0x77)
})

it('notes writes by page, once until they are taken', () => {
  const map = powerOn()
  const window = map.map({
    ...RAM,
    name: 'video',
    base: 0x40000,
    length: 0x4000,
    priority: 1,
    tracksDirty: true,
  })
  map.write(0x41000, 1, 4)
  map.write(0x41ffc, 1, 4)
  map.dmaWrite(0x43ff0, new Uint8Array(0x20))
  expect(window.takeDirty()).toEqual([1, 3])
  expect(window.takeDirty()).toEqual([])
  map.write(0x41000, 2, 1)
  expect(window.takeDirty()).toEqual([1])
})

it('keeps DMA to RAM and ROM: devices read as all ones and are not written', () => {
  const map = powerOn()
  const written: number[] = []
  const device = { read: () => 0, write: (offset: number) => void written.push(offset) }
  map.map({
    name: 'device',
    base: 0xfee00000,
    length: 0x1000,
    read: { device },
    write: { device },
    priority: 1,
  })
  const bytes = new Uint8Array(8)
  map.dmaRead(0xfee00ffc, bytes)
  map.dmaWrite(0xfee00ffc, bytes)
  expect([...bytes]).toEqual(Array<number>(8).fill(0xff))
  expect(written).toEqual([])
})

it('counts what devices are asked, by the name of their region', () => {
  const map = powerOn()
  const apic = { name: 'apic', base: MIB, length: 0x1000, priority: 1 }
  map.map({ ...apic, read: answering(0), write: answering(0) })
  map.read(MIB, 4)
  map.write(MIB + 4, 1, 4)
  map.write(0x10, 1, 4)
  expect(map.deviceAccesses()).toEqual({ apic: 2 })
})

describe('RAM that is filled when it is reached', () => {
  const PAGE = 4096
  const CHUNK = 16 * PAGE

  /** The same RAM twice: there from the start, and filled when it is reached; each with a shadow and an alias of it. */
  function powerOnBoth() {
    const contents = Uint8Array.from({ length: MIB }, (_, at) => ((at >>> 12) * 7 + at * 13) & 0xff)
    const reads: number[] = []
    const source = {
      chunkBytes: CHUNK,
      chunkCount: MIB / CHUNK,
      holds: () => true,
      read: (chunk: number) => {
        reads.push(chunk)
        return contents.subarray(chunk * CHUNK, (chunk + 1) * CHUNK)
      },
      close: () => {},
    }
    const maps = [powerOn(), powerOn()] as const
    maps[0].memory.ram.set(contents)
    maps[1].fillWhenReached(source)
    for (const map of maps) {
      const shadow = { offset: RAM_BASE + 0xf0000 }
      map.map({ name: 'bios', base: 0xf0000, length: 0x10000, read: shadow, write: null, priority: 1 })
      const alias = { offset: RAM_BASE + 0xa0000 }
      const range = { base: 4 * MIB, length: 0x20000, priority: 1 }
      map.map({ name: 'alias', ...range, read: alias, write: alias, tracksDirty: true })
    }
    return { maps, reads }
  }

  const isWalked = (map: MemoryMap, page: number): boolean =>
    ((map.memory.bytes[RAM_MAP + (page >> 3)]! >> (page & 7)) & 1) === 1

  it('is the same to whoever reaches it, in whatever way', () => {
    let word = 5
    const random = (below: number): number => {
      word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((word / 2 ** 32) * below)
    }
    /** One access at a place: what it gave. */
    const ways: ((map: MemoryMap, address: number, value: number) => unknown)[] = [
      (map, address) => map.read(address, 1),
      (map, address) => map.read(address & ~3, 4),
      (map, address, value) => map.write(address, value & 0xff, 1),
      (map, address, value) => map.write(address & ~1, value & 0xffff, 2),
      (map, address) => {
        const bytes = new Uint8Array(3 * PAGE)
        map.dmaRead(address, bytes)
        return Buffer.from(bytes).toString('base64')
      },
      (map, address, value) => map.dmaWrite(address, new Uint8Array(5000).fill(value)),
      // As processors do it: an address that is kept.
      (map, address) => {
        const at = map.readOffset(address >>> 12)
        return at < 0 ? at : Buffer.from(map.memory.bytes.subarray(at, at + PAGE)).toString('base64')
      },
      (map, address, value) => {
        if (map.needsNote(address >>> 12)) map.noteWrite(address >>> 12)
        const at = map.writeOffset(address >>> 12)
        if (at >= 0) map.memory.bytes[at + (address & 0xfff)] = value
        return at
      },
    ]
    for (let round = 0; round < 40; round++) {
      const { maps, reads } = powerOnBoth()
      for (let step = 0; step < 12; step++) {
        const [way, value] = [ways[random(ways.length)]!, random(256)]
        const address = random(4) === 0 ? 4 * MIB + random(0x20000) : random(MIB)
        if (random(5) === 0) maps[1].memory.absent?.bringNext()
        expect(way(maps[1], address, value)).toEqual(way(maps[0], address, value))
      }
      expect(new Set(reads).size).toBe(reads.length)
      expect(reads.length).toBeLessThan(16)
      expect(Buffer.compare(maps[1].memory.ram, maps[0].memory.ram)).toBe(0)
      expect(maps[1].memory.absent).toBeNull()
    }
  })

  it('is not walked by generated code before it is there, and the processors forget what they knew', () => {
    const { maps } = powerOnBoth()
    const map = maps[1]
    const [first, other] = [5, 40]
    expect([first, other].map((page) => isWalked(map, page))).toEqual([false, false])
    map.read(first * PAGE, 1)
    expect([first, 15, 16, other].map((page) => isWalked(map, page))).toEqual([true, true, false, false])
    // A map that changes does not make it so.
    map
      .map({ name: 'window', base: 0x20000, length: 0x10000, read: null, write: null, priority: 1 })
      .update(null)
    expect(isWalked(map, other)).toBe(false)
    map.memory.absent!.bringAll()
    expect([other, 0x9f, 0xf0].map((page) => isWalked(map, page))).toEqual([true, true, false])

    const forgotten: number[] = []
    const late = powerOn()
    late.observe({ remapped: (page, count) => void forgotten.push(page, count), written: () => {} })
    late.fillWhenReached({ chunkBytes: CHUNK, chunkCount: 0, holds: () => true, read: () => new Uint8Array(0), close: () => {} }) // prettier-ignore
    expect(forgotten).toEqual([0, 1 << 20])
  })
})
