import { describe, expect, it } from 'vitest'
import { MemoryMap } from '../../bus/memory-map.ts'
import { PortMap } from '../../bus/port-map.ts'
import { GuestMemory } from '../../memory/guest-memory.ts'
import { e820File, FW_CFG_DMA_PORT, FW_CFG_PORT, FwCfg } from './fw-cfg.ts'

const text = (bytes: ArrayLike<number>) => String.fromCharCode(...Array.from(bytes)).replace(/\0+$/, '')

function powerOn() {
  const guest = new GuestMemory(1)
  const memory = new MemoryMap(guest)
  const ram = { offset: guest.ram.byteOffset }
  memory.map({ name: 'RAM', base: 0, length: 1 << 20, read: ram, write: ram, priority: 0 })
  const files = new Map([
    ['etc/e820', e820File([{ base: 0x100000, length: 2 ** 32, type: 1 }])],
    ['bootorder', Uint8Array.of(0x61, 0x62, 0x63)],
  ])
  const device = new FwCfg(files, memory)
  const ports = new PortMap()
  ports.map({ name: 'fw_cfg', base: FW_CFG_PORT, length: 2, width: 2 }, device.ports)
  ports.map({ name: 'fw_cfg DMA', base: FW_CFG_DMA_PORT, length: 8, width: 4 }, device.dmaPorts)
  const read = (key: number, length: number) => {
    ports.write(0x510, key, 2)
    return Array.from({ length }, () => ports.read(0x511, 1))
  }
  const dma = (control: number, length: number, address: number) => {
    const view = new DataView(guest.ram.buffer, guest.ram.byteOffset)
    view.setUint32(0x1000, control)
    view.setUint32(0x1004, length)
    view.setUint32(0x1008, 0)
    view.setUint32(0x100c, address)
    ports.write(0x514, 0, 4)
    ports.write(0x518, 0x00100000, 4) // 1000h, big-endian
    return view.getUint32(0x1000)
  }
  return { guest, device, ports, read, dma }
}

it('identifies itself', () => {
  const { read, ports } = powerOn()
  expect(text(read(0, 4))).toBe('QEMU')
  expect(read(1, 4)).toEqual([3, 0, 0, 0])
  expect([0x514, 0x518].map((port) => ports.read(port, 4))).toEqual([0x554d4551, 0x47464320])
})

it('lists its files sorted, with big-endian sizes and selectors', () => {
  const { read } = powerOn()
  const directory = read(0x19, 4 + 2 * 64)
  expect(directory.slice(0, 4)).toEqual([0, 0, 0, 2])
  expect(directory.slice(4, 10)).toEqual([0, 0, 0, 3, 0, 0x20])
  expect(text(directory.slice(12, 68))).toBe('bootorder')
  expect(directory.slice(68, 74)).toEqual([0, 0, 0, 20, 0, 0x21])
  expect(text(directory.slice(76, 132))).toBe('etc/e820')
})

it('reads a file from its start after each selection, and zeros behind its end', () => {
  const { read } = powerOn()
  expect(text(read(0x20, 3))).toBe('abc')
  expect(read(0x20, 5)).toEqual([0x61, 0x62, 0x63, 0, 0])
  expect(read(0x777, 2)).toEqual([0, 0])
  expect(read(0x21, 20)).toEqual([0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])
})

describe('DMA', () => {
  it('selects, skips and reads', () => {
    const { guest, dma } = powerOn()
    expect(dma((0x20 << 16) | 8 | 4, 1, 0)).toBe(0)
    expect(dma(2, 4, 0x2000)).toBe(0)
    expect([...guest.ram.subarray(0x2000, 0x2004)]).toEqual([0x62, 0x63, 0, 0])
  })

  it('refuses writes and what would take too long', () => {
    const { dma } = powerOn()
    expect(dma((0x20 << 16) | 8 | 16, 1, 0x2000)).toBe(1)
    expect(dma((0x20 << 16) | 8 | 2, 0xffffffff, 0x2000)).toBe(1)
  })

  it('survives a transfer over its own request and beyond the end of RAM', () => {
    const { dma } = powerOn()
    expect(dma((0x20 << 16) | 8 | 2, 0x200000, 0)).toBe(0)
  })
})

it('restores its position', () => {
  const { device, ports, read } = powerOn()
  read(0x20, 1)
  const saved = structuredClone(device.save())
  device.reset()
  device.restore(saved)
  expect(device.save()).toEqual(saved)
  expect(ports.read(0x511, 1)).toBe(0x62)
  expect(() => device.restore({ ...saved, key: -1 })).toThrow('state-invalid')
})
