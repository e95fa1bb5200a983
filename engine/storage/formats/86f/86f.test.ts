import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encode86f, type Surface } from '../../../../test/support/storage/floppy-86f.ts'
import { Media } from '../../../service/media/media.ts'
import { openFloppyImage } from '../../open-image.ts'
import { checksum } from './mfm-track.ts'

let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-86f-'))
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

const sectorOf = (cylinder: number, side: number, number: number): Uint8Array =>
  new Uint8Array(512).map((_, index) => [cylinder, side, number, index & 0xff][index % 4]!)

const track = (cylinder: number, side: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    cylinder,
    number: index + 1,
    bytes: sectorOf(cylinder, side, index + 1),
  }))

/** A floppy of 720 KB. */
const DD: Surface = { tracks: 80, sides: 2, sectorsOf: (at, side) => track(at, side, 9) }
const HD: Surface = {
  tracks: 80,
  sides: 2,
  sectorsOf: (at, side) => track(at, side, 18),
  flags: 0x02,
  trackFlags: 0x08,
  usedCells: 200_000,
}

function open(bytes: Uint8Array) {
  const path = join(folder, 'floppy')
  fs.writeFileSync(path, bytes)
  return openFloppyImage(path, { lockFolder: join(folder, 'locks') })
}

function expectFloppy(bytes: Uint8Array, tracks: number, heads: number, sectors: number): void {
  const { image, geometry } = open(bytes)
  expect(geometry).toMatchObject({ tracks, heads, sectors })
  const read = new Uint8Array(image.sectorCount * 512)
  image.read(0, image.sectorCount, read)
  image.close()
  let at = 0
  for (let cylinder = 0; cylinder < tracks; cylinder++)
    for (let side = 0; side < heads; side++)
      for (let number = 1; number <= sectors; number++, at += 512)
        expect(Buffer.compare(read.subarray(at, at + 512), sectorOf(cylinder, side, number))).toBe(0)
}

it("has the checksum of the data sheet's example", () => {
  // An address of cylinder 0, head 0, sector 1, 512 bytes.
  expect(checksum(0xfe, Uint8Array.of(0, 0, 1, 2))).toBe(0xca6f)
})

describe('an 86F image', () => {
  it('holds the sectors that its cells are, of both densities', () => {
    expectFloppy(encode86f(DD), 80, 2, 9)
    expectFloppy(encode86f(HD), 80, 2, 18)
  })

  it('may have its words swapped, and a sector that begins at the end of a track', () => {
    expectFloppy(encode86f({ ...DD, flags: 0x800 }), 80, 2, 9)
    expectFloppy(encode86f({ ...DD, firstAt: 99_000 }), 80, 2, 9)
    expectFloppy(encode86f({ ...DD, firstAt: 99_900 }), 80, 2, 9)
  })

  it('has each track of a floppy with 40 twice', () => {
    expectFloppy(encode86f({ ...DD, sectorsOf: (at, side) => track(at >> 1, side, 9) }), 40, 2, 9)
    expectFloppy(
      encode86f({ ...DD, sides: 1, sectorsOf: (at, side) => (at % 2 ? [] : track(at >> 1, side, 8)) }),
      40,
      1,
      8,
    )
  })

  it('fails where a checksum is wrong or a track is missing, and only there', () => {
    const bytes = encode86f({
      ...DD,
      sectorsOf: (at, side) => (at === 5 && side === 1 ? [] : DD.sectorsOf(at, side)),
    })
    // In the data of the first sector of track 0, side 0.
    bytes[8 + 2048 + 6 + (80 + 22 + 22 + 16 + 50) * 2]! ^= 0x10
    const { image } = open(bytes)
    const sector = new Uint8Array(512)
    expect(() => image.read(0, 1, sector)).toThrow(/sector 0 could not be read/)
    image.read(1, 1, sector)
    expect(() => image.read((5 * 2 + 1) * 9, 1, sector)).toThrow(/could not be read/)
    image.read((5 * 2 + 1) * 9 - 1, 1, sector)
    image.close()
  })

  it('is copied into a raw image, which can be written', () => {
    fs.writeFileSync(join(folder, 'a.86f'), encode86f(DD))
    const media = new Media()
    expect(media.info(join(folder, 'a.86f'))).toMatchObject({ format: '86f', sizeBytes: 737_280 })
    for (const _ of media.convert(join(folder, 'a.86f'), join(folder, 'a.img'), { format: 'raw' }));
    expect(fs.readFileSync(join(folder, 'a.img')).subarray(512, 1024)).toEqual(Buffer.from(sectorOf(0, 0, 2)))
  })

  it('is refused in one line when it is damaged, or of a kind that is not known', () => {
    const whole = encode86f({ ...DD, tracks: 40 })
    const patched = (at: number, ...bytes: number[]) => {
      const copy = new Uint8Array(whole)
      copy.set(bytes, at)
      return copy
    }
    expect(() => open(whole.subarray(0, 200_000))).toThrow(/a track of it is cut off$/)
    expect(() => open(whole.subarray(0, 6))).toThrow(/cut short/)
    expect(() => open(patched(0, 0x38, 0x36, 0x62, 0x66))).toThrow(/compressed/)
    expect(() => open(patched(4, 0x14))).toThrow(/version 2\.20/)
    expect(() => open(patched(6, 0, 1))).toThrow(/zones/)
    const exact = patched(6, 0x88, 0x10)
    exact.set([0xff, 0xff, 0xff, 0x7f], 8 + 2048 + 2)
    expect(() => open(exact)).toThrow(/has 2147483647 cells more/)
    const first = whole.subarray(8, 12)
    const piled = patched(8, ...Array.from({ length: 80 }, () => [...first]).flat())
    expect(() => open(piled.subarray(0, 8 + 2048 + 60_000))).toThrow(/over each other/)
    const blank = encode86f({
      ...DD,
      sectorsOf: (at) => [{ cylinder: at + 20, number: 1, bytes: new Uint8Array(512) }],
    })
    expect(() => open(blank)).toThrow(/no sectors/)
    expect(fs.readdirSync(join(folder, 'locks'))).toEqual([])
  })
})
