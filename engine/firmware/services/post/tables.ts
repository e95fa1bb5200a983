import type { FirmwareConfig } from '../../config.ts'
import type { Piece } from '../../loaders/placement.ts'
import { pirTable } from '../pci/routing-table.ts'
import { PIRQ_TABLE } from './rom-tables.ts'

const BIOS_BASE = 0xf0000

/** What POST writes for operating systems to find: into the BIOS segment and above 1 MiB. */
export function romTables(config: FirmwareConfig): { shadow: Piece[]; high: Piece[] } {
  void config
  return { shadow: [{ address: BIOS_BASE + PIRQ_TABLE, bytes: pirTable() }], high: [] }
}
