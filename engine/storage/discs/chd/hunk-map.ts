import { because } from '../../../protocol/reasons.ts'
import { readPart, viewOf } from '../../formats/fields.ts'
import { type HostFile, unusable, damagedImage } from '../../host-file.ts'
import { BitReader } from './bit-reader.ts'
import { HuffmanDecoder } from './huffman.ts'

/** What the map says of a piece; 0 to 3 are the codecs of the header. */
const KIND = {
  plain: 4,
  self: 5,
  parent: 6,
  shortRun: 7,
  longRun: 8,
  sameSelf: 9,
  nextSelf: 10,
  parentSelf: 11,
  sameParent: 12,
  nextParent: 13,
} as const
const MAX_MAP_BYTES = 64 * 1024 ** 2

/** Where a piece ("hunk") is kept. */
export type Hunk =
  | { how: 'packed'; codec: number; position: number; bytes: number }
  | { how: 'plain'; position: number }
  | { how: 'same'; hunk: number }
  /** In the parent, from a position in what that one unpacks to. */
  | { how: 'parent'; position: number }
  | { how: 'nothing' }

export interface ChdHeader {
  /** Four letters each; empty for none. */
  codecs: readonly string[]
  bytes: number
  mapPosition: number
  metaPosition: number
  hunkBytes: number
  unitBytes: number
  /** SHA-1 of what it is, and of the CHD that it builds on; null for one that stands alone. */
  identity: string
  parent: string | null
}

/** The map of all pieces. Throws `file-unusable`, `DiskError`. @see MAME, src/lib/util/chd.h (layout of version 5) */
export class HunkMap {
  readonly #kinds: Uint8Array
  readonly #positions: Float64Array
  readonly #lengths: Uint32Array

  constructor(
    private readonly file: HostFile,
    private readonly header: ChdHeader,
    readonly count: number,
  ) {
    this.#kinds = new Uint8Array(count)
    this.#positions = new Float64Array(count)
    this.#lengths = new Uint32Array(count)
    if (header.codecs[0] === '') this.#readPlain()
    else this.#readPacked()
  }

  /** @param hunk below `count` */
  at(hunk: number): Hunk {
    const [kind, position] = [this.#kinds[hunk]!, this.#positions[hunk]!]
    if (kind === KIND.self) return { how: 'same', hunk: position }
    if (kind === KIND.parent) return { how: 'parent', position }
    if (kind === KIND.plain) return position === 0 ? { how: 'nothing' } : { how: 'plain', position }
    return { how: 'packed', codec: kind, position, bytes: this.#lengths[hunk]! }
  }

  #damaged(): Error {
    return damagedImage(this.file.path, 'CHD', 'its map is damaged')
  }

  #readPlain(): void {
    const { mapPosition, hunkBytes } = this.header
    const view = viewOf(readPart(this.file, mapPosition, this.count * 4, 'map'))
    for (let hunk = 0; hunk < this.count; hunk++) {
      const position = view.getUint32(hunk * 4) * hunkBytes
      const isBelow = position === 0 && this.header.parent !== null
      this.#kinds[hunk] = isBelow ? KIND.parent : KIND.plain
      this.#positions[hunk] = isBelow ? hunk * hunkBytes : position
    }
  }

  #readPacked(): void {
    const head = viewOf(readPart(this.file, this.header.mapPosition, 16, 'map'))
    const bytes = head.getUint32(0)
    if (bytes > MAX_MAP_BYTES) throw this.#damaged()
    const first = head.getUint16(4) * 2 ** 32 + head.getUint32(6)
    const [lengthBits, selfBits, parentBits] = [head.getUint8(12), head.getUint8(13), head.getUint8(14)]
    if (lengthBits > 32 || selfBits > 32 || parentBits > 32) throw this.#damaged()
    const reader = new BitReader(readPart(this.file, this.header.mapPosition + 16, bytes, 'map'))
    this.#readKinds(reader)
    this.#readPlaces(reader, first, { lengthBits, selfBits, parentBits })
    if (reader.isPast) throw this.#damaged()
  }

  #readKinds(reader: BitReader): void {
    const code = HuffmanDecoder.read(reader, 16)
    if (!code) throw this.#damaged()
    const symbol = (): number => {
      const found = code.read(reader)
      if (found === null || reader.isPast) throw this.#damaged()
      return found
    }
    let [last, repeated] = [0, 0]
    for (let hunk = 0; hunk < this.count; hunk++) {
      if (repeated > 0) repeated--
      else {
        const kind = symbol()
        if (kind === KIND.shortRun) repeated = 2 + symbol()
        else if (kind === KIND.longRun) repeated = 2 + 16 + symbol() * 16 + symbol()
        else last = kind
      }
      this.#kinds[hunk] = last
    }
  }

  #readPlaces(
    reader: BitReader,
    first: number,
    { lengthBits, selfBits, parentBits }: { lengthBits: number; selfBits: number; parentBits: number },
  ): void {
    const { hunkBytes, unitBytes } = this.header
    let [position, self, unit] = [first, 0, 0]
    for (let hunk = 0; hunk < this.count; hunk++) {
      const kind = this.#kinds[hunk]!
      if (kind < 4 || kind === KIND.plain) {
        const bytes = kind === KIND.plain ? hunkBytes : reader.read(lengthBits)
        reader.skip(16) // a checksum
        if (position + bytes > this.file.size || bytes > hunkBytes * 2) throw this.#damaged()
        this.#positions[hunk] = position
        this.#lengths[hunk] = bytes
        position += bytes
        continue
      }
      if (kind === KIND.self) self = reader.read(selfBits)
      else if (kind === KIND.nextSelf) self++
      else if (kind !== KIND.sameSelf) {
        if (kind === KIND.parent) unit = reader.read(parentBits)
        else if (kind === KIND.parentSelf) unit = (hunk * hunkBytes) / unitBytes
        else if (kind === KIND.nextParent) unit += hunkBytes / unitBytes
        else if (kind !== KIND.sameParent) throw this.#damaged()
        // One over an uncompressed CHD, which has no checksum, cannot say what it is over.
        if (this.header.parent === null) throw unusable(this.file.path, because('chd-parent-unknown'))
        this.#kinds[hunk] = KIND.parent
        this.#positions[hunk] = unit * unitBytes
        continue
      }
      // Only what comes before: so no piece leads round to itself.
      if (self >= hunk) throw this.#damaged()
      this.#kinds[hunk] = KIND.self
      this.#positions[hunk] = self
    }
  }
}
