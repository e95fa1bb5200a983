import type { FirmwareDisk } from './disk.ts'
import type { BootPlacement } from './loaders/placement.ts'
import type { WideAccess } from './port/wide-commands.ts'

export type BootDevice = 'floppy' | 'cdrom' | 'disk'

/** What the firmware is told about its machine. */
export interface FirmwareConfig {
  ramBytes: number
  /** Processors, all listed in the MP and ACPI tables. */
  cpus: number
  /** How many of COM1 to COM4 there are. */
  serialPorts: number
  /** There is a PS/2 mouse. */
  ps2Mouse: boolean
  /** At most two. */
  floppies: readonly FirmwareDisk[]
  /** In the order of drive numbers 80h, 81h, … */
  disks: readonly FirmwareDisk[]
  cdroms: readonly FirmwareDisk[]
  bootOrder: readonly BootDevice[]
  /** Offer ACPI tables, whose place at the end of RAM is then taken from what a system may use. */
  acpi: boolean
  /** The machine has APICs, for the MP table. */
  apic: boolean
  /** The machine has a high precision event timer, for its ACPI table. */
  hpet?: boolean
  /** The processor has 16 bits, and the ROM is the one for those: see port/wide-commands.ts. */
  wide?: WideAccess
  /** Instructions executed so far, null where the processor does not count them. */
  instructions?: () => number | null
  /** Programs that ask for a key over and over are left to it, where the processor would halt otherwise. */
  busyPolling?: boolean
  /** A kernel to start in place of a boot sector, already laid out: see loaders/. */
  kernel?: BootPlacement
  /** How long the start picture waits for F12, in ms; 0 shows no hint (F12 pressed before still counts). */
  menuDelayMs: number
}
