import { createHash, type Hash } from 'node:crypto'
import * as fs from 'node:fs'
import { because, type Reason } from '../protocol/reasons.ts'
import type { BlockImage } from './block-image.ts'
import { DiscImage } from './discs/disc-image.ts'
import { isDiskImage } from './formats/disk-image.ts'

/** What tells a medium from another one, and from itself after it was written. */
export interface MediumIdentity {
  bytes: number
  /** SHA-256 of a sample of its contents: all of a small medium, parts from all over a large one. */
  sample: string
  /** When each file that it is made of was last written, in ns since 1970. */
  modified: string[]
}

const MIB = 1024 ** 2
/** Media up to this size are read whole. */
const WHOLE_BYTES = 8 * MIB
/** Of larger ones: so much at either end, where tables are, and pieces in between. Some 7 MiB in all. */
const END_BYTES = MIB
const PIECES = 160
const PIECE_BYTES = 32 * 1024

/**
 * What tells a medium from others. The times tell that a file was written since, the sample that another file was put in
 * its place with the same times. Throws `DiskError`.
 * @param sample as `sampleOf` gave it when it held what it holds now
 */
export function identify(image: BlockImage, sample = sampleOf(image)): MediumIdentity {
  return {
    bytes: image.sectorCount * image.sectorBytes,
    sample,
    modified: filesOf(image).map(modifiedAt),
  }
}

/** How a medium differs from what it was, in words; null when it does not. */
export function differenceOf(before: MediumIdentity, now: MediumIdentity): Reason | null {
  if (before.bytes !== now.bytes)
    return because('medium-other-size', { bytes: now.bytes, before: before.bytes })
  if (before.sample !== now.sample) return because('medium-other-contents')
  if (before.modified.join() !== now.modified.join()) return because('medium-written-since')
  return null
}

/** Reads and sums up a few MiB, however large the medium is. Throws `DiskError`. */
export function sampleOf(image: BlockImage): string {
  const { sectorBytes, sectorCount } = image
  const hash = createHash('sha256')
  const bytes = sectorCount * sectorBytes
  if (bytes <= WHOLE_BYTES) hashPart(hash, image, 0, sectorCount)
  else {
    const ends = END_BYTES / sectorBytes
    hashPart(hash, image, 0, ends)
    const step = (sectorCount - 2 * ends) / PIECES
    const piece = Math.min(PIECE_BYTES / sectorBytes, Math.floor(step))
    for (let index = 0; index < PIECES; index++) hashPart(hash, image, ends + Math.floor(index * step), piece)
    hashPart(hash, image, sectorCount - ends, ends)
  }
  return hash.digest('hex')
}

function hashPart(hash: Hash, image: BlockImage, sector: number, count: number): void {
  const bytes = new Uint8Array(count * image.sectorBytes)
  image.read(sector, count, bytes)
  hash.update(bytes)
}

/** All files behind an image, in an order that its own make-up gives. */
function filesOf(image: BlockImage): readonly string[] {
  if (image instanceof DiscImage) return image.files.map(({ path }) => path)
  if (!isDiskImage(image)) return [image.name]
  const { details, backing } = image
  return [...details.files, ...(backing ? filesOf(backing) : [])]
}

function modifiedAt(path: string): string {
  return fs.statSync(path, { bigint: true, throwIfNoEntry: false })?.mtimeNs.toString() ?? 'gone'
}
