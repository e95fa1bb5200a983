import { expect, it } from 'vitest'
import { GuestMemory } from '../memory/guest-memory.ts'
import { MIB, RAM_BASE, ROM_BASE } from '../memory/layout.ts'
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
