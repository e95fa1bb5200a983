import { describe, expect, it } from 'vitest'
import { readPng } from '../../test/support/png-reader.ts'
import { thumbnail } from './thumbnail.ts'

describe('thumbnail', () => {
  it('is small, has the monitor’s proportions and the picture’s colours', () => {
    const pixels = new Uint8Array(720 * 400 * 4)
    for (let at = 0; at < pixels.length; at += 4) pixels.set([at % 2880 < 1440 ? 200 : 0, 10, 0, 255], at)
    const small = readPng(thumbnail({ width: 720, height: 400, aspectRatio: 4 / 3, pixels }))
    expect([small.width, small.height]).toEqual([240, 180])
    expect([...small.pixels.subarray(0, 3)]).toEqual([200, 10, 0])
    expect([...small.pixels.subarray(-3)]).toEqual([0, 10, 0])
  })

  it('leaves a picture that is small already as wide as it is', () => {
    const pixels = new Uint8Array(32 * 8 * 4).fill(7)
    const small = readPng(thumbnail({ width: 32, height: 8, aspectRatio: 4 / 3, pixels }))
    expect([small.width, small.height]).toEqual([32, 24])
  })
})
