import { crc32c } from '../../../engine/storage/formats/vhdx/crc32c.ts'

const SECTOR = 4096
const PARENT_LOCATOR = '2d5fd3a80bb34d45abf7d3d84834ab0c'
const FILE_PARAMETERS = '3767a1ca36fa434db3b633f0aa44e76b'
const BLOCK_TABLE = '6677c22d23f600429d64115e9bfd4a08'
const OF_VHDX = 'b7ef4ab09ed1814ab78925b8e9445913'

/** What a log entry does, in its order. */
export type LogUpdate = { at: number; bytes: Uint8Array } | { at: number; zeros: number }

/** A VHDX that QEMU made, to be changed in ways that no program at hand does. See [MS-VHDX]. */
export class VhdxBytes {
  constructor(public bytes: Buffer) {}

  /** The header that counts. */
  get #header(): number {
    return this.bytes.readBigUInt64LE(0x10000 + 8) > this.bytes.readBigUInt64LE(0x20000 + 8)
      ? 0x10000
      : 0x20000
  }

  /** As a differencing disk names its parent. */
  get dataGuid(): string {
    const guid = this.bytes.subarray(this.#header + 32, this.#header + 48)
    const parts = [Buffer.from(guid.subarray(0, 4)).reverse(), guid.subarray(4, 6), guid.subarray(6, 8)]
    const [first, second, third] = parts.map((part, index) =>
      (index === 0 ? part : Buffer.from(part).reverse()).toString('hex'),
    )
    const rest = guid.subarray(8).toString('hex')
    return `{${first}-${second}-${third}-${rest.slice(0, 4)}-${rest.slice(4)}}`.toUpperCase()
  }

  get logPosition(): number {
    return Number(this.bytes.readBigUInt64LE(this.#header + 72))
  }

  get logBytes(): number {
    return this.bytes.readUInt32LE(this.#header + 68)
  }

  #region(guid: string): number {
    for (let at = 0x30010; ; at += 32)
      if (this.bytes.toString('hex', at, at + 16) === guid) return Number(this.bytes.readBigUInt64LE(at + 16))
  }

  /** Place of an entry of the block table. */
  entryAt(index: number): number {
    return this.#region(BLOCK_TABLE) + index * 8
  }

  /** Where a block lies that is there. */
  blockPosition(block: number): number {
    return Number(this.bytes.readBigUInt64LE(this.entryAt(block)) >> 20n) * 2 ** 20
  }

  /** The log is to be replayed. */
  setLogGuid(guid: Uint8Array): void {
    const at = this.#header
    this.bytes.set(guid, at + 48)
    this.bytes.writeUInt32LE(crc32c(this.bytes.subarray(at, at + SECTOR), 4), at + 4)
  }

  /** Writes an entry of the log. @param at place in the log, behind whose end it goes on at the start */
  putEntry(
    at: number,
    tail: number,
    sequence: number,
    guid: Uint8Array,
    updates: readonly LogUpdate[],
  ): number {
    const data = updates.flatMap((update) => ('bytes' in update ? [update.bytes] : []))
    const entry = Buffer.alloc(SECTOR * (1 + data.length))
    entry.write('loge', 0, 'latin1')
    entry.writeUInt32LE(entry.length, 8)
    entry.writeUInt32LE(tail, 12)
    entry.writeBigUInt64LE(BigInt(sequence), 16)
    entry.writeUInt32LE(updates.length, 24)
    entry.set(guid, 32)
    entry.writeBigUInt64LE(BigInt(this.bytes.length), 48)
    entry.writeBigUInt64LE(BigInt(this.bytes.length), 56)
    for (const [index, update] of updates.entries()) {
      const descriptor = 64 + index * 32
      entry.write('bytes' in update ? 'desc' : 'zero', descriptor, 'latin1')
      if ('bytes' in update) {
        entry.set(update.bytes.subarray(SECTOR - 4), descriptor + 4)
        entry.set(update.bytes.subarray(0, 8), descriptor + 8)
      } else entry.writeBigUInt64LE(BigInt(update.zeros), descriptor + 8)
      entry.writeBigUInt64LE(BigInt(update.at), descriptor + 16)
      entry.writeBigUInt64LE(BigInt(sequence), descriptor + 24)
    }
    for (const [index, bytes] of data.entries()) {
      const sector = SECTOR * (1 + index)
      entry.set(bytes, sector)
      entry.write('data', sector, 'latin1')
      entry.writeUInt32LE(0, sector + 4)
      entry.writeUInt32LE(sequence, sector + SECTOR - 4)
    }
    entry.writeUInt32LE(crc32c(entry, 4), 4)
    for (let done = 0; done < entry.length; done += SECTOR)
      this.bytes.set(entry.subarray(done, done + SECTOR), this.logPosition + ((at + done) % this.logBytes))
    return (at + entry.length) % this.logBytes
  }

  /** Makes it one that is over another, of which a block is here by sectors. @param isOwn of the sectors of that block */
  makeDifferencing(
    linkage: string,
    names: Record<string, string>,
    block: number,
    isOwn: (sector: number) => boolean,
  ): void {
    const metadata = this.#region('06a27c8b90479a4bb8fe575f050f886e')
    const count = this.bytes.readUInt16LE(metadata + 10)
    let end = 65536
    for (let index = 0; index < count; index++) {
      const at = metadata + 32 + index * 32
      const offset = this.bytes.readUInt32LE(at + 16)
      end = Math.max(end, offset + this.bytes.readUInt32LE(at + 20))
      if (this.bytes.toString('hex', at, at + 16) === FILE_PARAMETERS)
        this.bytes.writeUInt32LE(this.bytes.readUInt32LE(metadata + offset + 4) | 2, metadata + offset + 4)
    }
    const item = locator({ parent_linkage: linkage, ...names })
    const at = metadata + 32 + count * 32
    this.bytes.set(Buffer.from(PARENT_LOCATOR, 'hex'), at)
    this.bytes.writeUInt32LE(end, at + 16)
    this.bytes.writeUInt32LE(item.length, at + 20)
    this.bytes.writeUInt32LE(4, at + 24)
    this.bytes.writeUInt16LE(count + 1, metadata + 10)
    this.bytes.set(item, metadata + end)
    // The bitmap behind everything else; blocks are of 1 MiB.
    const bitmapAt = Math.ceil(this.bytes.length / 2 ** 20) * 2 ** 20
    const bitmap = Buffer.alloc(2 ** 20)
    for (let sector = 0; sector < 2048; sector++)
      if (isOwn(sector)) bitmap[block * 256 + (sector >> 3)]! |= 1 << (sector & 7)
    this.bytes = Buffer.concat([this.bytes, Buffer.alloc(bitmapAt - this.bytes.length), bitmap])
    this.bytes.writeBigUInt64LE(BigInt(bitmapAt) | 6n, this.entryAt(4096))
    const entry = this.entryAt(block)
    this.bytes.writeBigUInt64LE((this.bytes.readBigUInt64LE(entry) & ~7n) | 7n, entry)
  }
}

function locator(values: Record<string, string>): Buffer {
  const entries = Object.entries(values)
  const head = Buffer.alloc(20 + entries.length * 12)
  head.set(Buffer.from(OF_VHDX, 'hex'))
  head.writeUInt16LE(entries.length, 18)
  const texts: Buffer[] = []
  let end = head.length
  for (const [index, pair] of entries.entries())
    for (const [which, value] of pair.entries()) {
      const text = Buffer.from(value, 'utf16le')
      head.writeUInt32LE(end, 20 + index * 12 + which * 4)
      head.writeUInt16LE(text.length, 20 + index * 12 + 8 + which * 2)
      texts.push(text)
      end += text.length
    }
  return Buffer.concat([head, ...texts])
}
