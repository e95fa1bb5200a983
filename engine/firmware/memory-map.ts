import { CONVENTIONAL_KIB } from './services/bda.ts'

const MIB = 0x100000
/** Kinds of INT 15h/E820h. */
export const RANGE = { usable: 1, reserved: 2, acpiTables: 3, acpiStorage: 4 } as const

export interface MemoryRange {
  base: number
  length: number
  kind: (typeof RANGE)[keyof typeof RANGE]
}

/** At the end of RAM when ACPI is on: tables that a system may reclaim, then the FACS that stays. */
export const ACPI_TABLE_BYTES = 0xf000
export const ACPI_STORAGE_BYTES = 0x1000

export interface MemoryLayout {
  /** First byte behind what a system may use above 1 MiB. */
  usableEnd: number
  acpiTables: number
  acpiStorage: number
}

export function memoryLayout(ramBytes: number, acpi: boolean): MemoryLayout {
  const usableEnd = acpi && ramBytes > 2 * MIB ? ramBytes - ACPI_TABLE_BYTES - ACPI_STORAGE_BYTES : ramBytes
  return { usableEnd, acpiTables: usableEnd, acpiStorage: usableEnd + ACPI_TABLE_BYTES }
}

/**
 * The system address map.
 * The ranges of the APICs are listed beside the ROM below 4 GiB: NT 3.5's multiprocessor HAL fails when only
 * the latter is.
 */
export function memoryRanges(ramBytes: number, acpi: boolean): MemoryRange[] {
  const conventional = CONVENTIONAL_KIB * 1024
  const layout = memoryLayout(ramBytes, acpi)
  const ranges: MemoryRange[] = [
    { base: 0, length: conventional, kind: RANGE.usable },
    { base: conventional, length: 0xa0000 - conventional, kind: RANGE.reserved },
    { base: 0xe0000, length: 0x20000, kind: RANGE.reserved },
  ]
  if (layout.usableEnd > MIB) ranges.push({ base: MIB, length: layout.usableEnd - MIB, kind: RANGE.usable })
  if (layout.usableEnd < ramBytes) {
    ranges.push({ base: layout.acpiTables, length: ACPI_TABLE_BYTES, kind: RANGE.acpiTables })
    ranges.push({ base: layout.acpiStorage, length: ACPI_STORAGE_BYTES, kind: RANGE.acpiStorage })
  }
  ranges.push({ base: 0xfec00000, length: 0x1000, kind: RANGE.reserved })
  ranges.push({ base: 0xfee00000, length: 0x1000, kind: RANGE.reserved })
  ranges.push({ base: 0xfffc0000, length: 0x40000, kind: RANGE.reserved })
  return ranges
}

/** KiB between 1 and 16 MiB, then 64 KiB blocks from 16 MiB on, as INT 15h/E801h counts them. */
export function extendedMemory(
  ramBytes: number,
  acpi: boolean,
): { below16MiBKiB: number; above16MiBBlocks: number } {
  const { usableEnd } = memoryLayout(ramBytes, acpi)
  const below = Math.min(usableEnd, 16 * MIB)
  return {
    below16MiBKiB: Math.max(0, (below - MIB) >> 10),
    above16MiBBlocks: Math.max(0, Math.floor((usableEnd - 16 * MIB) / 0x10000)),
  }
}
