import { createHash } from 'node:crypto'
import { EngineError } from '../base/errors.ts'
import { because, type Reason } from '../protocol/reasons.ts'
import { decodeState, encodeState } from './encoding.ts'
import { GroupedMemory } from './packed-blocks.ts'
import { ChunkedMemory, type MemoryChunks, type PackedMemory, type StateBytes } from './packed-memory.ts'

/** "VITRINE", then a byte that text transfer would damage. */
const MAGIC = Uint8Array.from([0x56, 0x49, 0x54, 0x52, 0x49, 0x4e, 0x45, 0x1a])
/** 1 had neither media nor their writes. */
const VERSION = 3
/** Its memory is in groups of deflated pages among the parts, and all of the file is in its checksum. */
const VERSION_OF_GROUPS = 2
const COUNT_AT = 12
const LENGTHS_AT = 16
const CHECKSUM_BYTES = 32
/** State, two memories, and the writes of some drives. */
const MAX_PARTS = 32
/** What one buffer of Node holds. */
const MAX_FILE_BYTES = 0xffff_0000

/** What a state file is made of. */
export interface StateParts {
  /** Everything but bytes in bulk: plain data, see encoding.ts. */
  state: unknown
  ram: MemoryChunks
  vram: MemoryChunks
  /** Packed writes to media, in the order that `state` implies. */
  writes: readonly Uint8Array[]
}

/** The same as it is read. */
export interface StateFile {
  state: unknown
  ram: PackedMemory
  vram: PackedMemory
  writes: Uint8Array[]
}

const invalid = (reason: Reason): EngineError =>
  new EngineError('state-invalid', { device: 'state file', reason })

/**
 * The state of a machine as a file: magic, version, number of parts (u32, little-endian), length of each part (u32), the
 * parts (state as JSON, indexes of RAM and video memory, writes), SHA-256 of all that comes before it; then the chunks of RAM
 * and of video memory, whose checksums are in the indexes. Throws `state-invalid` when it would be longer than 4 GiB.
 */
export function writeStateFile({ state, ram, vram, writes }: StateParts): Uint8Array {
  const parts = [Buffer.from(encodeState(state)), ram.index, vram.index, ...writes]
  const header = Buffer.alloc(LENGTHS_AT + 4 * parts.length)
  const chunks = [...ram.chunks, ...vram.chunks]
  const bytes = [header, ...parts, ...chunks].reduce((sum, { length }) => sum + length, CHECKSUM_BYTES)
  if (bytes > MAX_FILE_BYTES) throw invalid(because('state-too-long', { MiB: Math.ceil(bytes / 2 ** 20) }))
  header.set(MAGIC)
  header.writeUInt32LE(VERSION, 8)
  header.writeUInt32LE(parts.length, COUNT_AT)
  parts.forEach(({ length }, index) => header.writeUInt32LE(length, LENGTHS_AT + 4 * index))
  const checksum = createHash('sha256').update(header)
  for (const part of parts) checksum.update(part)
  return Buffer.concat([header, ...parts, checksum.digest(), ...chunks])
}

/** A state file that is in memory. */
export function bytesOfState(bytes: Uint8Array): StateBytes {
  return {
    size: bytes.length,
    readAt: (position, into) => into.set(bytes.subarray(position, position + into.length)),
    close: () => {},
  }
}

/**
 * Throws `state-invalid` or `state-too-new`. Memory is read when it is asked for; what is in it, and in the writes, is for
 * their owners to check.
 */
export function readStateFile(file: StateBytes): StateFile {
  const read = (position: number, bytes: number): Buffer => {
    const into = Buffer.alloc(bytes)
    file.readAt(position, into)
    return into
  }
  const start = read(0, Math.min(LENGTHS_AT, file.size))
  if (file.size < LENGTHS_AT + CHECKSUM_BYTES || !MAGIC.every((byte, i) => start[i] === byte))
    throw invalid(because('state-no-state'))
  const version = start.readUInt32LE(8)
  if (version > VERSION)
    throw new EngineError('state-too-new', { device: 'state file', found: version, supported: VERSION })
  if (version < VERSION_OF_GROUPS) throw invalid(because('state-older'))
  const truncated = () => invalid(because('state-truncated'))
  const count = start.readUInt32LE(COUNT_AT)
  if (count < 3 || count > MAX_PARTS || LENGTHS_AT + 4 * count + CHECKSUM_BYTES > file.size) throw truncated()
  const lengths = read(LENGTHS_AT, 4 * count)
  let end = LENGTHS_AT + lengths.length
  const ranges = Array.from({ length: count }, (_, index) => {
    const from = end
    end += lengths.readUInt32LE(4 * index)
    return [from, end] as const
  })
  if (end + CHECKSUM_BYTES > file.size) throw truncated()
  const head = read(0, end + CHECKSUM_BYTES)
  const checksum = createHash('sha256').update(head.subarray(0, end)).digest()
  if (!checksum.equals(head.subarray(end))) throw invalid(because('state-checksum'))
  const [state, first, second, ...writes] = ranges.map(([from, to]) => head.subarray(from, to))
  const memories =
    version === VERSION_OF_GROUPS
      ? { ram: new GroupedMemory(first!), vram: new GroupedMemory(second!), end: end + CHECKSUM_BYTES }
      : chunkedMemories(file, first!, second!, end + CHECKSUM_BYTES)
  if (memories.end !== file.size) throw truncated()
  return { state: decodeState(state!.toString('utf8')), ram: memories.ram, vram: memories.vram, writes }
}

function chunkedMemories(file: StateBytes, ramIndex: Uint8Array, vramIndex: Uint8Array, position: number) {
  const ram = new ChunkedMemory(file, ramIndex, position)
  const vram = new ChunkedMemory(file, vramIndex, ram.end)
  return { ram, vram, end: vram.end }
}
