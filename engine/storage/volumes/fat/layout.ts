import type { ByteWindow } from '../byte-window.ts'

/** Where things are on a FAT volume; positions are in bytes from its start. */
export interface FatLayout {
  readonly kind: 'FAT12' | 'FAT16' | 'FAT32'
  readonly sectorBytes: number
  readonly clusterBytes: number
  readonly fatStart: number
  readonly fatBytes: number
  readonly fatCount: number
  readonly rootStart: number
  /** Entries of a root folder of fixed size; 0 where it is a chain of clusters. */
  readonly rootSlots: number
  readonly rootCluster: number
  readonly dataStart: number
  /** Clusters 2 to `clusterCount` + 1 exist. */
  readonly clusterCount: number
  /** The sector that counts what is free (FAT32). */
  readonly infoStart: number | null
}

/** Floppies of DOS 1, which have no parameters in their boot sector, by their media byte. */
const BARE_FLOPPIES: Record<
  number,
  { sectors: number; perCluster: number; fatSectors: number; rootSlots: number }
> = {
  0xfe: { sectors: 320, perCluster: 1, fatSectors: 1, rootSlots: 64 },
  0xfc: { sectors: 360, perCluster: 1, fatSectors: 2, rootSlots: 64 },
  0xff: { sectors: 640, perCluster: 2, fatSectors: 1, rootSlots: 112 },
  0xfd: { sectors: 720, perCluster: 2, fatSectors: 2, rootSlots: 112 },
}

/**
 * What the boot sector of a FAT volume says, or null for what is none.
 * @see Microsoft FAT32 File System Specification 1.03
 */
export function fatLayout(volume: ByteWindow): FatLayout | null {
  if (volume.sizeBytes < 1024) return null
  const view = volume.view(0, 512)
  const sectorBytes = view.getUint16(11, true)
  const perCluster = view.getUint8(13)
  const reserved = view.getUint16(14, true)
  const fatCount = view.getUint8(16)
  const rootSlots = view.getUint16(17, true)
  const sectors = view.getUint16(19, true) || view.getUint32(32, true)
  const media = view.getUint8(21)
  const isFat32 = view.getUint16(22, true) === 0
  const fatSectors = isFat32 ? view.getUint32(36, true) : view.getUint16(22, true)
  const isPlausible =
    [512, 1024, 2048, 4096].includes(sectorBytes) &&
    perCluster > 0 &&
    (perCluster & (perCluster - 1)) === 0 &&
    reserved > 0 &&
    (fatCount === 1 || fatCount === 2) &&
    (media === 0xf0 || media >= 0xf8) &&
    fatSectors > 0 &&
    (isFat32 ? rootSlots === 0 : rootSlots > 0) &&
    sectors > 0
  if (!isPlausible) return bareFloppy(volume)
  const layout = place(volume, {
    sectorBytes,
    perCluster,
    reserved,
    fatCount,
    rootSlots,
    sectors,
    fatSectors,
  })
  if (!layout || isFat32 !== (layout.kind === 'FAT32')) return null
  if (!isFat32) return layout
  const info = view.getUint16(48, true)
  return {
    ...layout,
    rootCluster: view.getUint32(44, true) & 0x0fff_ffff,
    infoStart: info > 0 && info < reserved ? info * sectorBytes : null,
  }
}

function bareFloppy(volume: ByteWindow): FatLayout | null {
  const fat = volume.read(512, 3)
  const format = BARE_FLOPPIES[fat[0]!]
  if (!format || fat[1] !== 0xff || fat[2] !== 0xff || volume.sizeBytes !== format.sectors * 512) return null
  return place(volume, { sectorBytes: 512, reserved: 1, fatCount: 2, ...format })
}

interface Parameters {
  sectorBytes: number
  perCluster: number
  reserved: number
  fatCount: number
  rootSlots: number
  sectors: number
  fatSectors: number
}

function place(volume: ByteWindow, p: Parameters): FatLayout | null {
  const { sectorBytes } = p
  const fatStart = p.reserved * sectorBytes
  const fatBytes = p.fatSectors * sectorBytes
  const rootStart = fatStart + p.fatCount * fatBytes
  const dataStart = rootStart + Math.ceil((p.rootSlots * 32) / sectorBytes) * sectorBytes
  const clusterBytes = p.perCluster * sectorBytes
  const claimed = Math.floor((p.sectors * sectorBytes - dataStart) / clusterBytes)
  if (claimed < 1 || dataStart >= volume.sizeBytes) return null
  const kind = claimed < 4085 ? 'FAT12' : claimed < 65_525 ? 'FAT16' : 'FAT32'
  const fatEntries = Math.floor((fatBytes * 8) / BITS[kind]) - 2
  const present = Math.floor((volume.sizeBytes - dataStart) / clusterBytes)
  return {
    kind,
    sectorBytes,
    clusterBytes,
    fatStart,
    fatBytes,
    fatCount: p.fatCount,
    rootStart,
    rootSlots: p.rootSlots,
    rootCluster: 0,
    dataStart,
    clusterCount: Math.min(claimed, present, fatEntries),
    infoStart: null,
  }
}

export const BITS = { FAT12: 12, FAT16: 16, FAT32: 32 } as const
