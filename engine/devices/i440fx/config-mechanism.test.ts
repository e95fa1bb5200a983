import { expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { MemoryMap } from '../../bus/memory-map.ts'
import { PciFunction } from '../../bus/pci-function.ts'
import { MemoryWindow, PortWindow } from '../../bus/pci-window.ts'
import { PciBus } from '../../bus/pci.ts'
import { PortMap } from '../../bus/port-map.ts'
import { GuestMemory } from '../../memory/guest-memory.ts'
import { VRAM_BASE } from '../../memory/layout.ts'
import { AcpiPm } from '../acpi-pm/acpi-pm.ts'
import { Piix3 } from '../piix3/piix3.ts'
import { ConfigMechanism } from './config-mechanism.ts'
import { I440fx } from './i440fx.ts'

function powerOn() {
  const clock = new ManualClock()
  const ports = new PortMap()
  const memory = new MemoryMap(new GuestMemory(4))
  const irqs = Array.from({ length: 16 }, () => new RecordingLine())
  const host = new I440fx(memory, () => null)
  const isa = new Piix3(irqs, () => {})
  const power = new AcpiPm({ clock, ports, sci: irqs[9]!, powerOff() {} })
  const backing = { offset: VRAM_BASE }
  const display = new PciFunction({ vendorId: 0x1234, deviceId: 0x1111, revision: 0, classCode: 0x030000 }, [
    {
      index: 0,
      kind: 'memory',
      length: 1 << 20,
      window: new MemoryWindow(memory, {
        name: 'frame buffer',
        length: 1 << 20,
        read: backing,
        write: backing,
        priority: 1,
      }),
    },
    {
      index: 1,
      kind: 'io',
      length: 256,
      window: new PortWindow(ports, { name: 'registers', length: 256 }, { read: () => 0, write() {} }),
    },
  ])
  const bus = new PciBus([...isa.pirqs])
  bus.attach(0, 0, host.pci)
  bus.attach(1, 0, isa.pci)
  bus.attach(1, 3, power.pci)
  bus.attach(2, 0, display)
  const config = new ConfigMechanism(bus, isa.resetControl)
  ports.map({ name: 'PCI', base: 0xcf8, length: 8, width: 4 }, config)
  const devices = [config, host, isa, power]
  for (const device of devices) device.reset()
  return { clock, ports, memory, devices }
}

it('finds the functions of the board by scanning the bus', () => {
  const { ports } = powerOn()
  const found: string[] = []
  for (let target = 0; target < 256; target++) {
    ports.write(0xcf8, 0x80000000 + target * 256, 4)
    const id = ports.read(0xcfc, 4)
    if (id !== 0xffffffff) found.push(`${target >> 3}.${target & 7} ${id.toString(16)}`)
  }
  expect(found).toEqual(['0.0 12378086', '1.0 70008086', '1.3 71138086', '2.0 11111234'])
})

it('survives any configuration access of any width, and saves what comes of it', () => {
  const { clock, ports, memory, devices } = powerOn()
  let seed = 3
  const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 4
  const targets = [0x00, 0x08, 0x0b, 0x10, 0x11]
  const sizes = [1, 2, 4] as const
  let slowestMs = 0
  for (let index = 0; index < 20_000; index++) {
    const start = process.cpuUsage()
    ports.write(0xcf8, 0x80000000 + targets[random() % targets.length]! * 256 + (random() & 0xfc), 4)
    const size = sizes[random() % 3]!
    const port = random() % 4 ? 0xcfc + (random() & 3) : 0xcf8 + (random() & 7)
    ports.write(port, (random() * 16 + (random() & 15)) % 2 ** (8 * size), size)
    const value = ports.read(port, size)
    if (!(value >= 0 && value < 2 ** (8 * size))) throw new Error(`port ${port} size ${size} reads ${value}`)
    memory.read((random() * 16) >>> 0, 1)
    ports.read(random() & 0xffff, 1)
    clock.advance(random() % 1_000_000)
    // Processor time: a busy host is not the device's fault.
    slowestMs = Math.max(slowestMs, process.cpuUsage(start).user / 1000)
  }
  expect(slowestMs).toBeLessThan(100)
  for (const device of devices) {
    const saved = structuredClone(device.save())
    device.reset()
    device.restore(saved)
    expect(device.save()).toEqual(saved)
  }
})
