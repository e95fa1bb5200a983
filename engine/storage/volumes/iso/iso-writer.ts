import { because } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { ISO_SECTOR_BYTES } from './iso-volume.ts'

/** A file or folder that goes onto a CD. */
export type IsoNode = IsoFile | IsoFolder

export interface IsoFile {
  readonly name: string
  readonly modifiedMs: number
  readonly bytes: number
  /** As many bytes as `bytes` says. */
  readonly contents: () => Iterable<Uint8Array>
}

export interface IsoFolder {
  readonly name: string
  readonly modifiedMs: number
  readonly children: readonly IsoNode[]
}

const FIRST_DESCRIPTOR = 16
/** Two descriptors, the end of them, and four path tables' first places. */
const FIRST_FREE = FIRST_DESCRIPTOR + 3
const MAX_FILE_BYTES = 2 ** 32 - 1
const JOLIET_NAME = 64
const MAX_FOLDERS = 65_535

const sectorsOf = (bytes: number): number => Math.ceil(bytes / ISO_SECTOR_BYTES)
const isFolder = (node: IsoNode): node is IsoFolder => 'children' in node

/**
 * Writes a CD with plain names for DOS (8 and 3 letters) and long ones for others (Joliet). Yields after each file.
 * @see ECMA-119; Joliet Specification 1 (1995)
 * @param file new and empty
 */
export function* writeIso(
  file: HostFile,
  root: IsoFolder,
  { label, nowMs }: { label: string; nowMs: number },
): Generator<{ done: number; total: number }> {
  const plain = new NameSpace(root, plainNames)
  const joliet = new NameSpace(root, jolietNames)
  let sector = FIRST_FREE
  for (const space of [plain, joliet]) sector = space.place(sector)
  const files = filesIn(root)
  const places = new Map<IsoFile, number>()
  for (const entry of files) {
    if (entry.bytes > MAX_FILE_BYTES)
      throw unusable(file.path, because('cd-file-too-large', { name: entry.name }))
    places.set(entry, sector)
    sector += sectorsOf(entry.bytes)
  }
  file.truncate(sector * ISO_SECTOR_BYTES)
  const at = (number: number): number => number * ISO_SECTOR_BYTES
  file.writeAt(at(FIRST_DESCRIPTOR), descriptor(plain, { label, nowMs, sectors: sector, isJoliet: false }))
  file.writeAt(
    at(FIRST_DESCRIPTOR + 1),
    descriptor(joliet, { label, nowMs, sectors: sector, isJoliet: true }),
  )
  file.writeAt(at(FIRST_DESCRIPTOR + 2), Uint8Array.from([255, ...ascii('CD001', 5), 1]))
  for (const space of [plain, joliet])
    for (const [number, bytes] of space.contents(places)) file.writeAt(at(number), bytes)
  for (const [index, entry] of files.entries()) {
    let done = 0
    for (const piece of entry.contents()) {
      if (done + piece.length > entry.bytes) break
      file.writeAt(at(places.get(entry)!) + done, piece)
      done += piece.length
    }
    if (done !== entry.bytes)
      throw unusable(file.path, because('file-changed-meanwhile', { name: entry.name }))
    yield { done: index + 1, total: files.length }
  }
  file.sync()
}

function filesIn(folder: IsoFolder): IsoFile[] {
  return folder.children.flatMap((node) => (isFolder(node) ? filesIn(node) : [node]))
}

interface PlacedFolder {
  folder: IsoFolder
  identifier: Uint8Array
  /** Number in the path table, from 1. */
  number: number
  parent: PlacedFolder | null
  sector: number
  sectors: number
  entries: { node: IsoNode; identifier: Uint8Array; placed: PlacedFolder | null }[]
}

/** Names of one folder, each unlike the others. */
type Naming = (children: readonly IsoNode[]) => Map<IsoNode, Uint8Array>

/** The folders of a CD under one of its two ways of naming. */
class NameSpace {
  readonly folders: PlacedFolder[] = []
  readonly tableBytes: number
  tables: [little: number, big: number] = [0, 0]

  constructor(root: IsoFolder, naming: Naming) {
    // Level by level: a path table is sorted so, and by the numbers of the folders above.
    const add = (folder: IsoFolder, identifier: Uint8Array, parent: PlacedFolder | null): PlacedFolder => {
      const placed = {
        folder,
        identifier,
        number: this.folders.length + 1,
        parent,
        sector: 0,
        sectors: 0,
        entries: [],
      }
      this.folders.push(placed)
      return placed
    }
    add(root, Uint8Array.of(0), null)
    for (const placed of this.folders) {
      const names = naming(placed.folder.children)
      const sorted = [...names].toSorted(([, a], [, b]) => Buffer.compare(a, b))
      placed.entries = sorted.map(([node, identifier]) => ({
        node,
        identifier,
        placed: isFolder(node) ? add(node, identifier, placed) : null,
      }))
      placed.sectors = sectorsOf(directoryBytes(placed))
    }
    if (this.folders.length > MAX_FOLDERS)
      throw unusable('CD', because('cd-too-many-folders', { most: MAX_FOLDERS }))
    this.tableBytes = this.folders.reduce(
      (sum, { identifier }) => sum + 8 + identifier.length + (identifier.length % 2),
      0,
    )
  }

  get root(): PlacedFolder {
    return this.folders[0]!
  }

  /** Gives everything but files its place, from a sector on; the next free one. */
  place(first: number): number {
    let sector = first
    const tableSectors = sectorsOf(this.tableBytes)
    this.tables = [sector, sector + tableSectors]
    sector += 2 * tableSectors
    for (const folder of this.folders) {
      folder.sector = sector
      sector += folder.sectors
    }
    return sector
  }

  *contents(places: ReadonlyMap<IsoFile, number>): Generator<[sector: number, bytes: Uint8Array]> {
    yield [this.tables[0], this.#table(true)]
    yield [this.tables[1], this.#table(false)]
    for (const folder of this.folders) yield [folder.sector, directory(folder, places)]
  }

  #table(isLittle: boolean): Uint8Array {
    const bytes = new Uint8Array(this.tableBytes)
    const view = new DataView(bytes.buffer)
    let at = 0
    for (const { identifier, sector, parent } of this.folders) {
      bytes[at] = identifier.length
      view.setUint32(at + 2, sector, isLittle)
      view.setUint16(at + 6, parent?.number ?? 1, isLittle)
      bytes.set(identifier, at + 8)
      at += 8 + identifier.length + (identifier.length % 2)
    }
    return bytes
  }
}

const recordBytes = (identifier: Uint8Array): number => 33 + identifier.length + ((identifier.length + 1) % 2)

/** Positions of records that do not cross sectors. */
function positions(identifiers: readonly Uint8Array[]): { at: number[]; end: number } {
  let next = 0
  const at = identifiers.map((identifier) => {
    const length = recordBytes(identifier)
    const left = ISO_SECTOR_BYTES - (next % ISO_SECTOR_BYTES)
    const start = length > left ? next + left : next
    next = start + length
    return start
  })
  return { at, end: next }
}

const SELF = Uint8Array.of(0)
const ABOVE = Uint8Array.of(1)

const directoryBytes = ({ entries }: PlacedFolder): number =>
  positions([SELF, ABOVE, ...entries.map(({ identifier }) => identifier)]).end

function directory(folder: PlacedFolder, places: ReadonlyMap<IsoFile, number>): Uint8Array {
  const bytes = new Uint8Array(folder.sectors * ISO_SECTOR_BYTES)
  const parent = folder.parent ?? folder
  const records = [
    folderRecord(folder, SELF),
    folderRecord(parent, ABOVE),
    ...folder.entries.map(({ node, identifier, placed }) =>
      placed
        ? folderRecord(placed, identifier)
        : record(identifier, places.get(node as IsoFile)!, (node as IsoFile).bytes, 0, node.modifiedMs),
    ),
  ]
  const { at } = positions([SELF, ABOVE, ...folder.entries.map(({ identifier }) => identifier)])
  records.forEach((one, index) => bytes.set(one, at[index]!))
  return bytes
}

const folderRecord = ({ sector, sectors, folder }: PlacedFolder, identifier: Uint8Array): Uint8Array =>
  record(identifier, sector, sectors * ISO_SECTOR_BYTES, 2, folder.modifiedMs)

function record(
  identifier: Uint8Array,
  sector: number,
  bytes: number,
  flags: number,
  modifiedMs: number,
): Uint8Array {
  const one = new Uint8Array(recordBytes(identifier))
  one[0] = one.length
  both32(one, 2, sector)
  both32(one, 10, bytes)
  const time = new Date(Math.max(0, modifiedMs))
  one.set(
    [
      time.getUTCFullYear() - 1900,
      time.getUTCMonth() + 1,
      time.getUTCDate(),
      time.getUTCHours(),
      time.getUTCMinutes(),
      time.getUTCSeconds(),
      0,
    ],
    18,
  )
  one[25] = flags
  both16(one, 28, 1)
  one[32] = identifier.length
  one.set(identifier, 33)
  return one
}

interface DescriptorFields {
  label: string
  nowMs: number
  sectors: number
  isJoliet: boolean
}

function descriptor(space: NameSpace, { label, nowMs, sectors, isJoliet }: DescriptorFields): Uint8Array {
  const bytes = new Uint8Array(ISO_SECTOR_BYTES)
  const text = (value: string, at: number, length: number): void =>
    bytes.set(isJoliet ? ucs2(value.padEnd(length / 2).slice(0, length / 2)) : ascii(value, length), at)
  bytes[0] = isJoliet ? 2 : 1
  bytes.set([...ascii('CD001', 5), 1], 1)
  text('', 8, 32)
  text(isJoliet ? label : label.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_'), 40, 32)
  both32(bytes, 80, sectors)
  if (isJoliet) bytes.set([0x25, 0x2f, 0x45], 88)
  for (const at of [120, 124]) both16(bytes, at, 1)
  both16(bytes, 128, ISO_SECTOR_BYTES)
  both32(bytes, 132, space.tableBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(140, space.tables[0], true)
  view.setUint32(148, space.tables[1], false)
  bytes.set(folderRecord(space.root, SELF), 156)
  for (const [at, length] of [
    [190, 128],
    [318, 128],
    [446, 128],
  ] as const)
    text('', at, length)
  text('VITRINE', 574, 128)
  for (const at of [702, 739, 776]) text('', at, 36)
  const stamp = new Date(nowMs).toISOString().replaceAll(/\D/g, '').slice(0, 16)
  for (const at of [813, 830]) bytes.set(ascii(stamp, 16), at)
  for (const at of [847, 864]) bytes.set(ascii('0'.repeat(16), 16), at)
  bytes[881] = 1
  return bytes
}

/** Eight and three letters, as DOS reads them; files have a version. */
function plainNames(children: readonly IsoNode[]): Map<IsoNode, Uint8Array> {
  const taken = new Set<string>()
  return new Map(
    children.map((node) => {
      const dot = isFolder(node) ? -1 : node.name.lastIndexOf('.')
      const clean = (text: string): string => text.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_')
      const base = clean(dot > 0 ? node.name.slice(0, dot) : node.name) || '_'
      const extension = clean(dot > 0 ? node.name.slice(dot + 1) : '').slice(0, 3)
      const identifier = unlike(
        taken,
        (tail) => base.slice(0, 8 - tail.length) + tail + (isFolder(node) ? '' : `.${extension}`),
      )
      return [node, ascii(isFolder(node) ? identifier : `${identifier};1`)]
    }),
  )
}

function jolietNames(children: readonly IsoNode[]): Map<IsoNode, Uint8Array> {
  const taken = new Set<string>()
  return new Map(
    children.map((node) => {
      const clean = node.name.replaceAll(/[*/:;?\\\p{Cc}]/gu, '_')
      const dot = clean.lastIndexOf('.')
      const extension = dot > 0 && clean.length - dot < 16 ? clean.slice(dot) : ''
      const base = extension ? clean.slice(0, dot) : clean
      const name = unlike(
        taken,
        (tail) => base.slice(0, JOLIET_NAME - extension.length - tail.length) + tail + extension,
      )
      return [node, ucs2(isFolder(node) ? name : `${name};1`)]
    }),
  )
}

/** A name that is not taken, with a number at its end if need be. */
function unlike(taken: Set<string>, name: (tail: string) => string): string {
  for (let number = 0; ; number++) {
    const candidate = name(number === 0 ? '' : `_${number}`)
    if (taken.has(candidate.toUpperCase())) continue
    taken.add(candidate.toUpperCase())
    return candidate
  }
}

function both32(bytes: Uint8Array, at: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  view.setUint32(at, value, true)
  view.setUint32(at + 4, value, false)
}

function both16(bytes: Uint8Array, at: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  view.setUint16(at, value, true)
  view.setUint16(at + 2, value, false)
}

const ascii = (text: string, length = text.length): Uint8Array =>
  Uint8Array.from(text.padEnd(length).slice(0, length), (letter) => letter.charCodeAt(0) & 0x7f)

const ucs2 = (text: string): Uint8Array =>
  Uint8Array.from(
    [...Array(text.length).keys()].flatMap((at) => [text.charCodeAt(at) >> 8, text.charCodeAt(at) & 0xff]),
  )
