import { toBcd } from '../../base/bits.ts'
import { CD_SECTOR_BYTES } from './cd-medium.ts'
import { putMsf } from './cd-responses.ts'

/** Fields of a mode 1 sector that READ CD may ask for, by the bits of its byte 9. */
const SYNC = 0x80
const HEADER = 0x20
const USER_DATA = 0x10
const ECC = 0x08
/** What READ(10) and READ(12) read. */
export const USER_DATA_ONLY = USER_DATA
const FIELD_BITS = SYNC | HEADER | USER_DATA | ECC

const SYNC_BYTES = 12
const HEADER_BYTES = 4
const ECC_BYTES = 288

/** Largest result of `rawSectorBytes`. */
export const RAW_SECTOR_BYTES = SYNC_BYTES + HEADER_BYTES + CD_SECTOR_BYTES + ECC_BYTES

/** @param fields byte 9 of READ CD; the sub-header bit asks for nothing in mode 1 */
export function rawSectorBytes(fields: number): number {
  const flags = fields & FIELD_BITS
  return (
    (flags & SYNC ? SYNC_BYTES : 0) +
    (flags & HEADER ? HEADER_BYTES : 0) +
    (flags & USER_DATA ? CD_SECTOR_BYTES : 0) +
    (flags & ECC ? ECC_BYTES : 0)
  )
}

/** Puts a sector together around its user data. The error-correction bytes are not in an ISO file and read zero. */
export function buildRawSector(fields: number, sector: number, userData: Uint8Array, into: Uint8Array): void {
  let at = 0
  into.fill(0)
  if (fields & SYNC) {
    into.fill(0xff, 1, SYNC_BYTES - 1)
    at += SYNC_BYTES
  }
  if (fields & HEADER) {
    putMsf(into, at, sector)
    for (let index = at; index < at + 3; index++) into[index] = toBcd(into[index]!)
    into[at + 3] = 1 // mode 1
    at += HEADER_BYTES
  }
  if (fields & USER_DATA) into.set(userData, at)
}
