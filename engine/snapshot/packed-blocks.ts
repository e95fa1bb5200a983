import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { EngineError } from '../base/errors.ts'
import { PAGE_SIZE } from '../memory/layout.ts'
import { because, technical, type Reason } from '../protocol/reasons.ts'
import type { PackedMemory } from './packed-memory.ts'

/** Blocks that are compressed together have so many bytes at most. */
const GROUP_BYTES = 1024 * 1024

/** A numbered piece of memory or of a medium. */
export type Block = readonly [number: number, bytes: Uint8Array]

const damaged = (reason: Reason, cause?: unknown): EngineError =>
  new EngineError('state-invalid', { device: 'memory', reason }, cause === undefined ? undefined : { cause })

/**
 * Blocks as a list of groups of up to 1 MiB: number of blocks and of compressed bytes (u32 each), the blocks' numbers
 * (u32 each), their contents deflated.
 */
export function packBlocks(blocks: Iterable<Block>, blockBytes: number): Uint8Array {
  const parts: Uint8Array[] = []
  for (const { numbers, raw } of groupsOf(blocks, blockBytes)) {
    const contents = deflateRawSync(raw, { level: levelFor(raw) })
    parts.push(headOf(numbers, contents), contents)
  }
  return Buffer.concat(parts)
}

/** Numbers of blocks with their contents in a row, up to 1 MiB. */
function* groupsOf(
  blocks: Iterable<Block>,
  blockBytes: number,
): Generator<{ numbers: number[]; raw: Uint8Array }> {
  let group: Block[] = []
  const joined = (): { numbers: number[]; raw: Uint8Array } => {
    const raw = new Uint8Array(group.length * blockBytes)
    group.forEach(([, bytes], index) => raw.set(bytes, index * blockBytes))
    return { numbers: group.map(([number]) => number), raw }
  }
  for (const block of blocks) {
    group.push(block)
    if (group.length * blockBytes < GROUP_BYTES) continue
    yield joined()
    group = []
  }
  if (group.length > 0) yield joined()
}

const headOf = (numbers: readonly number[], contents: Uint8Array): Uint8Array =>
  new Uint8Array(Uint32Array.from([numbers.length, contents.length, ...numbers]).buffer)

const SAMPLES = 4
const SAMPLE_BYTES = 2048

/** What does not pack is stored as it is, which costs a part of trying in vain: 0 for that, else the quickest level. */
function levelFor(raw: Uint8Array): 0 | 1 {
  if (raw.length < SAMPLES * SAMPLE_BYTES * 4) return 1
  const step = Math.floor(raw.length / SAMPLES)
  for (let at = 0; at + SAMPLE_BYTES <= raw.length; at += step)
    if (deflateRawSync(raw.subarray(at, at + SAMPLE_BYTES), { level: 1 }).length < SAMPLE_BYTES * 0.95)
      return 1
  return 0
}

/** A group as it lies in a file. */
interface PackedGroup {
  numbers: readonly number[]
  /** Deflated. */
  contents: Uint8Array
}

/** Throws `state-invalid`. @param blockCount numbers from this on are refused */
function* packedGroups(packed: Uint8Array, blockBytes: number, blockCount: number): Generator<PackedGroup> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  for (let at = 0; at < packed.length;) {
    if (packed.length - at < 8)
      throw damaged(because('state-part-damaged', { detail: technical('it ends in the middle of a group') }))
    const count = view.getUint32(at, true)
    const bytes = view.getUint32(at + 4, true)
    const start = at + 8 + 4 * count
    if (count === 0 || count * blockBytes > GROUP_BYTES || start + bytes > packed.length)
      throw damaged(because('state-part-damaged', { detail: technical('a group is too long') }))
    const numbers = Array.from({ length: count }, (_, index) => view.getUint32(at + 8 + 4 * index, true))
    if (numbers.some((number) => number >= blockCount)) throw damaged(because('state-other-parts'))
    yield { numbers, contents: packed.subarray(start, start + bytes) }
    at = start + bytes
  }
}

/** What `packBlocks` was given. Throws `state-invalid`. @param blockCount numbers from this on are refused */
export function* unpackBlocks(packed: Uint8Array, blockBytes: number, blockCount: number): Generator<Block> {
  for (const { numbers, contents } of packedGroups(packed, blockBytes, blockCount)) {
    const blocks = inflate(contents, numbers.length * blockBytes)
    for (const [index, number] of numbers.entries())
      yield [number, blocks.subarray(index * blockBytes, (index + 1) * blockBytes)]
  }
}

/**
 * Memory of a state of version 2: groups of pages, those of zeros left out. Its checksum was that of the whole file.
 */
export class GroupedMemory implements PackedMemory {
  readonly chunks = null

  constructor(private readonly packed: Uint8Array) {}

  pages(): Generator<Block> {
    return unpackBlocks(this.packed, PAGE_SIZE, 2 ** 32 / PAGE_SIZE)
  }

  page(number: number): Uint8Array | null {
    for (const [page, bytes] of this.pages()) if (page === number) return bytes
    return null
  }
}

function inflate(bytes: Uint8Array, size: number): Uint8Array {
  try {
    const contents = inflateRawSync(bytes, { maxOutputLength: size })
    if (contents.length === size) return new Uint8Array(contents.buffer, contents.byteOffset, size)
  } catch (cause) {
    throw damaged(because('state-part-damaged', { detail: technical('a group cannot be unpacked') }), cause)
  }
  throw damaged(because('state-part-damaged', { detail: technical('a group is too short') }))
}
