import { describe, expect, it } from 'vitest'
import type { BusDevice } from '../../bus/bus-device.ts'
import { MemoryMap } from '../../bus/memory-map.ts'
import { PciBus } from '../../bus/pci.ts'
import { PortMap } from '../../bus/port-map.ts'
import { GuestMemory } from '../../memory/guest-memory.ts'
import { ROM_BASE } from '../../memory/layout.ts'
import { ConfigMechanism } from './config-mechanism.ts'
import { I440fx } from './i440fx.ts'

const noLine = { set() {} }

function powerOn() {
  const guest = new GuestMemory(16)
  const memory = new MemoryMap(guest)
  guest.rom.fill(0xaa)
  memory.map({
    name: 'RAM',
    base: 0,
    length: guest.ram.length,
    read: { offset: guest.ram.byteOffset },
    write: { offset: guest.ram.byteOffset },
    priority: 0,
  })
  const bridge = new I440fx(memory, (base) =>
    base >= 0xe0000 ? { offset: ROM_BASE + base - 0xe0000 } : null,
  )
  const bus = new PciBus([noLine, noLine, noLine, noLine])
  bus.attach(0, 0, bridge.pci)
  const ports = new PortMap()
  const resetControl: BusDevice & { last: number } = {
    last: -1,
    read: (offset) => (offset === 1 ? 0x42 : 0xff),
    write(offset, value) {
      if (offset === 1) this.last = value
    },
  }
  ports.map({ name: 'PCI', base: 0xcf8, length: 8, width: 4 }, new ConfigMechanism(bus, resetControl))
  return { guest, memory, bridge, ports, resetControl }
}

describe('configuration mechanism #1', () => {
  it('reads by dword, word and byte of the selected register', () => {
    const { ports } = powerOn()

    ports.write(0xcf8, 0x80000000, 4)

    expect(ports.read(0xcf8, 4)).toBe(0x80000000)
    expect(ports.read(0xcfc, 4)).toBe(0x12378086)
    expect(ports.read(0xcfe, 2)).toBe(0x1237)
    expect(ports.read(0xcfd, 1)).toBe(0x80)
    expect(ports.read(0xcfd, 2)).toBe(0x3780)
  })

  it('reads all ones while disabled, on another bus and from an empty slot', () => {
    const { ports } = powerOn()
    for (const address of [0x00000000, 0x80010000, 0x8000f800]) {
      ports.write(0xcf8, address, 4)
      expect(ports.read(0xcfc, 4)).toBe(0xffffffff)
    }
  })

  it('passes narrow accesses at CF8h on: CF9h is the reset control register', () => {
    const { ports, resetControl } = powerOn()
    ports.write(0xcf8, 0x80000000, 4)

    ports.write(0xcf9, 0x06, 1)

    expect(resetControl.last).toBe(6)
    expect(ports.read(0xcf9, 1)).toBe(0x42)
    expect(ports.read(0xcf8, 4)).toBe(0x80000000)
  })

  it('answers an access that straddles both registers byte by byte', () => {
    const { ports } = powerOn()
    ports.write(0xcf8, 0x80000000, 4)

    expect(ports.read(0xcfa, 4)).toBe(0x8086ffff)
  })
})

describe('programmable attribute maps', () => {
  it('show the ROM after reset and ignore writes', () => {
    const { memory, bridge } = powerOn()
    bridge.reset()

    memory.write(0xf0000, 0x11, 1)

    expect(memory.read(0xf0000, 1)).toBe(0xaa)
    expect(memory.read(0xc0000, 1)).toBe(0xff)
  })

  it('copy the ROM into the RAM below it: read ROM, write RAM; then write-protect the copy', () => {
    const { memory, bridge, guest } = powerOn()

    bridge.pci.write(0x59, 0x20, 1)
    memory.write(0xf1234, 0x55, 1)
    expect(memory.read(0xf1234, 1)).toBe(0xaa)
    expect(guest.ram[0xf1234]).toBe(0x55)

    bridge.pci.write(0x59, 0x10, 1)
    memory.write(0xf1234, 0x66, 1)
    expect(memory.read(0xf1234, 1)).toBe(0x55)
  })

  it('govern 16 KiB each by nibble from C0000h', () => {
    const { memory, bridge } = powerOn()

    bridge.pci.write(0x5b, 0x30, 1) // CC000h-CFFFFh becomes RAM

    memory.write(0xcc000, 1, 1)
    memory.write(0xcbfff, 1, 1)
    memory.write(0xd0000, 1, 1)
    expect([0xcbfff, 0xcc000, 0xd0000].map((address) => memory.read(address, 1))).toEqual([0xff, 1, 0xff])
  })

  it('come back with a saved state', () => {
    const { memory, bridge, guest } = powerOn()
    guest.ram[0xe8000] = 0x77
    bridge.pci.write(0x5e, 0x33, 1)
    bridge.pci.write(0x5f, 0x33, 1)
    const saved = structuredClone(bridge.save())

    bridge.reset()
    expect(memory.read(0xe8000, 1)).toBe(0xaa)
    bridge.restore(saved)

    expect(memory.read(0xe8000, 1)).toBe(0x77)
    expect(bridge.save()).toEqual(saved)
  })
})

it('opens and locks the system management RAM', () => {
  const { memory, bridge, guest } = powerOn()
  guest.ram[0xa0000] = 0x99
  const open = () => memory.readOffset(0xa0) === guest.ram.byteOffset + 0xa0000
  const overlaid = () => memory.read(0xa0000, 1) === 0x99 && open()
  bridge.pci.write(0x72, 0x4a, 1)
  expect(overlaid()).toBe(true)

  bridge.pci.write(0x72, 0x1a, 1)
  bridge.pci.write(0x72, 0x4a, 1)

  expect(bridge.pci.read(0x72, 1)).toBe(0x1a)
})

it('hides the system management RAM from data but not from code, which then reaches the screen', () => {
  const { memory, bridge, guest } = powerOn()
  guest.ram[0xa0000] = 0x99
  guest.rom[0] = 0x44
  const screen = { offset: ROM_BASE }
  // As an adapter shows its memory directly, over what it answers itself.
  memory.map({ name: 'screen', base: 0xa0000, length: 0x20000, read: screen, write: screen, priority: 2 })
  const seen = () => [memory.read(0xa0000, 1), memory.fetch(0xa0000)]
  const isCodeInRam = () => memory.codeOffset(0xa0) === guest.ram.byteOffset + 0xa0000
  bridge.pci.write(0x72, 0x1a, 1) // D_LCK, G_SMRAME
  expect(seen()).toEqual([0x44, 0x44])
  bridge.setManaging(true)
  expect(seen()).toEqual([0x99, 0x99])

  bridge.pci.write(0x72, 0x3a, 1) // D_CLS as well: no lock binds it

  expect(seen()).toEqual([0x44, 0x99])
  expect(isCodeInRam()).toBe(true)
  bridge.setManaging(false)
  expect(seen()).toEqual([0x44, 0x44])
  expect(isCodeInRam()).toBe(false)
})

it('opens the system management RAM only where it is enabled', () => {
  const { memory, bridge, guest } = powerOn()
  guest.ram[0xa0000] = 0x99
  const screen = { offset: ROM_BASE }
  memory.map({ name: 'screen', base: 0xa0000, length: 0x20000, read: screen, write: screen, priority: 2 })
  bridge.pci.write(0x72, 0x42, 1) // D_OPEN
  expect(memory.read(0xa0000, 1)).toBe(0xaa)
  bridge.pci.write(0x72, 0x4a, 1)
  expect(memory.read(0xa0000, 1)).toBe(0x99)
})

it('shows the system management RAM to a processor in that mode alone once it is enabled, locked or not', () => {
  const { memory, bridge, guest } = powerOn()
  guest.ram[0xa0000] = 0x99
  const screen = { offset: ROM_BASE }
  memory.map({ name: 'screen', base: 0xa0000, length: 0x20000, read: screen, write: screen, priority: 1 })
  const isShown = (): boolean => memory.read(0xa0000, 1) === 0x99
  bridge.setManaging(true)
  expect(isShown()).toBe(false)
  bridge.pci.write(0x72, 0x1a, 1) // G_SMRAME, D_LCK
  expect(isShown()).toBe(true)
  bridge.setManaging(false)
  expect(isShown()).toBe(false)
})
