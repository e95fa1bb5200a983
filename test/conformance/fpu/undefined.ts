import { cpus } from 'node:os'
import type { X87Instruction } from './x87-decode.ts'
import { MEMORY, STATUS } from './x87-records.ts'

/** The module follows the processors of AMD (checked on Zen) wherever the manuals leave something open. */
export const hostIsAmd = cpus()[0]?.model.includes('AMD') === true

const IE = 1
const PE_AND_UE = 0x30
const SF = 0x40
/** In the upper byte of the status word. */
const C1 = 2
const C0_TO_C3 = 0x47

/** Makes equal what processors are free to differ in. */
export function hideUndefined(
  record: Uint8Array,
  { name, stores, pointers }: X87Instruction,
  at: number,
): void {
  const flags = record[at + STATUS] ?? 0
  // The SDM has FCOMI and its kin clear C1; the processors of AMD leave it as it was.
  if (/^fu?comi/.test(name)) hide(record, at + STATUS + 1, C1)
  if (pointers !== undefined && stores) record.fill(0, at + MEMORY + pointers[0], at + MEMORY + pointers[1])
  if (hostIsAmd) return
  if (/^(fcmov|ffree)/.test(name)) hide(record, at + STATUS + 1, C1)
  if (name.startsWith('fprem') && (flags & IE) !== 0) hide(record, at + STATUS + 1, C0_TO_C3)
  // Neither a source nor room: which of the two C1 names.
  if ((name.startsWith('fld') || name === 'fxtract') && (flags & SF) !== 0) hide(record, at + STATUS + 1, C1)
}

/** The same for the transcendental instructions, which other makers round differently and find exact elsewhere. */
export function hideUndefinedResult(record: Uint8Array, at: number): void {
  if (hostIsAmd) return
  hide(record, at + STATUS, PE_AND_UE)
  hide(record, at + STATUS + 1, C1)
}

function hide(record: Uint8Array, at: number, bits: number): void {
  record[at] = (record[at] ?? 0) & ~bits
}
