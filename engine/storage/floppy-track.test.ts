import { expect, it } from 'vitest'
import { FLOPPY_GEOMETRIES } from './floppy-geometry.ts'
import { blocksOf, findSector, sectorsOfTrack } from './floppy-track.ts'

const XDF = FLOPPY_GEOMETRIES.get(1_884_160)!
const bothSides = (track: number) => [0, 1].flatMap((head) => sectorsOfTrack(XDF, track, head))

/** The blocks of some sectors, in order. */
const blocks = (sectors: ReturnType<typeof bothSides>) =>
  sectors
    .flatMap(({ sizeCode, block }) => Array.from({ length: blocksOf(sizeCode) }, (_, index) => block + index))
    .sort((a, b) => a - b)

it('tells an XDF floppy by its size', () => {
  expect(XDF).toMatchObject({ layout: 'xdf', density: 'HD', inches: 3.5 })
})

it('covers each block of the image once, but for the holes in the first cylinder', () => {
  const holes = new Set([20, 21, 22, 37, 38, 39, 40, 41])
  const cylinder = Array.from({ length: 46 }, (_, index) => index)
  expect(blocks(bothSides(0))).toEqual(cylinder.filter((block) => !holes.has(block)))
  for (const track of [1, 79]) expect(blocks(bothSides(track))).toEqual(cylinder.map((b) => track * 46 + b))
})

it('has the FAT at 81h, the little file system at 1, the root directory on side 1', () => {
  const block = (head: number, id: number) => findSector(sectorsOfTrack(XDF, 0, head), id, 2)?.block
  expect([block(0, 0x81), block(0, 0x8b), block(1, 0x81)]).toEqual([0, 10, 11])
  expect([block(0, 1), block(0, 8), block(0, 9)]).toEqual([12, 19, undefined])
  expect([block(1, 0x82), block(1, 0x8f), block(1, 0x90), block(1, 0x93)]).toEqual([23, 36, 42, 45])
})

it('has one sector of each size on a side of the other cylinders', () => {
  const names = (head: number) => sectorsOfTrack(XDF, 1, head).map(({ id, sizeCode }) => [id, sizeCode])
  const all = [
    [0x82, 2],
    [0x83, 3],
    [0x84, 4],
    [0x86, 6],
  ]
  expect(names(0)).toEqual([1, 0, 2, 3].map((index) => all[index]))
  expect(names(1)).toEqual([2, 0, 1, 3].map((index) => all[index]))
})

it('numbers the sectors of other formats from 1, one after the other', () => {
  const sectors = sectorsOfTrack(FLOPPY_GEOMETRIES.get(1_474_560)!, 3, 1)
  expect(sectors).toHaveLength(18)
  expect(sectors[17]).toEqual({ id: 18, sizeCode: 2, block: 7 * 18 + 17 })
})
