import { toBcd } from '../../base/bits.ts'
import type { BlockImage } from '../../storage/block-image.ts'
import { type CdTrackKind, RAW_CD_SECTOR_BYTES } from '../../storage/cd-image.ts'
import { CD_SECTOR_BYTES } from './cd-medium.ts'
import { putMsf } from './cd-responses.ts'

/** Fields of a sector that READ CD may ask for, by the bits of its byte 9. */
const SYNC = 0x80
const SUB_HEADER = 0x40
const HEADER = 0x20
const USER_DATA = 0x10
const ECC = 0x08
/** What READ(10) and READ(12) read. */
export const USER_DATA_ONLY = USER_DATA

const SYNC_BYTES = 12
const HEADER_BYTES = 4

/** The fields of a sector of data in their order, with the bit that asks for each. */
const LAYOUTS: Record<Exclude<CdTrackKind, 'audio'>, readonly [bit: number, bytes: number][]> = {
  mode1: [
    [SYNC, SYNC_BYTES],
    [HEADER, HEADER_BYTES],
    [USER_DATA, CD_SECTOR_BYTES],
    [ECC, 288],
  ],
  mode2: [
    [SYNC, SYNC_BYTES],
    [HEADER, HEADER_BYTES],
    [SUB_HEADER, 8],
    [USER_DATA, CD_SECTOR_BYTES],
    [ECC, 280],
  ],
}

/** @param fields byte 9 of READ CD; of sound whatever is asked for is all of it */
export function rawSectorBytes(fields: number, kind: CdTrackKind): number {
  if (kind === 'audio') return fields & 0xf8 ? RAW_CD_SECTOR_BYTES : 0
  return LAYOUTS[kind].reduce((sum, [bit, bytes]) => sum + (fields & bit ? bytes : 0), 0)
}

/** The fields that are asked for, out of a whole sector. @param into of `rawSectorBytes` bytes */
export function cutRawSector(fields: number, kind: CdTrackKind, raw: Uint8Array, into: Uint8Array): void {
  if (kind === 'audio') return into.set(raw)
  let [from, to] = [0, 0]
  for (const [bit, bytes] of LAYOUTS[kind]) {
    if (fields & bit) {
      into.set(raw.subarray(from, from + bytes), to)
      to += bytes
    }
    from += bytes
  }
}

/**
 * A whole sector of 2352 bytes. Of an image that has the data alone it is put together, in mode 1; the bytes of error
 * correction are not in it and read zero. Throws `DiskError`.
 */
export function readRawSector(image: BlockImage, sector: number, into: Uint8Array): void {
  if (image.disc) return image.disc.readRaw(sector, into)
  into.fill(0)
  into.fill(0xff, 1, SYNC_BYTES - 1)
  putMsf(into, SYNC_BYTES, sector)
  for (let index = SYNC_BYTES; index < SYNC_BYTES + 3; index++) into[index] = toBcd(into[index]!)
  into[SYNC_BYTES + 3] = 1 // mode 1
  const data = SYNC_BYTES + HEADER_BYTES
  image.read(sector, 1, into.subarray(data, data + CD_SECTOR_BYTES))
}
