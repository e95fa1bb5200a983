import type { ByteWindow } from '../byte-window.ts'
import {
  damaged,
  MAX_FOLDER_ENTRIES,
  usableName,
  type Volume,
  type VolumeEntry,
  type VolumeFolder,
} from '../volume.ts'
import { inodeContents, readInode, type Inode } from './inode.ts'
import { extLayout, type ExtLayout } from './superblock.ts'

const ROOT_INODE = 2
const MAX_FOLDER_BYTES = 64 * 1024 * 1024
const MAX_LINK_BYTES = 4096

/**
 * An ext2, ext3 or ext4 volume, to be read. Its journal is not replayed: of a system that was not shut down, what it
 * wrote last may be missing.
 */
export class ExtVolume implements Volume {
  readonly foldsCase = false
  readonly root: VolumeFolder

  private constructor(
    private readonly bytes: ByteWindow,
    private readonly layout: ExtLayout,
  ) {
    this.root = this.#folder('', ROOT_INODE, null)
  }

  /** Null for what is no such volume. Throws `file-unusable`, `DiskError`. */
  static open(bytes: ByteWindow): ExtVolume | null {
    const layout = extLayout(bytes)
    return layout && new ExtVolume(bytes, layout)
  }

  get kind(): ExtLayout['kind'] {
    return this.layout.kind
  }

  get label(): string {
    return this.layout.label
  }

  get sizeBytes(): number {
    return this.bytes.sizeBytes
  }

  #folder(name: string, inode: number, modifiedMs: number | null): VolumeFolder {
    return { kind: 'folder', name, id: inode, modifiedMs, entries: () => this.#entries(inode, name) }
  }

  #entries(number: number, folderName: string): VolumeEntry[] {
    const inode = readInode(this.bytes, this.layout, number)
    if (inode.type !== 'folder' || inode.bytes > MAX_FOLDER_BYTES)
      throw damaged(this.bytes.name, `its folder ${folderName} (inode ${number})`)
    const entries: VolumeEntry[] = []
    for (const { name, target } of this.#names(inode)) {
      if (entries.length >= MAX_FOLDER_ENTRIES) break
      entries.push(this.#entry(name, readInode(this.bytes, this.layout, target)))
    }
    return entries
  }

  #names(folder: Inode): { name: string; target: number }[] {
    const found = new Map<string, number>()
    const { blockBytes } = this.layout
    const bytes = Buffer.concat([...inodeContents(this.bytes, this.layout, folder)])
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    // Entries do not cross blocks; one that is empty belongs to the index of a large folder, or was deleted.
    for (let at = 0; at + 8 <= bytes.length;) {
      const length = view.getUint16(at + 4, true) || 65_536
      const nameBytes = bytes[at + 6]!
      const isSound = length >= 8 && 8 + nameBytes <= length && (at % blockBytes) + length <= blockBytes
      if (!isSound) throw damaged(this.bytes.name, `an entry of the folder in inode ${folder.number}`)
      const target = view.getUint32(at, true)
      const name = usableName(bytes.toString('utf8', at + 8, at + 8 + nameBytes))
      if (target !== 0 && name !== null && !found.has(name)) found.set(name, target)
      at += length
    }
    return [...found].map(([name, target]) => ({ name, target }))
  }

  #entry(name: string, inode: Inode): VolumeEntry {
    const { modifiedMs, bytes } = inode
    switch (inode.type) {
      case 'folder':
        return this.#folder(name, inode.number, modifiedMs)
      case 'file':
        return {
          kind: 'file',
          name,
          bytes,
          modifiedMs,
          contents: (from) => inodeContents(this.bytes, this.layout, inode, from),
        }
      case 'link':
        return { kind: 'other', name, modifiedMs, target: this.#linkTarget(inode) }
      case 'other':
        return { kind: 'other', name, modifiedMs, target: null }
    }
  }

  #linkTarget(inode: Inode): string | null {
    if (inode.bytes > MAX_LINK_BYTES) return null
    // A short one stands where longer ones say their blocks.
    const parts =
      inode.bytes < 60
        ? [new Uint8Array(inode.map.buffer, inode.map.byteOffset, inode.bytes)]
        : [...inodeContents(this.bytes, this.layout, inode)]
    return Buffer.concat(parts).toString('utf8')
  }
}
