import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { EngineError } from '../base/errors.ts'
import { PAGE_SIZE as PAGE } from '../memory/layout.ts'
import { clearMemory, isZeroPage } from '../memory/zero-pages.ts'

/** Pages that are compressed together. */
const CHUNK_PAGES = 256

const damaged = (reason: string, cause?: unknown): EngineError =>
  new EngineError('state-invalid', { device: 'memory', reason }, cause === undefined ? undefined : { cause })

/**
 * Memory as a list of chunks of up to 256 pages: number of pages and of compressed bytes (u32 each), the page
 * numbers (u32 each), the pages' contents deflated. Pages of zeros are left out.
 */
export function packMemory(memory: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  let pages: number[] = []
  const flush = (): void => {
    if (pages.length === 0) return
    const raw = new Uint8Array(pages.length * PAGE)
    pages.forEach((page, i) => raw.set(memory.subarray(page * PAGE, (page + 1) * PAGE), i * PAGE))
    const packed = deflateRawSync(raw, { level: 1 })
    parts.push(new Uint8Array(Uint32Array.from([pages.length, packed.length, ...pages]).buffer), packed)
    pages = []
  }
  for (let page = 0; page * PAGE < memory.length; page++) {
    if (isZeroPage(memory, page)) continue
    pages.push(page)
    if (pages.length === CHUNK_PAGES) flush()
  }
  flush()
  return Buffer.concat(parts)
}

/** Fills memory from what `packMemory` gave; pages that are not there become zeros. Throws `state-invalid`. */
export function unpackMemory(packed: Uint8Array, memory: Uint8Array): void {
  const chunks = readChunks(packed, memory.length / PAGE)
  clearMemory(memory)
  for (const { pages, contents } of chunks())
    pages.forEach((page, i) => memory.set(contents.subarray(i * PAGE, (i + 1) * PAGE), page * PAGE))
}

/** Goes through all chunks once to check them, so that memory is only touched when all of it can be had. */
function readChunks(packed: Uint8Array, pageCount: number) {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  function* chunks(): Generator<{ pages: number[]; contents: Uint8Array }> {
    for (let at = 0; at < packed.length;) {
      if (packed.length - at < 8) throw damaged('it ends in the middle of a chunk')
      const count = view.getUint32(at, true)
      const bytes = view.getUint32(at + 4, true)
      const start = at + 8 + 4 * count
      if (count === 0 || count > CHUNK_PAGES || start + bytes > packed.length)
        throw damaged('a chunk is too long')
      const pages = Array.from({ length: count }, (_, i) => view.getUint32(at + 8 + 4 * i, true))
      if (pages.some((page) => page >= pageCount))
        throw damaged('it holds pages that this machine does not have')
      yield { pages, contents: inflate(packed.subarray(start, start + bytes), count * PAGE) }
      at = start + bytes
    }
  }
  for (const _ of chunks()) void _
  return chunks
}

function inflate(bytes: Uint8Array, size: number): Uint8Array {
  try {
    const contents = inflateRawSync(bytes, { maxOutputLength: size })
    if (contents.length === size) return contents
  } catch (cause) {
    throw damaged('a chunk cannot be unpacked', cause)
  }
  throw damaged('a chunk is too short')
}
