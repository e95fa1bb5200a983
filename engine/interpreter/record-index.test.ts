import { describe, expect, it } from 'vitest'
import { RecordIndex } from './record-index.ts'

describe('the records of a page', () => {
  it('are none before there is one', () => {
    const index = new RecordIndex()
    expect([0, 63, 64, 4095].map((offset) => index.get(offset))).toEqual([0, 0, 0, 0])
  })

  it('are found by their offsets, however many there are and in whichever order they came', () => {
    const index = new RecordIndex()
    const offsets = Array.from({ length: 4096 }, (_, i) => (i * 2053) & 0xfff)
    for (const offset of offsets) index.set(offset, offset * 32 + 1)
    for (const offset of offsets) expect(index.get(offset)).toBe(offset * 32 + 1)
  })

  it('can be taken out again, without those beside them', () => {
    const index = new RecordIndex()
    for (const offset of [64, 65, 127, 128]) index.set(offset, offset)
    index.set(65, 0)
    expect([64, 65, 127, 128].map((offset) => index.get(offset))).toEqual([64, 0, 127, 128])
  })
})
