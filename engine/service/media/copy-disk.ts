import { type DiskImage, type Extent, SECTOR_BYTES } from '../../storage/formats/disk-image.ts'
import { isAllZero } from '../../storage/formats/fields.ts'

const CHUNK_SECTORS = 8192
/** What is alike is left out in pieces of this size. */
const PIECE_SECTORS = 128

/** Sectors or files gone through so far, of how many. */
export interface Progress {
  done: number
  total: number
}

/**
 * Makes a new, empty disk hold what another one holds, writing only what does not show there anyway: zeros, or what
 * its backing file has. Yields now and then, so that others get their turn and the caller may stop.
 */
export function* copyDisk(source: DiskImage, target: DiskImage): Generator<Progress, void> {
  const total = Math.min(source.sectorCount, target.sectorCount)
  const bytes = new Uint8Array(CHUNK_SECTORS * SECTOR_BYTES)
  const below = new Uint8Array(PIECE_SECTORS * SECTOR_BYTES)
  for (let done = 0; done < total;) {
    const { sectors, holds } = shownExtent(source, done, Math.min(total - done, 2 ** 31))
    if (holds !== 'data' && !target.backing && !target.beginsAsNoise) {
      done += sectors
      yield { done, total }
      continue
    }
    for (const end = done + sectors; done < end;) {
      const count = Math.min(CHUNK_SECTORS - (done % CHUNK_SECTORS), end - done)
      const chunk = bytes.subarray(0, count * SECTOR_BYTES)
      source.read(done, count, chunk)
      for (const { from, to } of differing(target, done, chunk, below))
        target.write(done + from, to - from, chunk.subarray(from * SECTOR_BYTES, to * SECTOR_BYTES))
      done += count
      yield { done, total }
    }
  }
  if (target.beginsAsNoise) yield* writeZeros(target, total, bytes.fill(0))
  target.flush()
}

/** What a larger disk has more than what was copied. */
function* writeZeros(target: DiskImage, from: number, zeros: Uint8Array): Generator<Progress, void> {
  const total = target.sectorCount
  for (let done = from; done < total;) {
    const count = Math.min(CHUNK_SECTORS, total - done)
    target.write(done, count, zeros.subarray(0, count * SECTOR_BYTES))
    done += count
    yield { done, total }
  }
}

/** What a disk shows from a sector on, whichever layer has it. */
export function shownExtent(image: DiskImage, sector: number, limit: number): Extent {
  const own = image.extentAt(sector, limit)
  const { backing } = image
  if (own.holds !== 'nothing' || !backing) return own
  if (sector >= backing.sectorCount) return { sectors: own.sectors, holds: 'zeros' }
  return shownExtent(backing, sector, Math.min(own.sectors, backing.sectorCount - sector))
}

/** Runs of sectors of a chunk that differ from what an untouched target shows there. */
function* differing(
  target: DiskImage,
  start: number,
  chunk: Uint8Array,
  below: Uint8Array,
): Generator<{ from: number; to: number }> {
  const count = chunk.length / SECTOR_BYTES
  let from = 0
  for (let at = 0; at < count;) {
    const sectors = Math.min(PIECE_SECTORS, count - at)
    const piece = chunk.subarray(at * SECTOR_BYTES, (at + sectors) * SECTOR_BYTES)
    if (isShown(target, start + at, piece, below.subarray(0, piece.length))) {
      if (at > from) yield { from, to: at }
      from = at + sectors
    }
    at += sectors
  }
  if (count > from) yield { from, to: count }
}

function isShown(target: DiskImage, sector: number, piece: Uint8Array, below: Uint8Array): boolean {
  if (target.beginsAsNoise) return false
  if (!target.backing) return isAllZero(piece)
  target.read(sector, piece.length / SECTOR_BYTES, below)
  return Buffer.compare(piece, below) === 0
}
