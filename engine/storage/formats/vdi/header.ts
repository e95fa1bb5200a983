import { because, technical } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { readPart, readU64, viewOf } from '../fields.ts'

/** The header of a VDI file, checked. Source: VirtualBox's VDICore.h, version 1.1 of the format. */
export interface VdiHeader {
  variant: VdiVariant
  mapPosition: number
  dataPosition: number
  sizeBytes: number
  blockBytes: number
  /** Bytes in front of each block's data. */
  extraBytes: number
  /** Blocks that the disk has. */
  blocks: number
  /** Blocks that the file holds. */
  blocksAllocated: number
  uuid: string
  /** Another one after every change, so that an image made over this one sees it. */
  modificationUuid: string
  parentUuid: string | null
  /** The parent's `modificationUuid` when this image was made over it. */
  parentModificationUuid: string
}

export type VdiVariant = 'dynamic' | 'fixed' | 'differencing'

const VDI_SIGNATURE = 0xbeda107f
const VERSION = 0x00010001
const TYPES: Record<VdiVariant, number> = { dynamic: 1, fixed: 2, differencing: 4 }
const MAX_MAP_BYTES = 64 * 1024 ** 2
const HEADER_BYTES = 512

export const BLOCKS_ALLOCATED_AT = 0x184
export const MODIFICATION_UUID_AT = 0x198

/** Throws `file-unusable`. */
export function readVdiHeader(file: HostFile): VdiHeader {
  const bytes = readPart(file, 0, HEADER_BYTES, 'header')
  const view = viewOf(bytes)
  const u32 = (at: number): number => view.getUint32(at, true)
  const wrong = (reason: string) =>
    unusable(file.path, because('header-damaged', { format: 'VDI', detail: technical(reason) }))
  if (u32(0x44) !== VERSION)
    throw unusable(file.path, because('vdi-version', { major: u32(0x44) >>> 16, minor: u32(0x44) & 0xffff }))
  const variant = (['dynamic', 'fixed', 'differencing'] as const).find((name) => TYPES[name] === u32(0x4c))
  if (!variant) throw wrong(`type ${u32(0x4c)}`)
  if (u32(0x168) !== 512) throw wrong(`sectors of ${u32(0x168)} bytes`)
  const blockBytes = u32(0x178)
  if (blockBytes < 4096 || blockBytes > 2 ** 28 || (blockBytes & (blockBytes - 1)) !== 0)
    throw wrong(`blocks of ${blockBytes} bytes`)
  const sizeBytes = readU64(file, view, 0x170, true, 'its disk size')
  const blocks = u32(0x180)
  if (blocks * 4 > MAX_MAP_BYTES) throw wrong(`a map of ${blocks} blocks`)
  if (sizeBytes === 0 || blocks < Math.ceil(sizeBytes / blockBytes))
    throw wrong(`${blocks} blocks for a disk of ${sizeBytes} bytes`)
  const mapPosition = u32(0x154)
  const dataPosition = u32(0x158)
  const extraBytes = u32(0x17c)
  if (mapPosition < HEADER_BYTES || mapPosition + blocks * 4 > dataPosition)
    throw wrong('its map is out of place')
  if (dataPosition % 512 !== 0 || extraBytes % 512 !== 0 || extraBytes > blockBytes)
    throw wrong('its blocks are out of place')
  const parentUuid = uuidAt(bytes, 0x1a8)
  if (variant === 'differencing' && parentUuid === NO_UUID) throw wrong('it names no parent')
  return {
    variant,
    mapPosition,
    dataPosition,
    sizeBytes,
    blockBytes,
    extraBytes,
    blocks,
    blocksAllocated: u32(BLOCKS_ALLOCATED_AT),
    uuid: uuidAt(bytes, 0x188),
    modificationUuid: uuidAt(bytes, MODIFICATION_UUID_AT),
    parentUuid: variant === 'differencing' ? parentUuid : null,
    parentModificationUuid: uuidAt(bytes, 0x1b8),
  }
}

const NO_UUID = '0'.repeat(32)

/** A UUID as 32 hexadecimal digits, in the order of its bytes in the file. */
const uuidAt = (bytes: Uint8Array, at: number): string =>
  Buffer.from(bytes.subarray(at, at + 16)).toString('hex')

/** Whether these first bytes of a file are of a VDI, and if so its UUID. */
export function vdiUuid(start: Uint8Array): string | null {
  return isVdi(start) ? uuidAt(start, 0x188) : null
}

export function isVdi(start: Uint8Array): boolean {
  return start.length >= 0x1d8 && viewOf(start).getUint32(0x40, true) === VDI_SIGNATURE
}

export function encodeVdiHeader(header: VdiHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  const view = viewOf(bytes)
  const u32 = (at: number, value: number): void => view.setUint32(at, value, true)
  bytes.set(Buffer.from('<<< Oracle VM VirtualBox Disk Image >>>\n', 'latin1'))
  u32(0x40, VDI_SIGNATURE)
  u32(0x44, VERSION)
  u32(0x48, 0x190)
  u32(0x4c, TYPES[header.variant])
  u32(0x154, header.mapPosition)
  u32(0x158, header.dataPosition)
  u32(0x168, 512)
  view.setBigUint64(0x170, BigInt(header.sizeBytes), true)
  u32(0x178, header.blockBytes)
  u32(0x17c, header.extraBytes)
  u32(0x180, header.blocks)
  u32(BLOCKS_ALLOCATED_AT, header.blocksAllocated)
  const uuid = (at: number, hex: string): void => bytes.set(Buffer.from(hex, 'hex'), at)
  uuid(0x188, header.uuid)
  uuid(MODIFICATION_UUID_AT, header.modificationUuid)
  if (header.parentUuid !== null) uuid(0x1a8, header.parentUuid)
  uuid(0x1b8, header.parentModificationUuid)
  return bytes
}
