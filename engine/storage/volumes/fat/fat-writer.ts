import { because, type Reason } from '../../../protocol/reasons.ts'
import { unusable } from '../../host-file.ts'
import { damaged, folded, MAX_FOLDER_ENTRIES } from '../volume.ts'
import { ATTRIBUTE, type FatEntry, SLOT_BYTES, toDosTime } from './directory.ts'
import type { FatFolder, FatVolume } from './fat-volume.ts'
import { exactShortName, longNameEntries, madeShortName, MAX_LONG_NAME } from './names.ts'

const MAX_FILE_BYTES = 2 ** 32 - 1

/** What goes into a volume. */
export interface NewFile {
  name: string
  bytes: number
  modifiedMs: number
  /** Its bytes in pieces, as many as `bytes` says. */
  contents: Iterable<Uint8Array>
}

/**
 * Puts files and folders into a FAT volume. Data and chains are on the disk before the entry that names them, and what
 * is replaced is freed after that: a crash in between leaves clusters that nothing uses, which any CHKDSK gives back.
 */
export class FatWriter {
  readonly #volume: FatVolume

  /** Throws `file-unusable` where the image may not be written. */
  constructor(volume: FatVolume) {
    this.#volume = volume
    if (!volume.bytes.isWritable) throw unusable(volume.bytes.name, because('opened-read-only'))
  }

  /** Throws `file-unusable`, changing nothing that was there: no room, an impossible name, a folder of the name. */
  putFile(folder: FatFolder, file: NewFile, replaces: boolean): void {
    const earlier = this.#entry(folder, file.name)
    if (earlier && !replaces) throw this.#refused(because('inside-there', { name: file.name }))
    if (earlier && earlier.attributes & ATTRIBUTE.folder)
      throw this.#refused(because('inside-is-folder', { name: file.name }))
    if (file.bytes > MAX_FILE_BYTES) throw this.#refused(because('fat-file-too-large', { name: file.name }))
    const { table, layout, bytes } = this.#volume
    const clusters = this.#takeFree(Math.ceil(file.bytes / layout.clusterBytes), file.name)
    this.#fill(file, clusters)
    table.link(clusters)
    bytes.flush()
    const fields = {
      attributes: ATTRIBUTE.archive,
      cluster: clusters[0] ?? 0,
      bytes: file.bytes,
      modifiedMs: file.modifiedMs,
    }
    try {
      if (earlier) folder.directory.write(earlier.slot, entryBytes(earlier.shortName, fields))
      else this.#add(folder, file.name, fields)
    } catch (error) {
      for (const cluster of clusters) table.set(cluster, 0)
      throw error
    }
    bytes.flush()
    if (earlier && earlier.cluster !== 0) table.free(earlier.cluster)
    this.#forgetFreeCount()
    bytes.flush()
  }

  /** The folder of a name, made where it is missing. Throws `file-unusable`. */
  makeFolder(folder: FatFolder, name: string, modifiedMs: number): FatFolder {
    const earlier = this.#entry(folder, name)
    if (earlier) {
      if (!(earlier.attributes & ATTRIBUTE.folder)) throw this.#refused(because('inside-is-file', { name }))
      return this.#volume.folder(name, earlier.cluster, earlier.modifiedMs)
    }
    const { table, bytes } = this.#volume
    const [cluster] = this.#takeFree(1, name)
    const fields = { attributes: ATTRIBUTE.folder, bytes: 0, modifiedMs }
    this.#clear(cluster!)
    const made = this.#volume.folder(name, cluster!, modifiedMs)
    // Folders call the root 0, wherever it is.
    const above =
      folder.directory.cluster === this.#volume.root.directory.cluster ? 0 : folder.directory.cluster!
    table.link([cluster!])
    made.directory.write(0, entryBytes(dots(1), { ...fields, cluster: cluster! }))
    made.directory.write(1, entryBytes(dots(2), { ...fields, cluster: above }))
    bytes.flush()
    try {
      this.#add(folder, name, { ...fields, cluster: cluster! })
    } catch (error) {
      table.set(cluster!, 0)
      throw error
    }
    this.#forgetFreeCount()
    bytes.flush()
    return made
  }

  /** Bytes that whole files can still take. */
  get freeBytes(): number {
    const { table, layout } = this.#volume
    let free = 0
    for (let cluster = 2; cluster <= table.last; cluster++) if (table.get(cluster) === 0) free++
    return free * layout.clusterBytes
  }

  #entry(folder: FatFolder, name: string): FatEntry | null {
    const wanted = folded(this.#volume, name)
    for (const entry of folder.directory.entries())
      if (!(entry.attributes & ATTRIBUTE.label) && folded(this.#volume, entry.name) === wanted) return entry
    return null
  }

  #takeFree(count: number, what: string): number[] {
    const clusters = this.#volume.table.findFree(count)
    if (clusters.length < count) {
      const { clusterBytes } = this.#volume.layout
      throw this.#refused(
        because('fat-no-room', {
          name: what,
          bytes: count * clusterBytes,
          free: clusters.length * clusterBytes,
        }),
      )
    }
    return clusters
  }

  #fill(file: NewFile, clusters: readonly number[]): void {
    const { clusterBytes } = this.#volume.layout
    const cluster = new Uint8Array(clusterBytes)
    let filled = 0
    let next = 0
    let total = 0
    const store = (): void => {
      this.#volume.bytes.write(this.#positionOf(clusters[next++]!), cluster.fill(0, filled))
      filled = 0
    }
    for (const piece of file.contents) {
      total += piece.length
      if (total > file.bytes) break
      for (let at = 0; at < piece.length;) {
        const part = piece.subarray(at, at + clusterBytes - filled)
        cluster.set(part, filled)
        filled += part.length
        at += part.length
        if (filled === clusterBytes) store()
      }
    }
    if (total !== file.bytes) throw this.#refused(because('file-changed-meanwhile', { name: file.name }))
    if (filled > 0) store()
  }

  #clear(cluster: number): void {
    this.#volume.bytes.write(this.#positionOf(cluster), new Uint8Array(this.#volume.layout.clusterBytes))
  }

  #positionOf(cluster: number): number {
    const { dataStart, clusterBytes } = this.#volume.layout
    return dataStart + (cluster - 2) * clusterBytes
  }

  #add(folder: FatFolder, name: string, fields: EntryFields): void {
    if (!/^[^\p{Cc}"*/:<>?\\|]+$/u.test(name) || /[. ]$/.test(name) || name.length > MAX_LONG_NAME)
      throw this.#refused(because('fat-name', { name }))
    const taken = new Set([...folder.directory.entries()].map(({ shortName }) => shortName.join()))
    const exact = exactShortName(name)
    const short = exact ?? madeShortName(name, (candidate) => taken.has(candidate.join()))
    const slots = [...(exact ? [] : longNameEntries(name, short)), entryBytes(short, fields)]
    const first = folder.directory.findFree(slots.length) ?? this.#lengthen(folder, slots.length)
    // The entry itself last: parts of a long name without it are skipped by everybody.
    slots.forEach((slot, index) => folder.directory.write(first + index, slot))
  }

  /** More slots for a folder. Throws `file-unusable` for a root folder of fixed size. */
  #lengthen(folder: FatFolder, slots: number): number {
    const { directory } = folder
    const { table, layout } = this.#volume
    if (directory.cluster === null) throw this.#refused(because('fat-root-full', { most: layout.rootSlots }))
    const last = [...table.chain(directory.cluster)].at(-1)
    if (last === undefined) throw damaged(this.#volume.bytes.name, 'a folder of it lies nowhere')
    if (directory.slotCount + slots > MAX_FOLDER_ENTRIES) throw this.#refused(because('fat-folder-full'))
    const clusters = this.#takeFree(Math.ceil((slots * SLOT_BYTES) / layout.clusterBytes), 'its folder')
    for (const cluster of clusters) this.#clear(cluster)
    table.link(clusters, last)
    directory.forgetLength()
    return directory.findFree(slots)!
  }

  /** What is free was counted without these clusters: FFFFFFFFh says that it is not known. */
  #forgetFreeCount(): void {
    const { bytes, layout } = this.#volume
    if (layout.infoStart === null) return
    const isThere = bytes.view(layout.infoStart, 4).getUint32(0, true) === 0x4161_5252
    if (isThere) bytes.write(layout.infoStart + 488, new Uint8Array(4).fill(0xff))
  }

  #refused(reason: Reason) {
    return unusable(this.#volume.bytes.name, reason)
  }
}

interface EntryFields {
  attributes: number
  cluster: number
  bytes: number
  modifiedMs: number
}

const dots = (count: number): Uint8Array =>
  Uint8Array.from('.'.repeat(count).padEnd(11), (letter) => letter.charCodeAt(0))

function entryBytes(
  shortName: Uint8Array,
  { attributes, cluster, bytes, modifiedMs }: EntryFields,
): Uint8Array {
  const entry = new Uint8Array(SLOT_BYTES)
  entry.set(shortName)
  const view = new DataView(entry.buffer)
  const { date, time } = toDosTime(modifiedMs)
  entry[11] = attributes
  for (const at of [14, 22]) view.setUint16(at, time, true)
  for (const at of [16, 18, 24]) view.setUint16(at, date, true)
  view.setUint16(20, cluster >>> 16, true)
  view.setUint16(26, cluster & 0xffff, true)
  view.setUint32(28, bytes, true)
  return entry
}
