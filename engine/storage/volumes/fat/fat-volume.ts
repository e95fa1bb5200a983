import type { ByteWindow } from '../byte-window.ts'
import {
  damaged,
  PIECE_BYTES,
  usableName,
  type Volume,
  type VolumeEntry,
  type VolumeFile,
  type VolumeFolder,
} from '../volume.ts'
import { ATTRIBUTE, FatDirectory, type FatEntry } from './directory.ts'
import { fatLayout, type FatLayout } from './layout.ts'
import { shortName } from './names.ts'
import { FatTable } from './table.ts'

/** A folder of a FAT volume with the slots that it is kept in. */
export interface FatFolder extends VolumeFolder {
  readonly directory: FatDirectory
}

/** A volume in one of the three FAT formats, with long names. */
export class FatVolume implements Volume {
  readonly foldsCase = true
  readonly table: FatTable
  readonly root: FatFolder

  private constructor(
    readonly bytes: ByteWindow,
    readonly layout: FatLayout,
  ) {
    this.table = new FatTable(bytes, layout)
    this.root = this.folder('', layout.rootSlots > 0 ? null : layout.rootCluster, null)
  }

  /** Null for what is no FAT volume. Throws `DiskError`. */
  static open(bytes: ByteWindow): FatVolume | null {
    const layout = fatLayout(bytes)
    return layout && new FatVolume(bytes, layout)
  }

  get kind(): FatLayout['kind'] {
    return this.layout.kind
  }

  get sizeBytes(): number {
    return this.bytes.sizeBytes
  }

  get label(): string {
    for (const { attributes, shortName: name } of this.root.directory.entries())
      if (attributes & ATTRIBUTE.label) {
        const text = shortName(Uint8Array.from([...name, 0x20, 0]))
        // A label has no dot between its eighth and ninth letter.
        return text.length > 9 && text[8] === '.' ? text.slice(0, 8) + text.slice(9) : text.replace('.', '')
      }
    return ''
  }

  folder(name: string, cluster: number | null, modifiedMs: number | null): FatFolder {
    const directory = new FatDirectory(this.bytes, this.layout, this.table, cluster)
    return {
      kind: 'folder',
      name,
      id: cluster ?? 0,
      modifiedMs,
      directory,
      entries: () => this.#entries(directory),
    }
  }

  #entries(directory: FatDirectory): VolumeEntry[] {
    const entries: VolumeEntry[] = []
    const names = new Set<string>()
    for (const entry of directory.entries()) {
      if (entry.attributes & ATTRIBUTE.label) continue
      const name = usableName(entry.name)
      // Of two with one name only the first can be reached, by DOS as well.
      if (name === null || names.has(name.toUpperCase())) continue
      names.add(name.toUpperCase())
      const isFolder = (entry.attributes & ATTRIBUTE.folder) !== 0
      entries.push(
        isFolder ? this.folder(name, this.#folderCluster(entry), entry.modifiedMs) : this.#file(name, entry),
      )
    }
    return entries
  }

  /** 0 stands for the root, which only ".." leads to. */
  #folderCluster({ cluster }: FatEntry): number | null {
    return cluster === 0 ? this.root.directory.cluster : cluster
  }

  #file(name: string, { cluster, bytes, modifiedMs }: FatEntry): VolumeFile {
    return {
      kind: 'file',
      name,
      bytes,
      modifiedMs,
      contents: (from = 0) => this.#contents(name, cluster, bytes, from),
    }
  }

  *#contents(name: string, first: number, bytes: number, from: number): Generator<Uint8Array> {
    const { clusterBytes, clusterCount, dataStart } = this.layout
    const clusters = Math.ceil(bytes / clusterBytes)
    if (clusters > clusterCount)
      throw damaged(this.bytes.name, `${name} claims more bytes than the volume has`)
    if (from >= bytes) return
    const skipped = Math.floor(from / clusterBytes)
    let left = bytes - skipped * clusterBytes
    let within = from - skipped * clusterBytes
    let run: { from: number; count: number } | null = null
    const most = Math.max(1, Math.floor(PIECE_BYTES / clusterBytes))
    const take = ({ from: start, count }: { from: number; count: number }): Uint8Array => {
      const length = Math.min(left, count * clusterBytes)
      left -= length
      const piece = this.bytes.read(dataStart + (start - 2) * clusterBytes, length).subarray(within)
      within = 0
      return piece
    }
    let seen = skipped
    for (const cluster of this.table.chain(this.table.follow(first, skipped))) {
      if (run && cluster === run.from + run.count && run.count < most) run.count++
      else {
        if (run) yield take(run)
        run = { from: cluster, count: 1 }
      }
      if (++seen === clusters) break
    }
    if (run) yield take(run)
    if (left > 0) throw damaged(this.bytes.name, `${name} ends before its ${bytes} bytes`)
  }
}
