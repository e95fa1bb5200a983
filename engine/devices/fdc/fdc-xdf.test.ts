import { expect, it } from 'vitest'
import { floppy, rig, sectorAt } from './test-rig.ts'

const XDF = 1_884_160

/** The sectors of a cylinder of mixed sizes: side, size code, first block. */
const SECTORS = [
  [0, 3, 0],
  [0, 4, 2],
  [1, 6, 6],
  [0, 2, 22],
  [1, 2, 23],
  [0, 6, 24],
  [1, 4, 40],
  [1, 3, 44],
] as const

function powerOn(options: Parameters<typeof rig>[0] = {}) {
  const medium = floppy(XDF)
  const all = rig({ medium, ...options })
  /** One command for one sector, as drivers of XDF give them: EOT 0, the DMA channel ends it. */
  const move = (opcode: number, c: number, h: number, r: number, n: number, bytes = 128 << n) => {
    all.dma.program(bytes)
    all.command(opcode, h << 2, c, h, r, n, 0, 0x1b, 0xff)
    all.untilIrq()
    return all.result()
  }
  const block = (number: number) => {
    const bytes = new Uint8Array(512)
    medium.image.read(number, 1, bytes)
    return bytes
  }
  all.prepare()
  return { ...all, medium, move, block }
}

it('reads sectors of every size where the image has them', () => {
  const { move, seek, dma } = powerOn()
  for (const track of [1, 79]) {
    seek(track)
    for (const [h, n, first] of SECTORS) {
      expect(move(0x46, track, h, 0x80 + n, n)).toEqual([h << 2, 0, 0, track, h, 0x81 + n, n])
      const count = (128 << n) / 512
      for (const index of [0, count - 1]) expect(sectorAt(dma, index)).toBe(track * 46 + first + index)
    }
  }
})

it('writes them, and nothing else', () => {
  const { move, seek, dma, block } = powerOn()
  seek(5)
  dma.memory.fill(0x5a)
  expect(move(0x45, 5, 1, 0x86, 6).slice(0, 3)).toEqual([4, 0, 0])
  const first = 5 * 46 + 6
  for (const number of [first, first + 15]) expect(new Set(block(number))).toEqual(new Set([0x5a]))
  for (const number of [first - 1, first + 16]) expect(block(number)[0]).toBe(number & 0xff)
})

it('fills what terminal count cuts off of a large sector with zeros', () => {
  const { move, seek, dma, block } = powerOn()
  seek(1)
  dma.memory.fill(0x77)
  expect(move(0x45, 1, 0, 0x84, 4, 600)[0]).toBe(0)
  expect([...block(46 + 2), ...block(46 + 3)].filter((byte) => byte === 0x77)).toHaveLength(600)
  expect(new Set(block(46 + 5))).toEqual(new Set([0]))
})

it('has the file system, and the little one, on the first cylinder', () => {
  const { transfer, dma } = powerOn()
  transfer(0x46, 0, 0, 0x81, 0, 11 * 512)
  expect([sectorAt(dma, 0), sectorAt(dma, 10)]).toEqual([0, 10])
  transfer(0x46, 0, 0, 1, 8, 8 * 512)
  expect([sectorAt(dma, 0), sectorAt(dma, 7)]).toEqual([12, 19])
  transfer(0x46, 0, 1, 0x82, 0, 18 * 512)
  expect([sectorAt(dma, 0), sectorAt(dma, 13), sectorAt(dma, 14), sectorAt(dma, 17)]).toEqual([
    23, 36, 42, 45,
  ])
})

it('finds no sector by the number or size of another format', () => {
  const { move, seek } = powerOn()
  expect(move(0x46, 0, 0, 9, 2).slice(0, 2)).toEqual([0x40, 0x04])
  seek(1)
  expect(move(0x46, 1, 0, 1, 2).slice(0, 2)).toEqual([0x40, 0x04])
  expect(move(0x46, 1, 0, 0x86, 2).slice(0, 2)).toEqual([0x40, 0x04])
  expect(move(0x46, 1, 0, 0x82, 6).slice(0, 2)).toEqual([0x40, 0x04])
})

it.each(['quick', 'exact'] as const)('tells numbers and sizes by READ ID at %s pace', (pace) => {
  const { command, seek, untilIrq, result } = powerOn({ pace })
  seek(1)
  const ids = Array.from({ length: 8 }, () => {
    command(0x4a, 0x04)
    untilIrq()
    return result()
  })
  expect(ids[0]?.slice(0, 5)).toEqual([0x04, 0, 0, 1, 1])
  expect(ids.every(([, , , , , r, n]) => r === 0x80 + n!)).toBe(true)
  expect(new Set(ids.slice(0, 4).map((id) => id[6]))).toEqual(new Set([2, 3, 4, 6]))
  expect(ids.slice(4)).toEqual(ids.slice(0, 4))
})

it('takes the time that a sector needs to pass at exact pace', () => {
  const { clock, move, seek } = powerOn({ pace: 'exact' })
  seek(1)
  move(0x46, 1, 0, 0x84, 4)
  const start = clock.nowNs
  move(0x46, 1, 0, 0x86, 6)
  // It follows at once, and is 8192 of the 11776 bytes of a turn of 200 ms.
  expect((clock.nowNs - start) / 1e6).toBeCloseTo((200 * 8192) / 11776, 0)
})

it('formats with small sectors for distance, and only to what the image is', () => {
  const { command, dma, untilIrq, result, seek, block } = powerOn()
  const format = (n: number, headers: readonly (readonly [r: number, n: number])[]) => {
    dma.memory.set(headers.flatMap(([r, size]) => [1, 0, r, size]))
    dma.program(headers.length * 4)
    command(0x4d, 0, n, headers.length, 0x7a, 0xf6)
    untilIrq()
    return result().slice(0, 2)
  }
  seek(1)
  const mixed = Array.from({ length: 14 }, (_, r) => [r, 0] as [number, number])
  mixed[0] = [0x83, 3]
  mixed[4] = [0x82, 2]
  mixed[6] = [0x84, 4]
  mixed[13] = [0x86, 6]
  expect(format(0, mixed)).toEqual([0, 0])
  for (const number of [0, 5, 22, 24, 39]) expect(block(46 + number)[0]).toBe(0xf6)
  for (const number of [6, 23, 40, 45]) expect(block(46 + number)[0]).toBe(46 + number)
  expect(
    format(
      2,
      Array.from({ length: 18 }, (_, index) => [index + 1, 2]),
    ),
  ).toEqual([0x40, 0x04])
})

it('goes on with a large sector under way', () => {
  const medium = floppy(XDF)
  const before = rig({ medium })
  before.prepare()
  before.command(0x03, 0xdf, 0x03) // no DMA
  before.seek(1)
  before.command(0x46, 0, 1, 0, 0x86, 6, 0x86, 0x1b, 0xff)
  before.untilIrq()
  const byteOf = ({ fdc, msr }: typeof before) => ((msr() & 0xf0) === 0xf0 ? fdc.read(5) : -1)
  for (let index = 0; index < 5000; index++) byteOf(before)

  const after = rig({ medium })
  after.clock.nowNs = before.clock.nowNs
  after.fdc.restore(structuredClone(before.fdc.save()))

  for (let index = 5000; index < 8192; index++) expect(byteOf(after)).toBe(byteOf(before))
  expect(after.result()).toEqual([0x40, 0x80, 0, 2, 0, 1, 6])
})
