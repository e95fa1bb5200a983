import type { FloppySector } from '../../storage/floppy-track.ts'
import { RATES_KBPS, ST1, ST2 } from './registers.ts'
import type { FloppyDrive } from './floppy-drive.ts'
import type { Transfer } from './fdc-state.ts'

/** N of most sectors: 512 bytes. */
export const SECTOR_CODE = 2
/** N of the largest sectors: 16 KiB. */
export const MAX_SECTOR_CODE = 7

/** Bytes of a sector. @param n its size code, which says nothing of sectors larger than the largest */
export const sectorBytes = (n: number): number => 128 << Math.min(n, MAX_SECTOR_CODE)

export const goesToMemory = (kind: Transfer['kind']): boolean => kind === 'read' || kind === 'read-track'

/** Where a header was found, or the status bits of not finding it. */
export type Located = { sector: FloppySector } | { st1: number; st2: number }

/** True when any header passes the head: a spinning, formatted medium at the right rate. */
export function hasHeaders(drive: FloppyDrive | null, motorOn: boolean, rate: number, head: number): boolean {
  if (!drive || !motorOn || drive.mediumTrack === null) return false
  return RATES_KBPS[rate] === drive.mediumRateKbps && head < (drive.medium?.geometry.heads ?? 0)
}

/** Compares the wanted header with those of the track under the head. */
export function locate(
  drive: FloppyDrive | null,
  motorOn: boolean,
  rate: number,
  transfer: Transfer,
): Located {
  if (!drive || !hasHeaders(drive, motorOn, rate, transfer.head)) return { st1: ST1.MA | ST1.ND, st2: 0 }
  if (transfer.c !== drive.mediumTrack) return { st1: ST1.ND, st2: ST2.WC }
  const { head, h, n } = transfer
  const sectors = drive.sectors(head)
  const index = indexOf(sectors, transfer)
  const sector = sectors[index]
  if (!sector || sector.sizeCode !== n || h !== head) return { st1: ST1.ND, st2: 0 }
  drive.rotation = (index + 1) % sectors.length
  return { sector }
}

/** Which of a track's sectors the command wants now; one that is not among them when there is none. */
export function indexOf(sectors: readonly FloppySector[], { kind, r, n }: Transfer): number {
  // READ TRACK takes them as they come, whatever their numbers are.
  return kind === 'read-track' ? r - 1 : sectors.findIndex(({ id, sizeCode }) => id === r && sizeCode === n)
}

/** Goes on to the next sector of the command. False when that was the last: end of cylinder. */
export function advance(transfer: Transfer): boolean {
  if (transfer.kind === 'read-track' || transfer.r !== transfer.eot) {
    // SCAN's step of 2 takes every other sector.
    transfer.r = (transfer.r + (transfer.kind.startsWith('scan') && transfer.extra === 2 ? 2 : 1)) & 0xff
    return true
  }
  if (!transfer.multiTrack || transfer.head === 1) return false
  transfer.head = 1
  transfer.h ^= 1
  transfer.r = 1
  return true
}

/** C, H, R and N of the result phase after an end without error. @see 82077AA datasheet, table 5-6 */
export function nextAddress({
  c,
  h,
  r,
  n,
  eot,
  multiTrack,
  head,
}: Transfer): [number, number, number, number] {
  if (r !== eot) return [c, h, (r + 1) & 0xff, n]
  if (!multiTrack) return [(c + 1) & 0xff, h, 1, n]
  return head === 0 ? [c, h ^ 1, 1, n] : [(c + 1) & 0xff, h ^ 1, 1, n]
}

export type ScanOutcome = 'equal' | 'satisfied' | 'not-satisfied'

/** SCAN: the first differing byte decides; FFh on either side counts as equal. */
export function compareSector(kind: Transfer['kind'], disk: Uint8Array, memory: Uint8Array): ScanOutcome {
  for (let index = 0; index < disk.length; index++) {
    const onDisk = disk[index]!
    const wanted = memory[index]!
    if (onDisk === wanted || onDisk === 0xff || wanted === 0xff) continue
    if (kind === 'scan-low-or-equal') return onDisk < wanted ? 'satisfied' : 'not-satisfied'
    if (kind === 'scan-high-or-equal') return onDisk > wanted ? 'satisfied' : 'not-satisfied'
    return 'not-satisfied'
  }
  return 'equal'
}
