import type { ByteWindow } from '../byte-window.ts'
import { BITS } from './layout.ts'
import { toDosTime } from './directory.ts'

/** How the parameters of a floppy of a size are, as DOS formats it. */
const FLOPPIES = new Map<
  number,
  { sectors: number; heads: number; perCluster: number; rootSlots: number; media: number }
>([
  [368_640, { sectors: 9, heads: 2, perCluster: 2, rootSlots: 112, media: 0xfd }],
  [737_280, { sectors: 9, heads: 2, perCluster: 2, rootSlots: 112, media: 0xf9 }],
  [1_228_800, { sectors: 15, heads: 2, perCluster: 1, rootSlots: 224, media: 0xf9 }],
  [1_474_560, { sectors: 18, heads: 2, perCluster: 1, rootSlots: 224, media: 0xf0 }],
  [2_949_120, { sectors: 36, heads: 2, perCluster: 2, rootSlots: 240, media: 0xf0 }],
])
const SECTOR_BYTES = 512
const FAT32_FROM_BYTES = 512 * 1024 * 1024

export interface FatOptions {
  label: string
  /** Sectors in front of the volume, as its boot sector tells it. */
  hiddenSectors: number
  nowMs: number
}

/**
 * Writes an empty FAT volume over what is all zeros: a floppy of a usual size as DOS makes it, FAT16 below 512 MiB, else
 * FAT32. It does not boot, and says so.
 */
export function formatFat(volume: ByteWindow, { label, hiddenSectors, nowMs }: FatOptions): void {
  const sectors = Math.floor(volume.sizeBytes / SECTOR_BYTES)
  const floppy = FLOPPIES.get(volume.sizeBytes)
  const kind = floppy || sectors < 16_384 ? 'FAT12' : volume.sizeBytes < FAT32_FROM_BYTES ? 'FAT16' : 'FAT32'
  const perCluster = floppy?.perCluster ?? sectorsPerCluster(kind, sectors)
  const rootSlots = kind === 'FAT32' ? 0 : (floppy?.rootSlots ?? 512)
  const reserved = kind === 'FAT32' ? 32 : 1
  const media = floppy?.media ?? 0xf8
  const rootSectors = Math.ceil((rootSlots * 32) / SECTOR_BYTES)
  // Each cluster needs its entry in both tables: as large as it takes when the tables took nothing.
  const clusters = Math.ceil((sectors - reserved - rootSectors) / perCluster)
  const fatSectors = Math.ceil(((clusters + 2) * BITS[kind]) / 8 / SECTOR_BYTES)

  const boot = new Uint8Array(SECTOR_BYTES)
  const view = new DataView(boot.buffer)
  boot.set([0xeb, kind === 'FAT32' ? 0x58 : 0x3c, 0x90])
  boot.set(ascii('VITRINE', 8), 3)
  view.setUint16(11, SECTOR_BYTES, true)
  boot[13] = perCluster
  view.setUint16(14, reserved, true)
  boot[16] = 2
  view.setUint16(17, rootSlots, true)
  view.setUint16(19, sectors < 65_536 ? sectors : 0, true)
  boot[21] = media
  view.setUint16(22, kind === 'FAT32' ? 0 : fatSectors, true)
  view.setUint16(24, floppy?.sectors ?? 63, true)
  view.setUint16(26, floppy?.heads ?? 16, true)
  view.setUint32(28, hiddenSectors, true)
  view.setUint32(32, sectors < 65_536 ? 0 : sectors, true)
  const extended = kind === 'FAT32' ? 64 : 36
  if (kind === 'FAT32') {
    view.setUint32(36, fatSectors, true)
    view.setUint32(44, 2, true)
    view.setUint16(48, 1, true)
    view.setUint16(50, 6, true)
  }
  boot[extended] = floppy ? 0 : 0x80
  boot[extended + 2] = 0x29
  view.setUint32(extended + 3, Math.floor(nowMs / 1000) >>> 0, true)
  boot.set(ascii(label.toUpperCase() || 'NO NAME', 11), extended + 7)
  boot.set(ascii(kind, 8), extended + 18)
  boot.set(NOT_BOOTABLE, extended + 26)
  view.setUint16(510, 0xaa55, true)

  volume.write(0, boot)
  if (kind === 'FAT32') {
    volume.write(6 * SECTOR_BYTES, boot)
    for (const sector of [1, 7]) volume.write(sector * SECTOR_BYTES, infoSector())
  }
  for (const table of [0, 1]) {
    const first = [media, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f]
    const bytes =
      kind === 'FAT12'
        ? first.slice(0, 3)
        : kind === 'FAT16'
          ? first.slice(0, 4)
          : [media, 0xff, 0xff, 0x0f, ...first.slice(4)]
    volume.write((reserved + table * fatSectors) * SECTOR_BYTES, Uint8Array.from(bytes))
  }
  if (label === '') return
  const entry = new Uint8Array(32)
  entry.set(ascii(label.toUpperCase(), 11))
  entry[11] = 0x08
  const { date, time } = toDosTime(nowMs)
  new DataView(entry.buffer).setUint16(22, time, true)
  new DataView(entry.buffer).setUint16(24, date, true)
  volume.write((reserved + 2 * fatSectors) * SECTOR_BYTES, entry)
}

/** So that the number of clusters says the right type, with room to spare. */
function sectorsPerCluster(kind: keyof typeof BITS, sectors: number): number {
  const most = { FAT12: 4000, FAT16: 60_000, FAT32: 2 ** 24 }[kind]
  const least = kind === 'FAT32' ? 8 : 1
  let perCluster = least
  while (sectors / perCluster > most && perCluster < 64) perCluster *= 2
  return perCluster
}

function infoSector(): Uint8Array {
  const sector = new Uint8Array(SECTOR_BYTES)
  const view = new DataView(sector.buffer)
  view.setUint32(0, 0x4161_5252, true)
  view.setUint32(484, 0x6141_7272, true)
  view.setUint32(488, 0xffff_ffff, true)
  view.setUint32(492, 0xffff_ffff, true)
  view.setUint16(510, 0xaa55, true)
  return sector
}

const ascii = (text: string, length: number): Uint8Array =>
  Uint8Array.from(text.padEnd(length).slice(0, length), (letter) => letter.charCodeAt(0) & 0x7f)

/** INT 18h: this is no system, the next one in the boot order is asked. */
const NOT_BOOTABLE = [0xcd, 0x18, 0xf4, 0xeb, 0xfd]
