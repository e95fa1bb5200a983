import type { ByteWindow } from '../byte-window.ts'
import {
  damaged,
  MAX_FOLDER_ENTRIES,
  PIECE_BYTES,
  usableName,
  type Volume,
  type VolumeEntry,
  type VolumeFile,
  type VolumeFolder,
} from '../volume.ts'
import { rockRidgeName } from './rock-ridge.ts'

export const ISO_SECTOR_BYTES = 2048
const FIRST_DESCRIPTOR = 16
const MAX_DESCRIPTORS = 32
const DESCRIPTOR = { primary: 1, supplementary: 2, end: 255 } as const
const FLAG = { folder: 0x02, more: 0x80 } as const

interface Extent {
  block: number
  bytes: number
}

interface DirectoryRecord extends Extent {
  identifier: Uint8Array
  /** System use field, where Rock Ridge keeps names. */
  systemUse: Uint8Array
  flags: number
  isInterleaved: boolean
  modifiedMs: number | null
}

interface Descriptor {
  isJoliet: boolean
  label: string
  blockBytes: number
  root: DirectoryRecord
}

/**
 * A CD's file system: Joliet where there is one, else the plain names or those of Rock Ridge.
 * @see ECMA-119; Joliet Specification 1 (1995)
 */
export class IsoVolume implements Volume {
  readonly foldsCase = true
  readonly kind: Volume['kind']
  readonly label: string
  readonly root: VolumeFolder

  private constructor(
    private readonly bytes: ByteWindow,
    private readonly descriptor: Descriptor,
  ) {
    const { isJoliet, label, root } = descriptor
    this.label = label
    const first = isJoliet
      ? undefined
      : this.#records(root, '').find(({ identifier }) => identifier.length > 1)
    const hasRockRidge = first !== undefined && rockRidgeName(first.systemUse) !== null
    this.kind = isJoliet ? 'Joliet' : hasRockRidge ? 'Rock Ridge' : 'ISO 9660'
    this.root = this.#folder('', root)
  }

  /** Null for what is no such volume. Throws `DiskError`, `file-unusable`. */
  static open(bytes: ByteWindow): IsoVolume | null {
    const found: Descriptor[] = []
    for (let number = FIRST_DESCRIPTOR; number < FIRST_DESCRIPTOR + MAX_DESCRIPTORS; number++) {
      if ((number + 1) * ISO_SECTOR_BYTES > bytes.sizeBytes) break
      const sector = bytes.read(number * ISO_SECTOR_BYTES, ISO_SECTOR_BYTES)
      if (latin1(sector.subarray(1, 6)) !== 'CD001' || sector[0] === DESCRIPTOR.end) break
      const descriptor = describe(sector)
      if (descriptor) found.push(descriptor)
    }
    const best = found.find(({ isJoliet }) => isJoliet) ?? found[0]
    return best ? new IsoVolume(bytes, best) : null
  }

  get sizeBytes(): number {
    return this.bytes.sizeBytes
  }

  #folder(name: string, record: DirectoryRecord): VolumeFolder {
    const { block, modifiedMs } = record
    return { kind: 'folder', name, id: block, modifiedMs, entries: () => this.#entries(record, name) }
  }

  #entries(folder: DirectoryRecord, folderName: string): VolumeEntry[] {
    const entries: VolumeEntry[] = []
    const names = new Set<string>()
    let extents: Extent[] = []
    // The first two stand for the folder itself and the one above.
    for (const record of this.#records(folder, folderName).slice(2)) {
      extents.push({ block: record.block, bytes: record.bytes })
      if (record.flags & FLAG.more) continue
      const parts = extents
      extents = []
      const name = usableName(this.#nameOf(record))
      if (name === null || names.has(name.toUpperCase())) continue
      names.add(name.toUpperCase())
      entries.push(record.flags & FLAG.folder ? this.#folder(name, record) : this.#file(name, record, parts))
    }
    return entries
  }

  #records({ block, bytes }: Extent, name: string): DirectoryRecord[] {
    const { blockBytes } = this.descriptor
    const start = block * blockBytes
    if (start + bytes > this.bytes.sizeBytes || bytes > MAX_FOLDER_ENTRIES * 64)
      throw damaged(this.bytes.name, `its folder ${name} does not lie in it`)
    const all = this.bytes.read(start, bytes)
    const records: DirectoryRecord[] = []
    for (let at = 0; at < all.length;) {
      const length = all[at]!
      // Records do not cross sectors: the rest of one is zeros.
      if (length === 0) at = (Math.floor(at / ISO_SECTOR_BYTES) + 1) * ISO_SECTOR_BYTES
      else {
        const record =
          length >= 34 && at + length <= all.length ? parseRecord(all.subarray(at, at + length)) : null
        if (!record) throw damaged(this.bytes.name, `an entry of its folder ${name} is cut short`)
        records.push(record)
        at += length
      }
    }
    return records
  }

  #nameOf({ identifier, systemUse }: DirectoryRecord): string {
    if (this.descriptor.isJoliet) return withoutVersion(utf16(identifier))
    const plain = withoutVersion(latin1(identifier))
    return this.kind === 'Rock Ridge' ? (rockRidgeName(systemUse) ?? plain) : plain
  }

  #file(
    name: string,
    { modifiedMs, isInterleaved }: DirectoryRecord,
    extents: readonly Extent[],
  ): VolumeFile {
    const bytes = extents.reduce((sum, extent) => sum + extent.bytes, 0)
    return {
      kind: 'file',
      name,
      bytes,
      modifiedMs,
      contents: (from = 0) => this.#contents(name, extents, bytes, isInterleaved, from),
    }
  }

  *#contents(
    name: string,
    extents: readonly Extent[],
    bytes: number,
    isInterleaved: boolean,
    from: number,
  ): Generator<Uint8Array> {
    if (isInterleaved) throw damaged(this.bytes.name, `${name} is interleaved, which is not read`)
    if (bytes > this.bytes.sizeBytes)
      throw damaged(this.bytes.name, `${name} claims more bytes than the volume has`)
    let skipped = from
    for (const extent of extents) {
      const start = extent.block * this.descriptor.blockBytes
      if (start + extent.bytes > this.bytes.sizeBytes) throw damaged(this.bytes.name, `${name} is cut off`)
      for (let at = Math.min(skipped, extent.bytes); at < extent.bytes; at += PIECE_BYTES)
        yield this.bytes.read(start + at, Math.min(PIECE_BYTES, extent.bytes - at))
      skipped = Math.max(0, skipped - extent.bytes)
    }
  }
}

function describe(sector: Uint8Array): Descriptor | null {
  const view = new DataView(sector.buffer, sector.byteOffset, sector.length)
  // Joliet marks itself by one of three levels of UCS-2.
  const isJoliet =
    sector[0] === DESCRIPTOR.supplementary &&
    sector[88] === 0x25 &&
    sector[89] === 0x2f &&
    '@CE'.includes(latin1(sector.subarray(90, 91)))
  if (sector[0] !== DESCRIPTOR.primary && !isJoliet) return null
  const blockBytes = view.getUint16(128, true)
  const root = parseRecord(sector.subarray(156, 190))
  if (![512, 1024, 2048].includes(blockBytes) || !root || !(root.flags & FLAG.folder)) return null
  const label = sector.subarray(40, 72)
  return {
    isJoliet,
    label: (isJoliet ? utf16(label) : latin1(label)).replace(/[\0 ]+$/, ''),
    blockBytes,
    root,
  }
}

function parseRecord(record: Uint8Array): DirectoryRecord | null {
  const view = new DataView(record.buffer, record.byteOffset, record.length)
  const nameBytes = record[32]!
  if (33 + nameBytes > record.length) return null
  return {
    block: view.getUint32(2, true) + record[1]!,
    bytes: view.getUint32(10, true),
    flags: record[25]!,
    isInterleaved: record[26] !== 0 || record[27] !== 0,
    modifiedMs: timeOf(record.subarray(18, 25)),
    identifier: record.subarray(33, 33 + nameBytes),
    // The name is filled up to an even position.
    systemUse: record.subarray(33 + nameBytes + ((nameBytes + 1) % 2)),
  }
}

function timeOf([year, month, day, hour, minute, second, quarters]: Uint8Array): number | null {
  if (!month || !day) return null
  const zone = ((quarters! << 24) >> 24) * 15 * 60_000
  return Date.UTC(1900 + year!, month - 1, day, hour, minute, second) - zone
}

/** "README.TXT;1" is README.TXT, "LICENSE.;1" is LICENSE. */
const withoutVersion = (name: string): string => name.replace(/;\d*$/, '').replace(/(?<=.)\.$/, '')

const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

function utf16(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at + 1 < bytes.length; at += 2)
    text += String.fromCharCode((bytes[at]! << 8) | bytes[at + 1]!)
  return text
}
