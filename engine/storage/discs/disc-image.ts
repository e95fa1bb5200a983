import { because } from '../../protocol/reasons.ts'
import { type BlockImage, checkRange, DiskError } from '../block-image.ts'
import { type CdDisc, type CdTrack, type CdTrackKind, RAW_CD_SECTOR_BYTES } from '../cd-image.ts'
import type { DiscFormatName } from '../formats/disk-image.ts'
import type { HostFile } from '../host-file.ts'

const DATA_BYTES = 2048
const SYNC_BYTES = 12
const LEAD_IN_SECTORS = 150

/** How the sectors of a part of a disc are kept in a file. */
export type SectorLayout =
  /** Data alone, of mode 1 or of form 1 of mode 2. */
  | 'data'
  /** Sub-header, data and error correction of mode 2: 2336 bytes. */
  | 'mode2-body'
  /** All of 2352 bytes. */
  | 'raw'
  /** Sound with the high byte of each sample first. */
  | 'raw-swapped'

const LAYOUT_BYTES: Record<SectorLayout, number> = {
  data: DATA_BYTES,
  'mode2-body': 2336,
  raw: RAW_CD_SECTOR_BYTES,
  'raw-swapped': RAW_CD_SECTOR_BYTES,
}
export const layoutBytes = (layout: SectorLayout): number => LAYOUT_BYTES[layout]

/** Where some sectors of a disc are kept. */
export interface DiscPart {
  /** Sectors in a row, from where the part before ends. */
  readonly sectors: number
  readonly kind: CdTrackKind
  /** Null for what no file has: silence, or zeros. */
  readonly stored: {
    readonly source: SectorSource
    readonly layout: SectorLayout
    readonly position: number
    /** From one sector to the next, more than the sector has where sub-channels lie between. */
    readonly stride: number
  } | null
}

/** Bytes of a file, or of what is packed in one. Throws `DiskError`. */
export interface SectorSource {
  readAt(position: number, into: Uint8Array): void
}

/** A disc whose sectors lie in files. `read` gives the data of sectors of 2048 bytes; those of sound read as zeros. */
export class DiscImage implements BlockImage, CdDisc {
  readonly sectorBytes = DATA_BYTES
  readonly sectorCount: number
  readonly readonly = true
  readonly disc: CdDisc = this
  readonly #starts: number[] = []
  readonly #raw = new Uint8Array(RAW_CD_SECTOR_BYTES)

  /**
   * @param parts that the disc is made of, from its first sector on
   * @param files to be closed with it
   */
  constructor(
    readonly format: DiscFormatName,
    readonly name: string,
    readonly tracks: readonly CdTrack[],
    private readonly parts: readonly DiscPart[],
    readonly files: readonly HostFile[],
  ) {
    let start = 0
    for (const { sectors } of parts) {
      this.#starts.push(start)
      start += sectors
    }
    this.sectorCount = start
  }

  read(sector: number, count: number, into: Uint8Array): void {
    checkRange(this, sector, count, into.length)
    for (let index = 0; index < count; index++)
      this.#readData(sector + index, into.subarray(index * DATA_BYTES, (index + 1) * DATA_BYTES))
  }

  readRaw(sector: number, into: Uint8Array): void {
    if (sector < 0 || sector >= this.sectorCount || into.length !== RAW_CD_SECTOR_BYTES)
      throw new DiskError('range', this.name, because('sector-missing', { sector }))
    const { part, within } = this.#at(sector)
    const { stored, kind } = part
    into.fill(0)
    if (!stored) {
      if (kind !== 'audio') putFrame(into, sector, kind)
      return
    }
    const position = stored.position + within * stored.stride
    switch (stored.layout) {
      case 'raw':
        return stored.source.readAt(position, into)
      case 'raw-swapped':
        stored.source.readAt(position, into)
        return swapPairs(into)
      case 'mode2-body':
        putFrame(into, sector, 'mode2')
        return stored.source.readAt(position, into.subarray(16))
      case 'data': {
        putFrame(into, sector, kind)
        const at = kind === 'mode2' ? 24 : 16
        return stored.source.readAt(position, into.subarray(at, at + DATA_BYTES))
      }
    }
  }

  write(): void {
    throw new DiskError('readonly', this.name, because('disc-read-only'))
  }

  flush(): void {}

  close(): void {
    for (const file of this.files) file.close()
  }

  #readData(sector: number, into: Uint8Array): void {
    const { part, within } = this.#at(sector)
    const { stored, kind } = part
    if (!stored || kind === 'audio') return void into.fill(0)
    if (stored.layout === 'data') return stored.source.readAt(stored.position + within * stored.stride, into)
    this.readRaw(sector, this.#raw)
    // What a sector is it says itself: a track of mode 2 on paper may be one of mode 1.
    const at = this.#raw[15] === 2 ? 24 : 16
    into.set(this.#raw.subarray(at, at + DATA_BYTES))
  }

  #at(sector: number): { part: DiscPart; within: number } {
    let [low, high] = [0, this.parts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#starts[middle]! <= sector) low = middle
      else high = middle - 1
    }
    return { part: this.parts[low]!, within: sector - this.#starts[low]! }
  }
}

/** Sync and header of a sector that is kept without. */
function putFrame(into: Uint8Array, sector: number, kind: CdTrackKind): void {
  into.fill(0xff, 1, SYNC_BYTES - 1)
  const frames = sector + LEAD_IN_SECTORS
  const bcd = (value: number): number => ((Math.floor(value / 10) % 10) << 4) | (value % 10)
  into[12] = bcd(Math.floor(frames / 4500))
  into[13] = bcd(Math.floor(frames / 75) % 60)
  into[14] = bcd(frames % 75)
  into[15] = kind === 'mode2' ? 2 : 1
}

function swapPairs(bytes: Uint8Array): void {
  for (let at = 0; at + 1 < bytes.length; at += 2) [bytes[at], bytes[at + 1]] = [bytes[at + 1]!, bytes[at]!]
}
