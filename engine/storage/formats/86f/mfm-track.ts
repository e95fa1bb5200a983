import type { StoredSector } from '../floppy-format.ts'

/** The byte A1 with a clock bit left out, as only marks have it. */
const SYNC = 0x4489
const ADDRESS_MARK = 0xfe
const DATA_MARKS = new Set([0xfb, 0xf8]) // the second: deleted data
/** Between the end of an address and its data, in bytes: half of that is usual. */
const MAX_GAP_BYTES = 100
const BITS_PER_BYTE = 16
const MAX_SIZE_CODE = 6

/** A sector as it was found on a track, with all that its address says. */
export interface FoundSector extends StoredSector {
  /** Head as its address has it. */
  addressHead: number
}

/**
 * The cells of a track of MFM as they pass under the head: clock and data bits in turn, over and over.
 * Source: the data sheet of Intel's 82077AA, "IBM System 34 format".
 */
export class MfmTrack {
  /** @param bits one cell a byte, 0 or 1 */
  constructor(private readonly bits: Uint8Array) {}

  /** All sectors, in the order of their addresses. One without data is not good, as one whose checksum is wrong. */
  sectors(): FoundSector[] {
    const { bits } = this
    const found: FoundSector[] = []
    /** Of the last address, until its data have come. */
    let open: { sector: FoundSector; end: number } | null = null
    let window = 0
    let syncs = 0
    let syncAt = -BITS_PER_BYTE
    // What is written last may go on where the track begins.
    const end = bits.length + MAX_GAP_BYTES * BITS_PER_BYTE
    for (let at = 0; at < end && bits.length > 0; at++) {
      window = ((window << 1) | this.#cell(at)) & 0xffff
      if (window === SYNC) {
        syncs = at - syncAt === BITS_PER_BYTE ? syncs + 1 : 1
        syncAt = at
        continue
      }
      if (at - syncAt !== BITS_PER_BYTE || syncs < 3) continue
      const mark = this.#byte(at - BITS_PER_BYTE + 1)
      if (mark === ADDRESS_MARK && at < bits.length) {
        open = this.#address(at + 1)
        if (open) found.push(open.sector)
      } else if (DATA_MARKS.has(mark) && open && at - open.end < MAX_GAP_BYTES * BITS_PER_BYTE) {
        this.#data(open.sector, mark, at + 1)
        open = null
      }
    }
    return found
  }

  /** @param at position of the cell after the mark. @returns null when its checksum is wrong */
  #address(at: number): { sector: FoundSector; end: number } | null {
    const address = this.#bytes(at, 6)
    const [cylinder, addressHead, number, sizeCode] = address as unknown as [number, number, number, number]
    if (checksum(ADDRESS_MARK, address) !== 0 || sizeCode > MAX_SIZE_CODE) return null
    const bytes = new Uint8Array(128 << sizeCode)
    const sector: FoundSector = { cylinder, head: addressHead, addressHead, number, bytes, isGood: false }
    return { sector, end: at + 6 * BITS_PER_BYTE }
  }

  #data(sector: FoundSector, mark: number, at: number): void {
    const { length } = sector.bytes
    const bytes = this.#bytes(at, length + 2)
    sector.bytes = bytes.subarray(0, length)
    sector.isGood = checksum(mark, bytes) === 0
  }

  #bytes(at: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let index = 0; index < count; index++) bytes[index] = this.#byte(at + index * BITS_PER_BYTE)
    return bytes
  }

  /** The data bits of sixteen cells. */
  #byte(at: number): number {
    let byte = 0
    for (let cell = 1; cell < BITS_PER_BYTE; cell += 2) byte = (byte << 1) | this.#cell(at + cell)
    return byte
  }

  /** Where a track ends it begins anew; dividing for each cell would take most of the time. */
  #cell(at: number): number {
    const { bits } = this
    return at >= 0 && at < bits.length ? bits[at]! : bits[(at + bits.length) % bits.length]!
  }
}

/** CRC of the mark with its three A1 before it, and what follows; 0 when that ends in the right checksum. */
export function checksum(mark: number, bytes: Uint8Array): number {
  let crc = 0xcdb4 // of the three A1
  const add = (byte: number): void => {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff
  }
  add(mark)
  for (const byte of bytes) add(byte)
  return crc
}
