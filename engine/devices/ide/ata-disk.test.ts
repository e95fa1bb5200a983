import { describe, expect, it } from 'vitest'
import { technical } from '../../protocol/reasons.ts'
import { DiskError } from '../../storage/block-image.ts'
import { disk, IdeTestRig, NumberedImage } from '../../../test/support/ide-test-rig.ts'

const word = (bytes: Uint8Array, index: number) => bytes[index * 2]! | (bytes[index * 2 + 1]! << 8)
const long = (bytes: Uint8Array, index: number) => word(bytes, index) + word(bytes, index + 1) * 0x10000
const text = (bytes: Uint8Array, first: number, count: number) =>
  Array.from({ length: count }, (_, index) => {
    const value = word(bytes, first + index)
    return String.fromCharCode(value >> 8, value & 0xff)
  })
    .join('')
    .trim()
const sectorNumber = (bytes: Uint8Array, at = 0) => new DataView(bytes.buffer).getUint32(at, true)

const ADDRESS = [2, 3, 4, 5] as const
const address = (rig: IdeTestRig) => ADDRESS.map((offset) => rig.in(offset))

const identify = (rig: IdeTestRig) => {
  expect(rig.command(0xec, { 6: 0xa0 })).toBe(0x58)
  return rig.words(256)
}

describe('IDENTIFY DEVICE', () => {
  it('describes the drive', () => {
    const data = identify(new IdeTestRig(disk(2_000_000)))
    expect(word(data, 0) & 0x8000).toBe(0)
    expect([word(data, 1), word(data, 3), word(data, 6)]).toEqual([1984, 16, 63])
    expect([text(data, 10, 10), text(data, 27, 20)]).toEqual(['VT0001', 'Vitrine Disk'])
    expect([long(data, 60), long(data, 100)]).toEqual([2_000_000, 2_000_000])
    expect(long(data, 57)).toBe(1984 * 16 * 63)
    expect(word(data, 49) & 0x0300).toBe(0x0300)
    expect(word(data, 47)).toBe(0x8010)
    expect(word(data, 83) & 0xc000).toBe(0x4000)
  })

  it('ends with no further interrupt', () => {
    const rig = new IdeTestRig()
    identify(rig)
    expect(rig.irq.risingEdges).toBe(1)
    expect(rig.in(7)).toBe(0x50)
    rig.clock.advance(1e9)
    expect(rig.irq.risingEdges).toBe(1)
  })

  it('shows a geometry that was set, the translation, block size and transfer mode', () => {
    const rig = new IdeTestRig(disk(20_000, { geometry: { cylinders: 100, heads: 8, sectors: 17 } }))
    rig.command(0x91, { 6: 0xa3, 2: 25 })
    rig.command(0xc6, { 2: 8 })
    rig.command(0xef, { 1: 3, 2: 0x21 })
    const data = identify(rig)
    expect([word(data, 1), word(data, 3), word(data, 6)]).toEqual([100, 8, 17])
    expect([word(data, 54), word(data, 55), word(data, 56)]).toEqual([200, 4, 25])
    expect(word(data, 59)).toBe(0x108)
    expect(word(data, 63)).toBe(0x0207)
  })

  it('refuses a geometry that does not fit', () => {
    const build = (cylinders: number, heads: number, sectors: number) =>
      new IdeTestRig(disk(1000, { geometry: { cylinders, heads, sectors } }))
    expect(() => build(100, 16, 63)).toThrow(/option-invalid.*has 1000/)
    expect(() => build(1, 17, 1)).toThrow(/option-invalid/)
    expect(() => build(1, 1, 64)).toThrow(/option-invalid/)
  })
})

describe('reading by PIO', () => {
  it('gives a sector an interrupt, is ready at once after the last word, and no interrupt follows', () => {
    const rig = new IdeTestRig()
    rig.lba(0x20, 1234, 2)
    expect(rig.irq.level).toBe(true)
    expect(rig.in(7)).toBe(0x58)
    expect(rig.irq.level).toBe(false)
    expect(sectorNumber(rig.words(256))).toBe(1234)
    expect(rig.alternateStatus).toBe(0x80)
    expect(rig.ready()).toBe(0x58)
    expect(rig.irq.risingEdges).toBe(2)
    expect(sectorNumber(rig.words(256))).toBe(1235)
    expect(rig.alternateStatus).toBe(0x50)
    rig.clock.advance(1e9)
    expect(rig.irq.risingEdges).toBe(2)
  })

  it('shows the last sector and no remaining count afterwards', () => {
    const rig = new IdeTestRig()
    rig.lba(0x20, 0x1234, 2)
    rig.words(256)
    rig.ready()
    rig.words(256)
    expect(address(rig)).toEqual([0, 0x35, 0x12, 0])
  })

  it('takes a count of 0 for 256', () => {
    const rig = new IdeTestRig()
    rig.lba(0x20, 0, 0)
    let sectors = 0
    for (; rig.ready() & 0x08; sectors++) rig.words(256)
    expect(sectors).toBe(256)
  })

  it('finds sectors by cylinder, head and sector', () => {
    const rig = new IdeTestRig(disk(20_000, { geometry: { cylinders: 73, heads: 16, sectors: 17 } }))
    rig.command(0x20, { 6: 0xa5, 2: 1, 3: 9, 4: 0x2a, 5: 0 })
    expect(sectorNumber(rig.words(256))).toBe((42 * 16 + 5) * 17 + 8)
    expect(address(rig)).toEqual([0, 9, 0x2a, 0])
    rig.command(0x91, { 6: 0xa0, 2: 10 }) // one head, as Linux 2.6 once asks for
    rig.command(0x20, { 6: 0xa0, 2: 1, 3: 10, 4: 0x01, 5: 0 })
    expect(sectorNumber(rig.words(256))).toBe(19)
  })

  it('reports ID not found outside of the disk and its geometry', () => {
    const rig = new IdeTestRig(disk(1008))
    const cases: [number, number, number][] = [
      [0xa0, 0, 0], // sector 0
      [0xa0, 64, 0], // sector past the track
      [0xa0, 1, 1], // cylinder past the end
      [0xe0, 0xf0, 0x03], // LBA 1008
    ]
    for (const [device, low, mid] of cases) {
      expect(rig.command(0x20, { 6: device, 2: 1, 3: low, 4: mid, 5: 0 })).toBe(0x51)
      expect(rig.in(1)).toBe(0x10)
    }
  })

  it('reads up to the end of the disk and then fails', () => {
    const rig = new IdeTestRig(disk(1008))
    rig.lba(0x20, 1007, 2)
    expect(sectorNumber(rig.words(256))).toBe(1007)
    expect(rig.ready()).toBe(0x51)
    expect([rig.in(1), ...address(rig)]).toEqual([0x10, 1, 0xf0, 0x03, 0])
  })

  it('reads by LBA48, with 16-bit counts and two-deep registers', () => {
    const rig = new IdeTestRig()
    rig.lba48(0x24, 5000, 257)
    let sectors = 0
    for (; rig.ready() & 0x08; sectors++) expect(sectorNumber(rig.words(256))).toBe(5000 + sectors)
    expect(sectors).toBe(257)
    expect(rig.lba48(0x24, 2 ** 40 + 1, 1)).toBe(0x51)
    rig.control(0x80)
    expect(ADDRESS.slice(1).map((offset) => rig.in(offset))).toEqual([0, 0, 1])
    rig.out(2, 0)
    expect(rig.in(3)).toBe(1) // a write puts HOB back
  })

  it('gives blocks of several sectors once SET MULTIPLE allows it', () => {
    const rig = new IdeTestRig()
    expect(rig.lba(0xc4, 0, 4)).toBe(0x51)
    expect(rig.in(1)).toBe(0x04)
    expect(rig.command(0xc6, { 2: 3 })).toBe(0x51)
    expect(rig.command(0xc6, { 2: 4 })).toBe(0x50)
    const before = rig.irq.risingEdges
    rig.in(7)
    rig.lba(0xc4, 100, 6)
    rig.in(7)
    expect(sectorNumber(rig.words(4 * 256), 3 * 512)).toBe(103)
    rig.ready()
    rig.in(7)
    expect(sectorNumber(rig.words(2 * 256), 512)).toBe(105)
    expect(rig.alternateStatus).toBe(0x50)
    expect(rig.irq.risingEdges - before).toBe(2)
  })

  it('moves 32-bit words and whole blocks through the data port', () => {
    const rig = new IdeTestRig()
    rig.lba(0x20, 0x123, 1)
    expect(rig.channel.read(0, 4)).toBe(0x123)
    const rest = new Uint8Array(4096)
    expect(rig.channel.readBlock(rest)).toBe(508)
    expect(rest[507]).toBe(0x23)
    expect(rig.alternateStatus).toBe(0x50)
    expect(rig.channel.readBlock(rest)).toBe(0)
  })

  it('reports uncorrectable data at the failing sector and tells the listener', () => {
    const image = new NumberedImage(1000)
    const read = image.read.bind(image)
    image.read = (sector, count, into) => {
      if (sector <= 42 && sector + count > 42)
        throw new DiskError('io', 'a.img', technical('it cannot be read (EIO)'))
      read(sector, count, into)
    }
    const rig = new IdeTestRig(disk(1000, { image }))
    rig.command(0xc6, { 2: 16 })
    expect(rig.lba(0xc4, 40, 16)).toBe(0x51)
    expect([rig.in(1), rig.in(3)]).toEqual([0x40, 42])
    expect(rig.faults[0]).toMatchObject({ drive: 'ide0-master', operation: 'read', error: { kind: 'io' } })
  })
})

describe('writing by PIO', () => {
  it('asks for the first block at once without an interrupt, and interrupts after each', () => {
    const image = new NumberedImage(1000)
    const rig = new IdeTestRig(disk(1000, { image }))
    rig.out(6, 0xe0)
    rig.lba(0x30, 10, 2)
    expect([rig.alternateStatus, rig.irq.risingEdges]).toEqual([0x58, 0])
    rig.writeWords(new Uint8Array(512).fill(0xaa))
    expect(rig.alternateStatus).toBe(0x80)
    expect(rig.ready()).toBe(0x58)
    expect(rig.irq.risingEdges).toBe(1)
    rig.in(7)
    expect(rig.channel.writeBlock(new Uint8Array(512).fill(0xbb))).toBe(512)
    expect(rig.ready()).toBe(0x50)
    expect(rig.irq.risingEdges).toBe(2)
    expect([9, 10, 11, 12].map((sector) => image.sector(sector)[511])).toEqual([9, 0xaa, 0xbb, 12])
  })

  it('aborts on a read-only image and when the host has no room', () => {
    const readonly = new IdeTestRig(disk(1000, { image: new NumberedImage(1000, 512, true) }))
    expect(readonly.lba(0x30, 0, 1)).toBe(0x51)
    expect(readonly.in(1)).toBe(0x04)

    const image = new NumberedImage(1000)
    image.write = () => {
      throw new DiskError('full', 'a.img', technical('no room is left on its disk'))
    }
    const rig = new IdeTestRig(disk(1000, { image }))
    rig.lba(0x30, 7, 1)
    rig.writeWords(new Uint8Array(512))
    expect(rig.ready()).toBe(0x51)
    expect([rig.in(1), rig.in(3)]).toEqual([0x04, 7])
    expect(rig.faults[0]).toMatchObject({ operation: 'write', error: { kind: 'full' } })
  })

  it('writes and verifies, in blocks, by LBA48', () => {
    const rig = new IdeTestRig()
    rig.command(0xc6, { 2: 2 })
    rig.lba48(0x39, 300, 3)
    rig.writeWords(new Uint8Array(1024).fill(1))
    rig.ready()
    rig.writeWords(new Uint8Array(512).fill(2))
    expect(rig.ready()).toBe(0x50)
    rig.lba(0x3c, 303, 1)
    rig.writeWords(new Uint8Array(512).fill(3))
    expect(rig.ready()).toBe(0x50)
    rig.lba(0x20, 301, 1)
    expect(rig.words(256)[0]).toBe(1)
    rig.lba(0x20, 303, 1)
    expect(rig.words(256)[0]).toBe(3)
  })
})

describe('other commands', () => {
  it('succeeds with DRDY and DSC, an interrupt and no error', () => {
    const rig = new IdeTestRig()
    const opcodes = [
      0x10, 0x1f, 0x40, 0x41, 0x70, 0x7f, 0x94, 0x95, 0x96, 0x97, 0xe0, 0xe1, 0xe2, 0xe3, 0xe6, 0xe7, 0xea,
      0xda,
    ]
    for (const opcode of opcodes) {
      const edges = rig.irq.risingEdges
      expect({ opcode, status: rig.lba(opcode, 5, 1) }).toEqual({ opcode, status: 0x50 })
      expect([rig.in(1), rig.irq.risingEdges - edges]).toEqual([0, 1])
      rig.in(7)
    }
  })

  it('aborts NOP, packets, SMART, security and vendor commands, and goes on', () => {
    const rig = new IdeTestRig()
    for (const opcode of [0x00, 0x08, 0xa0, 0xa1, 0xb0, 0xf1, 0x80, 0x9a, 0xc0, 0xf0, 0xff, 0x22, 0x50]) {
      expect({ opcode, status: rig.command(opcode, { 6: 0xa0 }) }).toEqual({ opcode, status: 0x51 })
      expect(rig.in(1)).toBe(0x04)
    }
    expect(rig.lba(0x20, 0, 1)).toBe(0x58)
    expect(rig.in(1)).toBe(0)
  })

  it('takes INITIALIZE PARAMETERS with one head, as Linux 2.6 gives it', () => {
    const rig = new IdeTestRig()
    expect(rig.command(0x91, { 6: 0xa0, 2: 63 })).toBe(0x50)
    const words = identify(rig)
    expect([word(words, 55), word(words, 56)]).toEqual([1, 63])
  })

  it('tells standby from active', () => {
    const rig = new IdeTestRig()
    const mode = () => {
      rig.command(0xe5)
      return rig.in(2)
    }
    expect(mode()).toBe(0xff)
    rig.command(0xe0)
    expect(mode()).toBe(0)
    rig.lba(0x40, 0, 1)
    expect(mode()).toBe(0xff)
  })

  it('knows its last sector', () => {
    const rig = new IdeTestRig(disk(70_000))
    rig.command(0xf8, { 6: 0xe0 })
    expect([rig.in(3), rig.in(4), rig.in(5), rig.in(6) & 0xf]).toEqual([0x6f, 0x11, 1, 0])
    rig.command(0x27, { 6: 0x40 })
    expect([rig.in(3), rig.in(4), rig.in(5)]).toEqual([0x6f, 0x11, 1])
  })

  it('sets features and clears the register afterwards', () => {
    const rig = new IdeTestRig()
    const setFeature = (feature: number, count = 0) => rig.command(0xef, { 1: feature, 2: count })
    for (const [feature, count] of [
      [0x02, 0],
      [0x82, 0],
      [0x55, 0],
      [0xaa, 0],
      [0x66, 0],
      [0xcc, 0],
      [0x03, 0x00],
      [0x03, 0x0c],
      [0x03, 0x22],
      [0x03, 0x42],
    ] as const)
      expect({ feature, count, status: setFeature(feature, count) }).toEqual({ feature, count, status: 0x50 })
    expect(setFeature(0x03, 0x45)).toBe(0x51)
    expect(setFeature(0x99)).toBe(0x51)
    expect(rig.command(0xef)).toBe(0x51) // 99h is not there any more, and 0 is no feature
  })

  it('reports a failed flush', () => {
    const image = new NumberedImage(1000)
    image.flush = () => {
      throw new DiskError('gone', 'a.img', technical('it was deleted while in use'))
    }
    const rig = new IdeTestRig(disk(1000, { image }))
    expect(rig.command(0xe7)).toBe(0x51)
    expect(rig.faults[0]).toMatchObject({ operation: 'flush', error: { kind: 'gone' } })
  })
})
