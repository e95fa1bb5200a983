import { damagedImage, type HostFile } from '../../host-file.ts'
import { type DiskImage, SECTOR_BYTES } from '../disk-image.ts'
import { readPadded, readPart, viewOf } from '../fields.ts'
import { ABSENT, PACKED, ZEROS } from '../mapped-image.ts'
import type { VhdxLayout } from './structures.ts'

/** What is looked up by itself: positions are multiples of this, and blocks are up to 256 times as large. */
export const PIECE_BYTES = 1024 ** 2

/** States of a block in its table. */
const BLOCK = {
  notPresent: 0,
  undefined: 1,
  zero: 2,
  unmapped: 3,
  fullyPresent: 6,
  partlyPresent: 7,
} as const
const BITMAP_PRESENT = 6

/**
 * The block allocation table of a VHDX, of which some blocks may be in a parent, whole or by sectors.
 * @see [MS-VHDX] 2.5, "BAT"
 */
export class VhdxBlocks {
  readonly #view: DataView
  /** Position of each block, or what `ClusterMap` says of one without. */
  readonly #positions: Float64Array
  readonly #isPartly: Uint8Array
  readonly #piecesInBlock: number

  /** Throws `file-unusable`. @param parent what a differencing disk is over */
  constructor(
    private readonly file: HostFile,
    private readonly layout: VhdxLayout,
    private readonly parent: DiskImage | null,
  ) {
    const { sizeBytes, blockBytes, chunkRatio, tablePosition, tableBytes } = layout
    const blocks = Math.ceil(sizeBytes / blockBytes)
    // A differencing disk has the entry of a bitmap behind its last blocks as well.
    const entries =
      layout.parent === null
        ? blocks + Math.floor((blocks - 1) / chunkRatio)
        : Math.ceil(blocks / chunkRatio) * (chunkRatio + 1)
    if (entries * 8 > tableBytes)
      throw damagedImage(file.path, 'VHDX', 'its block table is too short for its disk')
    this.#view = viewOf(readPart(file, tablePosition, entries * 8, 'block table'))
    this.#piecesInBlock = blockBytes / PIECE_BYTES
    this.#positions = new Float64Array(blocks)
    this.#isPartly = new Uint8Array(blocks)
    for (let block = 0; block < blocks; block++) this.#note(block)
  }

  #note(block: number): void {
    const at = (block + Math.floor(block / this.layout.chunkRatio)) * 8
    const state = this.#view.getUint8(at) & 7
    const isPartly = state === BLOCK.partlyPresent && this.layout.parent !== null
    const { path, size } = this.file
    if (state === BLOCK.fullyPresent || isPartly) {
      this.#positions[block] = this.#positionAt(at)
      this.#isPartly[block] = Number(isPartly)
      if (this.#positions[block]! >= size)
        throw damagedImage(path, 'VHDX', 'its block table leads out of the file')
    } else if (state === BLOCK.notPresent || state === BLOCK.undefined) this.#positions[block] = ABSENT
    else if (state === BLOCK.zero || state === BLOCK.unmapped) this.#positions[block] = ZEROS
    else throw damagedImage(path, 'VHDX', `its block table is damaged: a block of state ${state}`)
  }

  /** Bits 20 to 63 are the position in MiB. */
  #positionAt(at: number): number {
    return Number(this.#view.getBigUint64(at, true) >> 20n) * PIECE_BYTES
  }

  /** Where a piece lies, as `ClusterMap` says it. */
  locate(piece: number): number {
    const block = Math.floor(piece / this.#piecesInBlock)
    const position = this.#positions[block]!
    if (position < 0) return position
    if (this.#isPartly[block] === 1) {
      const bitmap = this.#bitmap(piece)
      if (bitmap.every((byte) => byte === 0)) return ABSENT
      if (bitmap.some((byte) => byte !== 0xff)) return PACKED
    }
    return this.#own(piece)
  }

  #own(piece: number): number {
    const block = Math.floor(piece / this.#piecesInBlock)
    return this.#positions[block]! + (piece % this.#piecesInBlock) * PIECE_BYTES
  }

  /** Which sectors of a piece are here, the first one in the lowest bit. */
  #bitmap(piece: number): Uint8Array {
    const { chunkRatio, sectorBytes } = this.layout
    const piecesInChunk = chunkRatio * this.#piecesInBlock
    const at = (Math.floor(piece / piecesInChunk) * (chunkRatio + 1) + chunkRatio) * 8
    const bitmap = new Uint8Array(PIECE_BYTES / sectorBytes / 8)
    // Where there is none, all of them are the parent's.
    if ((this.#view.getUint8(at) & 7) === BITMAP_PRESENT)
      readPadded(this.file, this.#positionAt(at) + (piece % piecesInChunk) * bitmap.length, bitmap)
    return bitmap
  }

  /** A piece of which some sectors are the parent's. */
  unpack(piece: number, into: Uint8Array): void {
    readPadded(this.file, this.#own(piece), into)
    const bitmap = this.#bitmap(piece)
    const { sectorBytes } = this.layout
    const sectors = into.length / sectorBytes
    const isOwn = (sector: number): boolean => (bitmap[sector >> 3]! & (1 << (sector & 7))) !== 0
    for (let from = 0; from < sectors;) {
      let to = from + 1
      while (to < sectors && isOwn(to) === isOwn(from)) to++
      if (!isOwn(from))
        this.#readParent(
          piece * PIECE_BYTES + from * sectorBytes,
          into.subarray(from * sectorBytes, to * sectorBytes),
        )
      from = to
    }
  }

  #readParent(position: number, into: Uint8Array): void {
    const parent = this.parent!
    const below = Math.max(0, Math.min(into.length, parent.sectorCount * SECTOR_BYTES - position))
    if (below > 0) parent.read(position / SECTOR_BYTES, below / SECTOR_BYTES, into.subarray(0, below))
    into.fill(0, below)
  }
}
