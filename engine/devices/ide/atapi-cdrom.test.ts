import { describe, expect, it } from 'vitest'
import { technical } from '../../protocol/reasons.ts'
import { DiskError } from '../../storage/block-image.ts'
import { AtapiCdrom } from './atapi-cdrom.ts'
import { cdrom, discDrive, disk, IdeTestRig, NumberedImage } from '../../../test/support/ide-test-rig.ts'

const drive = (rig: IdeTestRig): AtapiCdrom => {
  const [first] = rig.channel.drives
  if (!(first instanceof AtapiCdrom)) throw new Error('no CD-ROM drive')
  return first
}

const sense = (rig: IdeTestRig) => {
  rig.packet([0x03, 0, 0, 0, 18])
  const { bytes } = rig.packetData()
  return [bytes[2], bytes[12], bytes[13]]
}

const data = (rig: IdeTestRig, packet: number[], byteLimit?: number) => {
  rig.packet(packet, byteLimit)
  return rig.packetData().bytes
}

const sectorNumber = (bytes: number[], at = 0) => bytes[at]! + bytes[at + 1]! * 256

describe('an ATAPI device', () => {
  it('shows its signature when it aborts IDENTIFY DEVICE and READ SECTORS', () => {
    const rig = new IdeTestRig(cdrom())
    for (const opcode of [0xec, 0x20]) {
      expect(rig.command(opcode, { 2: 9, 3: 9, 4: 9, 5: 9 }) & 0x89).toBe(0x01)
      expect([1, 2, 3, 4, 5].map((offset) => rig.in(offset))).toEqual([4, 1, 1, 0x14, 0xeb])
    }
  })

  it('identifies itself', () => {
    const rig = new IdeTestRig(cdrom())
    expect(rig.command(0xa1)).toBe(0x58)
    const bytes = rig.words(256)
    expect(bytes[0]! | (bytes[1]! << 8)).toBe(0x85c0)
    expect(rig.alternateStatus).toBe(0x50)
  })

  it('resets by DEVICE RESET, even while busy, without an interrupt', () => {
    const rig = new IdeTestRig(cdrom())
    rig.command(0xa0)
    rig.writeWords(new Uint8Array(12))
    expect(rig.alternateStatus).toBe(0x80)
    rig.out(7, 0x08)
    expect(rig.ready()).toBe(0)
    expect([rig.in(4), rig.in(5), rig.irq.risingEdges]).toEqual([0x14, 0xeb, 0])
  })
})

describe('the PACKET protocol', () => {
  it('takes the packet at once, without an interrupt', () => {
    const rig = new IdeTestRig(cdrom())
    rig.out(7, 0xa0)
    expect([rig.alternateStatus & 0x88, rig.in(2), rig.irq.risingEdges]).toEqual([0x08, 1, 0])
  })

  it('gives each block its size and an interrupt, and the status one more', () => {
    const rig = new IdeTestRig(cdrom())
    rig.packet([0x28, 0, 0, 0, 0, 7, 0, 0, 3], 2048)
    const blocks: [number, number, number][] = []
    for (let block = 0; block < 3; block++) {
      rig.ready()
      blocks.push([rig.in(4) | (rig.in(5) << 8), rig.in(2), rig.irq.risingEdges])
      rig.in(7)
      expect(rig.words(1024)[0]).toBe(7 + block)
    }
    expect(blocks).toEqual([
      [2048, 2, 1],
      [2048, 2, 2],
      [2048, 2, 3],
    ])
    expect(rig.alternateStatus).toBe(0x80)
    expect(rig.ready()).toBe(0x50)
    expect([rig.in(2), rig.irq.risingEdges]).toEqual([3, 4])
  })

  it('cuts blocks to the byte count that the host gave', () => {
    const read = [0x28, 0, 0, 0, 0, 0, 0, 0, 2]
    const sizes = (limit: number) => {
      const rig = new IdeTestRig(cdrom())
      rig.packet(read, limit)
      return rig.packetData().sizes
    }
    expect(sizes(0xffff)).toEqual([4096])
    expect(sizes(0)).toEqual([4096])
    expect(sizes(3000)).toEqual([2048, 2048])
    expect(sizes(1023)).toEqual([1022, 1022, 1022, 1022, 8])
    expect(sizes(512)).toEqual(Array.from({ length: 8 }, () => 512))
    expect(sizes(2)).toHaveLength(2048)
    expect(sizes(1)).toEqual([4096])
  })

  it('never announces more than FFFEh, the most that an even count can be', () => {
    const rig = new IdeTestRig(cdrom(100))
    for (const limit of [0, 0xffff, 0xfffe]) {
      rig.packet([0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 40], limit)
      const { sizes } = rig.packetData()
      expect(Math.max(...sizes)).toBeLessThanOrEqual(0xfffe)
      expect(sizes.every((size) => size % 2 === 0)).toBe(true)
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(40 * 2048)
    }
  })

  it('reads many sectors in order', () => {
    const rig = new IdeTestRig(cdrom(100))
    const bytes = data(rig, [0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 100])
    expect(bytes.length).toBe(100 * 2048)
    for (let sector = 0; sector < 100; sector++) expect(sectorNumber(bytes, sector * 2048)).toBe(sector)
  })

  it('does not take data written during data-in for a packet', () => {
    const rig = new IdeTestRig(cdrom())
    rig.packet([0x28, 0, 0, 0, 0, 5, 0, 0, 1])
    rig.writeWords(new Uint8Array(12).fill(0xff))
    expect(rig.words(1024)[0]).toBe(5)
    expect(rig.ready()).toBe(0x50)
  })

  it('reports errors with sense key in the error register and reason 3', () => {
    const rig = new IdeTestRig(cdrom())
    expect(rig.packet([0xff])).toBe(0x51)
    expect([rig.in(1), rig.in(2), rig.irq.level]).toEqual([0x54, 3, true])
    expect(sense(rig)).toEqual([5, 0x20, 0])
    expect(sense(rig)).toEqual([0, 0, 0])
  })

  it('forgets sense at the next command', () => {
    const rig = new IdeTestRig(cdrom())
    rig.packet([0xff])
    rig.packet([0x00])
    expect(sense(rig)).toEqual([0, 0, 0])
  })

  it('sends data to memory by DMA', () => {
    const rig = new IdeTestRig(cdrom())
    rig.startDma(true, [
      [0x8000, 0x300], // not a multiple of a sector: Windows 98
      [0x9000, 0xf00],
    ])
    rig.packet([0x28, 0, 0, 0, 0, 9, 0, 0, 2], 0, 1)
    rig.clock.advance(1e6)
    expect([rig.busMaster.read(2, 1) & 7, rig.alternateStatus, rig.in(2)]).toEqual([5, 0x50, 3])
    expect([
      rig.memory.bytes[0x8000],
      rig.memory.bytes[0x9000 + 0x4ff],
      rig.memory.bytes[0x9000 + 0x500],
    ]).toEqual([9, 9, 10])
  })

  it('ends a DMA command for which the host gave too little room', () => {
    const rig = new IdeTestRig(cdrom())
    rig.startDma(true, [[0x8000, 0x400]])
    rig.packet([0x28, 0, 0, 0, 0, 9, 0, 0, 2], 0, 1)
    rig.clock.advance(1e6)
    expect([rig.busMaster.read(2, 1) & 7, rig.in(7)]).toEqual([4, 0x50])
  })

  it('ends a DMA command without data by its status alone', () => {
    const rig = new IdeTestRig(cdrom())
    rig.startDma(true, [[0x8000, 0x400]])
    expect(rig.packet([0x00], 0, 1)).toBe(0x50)
    expect(rig.irq.level).toBe(true)
  })
})

describe('the medium', () => {
  it('is not ready without a disc', () => {
    const rig = new IdeTestRig(cdrom(null))
    for (const packet of [[0x00], [0x25], [0x28, 0, 0, 0, 0, 0, 0, 0, 1], [0x43, 0, 0, 0, 0, 0, 0, 0, 12]]) {
      expect(rig.packet(packet)).toBe(0x51)
      expect(rig.in(1)).toBe(0x24)
      expect(sense(rig)).toEqual([2, 0x3a, 0])
    }
  })

  it('draws attention once after it has changed', () => {
    const rig = new IdeTestRig(cdrom(null))
    expect(rig.packet([0x00])).toBe(0x51)
    drive(rig).medium.insert(new NumberedImage(50, 2048, true))
    expect(rig.packet([0x12, 0, 0, 0, 36])).toBe(0x58) // INQUIRY does not care
    rig.packetData()
    expect(rig.packet([0x00])).toBe(0x51)
    expect(rig.in(1)).toBe(0x64)
    expect(sense(rig)).toEqual([6, 0x28, 0])
    expect(rig.packet([0x00])).toBe(0x50)
    expect(data(rig, [0x25])).toEqual([0, 0, 0, 49, 0, 0, 8, 0])
  })

  it('fails the rest of a read when it is changed in the middle', () => {
    const rig = new IdeTestRig(cdrom(100))
    rig.packet([0x28, 0, 0, 0, 0, 0, 0, 0, 64], 2048)
    rig.words(1024)
    drive(rig).medium.insert(new NumberedImage(100, 2048, true))
    rig.packetData()
    expect(rig.alternateStatus).toBe(0x51)
    expect(sense(rig)).toEqual([6, 0x28, 0])
  })

  it('opens and closes its tray unless it is locked', () => {
    const rig = new IdeTestRig(cdrom())
    rig.packet([0x1e, 0, 0, 0, 1])
    expect(rig.packet([0x1b, 0, 0, 0, 2])).toBe(0x51)
    expect(sense(rig)).toEqual([5, 0x53, 2])
    rig.packet([0x1e, 0, 0, 0, 0])
    expect(rig.packet([0x1b, 0, 0, 0, 2])).toBe(0x50)
    expect(drive(rig).medium.trayOpen).toBe(true)
    expect(rig.packet([0x00])).toBe(0x51)
    expect(data(rig, [0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8])[1]).toBe(0x10)
    expect(rig.packet([0x1b, 0, 0, 0, 3])).toBe(0x50)
    expect(rig.packet([0x00])).toBe(0x51)
    expect(rig.packet([0x00])).toBe(0x50)
  })

  it('reports media events to who polls', () => {
    const rig = new IdeTestRig(cdrom())
    const event = () => data(rig, [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8])
    expect(event()).toEqual([0, 6, 4, 0x10, 0, 2, 0, 0])
    drive(rig).medium.insert(null)
    expect(event()).toEqual([0, 6, 4, 0x10, 3, 0, 0, 0])
    drive(rig).medium.insert(new NumberedImage(10, 2048))
    expect(event()).toEqual([0, 6, 4, 0x10, 2, 2, 0, 0])
    expect(rig.packet([0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8])).toBe(0x51)
  })

  it('reports read errors and addresses past its end', () => {
    const image = new NumberedImage(100, 2048, true)
    image.read = () => {
      throw new DiskError('io', 'a.iso', technical('it cannot be read (EIO)'))
    }
    const rig = new IdeTestRig({
      ...cdrom(),
      kind: 'cdrom',
      medium: image,
      identity: { serial: '1', model: 'CD' },
    })
    expect(rig.packet([0x28, 0, 0, 0, 0, 0, 0, 0, 1])).toBe(0x51)
    expect(sense(rig)).toEqual([3, 0x11, 0])
    expect(rig.faults[0]).toMatchObject({ drive: 'ide0-master', operation: 'read' })
    for (const packet of [
      [0x28, 0, 0, 0, 0, 99, 0, 0, 2],
      [0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff],
      [0xa8, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
      [0x2b, 0, 0, 0, 0, 100],
    ]) {
      expect(rig.packet(packet)).toBe(0x51)
      expect(sense(rig)).toEqual([5, 0x21, 0])
    }
  })
})

describe('packet commands', () => {
  it('INQUIRY names a removable CD-ROM, cut to the allocation', () => {
    const rig = new IdeTestRig(cdrom())
    const bytes = data(rig, [0x12, 0, 0, 0, 36])
    expect([bytes.length, bytes[0], bytes[1], bytes[4]]).toEqual([36, 5, 0x80, 31])
    expect(data(rig, [0x12, 0, 0, 0, 5])).toHaveLength(5)
    expect(rig.packet([0x12, 0, 0, 0, 0])).toBe(0x50)
  })

  it('READ TOC gives one data track and the lead-out, by block or MSF, old and new format fields', () => {
    const rig = new IdeTestRig(cdrom(4500))
    expect(data(rig, [0x43, 0, 0, 0, 0, 0, 0, 0, 20])).toEqual(
      [
        [0, 18, 1, 1],
        [0, 0x14, 1, 0, 0, 0, 0, 0],
        [0, 0x14, 0xaa, 0, 0, 0, 0x11, 0x94],
      ].flat(),
    )
    expect(data(rig, [0x43, 2, 0, 0, 0, 0, 0xaa, 0, 12])).toEqual([0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 1, 2, 0])
    expect(data(rig, [0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40])).toEqual([0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0])
    expect(data(rig, [0x43, 2, 2, 0, 0, 0, 0, 0, 255])).toHaveLength(48)
    expect(rig.packet([0x43, 0, 0, 0, 0, 0, 2, 0, 12])).toBe(0x51)
  })

  it('READ CD gives the fields that are asked for', () => {
    const rig = new IdeTestRig(cdrom())
    const cd = (fields: number, type = 0) => [0xbe, type, 0, 0, 0, 5, 0, 0, 1, fields]
    expect(data(rig, cd(0x10))).toHaveLength(2048)
    const raw = data(rig, cd(0xf8))
    expect(raw).toHaveLength(2352)
    expect(raw.slice(0, 16)).toEqual([0, ...Array.from({ length: 10 }, () => 0xff), 0, 0, 0x02, 0x05, 1])
    expect(raw[16]).toBe(5)
    expect(rig.packet(cd(0))).toBe(0x50)
    expect(rig.packet(cd(0x10, 0x04))).toBe(0x51) // audio
    expect(sense(rig)).toEqual([5, 0x64, 0])
    expect(data(rig, [0xb9, 0, 0, 0, 2, 7, 0, 2, 9, 0x10])[0]).toBe(7)
  })

  it('MODE SENSE gives pages behind either header', () => {
    const rig = new IdeTestRig(cdrom())
    const ten = data(rig, [0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 255])
    expect([ten[0], ten[1], ten[2], ten[8], ten[9]]).toEqual([0, ten.length - 2, 1, 0x2a, 0x12])
    const six = data(rig, [0x1a, 0, 0x01, 0, 255])
    expect(six).toEqual([11, 1, 0, 0, 1, 6, 0, 5, 0, 0, 0, 0])
    expect(data(rig, [0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 255]).length).toBeGreaterThan(40)
    expect(rig.packet([0x5a, 0, 0x3e, 0, 0, 0, 0, 0, 255])).toBe(0x51)
    expect(rig.packet([0x5a, 0, 0xea, 0, 0, 0, 0, 0, 255])).toBe(0x51)
    expect(sense(rig)).toEqual([5, 0x39, 0])
  })

  it('MODE SELECT takes its parameters', () => {
    const rig = new IdeTestRig(cdrom())
    expect(rig.packet([0x55, 0x10, 0, 0, 0, 0, 0, 0, 24])).toBe(0x58)
    expect([rig.in(2), rig.in(4), rig.irq.level]).toEqual([0, 24, true])
    rig.writeWords(new Uint8Array(24))
    expect(rig.ready()).toBe(0x50)
    expect(rig.in(2)).toBe(3)
  })

  it('GET CONFIGURATION lists profiles and no media-change feature', () => {
    const rig = new IdeTestRig(cdrom())
    const bytes = data(rig, [0x46, 0, 0, 0, 0, 0, 0, 1, 0])
    expect(bytes.slice(0, 8)).toEqual([0, 0, 0, bytes.length - 4, 0, 0, 0, 8])
    const features: number[] = []
    for (let at = 8; at < bytes.length; at += 4 + bytes[at + 3]!)
      features.push(bytes[at]! * 256 + bytes[at + 1]!)
    expect(features).toEqual([0, 1, 3])
    expect(data(rig, [0x46, 2, 0, 3, 0, 0, 0, 1, 0])).toHaveLength(16)
  })

  it('answers what drivers ask at their start', () => {
    const rig = new IdeTestRig(cdrom())
    expect(data(rig, [0x51, 0, 0, 0, 0, 0, 0, 0, 2])).toEqual([0, 32])
    expect(data(rig, [0x51, 0, 0, 0, 0, 0, 0, 0, 34])).toHaveLength(34)
    expect(data(rig, [0x52, 1, 0, 0, 0, 1, 0, 0, 28])).toHaveLength(28)
    expect(data(rig, [0x42, 2, 0x40, 1, 0, 0, 0, 0, 16])[1]).toBe(0x15)
    expect(data(rig, [0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8])).toHaveLength(8)
    expect(data(rig, [0xac, 0, 0, 0, 0, 0, 0, 0, 0, 1])).toHaveLength(24)
    expect(data(rig, [0x44, 0, 0, 0, 0, 9, 0, 0, 8])).toEqual([1, 0, 0, 0, 0, 0, 0, 9])
    for (const packet of [[0x4b], [0x4e], [0xbb], [0x2b], [0x1b, 0, 0, 0, 1]])
      expect(rig.packet(packet)).toBe(0x50)
  })

  it('plays no audio of a disc of data', () => {
    const rig = new IdeTestRig(cdrom())
    for (const opcode of [0x45, 0x47, 0x48, 0xa5]) {
      expect(rig.packet([opcode, 0, 0, 0, 0, 0, 0, 0, 1])).toBe(0x51)
      expect(sense(rig)).toEqual([5, 0x64, 0])
    }
  })
})

describe('a disc with sound', () => {
  /** 40 sectors of data, then two tracks of sound of four and eight seconds. */
  const rigOf = () =>
    new IdeTestRig(
      discDrive([
        ['mode1', 40],
        ['audio', 300],
        ['audio', 600],
      ]),
    )
  const playing = (rig: IdeTestRig) => {
    const bytes = data(rig, [0x42, 0, 0x40, 1, 0, 0, 0, 0, 16])
    const at = (index: number) => (bytes[index]! << 16) | (bytes[index + 1]! << 8) | bytes[index + 2]!
    return { status: bytes[1], track: bytes[6], position: at(9), within: at(13) }
  }
  const seconds = (rig: IdeTestRig, count: number) => rig.clock.advance(count * 1e9)

  it('has all its tracks in the table of contents', () => {
    const rig = rigOf()
    expect(data(rig, [0x43, 0, 0, 0, 0, 0, 0, 0, 255])).toEqual(
      [
        [0, 34, 1, 3],
        [0, 0x14, 1, 0, 0, 0, 0, 0],
        [0, 0x10, 2, 0, 0, 0, 0, 40],
        [0, 0x10, 3, 0, 0, 0, 1, 84],
        [0, 0x10, 0xaa, 0, 0, 0, 3, 172],
      ].flat(),
    )
    expect(data(rig, [0x43, 2, 0, 0, 0, 0, 3, 0, 12]).slice(4)).toEqual([0, 0x10, 3, 0, 0, 0, 6, 40])
    expect(data(rig, [0x43, 0, 2, 0, 0, 0, 0, 0, 255])).toHaveLength(4 + 6 * 11)
    expect(data(rig, [0x52, 1, 0, 0, 0, 2, 0, 0, 28]).slice(2, 12)).toEqual([
      2, 1, 0, 0, 0x0f, 0, 0, 0, 0, 40,
    ])
  })

  it('reads sound by READ CD alone, whole, and not together with data', () => {
    const rig = rigOf()
    const cd = (lba: number, count: number, fields: number, type = 0) => [
      0xbe,
      type << 2,
      0,
      0,
      0,
      lba,
      0,
      0,
      count,
      fields,
    ]
    const sound = data(rig, cd(50, 2, 0x10))
    expect([sound.length, sound[0], sound[2352]]).toEqual([4704, 50, 51])
    expect(data(rig, cd(50, 1, 0xf8, 1))).toHaveLength(2352)
    for (const packet of [
      cd(39, 2, 0x10),
      cd(50, 1, 0x10, 2),
      cd(5, 1, 0x10, 1),
      [0x28, 0, 0, 0, 0, 39, 0, 0, 2],
      [0x44, 0, 0, 0, 0, 50, 0, 0, 8],
    ]) {
      expect(rig.packet(packet)).toBe(0x51)
      expect(sense(rig)).toEqual([5, 0x64, 0])
    }
  })

  it('plays it: the position goes on with guest time, pauses, and ends', () => {
    const rig = rigOf()
    expect(rig.packet([0x45, 0, 0, 0, 0, 40, 0, 1, 44])).toBe(0x50) // four seconds
    seconds(rig, 1)
    expect(playing(rig)).toEqual({ status: 0x11, track: 2, position: 115, within: 75 })
    expect(rig.packet([0x4b, 0, 0, 0, 0, 0, 0, 0, 0])).toBe(0x50)
    seconds(rig, 5)
    expect(playing(rig)).toEqual({ status: 0x12, track: 2, position: 115, within: 75 })
    expect(rig.packet([0x4b, 0, 0, 0, 0, 0, 0, 0, 1])).toBe(0x50)
    seconds(rig, 2)
    expect(playing(rig)).toMatchObject({ status: 0x11, position: 265 })
    seconds(rig, 2)
    expect(playing(rig)).toMatchObject({ status: 0x13, position: 339 })
    expect(playing(rig).status).toBe(0x15)
  })

  it('plays by MSF and by track, and ends before data', () => {
    const rig = rigOf()
    expect(rig.packet([0x47, 0, 0, 0, 2, 40, 0, 4, 40])).toBe(0x50)
    seconds(rig, 1)
    const [, status, , , , , track, , ...address] = data(rig, [0x42, 2, 0x40, 1, 0, 0, 0, 0, 16])
    expect([status, track, ...address]).toEqual([0x11, 2, 0, 0, 3, 40, 0, 0, 1, 0])
    expect(rig.packet([0x48, 0, 0, 0, 3, 1, 0, 3, 1])).toBe(0x50)
    expect(playing(rig)).toMatchObject({ track: 3, position: 340 })
    seconds(rig, 9)
    expect(playing(rig)).toMatchObject({ status: 0x13, position: 939 })
    for (const packet of [
      [0x45, 0, 0, 0, 0, 5, 0, 0, 9],
      [0x48, 0, 0, 0, 1, 1, 0, 1, 1],
    ]) {
      expect(rig.packet(packet)).toBe(0x51)
      expect(sense(rig)).toEqual([5, 0x64, 0])
    }
    expect(rig.packet([0x45, 0, 0, 0, 3, 200, 0, 0, 9])).toBe(0x51)
    expect(sense(rig)).toEqual([5, 0x21, 0])
  })

  it('stops it for reading data, for another disc, and when told', () => {
    const rig = rigOf()
    const play = () => expect(rig.packet([0x48, 0, 0, 0, 2, 1, 0, 3, 1])).toBe(0x50)
    for (const packet of [[0x28, 0, 0, 0, 0, 0, 0, 0, 1], [0x4e]]) {
      play()
      expect(playing(rig).status).toBe(0x11)
      data(rig, packet)
      expect(playing(rig).status).toBe(0x15)
    }
    play()
    drive(rig).medium.insert(drive(rig).medium.inserted)
    rig.packet([0])
    expect(playing(rig)).toMatchObject({ status: 0x15, position: 0 })
  })

  it('goes on where a saved state has it', () => {
    const rig = rigOf()
    rig.packet([0x48, 0, 0, 0, 2, 1, 0, 3, 1])
    seconds(rig, 1)
    const saved = drive(rig).save()
    seconds(rig, 1)
    expect(playing(rig).position).toBe(190)
    drive(rig).restore(saved)
    expect(playing(rig).position).toBe(190) // it is the clock that is put back
    const { audio: _, track: __, ...older } = saved as Record<string, unknown>
    drive(rig).restore(older)
    expect(playing(rig).status).toBe(0x15)
  })
})

it('works as the second drive beside a disk', () => {
  const rig = new IdeTestRig(disk(), cdrom())
  rig.out(6, 0xb0)
  expect(data(rig, [0x28, 0, 0, 0, 0, 3, 0, 0, 1])[0]).toBe(3)
  expect(rig.lba(0x20, 3, 1)).toBe(0x58)
})
