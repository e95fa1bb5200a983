import type { FirmwareConfig } from '../../config.ts'
import type { Piece } from '../../loaders/placement.ts'
import { memoryLayout } from '../../memory-map.ts'
import { Packer } from '../../port/protocol.ts'
import { ACPI_PORTS, LEVEL_INTERRUPTS } from '../pci/routing.ts'
import { firstPciMemory } from '../pci/windows.ts'
import { dsdtCode } from './dsdt.ts'

const OEM = 'VITRIN'
const SCI = 9
/** What the power management function's command port takes: see devices/acpi-pm. */
const SMI_COMMAND = { port: 0xb2, enable: 0xf1, disable: 0xf0 } as const
/** PIIX3's reset control register, and the value that resets the whole machine: see devices/piix3. */
const RESET_CONTROL = { port: 0xcf9, reset: 0x06 } as const
/** A register among the ports, in a generic address structure. @see ACPI 2.0, section 5.2.3.1 */
const SYSTEM_IO = 1
const LOCAL_APIC = 0xfee00000
const IO_APIC = 0xfec00000

const ascii = (value: string, length: number): number[] =>
  Array.from({ length }, (_, index) => value.charCodeAt(index) || (length === 8 || length === 6 ? 0x20 : 0))

export const checksum = (bytes: Uint8Array): number => -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff

const HPET = 0xfed00000
/** The low half of its capabilities: see devices/hpet. */
const HPET_ID = 0x8086a201
/** Shortest period that loses no interrupt, in ticks of 10 ns. */
const HPET_LEAST_TICKS = 1000

/** A table with the common header. @see ACPI 1.0b, section 5.2.3 */
function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const header = new Packer()
  for (const byte of ascii(signature, 4)) header.u8(byte)
  header
    .u32(36 + body.length)
    .u8(revision)
    .u8(0)
  for (const byte of [...ascii(OEM, 6), ...ascii(`VITR${signature}`, 8)]) header.u8(byte)
  header.u32(1)
  for (const byte of ascii('VITR', 4)) header.u8(byte)
  header.u32(1)
  const bytes = new Uint8Array(36 + body.length)
  bytes.set(header.bytes)
  bytes.set(body, 36)
  bytes[9] = checksum(bytes)
  return bytes
}

/**
 * Revision 2 is that of 1.0b with the reset register behind it, as boards of 2000 have it: Linux takes the flags of the
 * PC's legacy devices, which are not told here, for real from revision 3 on.
 * @see ACPI 1.0b, section 5.2.5; ACPI 2.0, sections 4.7.3.6 and 5.2.8 (RESET_REG, RESET_VALUE)
 */
function fadt(facs: number, dsdt: number): Uint8Array {
  const { base } = ACPI_PORTS
  const packer = new Packer()
    .u32(facs)
    .u32(dsdt)
    .u8(1) // multiple-APIC model
    .u8(0)
    .u16(SCI)
    .u32(SMI_COMMAND.port)
    .u8(SMI_COMMAND.enable)
    .u8(SMI_COMMAND.disable)
    .u8(0)
    .u8(0)
    .u32(base) // PM1a event
    .u32(0)
    .u32(base + 4) // PM1a control
    .u32(0)
    .u32(0)
    .u32(base + 8) // PM timer
    .u32(base + 0x0c) // GPE0
    .u32(0)
    .u8(4)
    .u8(2)
    .u8(0)
    .u8(4)
    .u8(4)
    .u8(0)
    .u8(0)
    .u8(0)
    .u16(0xfff) // no C2
    .u16(0xfff) // no C3
    .u16(0)
    .u16(0)
    .u8(0)
    .u8(0)
    .u8(0x0d)
    .u8(0)
    .u8(0x32) // day and month alarm, century
    .u8(0)
    .u8(0)
    .u8(0)
    // WBINVD, C1 on all processors, no sleep button, RTC wakes from S4, reset register; bit 15 is what old Windows looks for.
    .u32((1 << 0) | (1 << 2) | (1 << 5) | (1 << 7) | (1 << 10) | (1 << 15))
    .u8(SYSTEM_IO)
    .u8(8) // bits wide
    .u8(0) // from bit 0 on
    .u8(0)
    .u32(RESET_CONTROL.port)
    .u32(0)
    .u8(RESET_CONTROL.reset)
    .u8(0)
    .u8(0)
    .u8(0)
  return table('FACP', 2, packer.bytes)
}

function facs(): Uint8Array {
  const bytes = new Uint8Array(64)
  bytes.set(ascii('FACS', 4))
  bytes[4] = 64
  return bytes
}

/** @see ACPI 1.0b, section 5.2.8 */
function madt(cpus: number): Uint8Array {
  const packer = new Packer().u32(LOCAL_APIC).u32(1)
  for (let cpu = 0; cpu < cpus; cpu++) packer.u8(0).u8(8).u8(cpu).u8(cpu).u32(1)
  packer.u8(1).u8(12).u8(cpus).u8(0).u32(IO_APIC).u32(0)
  const override = (irq: number, input: number, flags: number) =>
    packer.u8(2).u8(10).u8(0).u8(irq).u32(input).u16(flags)
  override(0, 2, 0)
  for (const irq of LEVEL_INTERRUPTS) override(irq, irq, 0x0d) // level, active high
  packer.u8(4).u8(6).u8(0xff).u16(0).u8(1)
  return table('APIC', 1, packer.bytes)
}

/** The only way by which systems find the timer. @see IA-PC HPET specification 1.0a, section 3.2.4 */
function hpet(): Uint8Array {
  const packer = new Packer().u32(HPET_ID).u8(0).u8(64).u8(0).u8(0) // in memory, 64 bits wide
  return table('HPET', 1, packer.u32(HPET).u32(0).u8(0).u16(HPET_LEAST_TICKS).u8(0).bytes)
}

/** @see ACPI 1.0b, section 5.2.4.1 */
function rsdp(rsdt: number): Uint8Array {
  const packer = new Packer()
  for (const byte of ascii('RSD PTR ', 8)) packer.u8(byte)
  packer.u8(0)
  for (const byte of ascii(OEM, 6)) packer.u8(byte)
  const bytes = packer.u8(0).u32(rsdt).bytes
  bytes[8] = checksum(bytes)
  return bytes
}

/** Everything of ACPI: the pointer for the BIOS segment, and what lies at the end of RAM. */
export function acpiTables(config: FirmwareConfig): { pointer: Uint8Array; high: Piece[] } {
  const layout = memoryLayout(config.ramBytes, config.acpi)
  let next = layout.acpiTables
  const high: Piece[] = []
  const place = (bytes: Uint8Array): number => {
    const address = next
    high.push({ address, bytes })
    next = Math.ceil((address + bytes.length) / 16) * 16
    return address
  }
  high.push({ address: layout.acpiStorage, bytes: facs() })
  const { cpus, serialPorts, ps2Mouse } = config
  const pciMemory = firstPciMemory(config.ramBytes)
  const dsdt = place(table('DSDT', 1, dsdtCode({ cpus, pciMemory, serialPorts, ps2Mouse })))
  const entries = [place(fadt(layout.acpiStorage, dsdt)), place(madt(config.cpus))]
  if (config.hpet) entries.push(place(hpet()))
  const list = new Packer()
  for (const address of entries) list.u32(address)
  return { pointer: rsdp(place(table('RSDT', 1, list.bytes))), high }
}
