import { dirname, join } from 'node:path'
import { because } from '../../../protocol/reasons.ts'
import { DiskError } from '../../block-image.ts'
import type { CdTrack, CdTrackKind } from '../../cd-image.ts'
import { EngineError } from '../../../base/errors.ts'
import { asciiAt, readPart, readU64, readUpTo, roundUp, viewOf } from '../../formats/fields.ts'
import { PackedPieces } from '../../formats/packed-pieces.ts'
import { type HostFile, unusable, damagedImage } from '../../host-file.ts'
import type { ImageFiles } from '../../image-files.ts'
import { DiscImage, type DiscPart, type SectorLayout, type SectorSource } from '../disc-image.ts'
import { CD_FRAME_BYTES, CODECS } from './codecs.ts'
import { type ChdHeader, HunkMap } from './hunk-map.ts'

const MAGIC = 'MComprHD'
const HEADER_BYTES = 124
const MAX_HUNK_BYTES = 1024 * 1024
const MAX_SECTORS = 100 * 60 * 75
/** Each track is filled up to so many sectors. */
const TRACK_PADDING = 4
const MAX_METADATA = 300
const KEPT_HUNKS = 16
/** CHDs below one another at most. */
const MAX_PARENTS = 8

const TYPES: Record<string, { kind: CdTrackKind; layout: SectorLayout }> = {
  MODE1: { kind: 'mode1', layout: 'data' },
  MODE1_RAW: { kind: 'mode1', layout: 'raw' },
  MODE2: { kind: 'mode2', layout: 'mode2-body' },
  MODE2_FORM1: { kind: 'mode2', layout: 'data' },
  MODE2_FORM_MIX: { kind: 'mode2', layout: 'mode2-body' },
  MODE2_RAW: { kind: 'mode2', layout: 'raw' },
  AUDIO: { kind: 'audio', layout: 'raw-swapped' },
}

export const isChd = (start: Uint8Array): boolean => asciiAt(start, 0, MAGIC.length) === MAGIC

/**
 * Opens a CD in a CHD of version 5. One that holds only what differs from another needs that beside it: it is known by its
 * checksum. Throws `file-unusable`, `DiskError`.
 * @param confirmed files outside of its folder that it may build on
 * @see MAME, src/lib/util/chd.h, cdrom.cpp
 */
export function openChd(files: ImageFiles, file: HostFile, confirmed: readonly string[]): DiscImage {
  const header = readHeader(file)
  const parents: HostFile[] = []
  try {
    return discOf(file, header, openHunks(files, { file, header, confirmed }, parents), parents)
  } catch (error) {
    for (const parent of parents) parent.close()
    throw error
  }
}

/** What a CHD unpacks to. @param parents are added the files that it builds on */
function openHunks(
  files: ImageFiles,
  { file, header, confirmed }: { file: HostFile; header: ChdHeader; confirmed: readonly string[] },
  parents: HostFile[],
): HunkSource {
  const { path } = file
  const unknown = header.codecs.find((codec) => codec !== '' && !Object.hasOwn(CODECS, codec))
  if (unknown !== undefined)
    throw unusable(
      path,
      because('chd-codec', { codec: JSON.stringify(unknown), known: Object.keys(CODECS).join(', ') }),
    )
  if (header.unitBytes !== CD_FRAME_BYTES) throw unusable(path, because('chd-no-cd'))
  if (header.bytes > MAX_SECTORS * CD_FRAME_BYTES) throw unusable(path, because('disc-too-long'))
  const map = new HunkMap(file, header, Math.ceil(header.bytes / header.hunkBytes))
  if (header.parent === null) return new HunkSource(file, header, map, null)
  if (parents.length >= MAX_PARENTS)
    throw unusable(path, because('chd-too-many-parents', { most: MAX_PARENTS }))
  const below = findParent(files, path, header.parent, confirmed)
  parents.push(below.file)
  return new HunkSource(file, header, map, openHunks(files, { ...below, confirmed }, parents))
}

/** The CHD with a checksum, in the folder of the one that builds on it or among the files that the user named. */
function findParent(
  files: ImageFiles,
  path: string,
  identity: string,
  confirmed: readonly string[],
): { file: HostFile; header: ChdHeader } {
  const folder = dirname(path)
  const beside = files.namesIn(folder).filter((name) => /\.chd$/i.test(name))
  for (const place of [...confirmed, ...beside.map((name) => join(folder, name))]) {
    if (place === path) continue
    const file = openIfThere(files, place)
    if (!file) continue
    const header = headerIfChd(file)
    if (header?.identity === identity) return { file, header }
    file.close()
  }
  throw unusable(path, because('chd-parent-missing', { sha1: identity }))
}

function openIfThere(files: ImageFiles, place: string): HostFile | null {
  try {
    return files.open(place, false)
  } catch (error) {
    if (error instanceof EngineError) return null
    throw error
  }
}

function headerIfChd(file: HostFile): ChdHeader | null {
  try {
    return isChd(readUpTo(file, 0, MAGIC.length)) ? readHeader(file) : null
  } catch (error) {
    if (error instanceof EngineError || error instanceof DiskError) return null
    throw error
  }
}

function discOf(file: HostFile, header: ChdHeader, source: HunkSource, parents: HostFile[]): DiscImage {
  const { path } = file
  const [parts, tracks]: [DiscPart[], CdTrack[]] = [[], []]
  let [frame, sector] = [0, 0]
  for (const track of tracksIn(file, header.metaPosition)) {
    const { kind, layout, frames, pregap, isPregapStored, postgap } = track
    if (track.number !== tracks.length + 1) throw damagedImage(path, 'CHD', 'its tracks are not in a row')
    if ((frame + frames) * CD_FRAME_BYTES > header.bytes)
      throw unusable(path, because('track-not-whole', { track: track.number }))
    const add = (sectors: number, position: number | null): void => {
      if (sectors <= 0) return
      sector += sectors
      if (sector > MAX_SECTORS) throw unusable(path, because('disc-too-long'))
      const stored = position === null ? null : { source, layout, position, stride: CD_FRAME_BYTES }
      parts.push({ sectors, kind, stored })
    }
    // Before the first track lies what no sector number names.
    if (!isPregapStored && track.number > 1) add(pregap, null)
    tracks.push({
      number: track.number,
      kind,
      start: sector + (isPregapStored ? Math.min(pregap, frames) : 0),
    })
    add(frames, frame * CD_FRAME_BYTES)
    add(postgap, null)
    frame += roundUp(frames, TRACK_PADDING)
  }
  if (parts.length === 0) throw unusable(path, because('disc-no-track'))
  return new DiscImage('chd', path, tracks, parts, [file, ...parents])
}

function readHeader(file: HostFile): ChdHeader {
  const { path } = file
  const bytes = readPart(file, 0, HEADER_BYTES, 'header')
  const view = viewOf(bytes)
  if (view.getUint32(12) !== 5 || view.getUint32(8) !== HEADER_BYTES)
    throw unusable(path, because('chd-version', { version: view.getUint32(12) }))
  const hunkBytes = view.getUint32(56)
  const unitBytes = view.getUint32(60)
  if (hunkBytes === 0 || hunkBytes > MAX_HUNK_BYTES || unitBytes === 0 || hunkBytes % unitBytes !== 0)
    throw damagedImage(path, 'CHD', `its header is damaged: pieces of ${hunkBytes} bytes`)
  return {
    codecs: [16, 20, 24, 28].map((at) => asciiAt(bytes, at, 4).replaceAll('\0', '')),
    bytes: readU64(file, view, 32, false, 'its size'),
    mapPosition: readU64(file, view, 40, false, 'the place of its map'),
    metaPosition: readU64(file, view, 48, false, 'the place of its metadata'),
    hunkBytes,
    unitBytes,
    identity: Buffer.from(bytes.subarray(84, 104)).toString('hex'),
    parent: bytes.subarray(104, 124).some((byte) => byte !== 0)
      ? Buffer.from(bytes.subarray(104, 124)).toString('hex')
      : null,
  }
}

interface ChdTrack {
  number: number
  kind: CdTrackKind
  layout: SectorLayout
  frames: number
  pregap: number
  isPregapStored: boolean
  postgap: number
}

/** Tracks as the chain of metadata has them. */
function tracksIn(file: HostFile, first: number): ChdTrack[] {
  const found: ChdTrack[] = []
  let at = first
  for (let count = 0; at !== 0 && count < MAX_METADATA; count++) {
    const view = viewOf(readPart(file, at, 16, 'metadata'))
    const tag = asciiAt(new Uint8Array(view.buffer, view.byteOffset, 4), 0, 4)
    const length = view.getUint32(4) & 0xff_ffff
    if (tag === 'CHT2' || tag === 'CHTR')
      found.push(trackOf(file, asciiAt(readPart(file, at + 16, Math.min(length, 512), 'metadata'), 0, 512)))
    else if (tag === 'CHGD' || tag === 'CHGT') throw unusable(file.path, because('chd-gd-rom'))
    at = readU64(file, view, 8, false, 'the place of its metadata')
  }
  return found
}

function trackOf(file: HostFile, text: string): ChdTrack {
  const fields = new Map(
    [...text.matchAll(/([A-Z]+):([^\s\0]+)/g)].map(([, name, value]): [string, string] => [name!, value!]),
  )
  const number = (name: string): number => {
    const value = Number(fields.get(name) ?? 0)
    if (!Number.isInteger(value) || value < 0 || value > MAX_SECTORS)
      throw damagedImage(file.path, 'CHD', `its metadata are damaged: ${name}`)
    return value
  }
  const type = fields.get('TYPE') ?? ''
  const known = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined
  if (!known)
    throw unusable(file.path, because('chd-track-type', { type: JSON.stringify(type.slice(0, 40)) }))
  return {
    ...known,
    number: number('TRACK'),
    frames: number('FRAMES'),
    pregap: number('PREGAP'),
    isPregapStored: fields.get('PGTYPE')?.startsWith('V') ?? false,
    postgap: number('POSTGAP'),
  }
}

/** The sectors in a row, unpacked as they are asked for. */
class HunkSource implements SectorSource {
  readonly #kept = new Map<number, Uint8Array>()
  readonly #packed: PackedPieces

  constructor(
    private readonly file: HostFile,
    private readonly header: ChdHeader,
    private readonly map: HunkMap,
    private readonly parent: HunkSource | null,
  ) {
    this.#packed = new PackedPieces(file.path)
  }

  readAt(position: number, into: Uint8Array): void {
    const { hunkBytes } = this.header
    for (let done = 0; done < into.length;) {
      const hunk = Math.floor((position + done) / hunkBytes)
      const from = position + done - hunk * hunkBytes
      const part = this.#hunk(hunk).subarray(from, from + into.length - done)
      into.set(part, done)
      done += part.length
    }
  }

  #hunk(hunk: number): Uint8Array {
    const known = this.#kept.get(hunk)
    if (known) return known
    const bytes = this.#read(hunk)
    if (this.#kept.size >= KEPT_HUNKS) this.#kept.delete(this.#kept.keys().next().value!)
    this.#kept.set(hunk, bytes)
    return bytes
  }

  #read(hunk: number): Uint8Array {
    const bytes = new Uint8Array(this.header.hunkBytes)
    if (hunk >= this.map.count) throw new DiskError('gone', this.file.path, because('ends-before'))
    // What is the same as another piece may lead on, to ones before it each time.
    let place = this.map.at(hunk)
    while (place.how === 'same') place = this.map.at(place.hunk)
    if (place.how === 'parent') this.parent?.readAt(place.position, bytes)
    else if (place.how === 'plain') this.file.readAt(place.position, bytes)
    else if (place.how === 'packed') {
      const packed = new Uint8Array(place.bytes)
      this.file.readAt(place.position, packed)
      const codec = CODECS[this.header.codecs[place.codec] ?? '']
      this.#packed.unpack(hunk, `piece ${hunk} of it`, () => codec?.(packed, bytes) ?? false)
    }
    return bytes
  }
}
