import { describe, expect, it } from 'vitest'
import type { FirmwareConfig } from '../../config.ts'
import { testContext } from '../../test-machine.ts'
import { pirTable } from '../pci/routing-table.ts'
import { deviceNodes } from '../pnp/nodes.ts'
import { romTables } from '../post/tables.ts'
import * as aml from './aml.ts'

const MIB = 0x100000
const tables = (rest: Partial<FirmwareConfig> = {}) =>
  romTables(testContext({ ramBytes: 128 * MIB, ...rest }).config)
const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => (total + byte) & 0xff, 0)
const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const text = (bytes: Uint8Array, at = 0, length = 4) =>
  String.fromCharCode(...bytes.subarray(at, at + length))
const find = (signature: string, rest: Partial<FirmwareConfig> = {}) => {
  const { shadow, high } = tables(rest)
  return [...shadow, ...high].find(({ bytes }) => text(bytes, 0, signature.length) === signature)
}

describe('tables in the BIOS segment', () => {
  it.each([
    ['$PnP', 33],
    ['_32_', 16],
    ['RSD PTR ', 20],
    ['_MP_', 16],
    ['_SM_', 31],
    ['$PIR', 272],
  ])('%s lies on a boundary of 16 bytes with a right checksum', (signature, length) => {
    const table = find(signature)!
    expect(table.address % 16).toBe(0)
    expect(table.address).toBeGreaterThanOrEqual(0xf4000)
    expect(table.bytes.length).toBe(length)
    expect(sum(table.bytes)).toBe(0)
  })

  it('do not overlap', () => {
    const places = tables()
      .shadow.map(({ address, bytes }) => [address, address + bytes.length] as const)
      .sort((a, b) => a[0] - b[0])
    for (let index = 1; index < places.length; index++)
      expect(places[index]![0]).toBeGreaterThanOrEqual(places[index - 1]![1])
    expect(places.at(-1)[1]).toBeLessThan(0xfe000)
  })

  it('leave ACPI and MP out of a machine without them', () => {
    expect(find('RSD PTR ', { acpi: false })).toBeUndefined()
    expect(find('_MP_', { apic: false })).toBeUndefined()
  })
})

describe('ACPI', () => {
  it('tells of a high precision event timer where there is one', () => {
    const { high } = tables({ hpet: true })
    const hpet = high.find(({ bytes }) => text(bytes) === 'HPET')!.bytes
    expect([hpet.length, view(hpet).getUint32(4, true), sum(hpet)]).toEqual([56, 56, 0])
    expect(view(hpet).getBigUint64(44, true)).toBe(0xfed00000n)
    expect(tables().high.some(({ bytes }) => text(bytes) === 'HPET')).toBe(false)
  })

  it('leads from pointer to table, in the range that E820 calls ACPI data', () => {
    const { high } = tables()
    const byAddress = new Map(high.map((piece) => [piece.address, piece.bytes]))
    const rsdt = byAddress.get(view(find('RSD PTR ')!.bytes).getUint32(16, true))!
    expect(text(rsdt)).toBe('RSDT')
    const names = [36, 40].map((at) => text(byAddress.get(view(rsdt).getUint32(at, true))!))
    expect(names).toEqual(['FACP', 'APIC'])
    for (const { address, bytes } of high) {
      if (text(bytes) !== 'FACS') expect(sum(bytes)).toBe(0)
      expect(address).toBeGreaterThanOrEqual(128 * MIB - 0x10000)
      expect(address + bytes.length).toBeLessThanOrEqual(128 * MIB)
    }
    const fadt = byAddress.get(view(rsdt).getUint32(36, true))!
    const facs = view(fadt).getUint32(36, true)
    expect([text(byAddress.get(facs)!), facs % 64]).toEqual(['FACS', 0])
    expect(text(byAddress.get(view(fadt).getUint32(40, true))!)).toBe('DSDT')
    // SCI 9, SMI port B2h, PM1a event, control and timer; flag bit 15 for old Windows
    expect([view(fadt).getUint16(46, true), view(fadt).getUint32(48, true), fadt[52], fadt[53]]).toEqual([
      9, 0xb2, 0xf1, 0xf0,
    ])
    expect([56, 64, 76].map((at) => view(fadt).getUint32(at, true))).toEqual([0x600, 0x604, 0x608])
    expect(view(fadt).getUint32(112, true) & 0x8000).toBe(0x8000)
  })

  it('names the reset control register in the FADT, with the value that resets the whole machine', () => {
    const fadt = find('FACP')!.bytes
    expect([fadt[8], view(fadt).getUint32(4, true), fadt.length]).toEqual([2, 132, 132])
    expect(view(fadt).getUint32(112, true) & (1 << 10)).toBe(1 << 10) // RESET_REG_SUP
    // Among the ports, 8 bits from bit 0 on, at CF9h
    expect([...fadt.subarray(116, 128)]).toEqual([1, 8, 0, 0, 0xf9, 0x0c, 0, 0, 0, 0, 0, 0])
    expect(fadt[128]).toBe(0x06)
  })

  it('makes IRQ 9 level and active high in the MADT', () => {
    const madt = find('APIC')!.bytes
    const overrides: number[][] = []
    for (let at = 44; at < madt.length; at += madt[at + 1]!)
      if (madt[at] === 2) overrides.push([madt[at + 3]!, madt[at + 4]!, madt[at + 8]!])
    expect(overrides).toContainEqual([9, 9, 0x0d])
    expect(overrides).toContainEqual([0, 2, 0])
  })

  it('makes PCI interrupts level, active high and shared in the DSDT (FreeBSD)', () => {
    const dsdt = find('DSDT')!.bytes
    const descriptors: (number | undefined)[] = []
    // An extended interrupt descriptor: 89h, its length, flags, the number of interrupts.
    for (let at = 36; at + 4 < dsdt.length; at++)
      if (dsdt[at] === 0x89 && dsdt[at + 2] === 0 && dsdt[at + 1] === 2 + 4 * dsdt[at + 4]!)
        descriptors.push(dsdt[at + 3])
    expect(descriptors).toEqual(Array(8).fill(0x09))
  })

  it.each([0, 1, 2, 4])('names %i serial ports in the DSDT where there are so many', (serialPorts) => {
    const dsdt = find('DSDT', { serialPorts })!.bytes
    const found: number[] = []
    // A fixed range of eight ports: 47h, decodes 16 bits, least and most address, alignment, length.
    for (let at = 36; at + 8 < dsdt.length; at++)
      if (dsdt[at] === 0x47 && dsdt[at + 1] === 1 && dsdt[at + 7] === 8)
        found.push(view(dsdt).getUint16(at + 2, true))
    const com = [0x3f8, 0x2f8, 0x3e8, 0x2e8].slice(0, serialPorts)
    expect(
      found.filter((base) => (base & 0xcff) === 0xcf8 || (base & 0xcff) === 0xce8 || com.includes(base)),
    ).toEqual([0xcf8, ...com])
    const names = ['COM1', 'COM2', 'COM3', 'COM4'].filter((name) => text(dsdt, 0, dsdt.length).includes(name))
    expect(names).toHaveLength(serialPorts)
  })

  it('tells Windows XP of neither a window above 4 GiB nor a timer that takes IRQ 8', () => {
    const dsdt = find('DSDT', { hpet: true })!.bytes
    const holds = (wanted: readonly number[]) =>
      dsdt.some((_, at) => wanted.every((byte, index) => dsdt[at + index] === byte))
    expect(holds([0x8a, 0x2b, 0])).toBe(false) // a range of 64-bit addresses
    expect(holds(aml.eisaId('PNP0103'))).toBe(false)
    expect(holds(aml.eisaId('PNP0B00'))).toBe(true)
  })

  it('encodes names, numbers and package lengths', () => {
    expect(aml.eisaId('PNP0A03')).toEqual([0x0c, 0x41, 0xd0, 0x0a, 0x03])
    expect(aml.name('\\_SB.PCI0.ISA')).toEqual([
      0x5c,
      0x2f,
      3,
      ...Array.from('_SB_PCI0ISA_', (c) => c.charCodeAt(0)),
    ])
    expect(aml.int(0x12345678)).toEqual([0x0c, 0x78, 0x56, 0x34, 0x12])
    const long = aml.scope('ABCD', new Array<number>(100).fill(0))
    expect([long[1]! >> 6, (long[1]! & 0xf) | (long[2]! << 4)]).toEqual([1, long.length - 1])
  })
})

describe('interrupt routing', () => {
  it('wires each slot one further', () => {
    const table = pirTable()
    const links = Array.from({ length: 4 }, (_, slot) => table[32 + slot * 16 + 2])
    expect(links).toEqual([0x60, 0x61, 0x62, 0x63])
  })

  it('has PCI and ISA entries in the MP table', () => {
    const table = find('PCMP')!.bytes
    expect(sum(table)).toBe(0)
    const entries: number[][] = []
    for (let at = 44; at < table.length; at += table[at] === 0 ? 20 : 8)
      entries.push(Array.from(table.subarray(at, at + 8)))
    expect(entries.length).toBe(view(table).getUint16(34, true))
    const pci = entries.find((entry) => entry[0] === 3 && entry[4] === 0 && entry[5] === 2 << 2)!
    expect([pci[2], pci[7]]).toEqual([0x0d, 10])
    const timer = entries.find((entry) => entry[0] === 3 && entry[4] === 1 && entry[5] === 0)!
    expect(timer[7]).toBe(2)
  })
})

describe('SMBIOS', () => {
  it('holds structures that end where the entry point says', () => {
    const entry = find('_SM_')!.bytes
    const { shadow } = tables()
    const table = shadow.find(({ address }) => address === view(entry).getUint32(0x18, true))!.bytes
    expect(view(entry).getUint16(0x16, true)).toBe(table.length)
    const types: number[] = []
    let at = 0
    while (at < table.length) {
      types.push(table[at]!)
      at += table[at + 1]!
      while (table[at] !== 0 || table[at + 1] !== 0) at++
      at += 2
    }
    expect(at).toBe(table.length)
    expect(types).toHaveLength(view(entry).getUint16(0x1c, true))
    expect(types).toEqual([0, 1, 3, 4, 16, 17, 19, 32, 127])
  })
})

describe('plug-and-play nodes', () => {
  const BOTH = { serialPorts: 4, ps2Mouse: true }

  it('tell their own size and number, and list the PCI bus', () => {
    deviceNodes(BOTH).forEach((node, index) => {
      expect([view(node).getUint16(0, true), node[2]]).toEqual([node.length, index])
    })
    expect(deviceNodes(BOTH).some((node) => node[5] === 0x0a && node[6] === 0x03)).toBe(true)
  })

  it.each([0, 1, 2, 4])('list %i serial ports where there are so many', (serialPorts) => {
    const ports = deviceNodes({ serialPorts, ps2Mouse: true }).filter(
      (node) => node[5] === 0x05 && node[6] === 0x01,
    )
    // Its first descriptor: 47h, decodes 16 bits, and the address.
    expect(ports.map((node) => view(node).getUint16(14, true))).toEqual(
      [0x3f8, 0x2f8, 0x3e8, 0x2e8].slice(0, serialPorts),
    )
  })

  it('list no PS/2 mouse where there is none, and nor does the DSDT', () => {
    const mouse = aml.eisaId('PNP0F13').slice(1)
    const holds = (bytes: Uint8Array) =>
      bytes.some((_, at) => mouse.every((byte, index) => bytes[at + index] === byte))
    for (const ps2Mouse of [true, false]) {
      expect(deviceNodes({ serialPorts: 4, ps2Mouse }).some(holds)).toBe(ps2Mouse)
      expect(holds(find('DSDT', { ps2Mouse })!.bytes)).toBe(ps2Mouse)
    }
  })
})
