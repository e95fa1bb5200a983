import { randomBytes } from 'node:crypto'
import { basename, dirname, extname, join } from 'node:path'
import { because } from '../../protocol/reasons.ts'
import { createDisk } from '../../storage/formats/create-disk.ts'
import { type FormatName, SECTOR_BYTES } from '../../storage/formats/disk-image.ts'
import { openDisk } from '../../storage/formats/open-disk.ts'
import { roundUp } from '../../storage/formats/fields.ts'
import { unusable } from '../../storage/host-file.ts'
import { HostImageFiles, type ImageFiles } from '../../storage/image-files.ts'
import { ByteWindow } from '../../storage/volumes/byte-window.ts'
import { FatVolume } from '../../storage/volumes/fat/fat-volume.ts'
import { FatWriter } from '../../storage/volumes/fat/fat-writer.ts'
import { formatFat } from '../../storage/volumes/fat/format-fat.ts'
import { type IsoFolder, type IsoNode, writeIso } from '../../storage/volumes/iso/iso-writer.ts'
import type { Progress } from './copy-disk.ts'
import { type HostEntry, hostFolderContents } from './host-tree.ts'
import { putIn } from './image-browser.ts'

const MIB = 1024 * 1024
/** Sizes at which a FAT image is a floppy, without a partition table. */
const FLOPPY_BYTES = new Set([368_640, 737_280, 1_228_800, 1_474_560, 2_949_120])
/** As DOS and all that came after it place the first partition. */
const FIRST_SECTOR = 63
const HEADS = 16
const MAX_CLUSTER_BYTES = 32 * 1024

export interface FolderImageOptions {
  label: string
  /** Of a FAT image: of the floppy or disk; as large as it takes and half as much again when null. */
  sizeBytes: number | null
  /** Least size that is chosen where it is null; a floppy's may be when absent. */
  leastBytes?: number | undefined
  /** What keeps a FAT image. */
  format: FormatName
  replaces: boolean
  nowMs: number
}

/**
 * Makes a medium of a folder of the host: a CD when the name ends in .iso, else a FAT floppy or a FAT disk with one
 * partition. It gets its name when it is whole. Throws `file-unusable`.
 */
export function* imageOfFolder(
  folder: string,
  path: string,
  options: FolderImageOptions,
  files: ImageFiles = new HostImageFiles(),
): Generator<Progress, void> {
  const place = files.realPath(path) ?? path
  if (!options.replaces && files.realPath(path) !== null) throw unusable(path, because('file-there'))
  const entries = hostFolderContents(folder)
  const temporary = join(dirname(place), `.${basename(place)}.${randomBytes(6).toString('hex')}.part`)
  try {
    if (extname(path).toLowerCase() === '.iso') yield* makeCd(files, temporary, entries, options)
    else yield* makeDisk(files, temporary, entries, options)
    files.replace(temporary, place)
  } finally {
    files.remove(temporary)
  }
}

function* makeCd(
  files: ImageFiles,
  path: string,
  entries: readonly HostEntry[],
  { label, nowMs }: FolderImageOptions,
): Generator<Progress, void> {
  const file = files.create(path)
  try {
    yield* writeIso(file, isoTree(entries, nowMs), { label, nowMs })
  } finally {
    file.close()
  }
}

/** Entries with paths as a tree; folders come before what they hold. */
function isoTree(entries: readonly HostEntry[], nowMs: number): IsoFolder {
  const root: { name: string; modifiedMs: number; children: IsoNode[] } = {
    name: '',
    modifiedMs: nowMs,
    children: [],
  }
  const folders = new Map<string, typeof root>([['', root]])
  for (const entry of entries) {
    const name = entry.path.at(-1)!
    const { modifiedMs } = entry
    const parent = folders.get(entry.path.slice(0, -1).join('/'))!
    if (entry.kind === 'file')
      parent.children.push({ name, modifiedMs, bytes: entry.bytes, contents: entry.contents })
    else {
      const made = { name, modifiedMs, children: [] }
      parent.children.push(made)
      folders.set(entry.path.join('/'), made)
    }
  }
  return root
}

function* makeDisk(
  files: ImageFiles,
  path: string,
  entries: readonly HostEntry[],
  { label, sizeBytes, leastBytes = 0, format, nowMs }: FolderImageOptions,
): Generator<Progress, void> {
  const size = sizeBytes ?? Math.max(leastBytes, sizeFor(entries))
  createDisk(files, path, format, { sizeBytes: size })
  const disk = openDisk(files, path, { format, writable: true })
  try {
    const isFloppy = FLOPPY_BYTES.has(size)
    if (!isFloppy) disk.write(0, 1, partitionTable(size / SECTOR_BYTES))
    const start = isFloppy ? 0 : FIRST_SECTOR * SECTOR_BYTES
    // Nobody has the image yet: what is written in what order does not matter before the end.
    const bytes = new ByteWindow(withoutFlush(disk), start, size - start)
    formatFat(bytes, { label, hiddenSectors: start / SECTOR_BYTES, nowMs })
    const volume = FatVolume.open(bytes)
    if (!volume) throw unusable(path, because('disk-too-small', { bytes: size }))
    const writer = new FatWriter(volume)
    for (const [index, entry] of entries.entries()) {
      putIn(writer, volume, '', entry, false)
      yield { done: index + 1, total: entries.length }
    }
    disk.flush()
  } finally {
    disk.close()
  }
}

function withoutFlush(disk: ReturnType<typeof openDisk>) {
  return {
    name: disk.name,
    sectorBytes: disk.sectorBytes,
    sectorCount: disk.sectorCount,
    readonly: disk.readonly,
    read: disk.read.bind(disk),
    write: disk.write.bind(disk),
    flush: () => {},
    close: () => {},
  }
}

/** A floppy where that is enough; else half as much again as the files take in the largest clusters, in whole MiB. */
function sizeFor(entries: readonly HostEntry[]): number {
  const takes = (clusterBytes: number): number =>
    entries.reduce(
      (sum, entry) =>
        sum + Math.max(clusterBytes, roundUp(entry.kind === 'file' ? entry.bytes : 0, clusterBytes)),
      0,
    )
  const onFloppy = takes(1024) + 64 * 1024
  if (onFloppy <= 1_474_560) return 1_474_560
  const large = takes(1024) > 256 * MIB ? takes(MAX_CLUSTER_BYTES) : takes(4096)
  return roundUp(Math.max(8 * MIB, large * 1.5), MIB)
}

/** One active partition of FAT16 or FAT32 in all of the disk. */
function partitionTable(sectors: number): Uint8Array {
  const table = new Uint8Array(SECTOR_BYTES)
  const view = new DataView(table.buffer)
  const count = sectors - FIRST_SECTOR
  const isLarge = count * SECTOR_BYTES >= 512 * MIB
  table[446] = 0x80
  table.set(chs(FIRST_SECTOR), 447)
  // 01h FAT12, 06h FAT16, 0Ch FAT32 by LBA.
  table[450] = isLarge ? 0x0c : count < 16_384 ? 0x01 : 0x06
  table.set(chs(sectors - 1), 451)
  view.setUint32(454, FIRST_SECTOR, true)
  view.setUint32(458, count, true)
  view.setUint16(510, 0xaa55, true)
  return table
}

/** Head, sector and cylinder as a partition table packs them; the last ones there are when the disk is larger. */
function chs(sector: number): number[] {
  const cylinder = Math.floor(sector / (HEADS * FIRST_SECTOR))
  if (cylinder > 1023) return [HEADS - 1, 0xc0 | FIRST_SECTOR, 0xff]
  const head = Math.floor(sector / FIRST_SECTOR) % HEADS
  return [head, ((cylinder >> 2) & 0xc0) | ((sector % FIRST_SECTOR) + 1), cylinder & 0xff]
}
