import type { ByteWindow } from './byte-window.ts'

/** A part of a disk that its table names. */
export interface Partition {
  /** From 1 on; logical ones of a DOS table from 5 on, as Linux counts. */
  readonly number: number
  readonly startBytes: number
  readonly sizeBytes: number
}

const SECTOR_BYTES = 512
const MAX_LOGICAL = 60
const MAX_GPT_ENTRIES = 128
const EXTENDED = new Set([0x05, 0x0f, 0x85])
const GPT_PROTECTIVE = 0xee

/**
 * The partitions of a disk by its DOS table with logical ones, or by its GPT; empty when it has neither. Partitions
 * that do not lie in the disk are left out.
 * @see UEFI specification 2.10, chapter 5
 */
export function partitionsOf(disk: ByteWindow): Partition[] {
  if (disk.sizeBytes < 2 * SECTOR_BYTES) return []
  const table = dosTable(disk, 0)
  if (!table) return []
  if (table.some(({ type }) => type === GPT_PROTECTIVE)) return gptPartitions(disk)
  const found: Partition[] = []
  table.forEach(({ type, start, sectors }, index) => {
    if (!EXTENDED.has(type)) add(found, disk, index + 1, start, sectors)
  })
  const extended = table.find(({ type }) => EXTENDED.has(type))
  if (extended) addLogical(found, disk, extended.start)
  return found
}

interface DosEntry {
  type: number
  /** In sectors. */
  start: number
  sectors: number
}

function dosTable(disk: ByteWindow, sector: number): DosEntry[] | null {
  if ((sector + 1) * SECTOR_BYTES > disk.sizeBytes) return null
  const view = disk.view(sector * SECTOR_BYTES, SECTOR_BYTES)
  if (view.getUint16(510, true) !== 0xaa55) return null
  const entries = [0, 1, 2, 3].map((index) => 446 + index * 16)
  // The flag of each is 80h or 0: what else looks like a table is code.
  if (entries.some((at) => (view.getUint8(at) & 0x7f) !== 0)) return null
  return entries.map((at) => ({
    type: view.getUint8(at + 4),
    start: view.getUint32(at + 8, true),
    sectors: view.getUint32(at + 12, true),
  }))
}

/** Each logical partition has a table of its own, whose second entry leads to the next one. */
function addLogical(found: Partition[], disk: ByteWindow, first: number): void {
  const seen = new Set<number>()
  for (let sector = first, number = 5; number < 5 + MAX_LOGICAL; number++) {
    const table = seen.has(sector) ? null : dosTable(disk, sector)
    if (!table) return
    seen.add(sector)
    const [own, next] = table
    if (own!.type !== 0) add(found, disk, number, sector + own!.start, own!.sectors)
    if (!EXTENDED.has(next!.type)) return
    sector = first + next!.start
  }
}

function gptPartitions(disk: ByteWindow): Partition[] {
  const header = disk.view(SECTOR_BYTES, SECTOR_BYTES)
  if (header.getBigUint64(0) !== 0x4546_4920_5041_5254n) return [] // "EFI PART"
  const start = Number(header.getBigUint64(72, true)) * SECTOR_BYTES
  const count = Math.min(header.getUint32(80, true), MAX_GPT_ENTRIES)
  const entryBytes = header.getUint32(84, true)
  if (entryBytes < 128 || entryBytes > 4096 || start + count * entryBytes > disk.sizeBytes) return []
  const found: Partition[] = []
  for (let index = 0; index < count; index++) {
    const entry = disk.view(start + index * entryBytes, 128)
    const isUsed = entry.getBigUint64(0) !== 0n || entry.getBigUint64(8) !== 0n
    const first = Number(entry.getBigUint64(32, true))
    if (isUsed) add(found, disk, index + 1, first, Number(entry.getBigUint64(40, true)) - first + 1)
  }
  return found
}

function add(found: Partition[], disk: ByteWindow, number: number, start: number, sectors: number): void {
  const startBytes = start * SECTOR_BYTES
  // One that is cut off can still be looked into.
  const sizeBytes = Math.min(sectors * SECTOR_BYTES, disk.sizeBytes - startBytes)
  if (start > 0 && sizeBytes >= SECTOR_BYTES) found.push({ number, startBytes, sizeBytes })
}
