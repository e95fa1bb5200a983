import { expect, it } from 'vitest'
import type { ShelfImage } from '../../engine/protocol/shelf.ts'
import { shelfRows } from './shelf-rows.ts'

const image = (id: string, below: string | null): ShelfImage => ({
  id,
  name: id,
  kind: 'disk',
  details: null,
  problem: null,
  below,
  users: [],
  fixed: null,
  isLoose: true,
  heldBy: [],
  madeOf: null,
})

it('images stand below what they build on, and alone where that is not known', () => {
  const rows = shelfRows([
    image('top', 'middle'),
    image('alone', 'gone'),
    image('base', null),
    image('middle', 'base'),
  ])
  expect(rows.map((row) => [row.image.id, row.depth])).toEqual([
    ['alone', 0],
    ['base', 0],
    ['middle', 1],
    ['top', 2],
  ])
})
