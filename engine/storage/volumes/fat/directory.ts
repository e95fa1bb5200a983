import type { ByteWindow } from '../byte-window.ts'
import { MAX_FOLDER_ENTRIES } from '../volume.ts'
import type { FatLayout } from './layout.ts'
import { checksumOf, longNamePart, shortName } from './names.ts'
import type { FatTable } from './table.ts'

export const SLOT_BYTES = 32
export const ATTRIBUTE = {
  readonly: 0x01,
  hidden: 0x02,
  system: 0x04,
  label: 0x08,
  folder: 0x10,
  archive: 0x20,
} as const
const LONG_NAME = 0x0f
const FREE = 0xe5

/** An entry of a folder with its long name put together. */
export interface FatEntry {
  readonly name: string
  readonly shortName: Uint8Array
  readonly attributes: number
  readonly cluster: number
  readonly bytes: number
  readonly modifiedMs: number | null
  /** Slots that it takes, the last of which is the entry itself. */
  readonly firstSlot: number
  readonly slot: number
}

/** A long name, whose last part comes first, as far as it was read. */
interface LongName {
  checksum: number
  /** Parts that are still to come. */
  missing: number
  text: string
  slot: number
}

function continued(name: LongName | null, number: number, slot: Uint8Array): LongName | null {
  if (!name || number !== name.missing || name.checksum !== slot[13]) return null
  return { ...name, missing: number - 1, text: longNamePart(slot) + name.text }
}

/** The slots of one folder, wherever they lie. */
export class FatDirectory {
  #positions: number[] | null = null

  /** @param cluster where it begins; null for a root folder of fixed size */
  constructor(
    private readonly volume: ByteWindow,
    private readonly layout: FatLayout,
    private readonly table: FatTable,
    readonly cluster: number | null,
  ) {}

  /** Positions on the volume of its pieces, each of whole slots. */
  get #pieces(): number[] {
    if (this.#positions) return this.#positions
    const { rootStart, dataStart, clusterBytes } = this.layout
    const most = Math.ceil((MAX_FOLDER_ENTRIES * SLOT_BYTES) / clusterBytes)
    return (this.#positions =
      this.cluster === null
        ? [rootStart]
        : [...this.table.chain(this.cluster, most)].map(
            (cluster) => dataStart + (cluster - 2) * clusterBytes,
          ))
  }

  get #slotsInPiece(): number {
    return this.cluster === null ? this.layout.rootSlots : this.layout.clusterBytes / SLOT_BYTES
  }

  get slotCount(): number {
    return this.#pieces.length * this.#slotsInPiece
  }

  positionOf(slot: number): number {
    const piece = Math.floor(slot / this.#slotsInPiece)
    return this.#pieces[piece]! + (slot % this.#slotsInPiece) * SLOT_BYTES
  }

  /** All entries but deleted ones, the label included. */
  *entries(): Generator<FatEntry> {
    let parts: LongName | null = null
    for (let slot = 0; slot < this.slotCount; slot++) {
      const bytes: Uint8Array = this.volume.read(this.positionOf(slot), SLOT_BYTES)
      const first: number = bytes[0]!
      if (first === 0) return
      const attributes = bytes[11]! & 0x3f
      if (first === FREE) parts = null
      else if (attributes === LONG_NAME) {
        const number = first & 0x1f
        if (first & 0x40)
          parts = { checksum: bytes[13]!, missing: number - 1, text: longNamePart(bytes), slot }
        else parts = continued(parts, number, bytes)
      } else {
        const long = parts?.missing === 0 && parts.checksum === checksumOf(bytes) ? parts : null
        yield entryOf(bytes, slot, long?.text ?? shortName(bytes), long?.slot ?? slot)
        parts = null
      }
    }
  }

  /** The first of so many free slots in a row; null when there are none. */
  findFree(count: number): number | null {
    let run = 0
    for (let slot = 0, isPastEnd = false; slot < this.slotCount; slot++) {
      const first: number | undefined = isPastEnd ? 0 : this.volume.read(this.positionOf(slot), 1)[0]
      isPastEnd ||= first === 0
      run = first === 0 || first === FREE ? run + 1 : 0
      if (run === count) return slot - count + 1
    }
    return null
  }

  write(slot: number, entry: Uint8Array): void {
    this.volume.write(this.positionOf(slot), entry)
  }

  remove({ firstSlot, slot }: FatEntry): void {
    for (let at = firstSlot; at <= slot; at++) this.write(at, Uint8Array.of(FREE))
  }

  /** It has become longer. */
  forgetLength(): void {
    this.#positions = null
  }
}

function entryOf(bytes: Uint8Array, slot: number, name: string, firstSlot: number): FatEntry {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return {
    name,
    shortName: bytes.slice(0, 11),
    attributes: bytes[11]!,
    cluster: (view.getUint16(20, true) << 16) | view.getUint16(26, true),
    bytes: view.getUint32(28, true),
    modifiedMs: fromDosTime(view.getUint16(24, true), view.getUint16(22, true)),
    firstSlot,
    slot,
  }
}

/** Times of FAT are of no zone: they are taken as the host's. */
function fromDosTime(date: number, time: number): number | null {
  if (date === 0) return null
  const [year, month, day] = [1980 + (date >> 9), ((date >> 5) & 15) - 1, date & 31]
  return new Date(year, month, day, time >> 11, (time >> 5) & 63, (time & 31) * 2).getTime()
}

export function toDosTime(ms: number): { date: number; time: number } {
  const at = new Date(
    Math.min(Math.max(ms, new Date(1980, 0, 1).getTime()), new Date(2107, 11, 31).getTime()),
  )
  return {
    date: ((at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate(),
    time: (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1),
  }
}
