import type { ChsGeometry } from './disk-geometry.ts'
import { modeWord, type TransferMode } from './transfer-mode.ts'

/** Who a drive says it is. Serial numbers differ between drives: Linux takes equal ones for one drive seen twice. */
export interface DriveIdentity {
  /** At most 20 ASCII characters. */
  serial: string
  /** At most 40 ASCII characters. */
  model: string
}

const FIRMWARE_REVISION = '1.0'

/** Most sectors per interrupt for READ/WRITE MULTIPLE. */
export const MAX_MULTIPLE = 16

/** Text in IDENTIFY: padded with blanks, two characters a word, the first in the high byte. */
function putText(words: Uint16Array, first: number, count: number, text: string): void {
  const padded = text.padEnd(count * 2).slice(0, count * 2)
  for (let index = 0; index < count; index++) {
    const high = padded.charCodeAt(index * 2) & 0x7f
    words[first + index] = (high << 8) | (padded.charCodeAt(index * 2 + 1) & 0x7f)
  }
}

function putCommon(words: Uint16Array, { serial, model }: DriveIdentity, mode: TransferMode): void {
  putText(words, 10, 10, serial)
  putText(words, 23, 4, FIRMWARE_REVISION)
  putText(words, 27, 20, model)
  words[48] = 1 // 32-bit transfers at the data port
  words[53] = 0x0006 // words 64-70 and 88 are valid
  words[62] = modeWord('single-word', mode)
  words[63] = modeWord('multi-word', mode)
  words[64] = 0x0003 // PIO 3 and 4
  words.fill(120, 65, 69) // ns a cycle
  words[88] = modeWord('ultra', mode)
}

const asBytes = (words: Uint16Array): Uint8Array => {
  const bytes = new Uint8Array(512)
  const view = new DataView(bytes.buffer)
  for (const [index, word] of words.entries()) view.setUint16(index * 2, word, true)
  return bytes
}

export interface DiskIdentity extends DriveIdentity {
  sectorCount: number
  geometry: ChsGeometry
  /** As INITIALIZE DEVICE PARAMETERS left it. */
  current: ChsGeometry
  /** Sectors per block of READ/WRITE MULTIPLE, 0 when not set. */
  multiple: number
  mode: TransferMode
  writeCache: boolean
  readAhead: boolean
}

/** IDENTIFY DEVICE, 512 bytes. @see T13/1321D 8.12 */
export function identifyDisk(disk: DiskIdentity): Uint8Array {
  const { sectorCount, geometry, current } = disk
  const words = new Uint16Array(256)
  putCommon(words, disk, disk.mode)
  words[0] = 0x0040 // fixed disk
  words[1] = geometry.cylinders
  words[3] = geometry.heads
  words[4] = geometry.sectors * 512
  words[5] = 512
  words[6] = geometry.sectors
  words[20] = 3 // buffer: dual-ported with caching
  words[21] = 256 // of 128 KiB
  words[22] = 4 // ECC bytes
  words[47] = 0x8000 | MAX_MULTIPLE
  words[49] = 0x0f00 // IORDY, LBA, DMA
  words[51] = 0x0200
  words[52] = 0x0200
  words[53]! |= 1 // words 54-58 are valid
  words[54] = current.cylinders
  words[55] = current.heads
  words[56] = current.sectors
  putLong(words, 57, current.cylinders * current.heads * current.sectors)
  words[59] = disk.multiple ? 0x100 | disk.multiple : 0
  putLong(words, 60, Math.min(sectorCount, 0x0fffffff))
  words[80] = 0x007e // ATA-1 to ATA/ATAPI-6
  words[82] = 0x4068 // NOP, look-ahead, write cache, power management
  words[83] = 0x7400 // FLUSH CACHE (EXT), LBA48
  words[84] = 0x4000
  words[85] = 0x4008 | (disk.readAhead ? 0x40 : 0) | (disk.writeCache ? 0x20 : 0)
  words[86] = 0x3400
  words[87] = 0x4000
  words[93] = 0x6001
  putLong(words, 100, sectorCount)
  words[102] = Math.floor(sectorCount / 2 ** 32)
  return asBytes(words)
}

/** IDENTIFY PACKET DEVICE, 512 bytes. @see T13/1321D 8.13 */
export function identifyCdrom(identity: DriveIdentity, mode: TransferMode): Uint8Array {
  const words = new Uint16Array(256)
  putCommon(words, identity, mode)
  // ATAPI, CD-ROM, removable, DRQ within 50 µs of PACKET and no interrupt for it, packets of 12 bytes.
  words[0] = 0x85c0
  words[49] = 0x0f00
  words[71] = 30 // ns from PACKET to bus release
  words[72] = 30
  words[80] = 0x007e
  words[82] = 0x4210 // NOP, DEVICE RESET, PACKET
  words[83] = 0x4000
  words[84] = 0x4000
  words[85] = 0x4210
  words[87] = 0x4000
  words[93] = 0x6001
  return asBytes(words)
}

function putLong(words: Uint16Array, at: number, value: number): void {
  words[at] = value % 0x10000
  words[at + 1] = Math.floor(value / 0x10000) % 0x10000
}
