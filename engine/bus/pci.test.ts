import { describe, expect, it } from 'vitest'
import { RecordingLine } from '../../test/support/recording-line.ts'
import { GuestMemory } from '../memory/guest-memory.ts'
import { VRAM_BASE } from '../memory/layout.ts'
import type { BusDevice } from './bus-device.ts'
import { MemoryMap } from './memory-map.ts'
import { PciFunction } from './pci-function.ts'
import { MemoryWindow, PortWindow } from './pci-window.ts'
import { PciBus, pirqOf } from './pci.ts'
import { PortMap } from './port-map.ts'

const answering = (value: number): BusDevice => ({ read: () => value, write() {} })
const network = {
  vendorId: 0x10ec,
  deviceId: 0x8029,
  revision: 0,
  classCode: 0x020000,
  interruptPin: 1,
} as const
const SLOT_3 = 3 << 3

function powerOn() {
  const pirqs = [new RecordingLine(), new RecordingLine(), new RecordingLine(), new RecordingLine()] as const
  const bus = new PciBus([...pirqs])
  const ports = new PortMap()
  const card = new PciFunction(network, [
    {
      index: 0,
      kind: 'io',
      length: 32,
      window: new PortWindow(ports, { name: 'card', length: 32 }, answering(0x5a)),
    },
  ])
  bus.attach(3, 0, card)
  return { pirqs, bus, ports, card }
}

describe('configuration space', () => {
  it('shows identity and class, and all ones where no function is', () => {
    const { bus } = powerOn()

    expect(bus.readConfig(SLOT_3, 0x00, 4)).toBe(0x802910ec)
    expect(bus.readConfig(SLOT_3, 0x0a, 2)).toBe(0x0200)
    expect(bus.readConfig(4 << 3, 0x00, 4)).toBe(0xffffffff)
    expect(bus.readConfig(SLOT_3 | 1, 0x00, 2)).toBe(0xffff)
    expect(bus.readConfig(0x100 | SLOT_3, 0x00, 2)).toBe(0xffff)
  })

  it('keeps read-only registers and takes the interrupt line', () => {
    const { bus } = powerOn()

    bus.writeConfig(SLOT_3, 0x00, 0, 4)
    bus.writeConfig(SLOT_3, 0x3c, 0xff0b, 2)

    expect(bus.readConfig(SLOT_3, 0x00, 2)).toBe(0x10ec)
    expect(bus.readConfig(SLOT_3, 0x3c, 2)).toBe(0x010b)
  })

  it('clears status bits by writing ones', () => {
    const { bus, card } = powerOn()
    card.config.set(0x06, 0x2280, 2) // received master abort

    bus.writeConfig(SLOT_3, 0x06, 0x2000, 2)

    expect(bus.readConfig(SLOT_3, 0x06, 2)).toBe(0x0280)
  })
})

describe('base address registers', () => {
  it('give the size to a write of all ones without answering anywhere', () => {
    const { bus, ports } = powerOn()
    bus.writeConfig(SLOT_3, 0x04, 1, 2)

    bus.writeConfig(SLOT_3, 0x10, 0xffffffff, 4)

    expect(bus.readConfig(SLOT_3, 0x10, 4)).toBe(0xffffffe1)
    expect(ports.isFree(0xffe0, 32)).toBe(true)
  })

  it('answer only while the command register lets them, and move', () => {
    const { bus, ports } = powerOn()
    bus.writeConfig(SLOT_3, 0x10, 0xc000, 4)
    expect(ports.read(0xc000, 1)).toBe(0xff)

    bus.writeConfig(SLOT_3, 0x04, 1, 2)
    expect(ports.read(0xc01f, 1)).toBe(0x5a)

    bus.writeConfig(SLOT_3, 0x10, 0xd000, 4)
    expect(ports.read(0xc000, 1)).toBe(0xff)
    expect(ports.read(0xd000, 1)).toBe(0x5a)

    bus.writeConfig(SLOT_3, 0x04, 0, 2)
    expect(ports.read(0xd000, 1)).toBe(0xff)
  })

  it('do not decode above the 64 Ki ports', () => {
    const { bus, ports } = powerOn()
    bus.writeConfig(SLOT_3, 0x04, 1, 2)

    bus.writeConfig(SLOT_3, 0x10, 0x1c000, 4)

    expect(ports.isFree(0xc000, 32)).toBe(true)
  })

  it('leave ports that something else claims to it, and take them once it has moved away', () => {
    const { bus, ports } = powerOn()
    const other = new PciFunction({ ...network, deviceId: 1 }, [
      {
        index: 0,
        kind: 'io',
        length: 32,
        window: new PortWindow(ports, { name: 'other', length: 32 }, answering(0x77)),
      },
    ])
    bus.attach(4, 0, other)
    for (const slot of [SLOT_3, 4 << 3]) {
      bus.writeConfig(slot, 0x04, 1, 2)
      bus.writeConfig(slot, 0x10, 0xc000, 4)
    }
    expect(ports.read(0xc000, 1)).toBe(0x5a)

    bus.writeConfig(SLOT_3, 0x10, 0xe000, 4)

    expect(ports.read(0xc000, 1)).toBe(0x77)
    expect(ports.read(0xe000, 1)).toBe(0x5a)
  })

  it('place a frame buffer in memory, but never over the reset vector', () => {
    const memory = new MemoryMap(new GuestMemory(1))
    const backing = { offset: VRAM_BASE }
    const window = new MemoryWindow(memory, {
      name: 'frame buffer',
      length: 1 << 20,
      read: backing,
      write: backing,
      priority: 1,
    })
    const card = new PciFunction(network, [
      { index: 0, kind: 'memory', length: 1 << 20, prefetchable: true, window },
    ])
    card.write(0x04, 2, 2)

    card.write(0x10, 0xffffffff, 4)
    expect(card.read(0x10, 4)).toBe(0xfff00008)
    expect(memory.readOffset(0xfffff)).toBeLessThan(0)

    card.write(0x10, 0xe0000000, 4)
    expect(memory.readOffset(0xe0000)).toBe(VRAM_BASE)
    expect(card.baseOf(0)).toBe(0xe0000000)

    card.write(0x10, 0xffe00000, 4) // ends at FFF00000h: allowed
    expect(memory.readOffset(0xe0000)).toBeLessThan(0)
    expect(memory.readOffset(0xffe00)).toBe(VRAM_BASE)
  })
})

describe('interrupt pins', () => {
  it('turn by one per slot', () => {
    expect([1, 2, 3, 4, 5].map((slot) => pirqOf(slot, 1))).toEqual([0, 1, 2, 3, 0])
    expect(pirqOf(3, 2)).toBe(3)
  })

  it('share a wire: it stays high until the last device lets go', () => {
    const { bus, card, pirqs } = powerOn()
    const other = new PciFunction(network)
    bus.attach(7, 0, other)

    card.interrupt.set(true)
    other.interrupt.set(true)
    card.interrupt.set(false)
    expect(pirqs[2].level).toBe(true)

    other.interrupt.set(false)
    expect(pirqs[2].level).toBe(false)
  })

  it('show in the status register and obey interrupt disable', () => {
    const { bus, card, pirqs } = powerOn()
    card.interrupt.set(true)
    expect(bus.readConfig(SLOT_3, 0x06, 2) & 8).toBe(8)

    bus.writeConfig(SLOT_3, 0x04, 0x400, 2)
    expect(pirqs[2].level).toBe(false)
    expect(bus.readConfig(SLOT_3, 0x06, 2) & 8).toBe(8)

    bus.writeConfig(SLOT_3, 0x04, 0, 2)
    expect(pirqs[2].level).toBe(true)
  })
})

it('restores windows and the interrupt level, whatever the read-only bytes of the saved state say', () => {
  const { bus, card, ports, pirqs } = powerOn()
  bus.writeConfig(SLOT_3, 0x04, 1, 2)
  bus.writeConfig(SLOT_3, 0x10, 0xc000, 4)
  card.interrupt.set(true)
  const saved = structuredClone(card.save())
  card.reset()
  expect(ports.isFree(0xc000, 32)).toBe(true)
  expect(pirqs[2].level).toBe(false)

  card.restore(saved)
  expect(card.save()).toEqual(saved)
  expect(ports.read(0xc000, 1)).toBe(0x5a)
  expect(pirqs[2].level).toBe(true)

  saved.config[0] = 0x34
  card.restore(saved)
  expect(card.read(0, 2)).toBe(0x10ec)
})
