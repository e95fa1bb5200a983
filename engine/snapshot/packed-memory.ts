import { setImmediate as othersTurn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { EngineError } from '../base/errors.ts'
import { PAGE_SIZE } from '../memory/layout.ts'
import type { ChunkSource } from '../memory/absent-memory.ts'
import { clearMemory, isZeroPage } from '../memory/zero-pages.ts'
import { because, technical, type Reason } from '../protocol/reasons.ts'
import { RpcError } from '../protocol/rpc.ts'
import { BlockCodec, MAX_BLOCK_BYTES } from './block-codec.ts'

/** What is packed by itself: small, since a guest that reaches for a byte of it waits for all of it. */
const CHUNK_BYTES = MAX_BLOCK_BYTES
const INDEX_HEAD_BYTES = 4
const ENTRY_BYTES = 8

/** Where the bytes of a saved state are. */
export interface StateBytes {
  readonly size: number
  /** Fills the buffer. Throws when there are no such bytes, or the host fails it. */
  readAt(position: number, into: Uint8Array): void
  close(): void
}

/** Memory as it is kept in a state file. */
export interface PackedMemory {
  /** Its pages that are not zeros, in order of their numbers. Throws `state-invalid`. */
  pages(): Generator<readonly [page: number, bytes: Uint8Array]>
  /** One of them, null for zeros. Throws `state-invalid`. */
  page(number: number): Uint8Array | null
  /** The same in pieces that can be had one by one; null when it can only be had as a whole. */
  readonly chunks: ChunkedMemory | null
}

/** Throws `state-invalid`; parts of the memory may have been replaced then. */
export function unpackMemory(packed: PackedMemory, memory: Uint8Array): void {
  clearMemory(memory)
  for (const [page, bytes] of packed.pages()) {
    if ((page + 1) * PAGE_SIZE > memory.length) throw damaged(because('state-other-parts'))
    memory.set(bytes, page * PAGE_SIZE)
  }
}

/** What is written to a state file for one memory. */
export interface MemoryChunks {
  /** Number of pages (u32), then of each chunk the bytes that it takes in the file (u32; 0 for zeros) and their CRC-32 (u32). */
  index: Uint8Array
  /** One after the other: in the LZ4 block format, or as they are where that is not shorter. */
  chunks: Uint8Array[]
}

/** The memory must not change as long as what comes of it is used. */
export function packMemory(memory: Uint8Array): MemoryChunks {
  const packing = packed(memory)
  for (;;) {
    const step = packing.next()
    if (step.done) return step.value
  }
}

/** So that others wait no longer than this for their turn. */
const TURN_MS = 4

/**
 * The same in small pieces, between which others get their turn. Throws `cancelled`.
 * @param reached told how far it is, in bytes of the memory
 */
export async function packMemoryAside(
  memory: Uint8Array,
  signal?: AbortSignal,
  reached: (bytes: number) => void = () => {},
): Promise<MemoryChunks> {
  const packing = packed(memory)
  for (let turnEnds = performance.now() + TURN_MS; ;) {
    const step = packing.next()
    if (step.done) return step.value
    if (performance.now() < turnEnds) continue
    reached(step.value)
    await othersTurn()
    if (signal?.aborted) throw new RpcError('cancelled')
    turnEnds = performance.now() + TURN_MS
  }
}

/** Yields how far it is, in bytes of the memory. */
function* packed(memory: Uint8Array): Generator<number, MemoryChunks> {
  const codec = new BlockCodec()
  const count = Math.ceil(memory.length / CHUNK_BYTES)
  const index = new DataView(new ArrayBuffer(INDEX_HEAD_BYTES + ENTRY_BYTES * count))
  index.setUint32(0, memory.length / PAGE_SIZE, true)
  const chunks: Uint8Array[] = []
  for (let chunk = 0; chunk < count; chunk++) {
    const bytes = memory.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES)
    if (!isZeros(bytes)) {
      const contents = codec.pack(bytes) ?? bytes
      chunks.push(contents)
      index.setUint32(INDEX_HEAD_BYTES + ENTRY_BYTES * chunk, contents.length, true)
      index.setUint32(INDEX_HEAD_BYTES + ENTRY_BYTES * chunk + 4, crc32(contents), true)
    }
    yield (chunk + 1) * CHUNK_BYTES
  }
  return { index: new Uint8Array(index.buffer), chunks }
}

function isZeros(bytes: Uint8Array): boolean {
  for (let page = 0; page * PAGE_SIZE < bytes.length; page++) if (!isZeroPage(bytes, page)) return false
  return true
}

const damaged = (reason: Reason): EngineError =>
  new EngineError('state-invalid', { device: 'memory', reason })
const DAMAGED = because('state-checksum')

interface Place {
  position: number
  /** 0 for zeros. */
  bytes: number
  crc: number
}

/** Memory in a state file that was written from what `packMemory` gave. */
export class ChunkedMemory implements PackedMemory, ChunkSource {
  readonly chunkBytes = CHUNK_BYTES
  readonly #pages: number
  readonly #places: Place[] = []
  #codec: BlockCodec | null = null
  readonly #buffer = new Uint8Array(CHUNK_BYTES)

  /** Throws `state-invalid` when the index is none. @param position of the first chunk */
  constructor(
    private readonly file: StateBytes,
    index: Uint8Array,
    readonly position: number,
  ) {
    const view = new DataView(index.buffer, index.byteOffset, index.byteLength)
    if (index.length < INDEX_HEAD_BYTES)
      throw damaged(because('state-part-damaged', { detail: technical('its index is damaged') }))
    this.#pages = view.getUint32(0, true)
    const count = Math.ceil((this.#pages * PAGE_SIZE) / CHUNK_BYTES)
    if (index.length !== INDEX_HEAD_BYTES + ENTRY_BYTES * count)
      throw damaged(because('state-part-damaged', { detail: technical('its index is damaged') }))
    for (let chunk = 0; chunk < count; chunk++) {
      const at = INDEX_HEAD_BYTES + ENTRY_BYTES * chunk
      const bytes = view.getUint32(at, true)
      if (bytes > this.#sizeOf(chunk))
        throw damaged(because('state-part-damaged', { detail: technical('a part of it is too long') }))
      this.#places.push({ position, bytes, crc: view.getUint32(at + 4, true) })
      position += bytes
    }
    this.end = position
  }

  /** Where the last chunk ends. */
  readonly end: number

  get chunks(): this {
    return this
  }

  get chunkCount(): number {
    return this.#places.length
  }

  holds(chunk: number): boolean {
    return this.#places[chunk]!.bytes > 0
  }

  /** Throws `state-invalid` when it is not of memory of this size. */
  checkSize(memoryBytes: number): void {
    if (this.#pages * PAGE_SIZE !== memoryBytes) throw damaged(because('state-other-size'))
  }

  /** Reads all of it once, chunk by chunk. Throws `state-invalid` when it is damaged. */
  *checking(): Generator<number> {
    for (const [chunk, place] of this.#places.entries()) {
      this.#packed(place)
      yield chunk
    }
  }

  read(chunk: number): Uint8Array {
    const size = this.#sizeOf(chunk)
    const packed = this.#packed(this.#places[chunk]!)
    if (packed.length === size) return packed
    const contents = (this.#codec ??= new BlockCodec()).unpack(packed, size)
    if (!contents)
      throw damaged(because('state-part-damaged', { detail: technical('a part of it cannot be unpacked') }))
    return contents
  }

  *pages(): Generator<readonly [number, Uint8Array]> {
    for (let chunk = 0; chunk < this.chunkCount; chunk++) {
      if (!this.holds(chunk)) continue
      const contents = this.read(chunk)
      for (let page = 0; page * PAGE_SIZE < contents.length; page++)
        if (!isZeroPage(contents, page))
          yield [
            (chunk * CHUNK_BYTES) / PAGE_SIZE + page,
            contents.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE),
          ]
    }
  }

  page(number: number): Uint8Array | null {
    const at = number * PAGE_SIZE
    const chunk = Math.floor(at / CHUNK_BYTES)
    if (number >= this.#pages || !this.holds(chunk)) return null
    const contents = this.read(chunk)
    const page = (at % CHUNK_BYTES) / PAGE_SIZE
    return isZeroPage(contents, page) ? null : contents.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
  }

  close(): void {
    this.file.close()
  }

  #sizeOf(chunk: number): number {
    return Math.min(CHUNK_BYTES, this.#pages * PAGE_SIZE - chunk * CHUNK_BYTES)
  }

  /** What the file has for a chunk, valid until the next call. */
  #packed({ position, bytes, crc }: Place): Uint8Array {
    const packed = this.#buffer.subarray(0, bytes)
    try {
      this.file.readAt(position, packed)
    } catch (cause) {
      // Of no medium: what a drive would tell its guest is not this.
      throw new EngineError(
        'state-invalid',
        { device: 'memory', reason: because('state-unreadable') },
        { cause },
      )
    }
    if (crc32(packed) !== crc) throw damaged(DAMAGED)
    return packed
  }
}
