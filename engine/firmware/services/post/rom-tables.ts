import { BIOS_TABLES } from '../../port/rom-layout.ts'

/** Places of the tables that POST writes into the shadowed BIOS segment, as offsets there. */
export const PNP_HEADER = BIOS_TABLES.first
export const BIOS32_HEADER = BIOS_TABLES.first + 0x40
export const RSDP = BIOS_TABLES.first + 0x60
export const MP_POINTER = BIOS_TABLES.first + 0x90
export const SMBIOS_ENTRY = BIOS_TABLES.first + 0xa0
/** INT 41h and 46h: 16 bytes for each of two disks. */
export const DISK_PARAMETERS = BIOS_TABLES.first + 0xc0
export const PIRQ_TABLE = BIOS_TABLES.first + 0x100
export const MP_TABLE = BIOS_TABLES.first + 0x400
export const SMBIOS_TABLE = BIOS_TABLES.first + 0x1000
