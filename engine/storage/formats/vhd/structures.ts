import { randomBytes } from 'node:crypto'
import { because, technical } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { asciiAt, readPart, readU64, viewOf } from '../fields.ts'

/** Footer and header of a VHD, checked. Source: Microsoft, "Virtual Hard Disk Image Format Specification", 1.0. */
export interface VhdFooter {
  type: VhdVariant
  sizeBytes: number
  headerPosition: number
  uuid: string
}

export type VhdVariant = 'fixed' | 'dynamic' | 'differencing'

export interface VhdHeader {
  tablePosition: number
  tableEntries: number
  blockBytes: number
  parentUuid: string
  /** Names under which the parent may be found, the most exact first. */
  parentNames: string[]
  /** Where the last of what the header points to ends. */
  end: number
}

export const FOOTER_BYTES = 512
export const HEADER_BYTES = 1024
const COOKIE = 'conectix'
const TYPES: Record<VhdVariant, number> = { fixed: 2, dynamic: 3, differencing: 4 }
const MAX_TABLE_BYTES = 64 * 1024 ** 2
/** Programs whose disks end where their cylinders do. */
const SIZED_BY_GEOMETRY = new Set(['vpc ', 'qemu'])
const LARGEST_GEOMETRY = 65535 * 16 * 255
/** Seconds from 1970 to 2000, when VHD's time begins. */
const EPOCH = 946684800

export const isFooter = (bytes: Uint8Array): boolean => asciiAt(bytes, 0, 8) === COOKIE

/** One's complement of the sum of all bytes but the checksum's own. */
function checksum(bytes: Uint8Array, at: number): number {
  let sum = 0
  for (let index = 0; index < bytes.length; index++) if (index < at || index >= at + 4) sum += bytes[index]!
  return ~sum >>> 0
}

/** Throws `file-unusable`. */
export function parseFooter(file: HostFile, bytes: Uint8Array): VhdFooter {
  const view = viewOf(bytes)
  const wrong = (reason: string) =>
    unusable(file.path, because('footer-damaged', { format: 'VHD', detail: technical(reason) }))
  if (view.getUint32(64) !== checksum(bytes, 64)) throw wrong('its checksum is wrong')
  if (view.getUint32(12) !== 0x00010000) throw wrong('its version is unknown')
  const type = (['fixed', 'dynamic', 'differencing'] as const).find(
    (name) => TYPES[name] === view.getUint32(60),
  )
  if (!type) throw wrong(`disk type ${view.getUint32(60)}`)
  const geometry = view.getUint16(56) * view.getUint8(58) * view.getUint8(59)
  const useGeometry =
    SIZED_BY_GEOMETRY.has(asciiAt(bytes, 28, 4)) && geometry > 0 && geometry < LARGEST_GEOMETRY
  const sizeBytes = useGeometry ? geometry * 512 : readU64(file, view, 48, false, 'its disk size')
  if (sizeBytes === 0 || sizeBytes % 512 !== 0) throw wrong(`a disk of ${sizeBytes} bytes`)
  return {
    type,
    sizeBytes,
    headerPosition: type === 'fixed' ? 0 : readU64(file, view, 16, false, 'the position of its header'),
    uuid: Buffer.from(bytes.subarray(68, 84)).toString('hex'),
  }
}

/** The header that follows the footer of all but fixed disks. Throws `file-unusable`. */
export function readVhdHeader(file: HostFile, footer: VhdFooter): VhdHeader {
  const { headerPosition, sizeBytes } = footer
  const bytes = readPart(file, headerPosition, HEADER_BYTES, 'header')
  const view = viewOf(bytes)
  const wrong = (reason: string) =>
    unusable(file.path, because('header-damaged', { format: 'VHD', detail: technical(reason) }))
  if (asciiAt(bytes, 0, 8) !== 'cxsparse') throw wrong('it is missing')
  if (view.getUint32(36) !== checksum(bytes, 36)) throw wrong('its checksum is wrong')
  const blockBytes = view.getUint32(32)
  if (blockBytes < 4096 || blockBytes > 2 ** 28 || (blockBytes & (blockBytes - 1)) !== 0)
    throw wrong(`blocks of ${blockBytes} bytes`)
  const tableEntries = view.getUint32(28)
  if (tableEntries * 4 > MAX_TABLE_BYTES || tableEntries < Math.ceil(sizeBytes / blockBytes))
    throw wrong(`a table of ${tableEntries} blocks for a disk of ${sizeBytes} bytes`)
  const tablePosition = readU64(file, view, 16, false, 'the position of its table')
  if (tablePosition % 512 !== 0 || tablePosition < FOOTER_BYTES) throw wrong('its table is out of place')
  const locators = parentLocators(file, view)
  return {
    tablePosition,
    tableEntries,
    blockBytes,
    parentUuid: Buffer.from(bytes.subarray(40, 56)).toString('hex'),
    parentNames: [...locators.names, utf16(bytes.subarray(64, 576), 'big')].filter((name) => name !== ''),
    end: Math.max(headerPosition + HEADER_BYTES, tablePosition + tableEntries * 4, locators.end),
  }
}

function parentLocators(file: HostFile, view: DataView): { names: string[]; end: number } {
  const names: string[] = []
  let end = 0
  for (let at = 576; at < 576 + 8 * 24; at += 24) {
    const platform = view.getUint32(at)
    const length = view.getUint32(at + 8)
    const position = readU64(file, view, at + 16, false, 'a name of its parent')
    if (platform === 0 || length === 0 || length > 8192 || position + length > file.size) continue
    end = Math.max(end, position + length)
    // W2ru: a relative path of Windows, in UTF-16.
    if (platform !== 0x57327275) continue
    names.push(utf16(readPart(file, position, length, 'parent name'), 'little'))
  }
  return { names, end }
}

/** Text up to a zero character, with the slashes of other systems than Windows. */
function utf16(bytes: Uint8Array, endian: 'big' | 'little'): string {
  const units = Buffer.from(bytes.subarray(0, bytes.length & ~1))
  const text = (endian === 'big' ? units.swap16() : units).toString('utf16le')
  return text.replace(/\0.*$/s, '').replaceAll('\\', '/').replace(/^\.\//, '')
}

const utf16Bytes = (text: string, endian: 'big' | 'little'): Buffer => {
  const bytes = Buffer.from(text.replaceAll('/', '\\'), 'utf16le')
  return endian === 'big' ? bytes.swap16() : bytes
}

export function encodeFooter(type: VhdVariant, sizeBytes: number, headerPosition: number): Uint8Array {
  const bytes = new Uint8Array(FOOTER_BYTES)
  const view = viewOf(bytes)
  bytes.set(Buffer.from(COOKIE, 'latin1'))
  view.setUint32(8, 2) // reserved, always set
  view.setUint32(12, 0x00010000)
  view.setBigUint64(16, type === 'fixed' ? 0xffffffffffffffffn : BigInt(headerPosition))
  view.setUint32(24, Math.max(0, Math.floor(Date.now() / 1000) - EPOCH))
  // The program that others take the exact size from, instead of rounding it to whole cylinders.
  bytes.set(Buffer.from('win ', 'latin1'), 28)
  view.setUint32(32, 0x000a0000)
  bytes.set(Buffer.from('Wi2k', 'latin1'), 36)
  view.setBigUint64(40, BigInt(sizeBytes))
  view.setBigUint64(48, BigInt(sizeBytes))
  const { cylinders, heads, sectors } = geometryOf(sizeBytes)
  view.setUint16(56, cylinders)
  view.setUint8(58, heads)
  view.setUint8(59, sectors)
  view.setUint32(60, TYPES[type])
  bytes.set(randomBytes(16), 68)
  view.setUint32(64, checksum(bytes, 64))
  return bytes
}

/** The specification's appendix "CHS calculation". */
function geometryOf(sizeBytes: number): { cylinders: number; heads: number; sectors: number } {
  const total = Math.min(sizeBytes / 512, LARGEST_GEOMETRY)
  if (total >= 65535 * 16 * 63) return { cylinders: Math.floor(total / (16 * 255)), heads: 16, sectors: 255 }
  let sectors = 17
  let tracks = Math.floor(total / sectors)
  let heads = Math.max(4, Math.floor((tracks + 1023) / 1024))
  if (tracks >= heads * 1024 || heads > 16) {
    sectors = 31
    heads = 16
    tracks = Math.floor(total / sectors)
  }
  if (tracks >= heads * 1024) {
    sectors = 63
    heads = 16
    tracks = Math.floor(total / sectors)
  }
  return { cylinders: Math.floor(tracks / heads), heads, sectors }
}

export interface NewVhdHeader {
  tablePosition: number
  tableEntries: number
  blockBytes: number
  parent: { uuid: string; name: string; locatorPosition: number } | null
}

export function encodeHeader({ tablePosition, tableEntries, blockBytes, parent }: NewVhdHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  const view = viewOf(bytes)
  bytes.set(Buffer.from('cxsparse', 'latin1'))
  view.setBigUint64(8, 0xffffffffffffffffn)
  view.setBigUint64(16, BigInt(tablePosition))
  view.setUint32(24, 0x00010000)
  view.setUint32(28, tableEntries)
  view.setUint32(32, blockBytes)
  if (parent) {
    bytes.set(Buffer.from(parent.uuid, 'hex'), 40)
    bytes.set(utf16Bytes(parent.name, 'big').subarray(0, 510), 64)
    view.setUint32(576, 0x57327275)
    view.setUint32(580, 512)
    view.setUint32(584, encodeLocator(parent.name).length)
    view.setBigUint64(592, BigInt(parent.locatorPosition))
  }
  view.setUint32(36, checksum(bytes, 36))
  return bytes
}

/** The parent's name as its locator has it; it takes one sector. */
export const encodeLocator = (name: string): Uint8Array => utf16Bytes(`./${name}`, 'little').subarray(0, 512)
