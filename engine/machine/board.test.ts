import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { MemoryMap } from '../bus/memory-map.ts'
import { PortMap } from '../bus/port-map.ts'
import { GuestMemory } from '../memory/guest-memory.ts'
import { RAM_BASE } from '../memory/layout.ts'
import { Board } from './board.ts'
import { RomSpace } from './rom-space.ts'

function powerOn() {
  const memory = new MemoryMap(new GuestMemory(1))
  const ram = { offset: RAM_BASE }
  memory.map({ name: 'ram', base: 0, length: 0x100000, read: ram, write: ram, priority: 0 })
  const ports = new PortMap()
  const asked: string[] = []
  const board = new Board(
    new ManualClock(),
    ports,
    memory,
    new RomSpace(memory),
    {
      apic: true,
      hpet: false,
      serialPorts: 4,
      mice: { ps2: true, serialPort: null },
      floppyDrives: ['1.44M', 'none'],
      ideDrives: [
        [null, null],
        [null, null],
      ],
      virtioDisks: [],
      ideInterruptDelayNs: 0,
      unixNs: 0n,
      debugExit: false,
    },
    {
      intr: { set() {} },
      nmi() {},
      init() {},
      resetMachine: () => asked.push('machine'),
      resetCpu: () => asked.push('processor'),
      powerOff: () => asked.push('power off'),
      debugExit() {},
      diskFault() {},
    },
  )
  for (const device of board.devices) device.reset()
  asked.length = 0
  const select = (device: number, register: number) =>
    ports.write(0xcf8, (0x80000000 | (device << 8) | (register & 0xfc)) >>> 0, 4)
  const get = (device: number, register: number): number => {
    select(device, register)
    return ports.read(0xcfc, 4)
  }
  const put = (device: number, register: number, value: number): void => {
    select(device, register)
    ports.write(0xcfc, value, 4)
  }
  return { board, memory, ports, asked, get, put }
}

const IDE = 0x09
const VGA = 0x10
const bars = (get: (device: number, register: number) => number, device: number): number[] =>
  [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24].map((register) => get(device, register))

describe('functions on the PCI bus', () => {
  it('are those of a 440FX board, with PIIX3 IDE as the set-up of Windows knows it: 8086:7010', () => {
    const { get } = powerOn()
    const found: string[] = []
    for (let device = 0; device < 256; device++) {
      const id = get(device, 0)
      if (id !== 0xffffffff) found.push(`${device >> 3}.${device & 7} ${id.toString(16)}`)
    }
    expect(found).toEqual(['0.0 12378086', '1.0 70008086', '1.1 70108086', '1.3 71138086', '2.0 11111234'])
    expect(get(IDE, 8) >>> 8).toBe(0x010180)
  })

  it('have one base address in compatible IDE, for the bus master: 9front trips over one at 3F4h', () => {
    const { get, put } = powerOn()
    for (let register = 0x10; register <= 0x24; register += 4) put(IDE, register, 0xffffffff)
    expect(bars(get, IDE)).toEqual([0, 0, 0, 0, 0xfffffff1, 0])
  })

  it('say by the revision of the adapter that its registers are in memory, as they are', () => {
    const { get, put, memory } = powerOn()
    expect(get(VGA, 8) & 0xff).toBe(2)
    for (let register = 0x10; register <= 0x24; register += 4) put(VGA, register, 0xffffffff)
    expect(bars(get, VGA)).toEqual([0xff000008, 0, 0xfffff000, 0, 0, 0])
    put(VGA, 0x18, 0xe1000000)
    put(VGA, 0x04, 2)
    expect(memory.read(0xe1000500, 2)).toBe(0xb0c5)
  })
})

describe('the local APIC', () => {
  const VERSION = 0x30
  const at = (memory: MemoryMap, base: number) => memory.read(base + VERSION, 4) & 0xff

  it('answers where IA32_APIC_BASE says, over whatever lies there, and nowhere else', () => {
    const { board, memory } = powerOn()
    memory.write(0x9000 + VERSION, 0x12345678, 4)
    expect(at(memory, 0xfee00000)).toBe(0x14)
    board.setApicBase(0x9900)
    expect([at(memory, 0x9000), at(memory, 0xfee00000)]).toEqual([0x14, 0xff])
    board.setApicBase(0xd0000900)
    expect([at(memory, 0x9000), at(memory, 0xd0000000)]).toEqual([0x78, 0x14])
  })

  it('is gone while it is disabled', () => {
    const { board, memory } = powerOn()
    board.setApicBase(0xfee00100)
    expect([at(memory, 0xfee00000), board.localApic!.enabled]).toEqual([0xff, false])
    board.setApicBase(0xfee00900)
    expect([at(memory, 0xfee00000), board.localApic!.enabled]).toEqual([0x14, true])
  })
})

describe('resets', () => {
  it.each<[string, string, (ports: PortMap) => void]>([
    ['FEh to the keyboard controller', 'processor', (ports) => ports.write(0x64, 0xfe, 1)],
    ['port 92h', 'processor', (ports) => ports.write(0x92, 1, 1)],
    ['04h to port CF9h', 'processor', (ports) => ports.write(0xcf9, 4, 1)],
    ['06h to port CF9h', 'machine', (ports) => ports.write(0xcf9, 6, 1)],
  ])('by %s are of the %s', (_, what, write) => {
    const { asked, ports } = powerOn()
    write(ports)
    expect(asked).toEqual([what])
  })
})

it('has the serial port without which OS/2 loses VCOM.SYS, and a parallel one', () => {
  const { ports } = powerOn()
  for (const base of [0x3f8, 0x2f8, 0x3e8, 0x2e8]) {
    ports.write(base + 7, 0x5a, 1)
    expect(ports.read(base + 7, 1)).toBe(0x5a)
  }
  ports.write(0x378, 0xa5, 1)
  expect(ports.read(0x378, 1)).toBe(0xa5)
})
