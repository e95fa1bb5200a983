import type { FloppyGeometry } from './floppy-geometry.ts'

/** A sector as its header names it, and where an image has its data. */
export interface FloppySector {
  /** The header's R. */
  id: number
  /** The header's N: the sector has 128 << N bytes. */
  sizeCode: number
  /** Where the image has it, in blocks of 512 bytes. */
  block: number
}

/** Blocks of 512 bytes in a sector; a smaller one has no place in an image. */
export const blocksOf = (sizeCode: number): number => (128 << sizeCode) >> 9

/** The sectors of one side of a track, in the order in which they pass the head. */
export function sectorsOfTrack(
  { heads, sectors, layout }: FloppyGeometry,
  track: number,
  head: number,
): readonly FloppySector[] {
  if (layout === 'xdf') return xdfTrack(track, head, track * heads * sectors)
  const first = (track * heads + head) * sectors
  return Array.from({ length: sectors }, (_, index) => ({ id: index + 1, sizeCode: 2, block: first + index }))
}

/** The sector with this header, or undefined where the track has none. */
export const findSector = (
  sectors: readonly FloppySector[],
  id: number,
  sizeCode: number,
): FloppySector | undefined => sectors.find((sector) => sector.id === id && sector.sizeCode === sizeCode)

// XDF, as IBM's XDFCOPY writes it to a file: the cylinders one after the other, each with 46 blocks for both sides. On
// the disk, all cylinders but the first have four sectors a side, one of each size, with 80h + N for a number. The
// first has sectors of 512 bytes: numbers from 81h on for the file system, and on side 0 a little one for systems that
// know nothing of XDF, in sectors 1 to 8. What is left of its 46 blocks is on no disk, and reads as it is in the file.

/** Runs of blocks of cylinder 0: side, first sector number, how many, block. */
const XDF_FIRST_CYLINDER: readonly [head: number, id: number, count: number, block: number][] = [
  [0, 0x81, 11, 0],
  [0, 1, 8, 12],
  [1, 0x81, 1, 11],
  [1, 0x82, 14, 23],
  [1, 0x90, 4, 42],
]

/** Size code and block of each sector of the other cylinders, by side, as they pass the head. */
const XDF_CYLINDER: readonly (readonly [sizeCode: number, block: number][])[] = [
  [
    [3, 0],
    [2, 22],
    [4, 2],
    [6, 24],
  ],
  [
    [4, 40],
    [2, 23],
    [3, 44],
    [6, 6],
  ],
]

function xdfTrack(track: number, head: number, cylinder: number): readonly FloppySector[] {
  if (track > 0)
    return (XDF_CYLINDER[head] ?? []).map(([sizeCode, block]) => ({
      id: 0x80 + sizeCode,
      sizeCode,
      block: cylinder + block,
    }))
  const sectors = XDF_FIRST_CYLINDER.filter(([side]) => side === head).flatMap(([, id, count, block]) =>
    Array.from({ length: count }, (_, index) => ({ id: id + index, sizeCode: 2, block: block + index })),
  )
  return interleaved(sectors)
}

/** Every other place first, then those between. */
function interleaved<T>(sectors: readonly T[]): T[] {
  const half = Math.ceil(sectors.length / 2)
  return sectors.map((_, place) => sectors[(place >> 1) + (place & 1) * half]!)
}
