import { describe, expect, it } from 'vitest'
import type { FloppyDriveType } from './floppy-drive.ts'
import { floppy, K1440, K360, RATE, rig, sectorAt } from './test-rig.ts'

type Format = [
  name: string,
  drive: FloppyDriveType,
  rate: number,
  tracks: number,
  heads: number,
  sectors: number,
]

describe('every format of a PC', () => {
  it.each<Format>([
    ['160K', '360K', RATE.K250, 40, 1, 8],
    ['180K', '360K', RATE.K250, 40, 1, 9],
    ['320K', '360K', RATE.K250, 40, 2, 8],
    ['360K', '360K', RATE.K250, 40, 2, 9],
    ['160K', '1.2M', RATE.K300, 40, 1, 8],
    ['360K', '1.2M', RATE.K300, 40, 2, 9],
    ['1.2M', '1.2M', RATE.K500, 80, 2, 15],
    ['720K', '720K', RATE.K250, 80, 2, 9],
    ['720K', '1.44M', RATE.K250, 80, 2, 9],
    ['1.44M', '1.44M', RATE.K500, 80, 2, 18],
    ['1.44M', '2.88M', RATE.K500, 80, 2, 18],
    ['1600K of OPENSTEP', '1.44M', RATE.K500, 80, 2, 20],
    ['1.68M (DMF)', '1.44M', RATE.K500, 80, 2, 21],
    ['2.88M', '2.88M', RATE.M1, 80, 2, 36],
  ])('reads, writes and formats %s in a drive for %s', (_, type, rate, tracks, heads, sectors) => {
    const medium = floppy(tracks * heads * sectors * 512)
    const { command, dma, prepare, result, seek, transfer, untilIrq } = rig({ type, medium })
    const [track, head] = [tracks - 1, heads - 1]
    const first = (track * heads + head) * sectors
    const sector = (number: number): number[] => {
      const bytes = new Uint8Array(512)
      medium.image.read(number, 1, bytes)
      return [...new Set(bytes)]
    }
    prepare(rate)
    // A drive of 80 tracks makes two steps for each track of such a medium.
    seek(type === '1.2M' && tracks === 40 ? 2 * track : track)

    expect(transfer(0x46, track, head, 1, sectors, sectors * 512).slice(0, 3)).toEqual([head << 2, 0, 0])
    for (let index = 0; index < sectors; index++) expect(sectorAt(dma, index)).toBe(first + index)

    dma.memory.fill(0x5a)
    expect(transfer(0x45, track, head, sectors - 1, sectors, 1024).slice(0, 3)).toEqual([head << 2, 0, 0])
    expect([sector(first + sectors - 2), sector(first + sectors - 1)]).toEqual([[0x5a], [0x5a]])
    expect(sector(first + sectors - 3)).not.toEqual([0x5a])

    for (let r = 1; r <= sectors; r++) dma.memory.set([track, head, r, 2], 4 * (r - 1))
    dma.program(4 * sectors)
    command(0x4d, head << 2, 2, sectors, 0x50, 0xf6)
    untilIrq()
    expect(result().slice(0, 3)).toEqual([head << 2, 0, 0])
    for (let index = 0; index < sectors; index++) expect(sector(first + index)).toEqual([0xf6])
    expect(sector(first - 1)).not.toEqual([0xf6])
  })
})

describe('media and drives', () => {
  it('signals a disk change until the head steps with a medium in place', () => {
    const { fdc, prepare, seek } = rig()
    prepare()
    const changed = () => fdc.read(7) & 0x80
    expect(changed()).toBe(0x80)
    seek(0)
    expect(changed()).toBe(0x80)
    seek(1)
    expect(changed()).toBe(0)
    fdc.drives[0].insert(null)
    seek(2)
    expect(changed()).toBe(0x80)
    fdc.drives[0].insert(floppy(K1440))
    expect(changed()).toBe(0x80)
    expect(fdc.port7.read(0, 1)).toBe(0x80)
  })

  it('reads 360K media in a 1.2M drive at 300 kbit/s with double steps', () => {
    const { transfer, prepare, seek, dma } = rig({ type: '1.2M', medium: floppy(K360) })
    prepare(RATE.K300)
    seek(6)
    expect(transfer(0x46, 3, 0, 1, 9, 512)[0]).toBe(0)
    expect(sectorAt(dma, 0)).toBe(3 * 18)
    seek(7)
    expect(transfer(0x46, 3, 0, 1, 9, 512)[0]).toBe(0x40)
  })

  it('finds no header without a medium: READ ID fails, after two turns', () => {
    const { clock, command, irq, prepare, result, untilIrq } = rig({ medium: null })
    prepare()
    command(0x4a, 0)
    clock.advance(1_000_000)
    expect(irq.level).toBe(false)
    untilIrq()
    expect(result().slice(0, 2)).toEqual([0x40, 0x05])
  })

  it('cannot read high-density media in a 360K drive', () => {
    const { transfer, prepare } = rig({ type: '360K', medium: floppy(1228800) })
    prepare(RATE.K500)
    expect(transfer(0x46, 0, 0, 1, 15, 512)[0]).toBe(0x40)
  })
})
