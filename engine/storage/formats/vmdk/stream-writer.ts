import { basename } from 'node:path'
import { deflateSync } from 'node:zlib'
import { because } from '../../../protocol/reasons.ts'
import { type HostFile, unusable } from '../../host-file.ts'
import { type Compressor, type CreateRequest, SECTOR_BYTES } from '../disk-image.ts'
import { roundUp, viewOf } from '../fields.ts'
import { CREATE_TYPES } from './create.ts'
import { encodeDescriptor } from './descriptor.ts'
import {
  DIRECTORY_AT_END,
  encodeSparseHeader,
  NEW_GRAIN_SECTORS,
  NEW_TABLE_ENTRIES,
} from './sparse-header.ts'

const OVERHEAD_SECTORS = 128
const DESCRIPTOR_SECTORS = 20
const GRAIN_BYTES = NEW_GRAIN_SECTORS * SECTOR_BYTES

const MARKER = { end: 0, table: 1, directory: 2, footer: 3 } as const

/** Writes a stream-optimised VMDK from its beginning to its end: what OVA files carry. */
export class StreamWriter implements Compressor {
  readonly clusterBytes = GRAIN_BYTES
  /** Sector of each grain of the table that is being filled. */
  #table = new Uint8Array(NEW_TABLE_ENTRIES * 4)
  #tableNumber = 0
  readonly #directory: DataView
  readonly #sectors: number
  /** Where the next thing goes, in sectors. */
  #at = OVERHEAD_SECTORS

  constructor(
    private readonly file: HostFile,
    { sizeBytes, backing, name = basename(file.path) }: CreateRequest,
  ) {
    if (backing) throw unusable(file.path, because('vmdk-stream-alone'))
    this.#sectors = sizeBytes / SECTOR_BYTES
    const tables = Math.ceil(this.#sectors / (NEW_GRAIN_SECTORS * NEW_TABLE_ENTRIES))
    this.#directory = viewOf(new Uint8Array(tables * 4))
    file.writeAt(0, this.#header(DIRECTORY_AT_END))
    const descriptor = encodeDescriptor({
      createType: CREATE_TYPES.stream,
      sectors: this.#sectors,
      extents: [`RDONLY ${this.#sectors} SPARSE "${name}"`],
      parent: null,
    })
    file.writeAt(SECTOR_BYTES, Buffer.from(descriptor, 'utf8'))
  }

  #header(directorySector: bigint): Uint8Array {
    return encodeSparseHeader({
      sectors: this.#sectors,
      descriptorSector: 1,
      descriptorSectors: DESCRIPTOR_SECTORS,
      redundantSector: 0,
      directorySector,
      overheadSectors: OVERHEAD_SECTORS,
      isCompressed: true,
    })
  }

  add(grain: number, bytes: Uint8Array): void {
    const table = Math.floor(grain / NEW_TABLE_ENTRIES)
    if (table !== this.#tableNumber) this.#endTable()
    this.#tableNumber = table
    const packed = deflateSync(bytes)
    const whole = new Uint8Array(roundUp(12 + packed.length, SECTOR_BYTES))
    viewOf(whole).setBigUint64(0, BigInt(grain * NEW_GRAIN_SECTORS), true)
    viewOf(whole).setUint32(8, packed.length, true)
    whole.set(packed, 12)
    viewOf(this.#table).setUint32((grain % NEW_TABLE_ENTRIES) * 4, this.#at, true)
    this.#append(whole)
  }

  /** Writes the table of the grains so far, unless it is empty. */
  #endTable(): void {
    if (this.#table.every((byte) => byte === 0)) return
    this.#marker(MARKER.table, this.#table.length / SECTOR_BYTES)
    this.#directory.setUint32(this.#tableNumber * 4, this.#at, true)
    this.#append(this.#table)
    this.#table = new Uint8Array(NEW_TABLE_ENTRIES * 4)
  }

  #marker(type: number, sectors: number): void {
    const bytes = new Uint8Array(SECTOR_BYTES)
    viewOf(bytes).setBigUint64(0, BigInt(sectors), true)
    viewOf(bytes).setUint32(12, type, true)
    this.#append(bytes)
  }

  #append(bytes: Uint8Array): void {
    this.file.writeAt(this.#at * SECTOR_BYTES, bytes)
    this.#at += bytes.length / SECTOR_BYTES
  }

  finish(): void {
    this.#endTable()
    const directory = new Uint8Array(roundUp(this.#directory.byteLength, SECTOR_BYTES))
    directory.set(new Uint8Array(this.#directory.buffer))
    this.#marker(MARKER.directory, directory.length / SECTOR_BYTES)
    const directorySector = BigInt(this.#at)
    this.#append(directory)
    this.#marker(MARKER.footer, 1)
    this.#append(this.#header(directorySector))
    this.#marker(MARKER.end, 0)
    this.file.sync()
  }
}
