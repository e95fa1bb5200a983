import { inflateSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { encodePng } from './png.ts'

it('writes a PNG whose parts are as the specification says', () => {
  const png = encodePng(2, 2, Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 255, 7, 8, 9, 255, 10, 11, 12, 255))
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n')
  expect(png.readUInt32BE(16)).toBe(2)
  expect(png.subarray(24, 29)).toEqual(Buffer.from([8, 2, 0, 0, 0]))
  const length = png.readUInt32BE(33)
  expect(png.toString('latin1', 37, 41)).toBe('IDAT')
  expect([...inflateSync(png.subarray(41, 41 + length))]).toEqual([
    0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12,
  ])
  // The CRC of an empty IEND chunk is a well-known constant.
  expect(png.subarray(-12).toString('hex')).toBe('0000000049454e44ae426082')
})
