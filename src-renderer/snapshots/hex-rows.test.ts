import { expect, it } from 'vitest'
import { hexRows, PagesOfRanges } from './hex-rows.ts'

it('puts sixteen bytes of each side into a row, and marks those that differ', () => {
  const [before, after] = [new Uint8Array(32), new Uint8Array(32)]
  before[17] = 0xab
  after[17] = 0xcd
  const [same, other] = hexRows(before, after, 0x12000)
  expect(same).toMatchObject({ address: '00012000', differs: false })
  expect(other).toMatchObject({ address: '00012010', differs: true })
  expect([other!.before[1], other!.after[1]]).toEqual([
    { text: 'ab', differs: true },
    { text: 'cd', differs: true },
  ])
  expect(other!.after.filter(({ differs }) => differs)).toHaveLength(1)
})

it('finds pages by their place in ranges', () => {
  const pages = new PagesOfRanges([
    { first: 3, count: 2 },
    { first: 9, count: 1 },
  ])
  expect(pages.count).toBe(3)
  expect([0, 1, 2, 3].map((index) => pages.at(index))).toEqual([3, 4, 9, null])
  expect([0, 1, 2].map((index) => pages.rangeAt(index))).toEqual([0, 0, 1])
  expect(pages.startOf(1)).toBe(2)
})
