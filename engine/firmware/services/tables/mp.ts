import { Packer } from '../../port/protocol.ts'
import { interruptPin, PIRQ_LINES } from '../pci/routing.ts'
import { checksum } from './acpi.ts'

const LOCAL_APIC = 0xfee00000
const IO_APIC = 0xfec00000
const APIC_VERSION = 0x14
const IO_APIC_VERSION = 0x11
/** Bus numbers in the table. */
const PCI_BUS = 0
const ISA_BUS = 1
const LAST_DEVICE = 15
/** Polarity and trigger: as the bus has it, or active high and level, which is what the router's outputs are. */
const CONFORMING = 0x00
const LEVEL_HIGH = 0x0d

function text(packer: Packer, value: string, length: number): void {
  for (let index = 0; index < length; index++)
    packer.u8(index < value.length ? value.charCodeAt(index) : 0x20)
}

/** Floating pointer structure, 16 bytes. @see Intel MultiProcessor Specification 1.4 */
export function mpPointer(tableAddress: number): Uint8Array {
  const packer = new Packer()
  text(packer, '_MP_', 4)
  const bytes = packer.u32(tableAddress).u8(1).u8(4).u8(0).u8(0).u32(0).bytes
  bytes[10] = checksum(bytes)
  return bytes
}

/** The configuration table: processors, buses, I/O APIC and how interrupts reach it. */
export function mpTable(cpus: number, signature: number, features: number): Uint8Array {
  const entries: Uint8Array[] = []
  for (let cpu = 0; cpu < cpus; cpu++)
    entries.push(
      new Packer()
        .u8(0)
        .u8(cpu)
        .u8(APIC_VERSION)
        .u8(cpu === 0 ? 3 : 1)
        .u32(signature)
        .u32(features)
        .u32(0)
        .u32(0).bytes,
    )
  for (const [id, name] of [
    [PCI_BUS, 'PCI'],
    [ISA_BUS, 'ISA'],
  ] as const) {
    const packer = new Packer().u8(1).u8(id)
    text(packer, name, 6)
    entries.push(packer.bytes)
  }
  const ioApic = cpus
  entries.push(new Packer().u8(2).u8(ioApic).u8(IO_APIC_VERSION).u8(1).u32(IO_APIC).bytes)
  const interrupt = (
    type: number,
    flags: number,
    bus: number,
    irq: number,
    apic: number,
    input: number,
    kind = 3,
  ) => entries.push(new Packer().u8(kind).u8(type).u16(flags).u8(bus).u8(irq).u8(apic).u8(input).bytes)
  const routed = new Set(PIRQ_LINES)
  for (let device = 1; device <= LAST_DEVICE; device++)
    for (let pin = 0; pin < 4; pin++)
      interrupt(
        0,
        LEVEL_HIGH,
        PCI_BUS,
        (device << 2) | pin,
        ioApic,
        PIRQ_LINES[interruptPin(device, pin + 1)]!,
      )
  for (let irq = 0; irq < 16; irq++) {
    if (irq === 2 || routed.has(irq)) continue
    interrupt(0, irq === 9 ? LEVEL_HIGH : CONFORMING, ISA_BUS, irq, ioApic, irq === 0 ? 2 : irq)
  }
  interrupt(3, CONFORMING, ISA_BUS, 0, 0, 0, 4) // ExtINT on LINT0 of the first processor
  interrupt(1, CONFORMING, ISA_BUS, 0, 0xff, 1, 4) // NMI on LINT1 of all
  const body = entries.reduce((sum, entry) => sum + entry.length, 0)
  const header = new Packer()
  text(header, 'PCMP', 4)
  header
    .u16(44 + body)
    .u8(4)
    .u8(0)
  text(header, 'VITRINE', 8)
  text(header, 'PC', 12)
  header.u32(0).u16(0).u16(entries.length).u32(LOCAL_APIC).u16(0).u8(0).u8(0)
  const table = new Uint8Array(44 + body)
  table.set(header.bytes)
  let at = 44
  for (const entry of entries) {
    table.set(entry, at)
    at += entry.length
  }
  table[7] = checksum(table)
  return table
}
