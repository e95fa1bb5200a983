import type { FirmwareConfig } from '../../config.ts'
import type { Piece } from '../../loaders/placement.ts'
import { Packer } from '../../port/protocol.ts'
import { BIOS_ENTRY, BIOS_SEGMENT } from '../../port/rom-layout.ts'
import { pirTable } from '../pci/routing-table.ts'
import { acpiTables, checksum } from '../tables/acpi.ts'
import { mpPointer, mpTable } from '../tables/mp.ts'
import { smbiosEntry, smbiosTable } from '../tables/smbios.ts'
import {
  BIOS32_HEADER,
  MP_POINTER,
  MP_TABLE,
  PIRQ_TABLE,
  PNP_HEADER,
  RSDP,
  SMBIOS_ENTRY,
  SMBIOS_TABLE,
} from './rom-tables.ts'

const BIOS_BASE = BIOS_SEGMENT * 16
/** What the MP table says of the processors: a Pentium with APIC and FPU; systems ask CPUID for the truth. */
const CPU_SIGNATURE = 0x00000520
const CPU_FEATURES = 0x00000201

/** @see Standard BIOS 32-bit Service Directory proposal 0.4 */
function bios32Header(): Uint8Array {
  const bytes = new Packer()
    .u32(0x5f32335f)
    .u32(BIOS_BASE + BIOS_ENTRY.bios32)
    .u8(0)
    .u8(1)
    .u8(0)
    .u32(0)
    .u8(0).bytes
  bytes[10] = checksum(bytes)
  return bytes
}

/** @see Plug and Play BIOS specification 1.0A, section 4.4 */
function pnpHeader(): Uint8Array {
  const bytes = new Packer()
    .u32(0x506e5024) // "$PnP"
    .u8(0x10)
    .u8(0x21)
    .u16(0)
    .u8(0)
    .u32(0)
    .u16(BIOS_ENTRY.pnp)
    .u16(BIOS_SEGMENT)
    .u16(BIOS_ENTRY.pnp)
    .u32(BIOS_BASE)
    .u32(0)
    .u16(BIOS_SEGMENT)
    .u32(BIOS_BASE).bytes
  bytes[8] = checksum(bytes)
  return bytes
}

/** What POST writes for operating systems to find: into the BIOS segment and above 1 MiB. */
export function romTables(config: FirmwareConfig): { shadow: Piece[]; high: Piece[] } {
  const shadow: Piece[] = []
  const put = (offset: number, bytes: Uint8Array) => shadow.push({ address: BIOS_BASE + offset, bytes })
  put(PNP_HEADER, pnpHeader())
  // Its entry is code of 32 bits.
  if (!config.wide) put(BIOS32_HEADER, bios32Header())
  put(PIRQ_TABLE, pirTable())
  const smbios = smbiosTable(config.ramBytes, config.cpus)
  put(SMBIOS_TABLE, smbios.bytes)
  put(SMBIOS_ENTRY, smbiosEntry(BIOS_BASE + SMBIOS_TABLE, smbios))
  let high: Piece[] = []
  if (config.acpi) {
    const acpi = acpiTables(config)
    put(RSDP, acpi.pointer)
    high = acpi.high
  }
  if (config.apic) {
    put(MP_TABLE, mpTable(config.cpus, CPU_SIGNATURE, CPU_FEATURES))
    put(MP_POINTER, mpPointer(BIOS_BASE + MP_TABLE))
  }
  return { shadow, high }
}
