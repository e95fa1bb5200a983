import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { EngineError } from '../base/errors.ts'
import { PAGE_SIZE } from '../memory/layout.ts'
import { clearMemory, isZeroPage } from '../memory/zero-pages.ts'

/** Blocks that are compressed together have so many bytes at most. */
const GROUP_BYTES = 1024 * 1024

/** A numbered piece of memory or of a medium. */
export type Block = readonly [number: number, bytes: Uint8Array]

const damaged = (reason: string, cause?: unknown): EngineError =>
  new EngineError('state-invalid', { device: 'memory', reason }, cause === undefined ? undefined : { cause })

/**
 * Blocks as a list of groups of up to 1 MiB: number of blocks and of compressed bytes (u32 each), the blocks' numbers
 * (u32 each), their contents deflated.
 */
export function packBlocks(blocks: Iterable<Block>, blockBytes: number): Uint8Array {
  return Buffer.concat([...packedGroups(blocks, blockBytes)].flat())
}

/** The same group by group, head and contents, for whoever has other things to do in between. */
function* packedGroups(blocks: Iterable<Block>, blockBytes: number): Generator<Uint8Array[]> {
  let group: Block[] = []
  const packed = (): Uint8Array[] => {
    const raw = new Uint8Array(group.length * blockBytes)
    group.forEach(([, bytes], index) => raw.set(bytes, index * blockBytes))
    const contents = deflateRawSync(raw, { level: 1 })
    const numbers = group.map(([number]) => number)
    return [new Uint8Array(Uint32Array.from([group.length, contents.length, ...numbers]).buffer), contents]
  }
  for (const block of blocks) {
    group.push(block)
    if (group.length * blockBytes < GROUP_BYTES) continue
    yield packed()
    group = []
  }
  if (group.length > 0) yield packed()
}

/** What `packBlocks` was given. Throws `state-invalid`. @param blockCount numbers from this on are refused */
export function* unpackBlocks(packed: Uint8Array, blockBytes: number, blockCount: number): Generator<Block> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  for (let at = 0; at < packed.length;) {
    if (packed.length - at < 8) throw damaged('it ends in the middle of a group')
    const count = view.getUint32(at, true)
    const bytes = view.getUint32(at + 4, true)
    const start = at + 8 + 4 * count
    if (count === 0 || count * blockBytes > GROUP_BYTES || start + bytes > packed.length)
      throw damaged('a group is too long')
    const contents = inflate(packed.subarray(start, start + bytes), count * blockBytes)
    for (let index = 0; index < count; index++) {
      const number = view.getUint32(at + 8 + 4 * index, true)
      if (number >= blockCount) throw damaged('it holds parts that this machine does not have')
      yield [number, contents.subarray(index * blockBytes, (index + 1) * blockBytes)]
    }
    at = start + bytes
  }
}

/** Memory by pages; those of zeros are left out. */
export const packMemory = (memory: Uint8Array): Uint8Array =>
  packBlocks(
    writtenPages(memory, () => {}),
    PAGE_SIZE,
  )

/** What `packMemory` gives, piece by piece. */
export const memoryChunks = (
  memory: Uint8Array,
  reached: (bytes: number) => void = () => {},
): Generator<Uint8Array[]> => packedGroups(writtenPages(memory, reached), PAGE_SIZE)

function* writtenPages(memory: Uint8Array, reached: (bytes: number) => void): Generator<Block> {
  for (let page = 0; page * PAGE_SIZE < memory.length; page++) {
    if (isZeroPage(memory, page)) continue
    reached(page * PAGE_SIZE)
    yield [page, memory.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)]
  }
}

/**
 * Fills memory from what `packMemory` gave; pages that are not there become zeros. Throws `state-invalid`, and has
 * touched nothing then.
 */
export function unpackMemory(packed: Uint8Array, memory: Uint8Array): void {
  const pages = () => unpackBlocks(packed, PAGE_SIZE, memory.length / PAGE_SIZE)
  for (const _ of pages()) void _
  clearMemory(memory)
  for (const [page, bytes] of pages()) memory.set(bytes, page * PAGE_SIZE)
}

function inflate(bytes: Uint8Array, size: number): Uint8Array {
  try {
    const contents = inflateRawSync(bytes, { maxOutputLength: size })
    if (contents.length === size) return new Uint8Array(contents.buffer, contents.byteOffset, size)
  } catch (cause) {
    throw damaged('a group cannot be unpacked', cause)
  }
  throw damaged('a group is too short')
}
