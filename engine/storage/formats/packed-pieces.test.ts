import { inflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { retainedBytes } from '../../../test/fuzz/retained-bytes.ts'
import { PackedPieces } from './packed-pieces.ts'

/** What is no deflated piece. */
const JUNK = new Uint8Array(100).fill(0x55)

function unpacks(): boolean {
  try {
    inflateRawSync(JUNK)
    return true
  } catch {
    return false
  }
}

describe('packed pieces of an image', () => {
  it('that are damaged are tried once', () => {
    const pieces = new PackedPieces('/a.qcow2')
    let tries = 0
    const read = (piece: number, isSound: boolean) => () =>
      pieces.unpack(piece, `piece ${piece}`, () => {
        tries++
        return isSound
      })
    for (let time = 0; time < 3; time++) expect(read(7, false)).toThrow('piece 7 is damaged')
    for (let time = 0; time < 3; time++) read(8, true)()
    expect(tries).toBe(4)
  })

  it('take a bounded amount of memory however many are damaged, and however often they are read', () => {
    const pieces = new PackedPieces('/a.qcow2')
    const before = retainedBytes()
    for (let piece = 0; piece < 20_000; piece++)
      expect(() => pieces.unpack(piece % 9999, 'a piece', unpacks)).toThrow(/damaged/)
    expect(retainedBytes() - before).toBeLessThan(64 * 1024 ** 2)
    expect(() => pieces.unpack(5000, 'a piece', unpacks)).toThrow(/more than 1000 packed pieces/)
  })
})
