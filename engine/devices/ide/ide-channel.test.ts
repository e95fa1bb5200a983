import { describe, expect, it } from 'vitest'
import { PortMap } from '../../bus/port-map.ts'
import { cdrom, disk, IdeTestRig } from '../../../test/support/ide-test-rig.ts'

const registers = (rig: IdeTestRig) => [1, 2, 3, 4, 5].map((offset) => rig.in(offset))

describe('selection', () => {
  it('writes the task file of both drives', () => {
    const rig = new IdeTestRig(disk(), disk())
    rig.out(6, 0xa0)
    for (const offset of [2, 3, 4, 5]) rig.out(offset, offset * 0x11)
    rig.out(6, 0xb0)
    expect(registers(rig).slice(1)).toEqual([0x22, 0x33, 0x44, 0x55])
    expect(rig.in(6)).toBe(0xb0)
  })

  it('answers for an absent device 1 with status 0 and the registers of device 0', () => {
    const rig = new IdeTestRig(disk())
    rig.out(6, 0xb0)
    rig.out(2, 0x55)
    expect([rig.in(7), rig.alternateStatus]).toEqual([0, 0])
    expect([rig.in(1), rig.in(2), rig.in(6)]).toEqual([1, 0x55, 0xb0])
    rig.out(7, 0xec)
    rig.clock.advance(1e6)
    expect([rig.in(7), rig.irq.risingEdges]).toEqual([0, 0])
  })

  it('lets registers be read when only the other drive exists', () => {
    const rig = new IdeTestRig(null, disk())
    expect(rig.in(7)).toBe(0)
    expect(rig.in(1)).toBe(1)
    expect(rig.lba(0x20, 3, 1, 0xf0)).toBe(0x58)
  })

  it('never looks busy without drives', () => {
    const rig = new IdeTestRig(null)
    for (let offset = 0; offset < 8; offset++) {
      rig.out(offset, 0xff)
      expect(rig.in(offset) & 0x80).toBe(0)
    }
  })

  it('puts only the interrupt of the selected drive on the wire, and none with nIEN', () => {
    const rig = new IdeTestRig(disk(), disk())
    rig.lba(0x20, 0, 1)
    expect(rig.irq.level).toBe(true)
    rig.out(6, 0xb0)
    expect(rig.irq.level).toBe(false)
    rig.out(6, 0xa0)
    expect(rig.irq.level).toBe(true)
    rig.control(0x02)
    expect(rig.irq.level).toBe(false)
    rig.control(0)
    expect(rig.irq.level).toBe(true)
    expect(rig.alternateStatus).toBe(0x58)
    expect(rig.irq.level).toBe(true)
    rig.in(7)
    expect(rig.irq.level).toBe(false)
  })

  it('ignores the task file and commands while busy', () => {
    const rig = new IdeTestRig()
    rig.lba(0x20, 0x10, 1)
    rig.in(7)
    rig.out(7, 0xe7)
    expect(rig.alternateStatus).toBe(0x80)
    rig.out(3, 0x99)
    rig.out(7, 0xec)
    expect(rig.ready()).toBe(0x50)
    expect(rig.in(3)).toBe(0x10)
  })
})

describe('reset and diagnostic', () => {
  it('shows the signatures after power-on, SRST and diagnostic', () => {
    const rig = new IdeTestRig(disk(), cdrom())
    const signatures = () => {
      const result: number[][] = []
      for (const device of [0xa0, 0xb0]) {
        rig.out(6, device)
        result.push([rig.alternateStatus, ...registers(rig)])
      }
      return result
    }
    const expected = [
      [0x50, 1, 1, 1, 0, 0],
      [0x00, 1, 1, 1, 0x14, 0xeb],
    ]
    expect(signatures()).toEqual(expected)

    for (const offset of [2, 3, 4, 5]) rig.out(offset, 0x77)
    rig.control(0x04)
    expect(rig.alternateStatus).toBe(0x80)
    rig.clock.advance(1e6)
    expect(rig.alternateStatus).toBe(0x80)
    rig.control(0x00)
    expect(rig.ready()).toBe(0x50)
    expect(rig.irq.risingEdges).toBe(0)
    expect(signatures()).toEqual(expected)

    for (const offset of [2, 3, 4, 5]) rig.out(offset, 0x77)
    rig.out(7, 0x90)
    expect(rig.ready()).toBe(0x50)
    expect([rig.in(6), rig.irq.risingEdges]).toEqual([0xa0, 1])
    rig.in(7)
    expect(signatures()).toEqual(expected)
  })

  it('drops a transfer under way but keeps translation and block size', () => {
    const rig = new IdeTestRig()
    rig.command(0x91, { 6: 0xa3, 2: 10 })
    rig.command(0xc6, { 2: 4 })
    rig.lba(0x30, 0, 1)
    rig.control(0x04)
    rig.control(0)
    expect(rig.ready()).toBe(0x50)
    expect(rig.lba(0xc4, 0, 4)).toBe(0x58)
    rig.control(0x04)
    rig.control(0)
    rig.ready()
    rig.command(0x20, { 6: 0xa0, 2: 1, 3: 1, 4: 1, 5: 0 })
    expect(rig.channel.read(0, 4)).toBe(40)
  })
})

describe('interrupt timing', () => {
  it('lets some time pass between a command and its interrupt', () => {
    const rig = new IdeTestRig()
    rig.out(6, 0xe0)
    rig.out(2, 1)
    rig.out(7, 0x20)
    expect([rig.irq.level, rig.alternateStatus]).toEqual([false, 0x80])
    rig.clock.advance(2000)
    expect(rig.irq.level).toBe(false)
    rig.clock.advance(50_000)
    expect(rig.irq.level).toBe(true)
  })

  it('delays data interrupts as the machine is set', () => {
    const rig = new IdeTestRig(disk(), null, { timing: { irqDelayNs: 2_000_000 } })
    const waited = (action: () => void) => {
      const start = rig.clock.nowNs
      action()
      rig.ready()
      return rig.clock.nowNs - start
    }
    expect(waited(() => rig.lba(0x20, 0, 2))).toBeGreaterThan(2e6)
    expect(waited(() => rig.words(256))).toBeGreaterThan(2e6)
    rig.words(256)
    rig.lba(0x30, 0, 1)
    expect(waited(() => rig.writeWords(new Uint8Array(512)))).toBeGreaterThan(2e6)
    rig.lba(0xca, 0, 1)
    const edges = rig.irq.risingEdges
    rig.startDma(false, [[0x2000, 512]])
    rig.clock.advance(1e6)
    expect(rig.irq.risingEdges).toBe(edges)
    rig.clock.advance(2e6)
    expect(rig.busMaster.read(2, 1) & 5).toBe(4)
  })
})

describe('bus master', () => {
  it('does not take an interrupt for a new one because the state was restored while it was pending', () => {
    const rig = new IdeTestRig()
    rig.lba(0x20, 5, 1)
    expect(rig.irq.level).toBe(true)
    rig.busMaster.write(2, 0x04, 1)
    const other = new IdeTestRig()
    other.channel.restore(structuredClone(rig.channel.save()))
    expect([other.irq.level, other.busMaster.read(2, 1)]).toEqual([true, rig.busMaster.read(2, 1)])
    expect(other.busMaster.read(2, 1) & 0x04).toBe(0)
  })

  it('reads through a table of regions and ends inactive with an interrupt', () => {
    const rig = new IdeTestRig()
    rig.lba(0xc8, 77, 3)
    expect(rig.alternateStatus & 0x08).toBe(0x08)
    expect(rig.irq.level).toBe(false)
    rig.startDma(true, [
      [0x8000, 0x200],
      [0x9000, 0x400],
    ])
    expect(rig.busMaster.read(2, 1) & 1).toBe(1)
    rig.clock.advance(1e6)
    expect(rig.busMaster.read(2, 1) & 7).toBe(4)
    expect([0x8000, 0x9000, 0x9200].map((at) => rig.memory.view.getUint32(at, true))).toEqual([77, 78, 79])
    expect([rig.irq.level, rig.in(7)]).toEqual([true, 0x50])
    rig.busMaster.write(0, 0, 1)
    rig.busMaster.write(2, 0x04, 1)
    expect(rig.busMaster.read(0, 4)).toBe(0)
  })

  it('starts before the command as well', () => {
    const rig = new IdeTestRig()
    rig.startDma(true, [[0x8000, 0x200]])
    rig.lba(0xc8, 5, 1)
    rig.clock.advance(1e6)
    expect(rig.memory.view.getUint32(0x8000, true)).toBe(5)
    expect(rig.busMaster.read(2, 1) & 7).toBe(4)
  })

  it('writes from memory, also by LBA48 and across 64 KiB of data', () => {
    const rig = new IdeTestRig()
    for (let sector = 0; sector < 200; sector++)
      rig.memory.view.setUint32(0x20000 + sector * 512, 0xcafe0000 + sector, true)
    rig.lba48(0x35, 1000, 200)
    rig.startDma(false, [
      [0x20000, 0],
      [0x30000, 200 * 512 - 0x10000],
    ])
    rig.clock.advance(1e6)
    expect(rig.in(7)).toBe(0x50)
    rig.lba48(0x25, 1199, 1)
    rig.startDma(true, [[0x80000, 0x200]])
    rig.clock.advance(1e6)
    expect(rig.memory.view.getUint32(0x80000, true)).toBe(0xcafe0000 + 199)
  })

  it('stays active when the table has room left', () => {
    const rig = new IdeTestRig()
    rig.lba(0xc8, 0, 1)
    rig.startDma(true, [[0x8000, 0x400]])
    rig.clock.advance(1e6)
    expect([rig.busMaster.read(2, 1) & 7, rig.in(7)]).toEqual([5, 0x50])
  })

  it('becomes inactive without an interrupt when the table is too short for a disk, and can go on', () => {
    const rig = new IdeTestRig()
    rig.lba(0xc8, 0, 2)
    rig.startDma(true, [[0x8000, 0x200]])
    rig.clock.advance(1e6)
    expect([rig.busMaster.read(2, 1) & 7, rig.irq.level]).toEqual([0, false])
    rig.busMaster.write(0, 0, 1)
    rig.startDma(true, [[0x9000, 0x200]])
    rig.clock.advance(1e6)
    expect([rig.busMaster.read(2, 1) & 7, rig.in(7)]).toEqual([4, 0x50])
    expect(rig.memory.view.getUint32(0x9000, true)).toBe(1)
  })

  it('sets its interrupt bit for PIO too, and clears it by writing a one', () => {
    const rig = new IdeTestRig()
    rig.lba(0x20, 0, 1)
    expect(rig.busMaster.read(2, 1)).toBe(4)
    rig.busMaster.write(2, 0x64, 1)
    expect(rig.busMaster.read(2, 1)).toBe(0x60)
  })

  it('reads as one dword, as SCO does, and keeps reserved bits clear', () => {
    const rig = new IdeTestRig()
    rig.busMaster.write(4, 0xffffffff, 4)
    rig.busMaster.write(2, 0xff, 1)
    expect(rig.busMaster.read(0, 4)).toBe(0x00600000)
    expect(rig.busMaster.read(4, 4)).toBe(0xfffffffc)
    expect(rig.busMaster.read(8, 4)).toBe(0)
  })

  it('moves nothing while the PCI function may not master the bus', () => {
    const rig = new IdeTestRig()
    rig.channel.busMaster?.setMasterEnabled(false)
    rig.lba(0xc8, 9, 1)
    rig.startDma(true, [[0x8000, 0x200]])
    rig.clock.advance(1e6)
    expect(rig.irq.level).toBe(false)
    rig.channel.busMaster?.setMasterEnabled(true)
    expect(rig.memory.view.getUint32(0x8000, true)).toBe(9)
  })

  it('survives tables without an end', () => {
    const rig = new IdeTestRig()
    rig.memory.bytes.fill(0, 0, 0x20000)
    for (let at = 0; at < 0x20000; at += 8) rig.memory.view.setUint32(at + 4, 2, true)
    rig.lba48(0x25, 0, 10_000)
    rig.busMaster.write(4, 0xfff8, 4)
    rig.busMaster.write(0, 9, 1)
    const start = performance.now()
    rig.clock.advance(1e9)
    expect(performance.now() - start).toBeLessThan(1000)
    expect(rig.busMaster.read(2, 1) & 3).toBe(2)
  })
})

describe('on the port map', () => {
  it('takes word accesses at the data port and splits none', () => {
    const ports = new PortMap()
    const rig = new IdeTestRig()
    ports.map({ name: 'ide0', base: 0x1f0, length: 8, width: 4 }, rig.channel)
    ports.map({ name: 'ide0 control', base: 0x3f6, length: 1 }, rig.channel.controlBlock)
    rig.lba(0x20, 0x01020304 & 0xfff, 1)
    expect(ports.read(0x1f0, 2)).toBe(0x304)
    expect(ports.bulk(0x1f0)?.readBlock(new Uint8Array(512))).toBe(508)
    ports.read(0x1f0, 2)
    expect(ports.bulk(0x1f1)).toBeUndefined()
    expect(ports.read(0x3f6, 1)).toBe(0x50)
    ports.write(0x1f2, 0x5544, 2)
    expect(ports.read(0x1f2, 2)).toBe(0x5544)
  })
})

describe('saved state', () => {
  const moments: [string, (rig: IdeTestRig) => void][] = [
    ['busy', (rig) => rig.out(7, 0xec)],
    ['in the middle of a sector', (rig) => (rig.lba(0x20, 5, 2), rig.words(100))],
    ['in the middle of a write', (rig) => (rig.lba(0x30, 5, 2), rig.writeWords(new Uint8Array(100)))],
    ['waiting for the bus master', (rig) => rig.lba(0xc8, 5, 2)],
    ['with the bus master started', (rig) => (rig.lba(0xc8, 5, 2), rig.startDma(true, [[0x8000, 0x400]]))],
    ['in reset', (rig) => rig.control(4)],
    ['reading a CD', (rig) => (rig.out(6, 0xb0), rig.packet([0x28, 0, 0, 0, 0, 3, 0, 0, 40]), rig.words(7))],
    ['taking a packet', (rig) => (rig.out(6, 0xb0), rig.command(0xa0), rig.writeWords(new Uint8Array(4)))],
  ]

  for (const [name, moment] of moments)
    it(`goes on with the same future, ${name}`, () => {
      const before = new IdeTestRig(disk(), cdrom())
      moment(before)
      const saved = structuredClone(before.channel.save())
      const after = new IdeTestRig(disk(), cdrom())
      after.clock.nowNs = before.clock.nowNs
      after.memory.bytes.set(before.memory.bytes)
      after.channel.restore(saved)
      expect(after.channel.save()).toEqual(saved)
      for (const rig of [before, after]) {
        rig.clock.advance(1e6)
        rig.words(2000)
        rig.writeWords(new Uint8Array(1000))
        rig.clock.advance(1e6)
      }
      expect(after.channel.save()).toEqual(before.channel.save())
      expect(Buffer.compare(after.memory.bytes, before.memory.bytes)).toBe(0)
    })

  it('refuses what does not fit its drives, changing nothing', () => {
    const rig = new IdeTestRig(disk())
    const saved = rig.channel.save()
    const other = new IdeTestRig(disk(), cdrom()).channel.save()
    const isa = new IdeTestRig(disk(), null, { id: 'ide0' }).channel.save()
    for (const bad of [
      null,
      {},
      other,
      { ...saved, control: 256 },
      { ...isa, busMaster: null },
      { ...saved, drives: [{}, null] },
    ]) {
      expect(() => rig.channel.restore(bad)).toThrow(/state-invalid/)
      expect(rig.channel.save()).toEqual(saved)
    }
  })

  it('comes back to power-on by reset', () => {
    const rig = new IdeTestRig(disk(), cdrom())
    const fresh = rig.channel.save()
    for (const [, moment] of moments) moment(rig)
    rig.channel.reset()
    expect(rig.channel.save()).toEqual(fresh)
    expect(rig.irq.level).toBe(false)
  })
})

it('survives any register accesses at any time', () => {
  const rig = new IdeTestRig(disk(), cdrom())
  let seed = 4711
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  const opcodes = [
    0x20, 0x24, 0x25, 0x29, 0x30, 0x35, 0x39, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0x91, 0xef, 0xa0, 0xa0, 0xa0,
    0xa1, 0xec, 0x90, 0x08,
  ]
  const packets = [
    0x28, 0xa8, 0xbe, 0xb9, 0x43, 0x5a, 0x1a, 0x12, 0x03, 0x55, 0x15, 0x46, 0x4a, 0x51, 0xad, 0xac, 0x1b,
  ]
  rig.memory.bytes.forEach((_, index) => (rig.memory.bytes[index] = random(256)))
  for (let step = 0; step < 20_000; step++) {
    const kind = random(16)
    if (kind < 4) rig.out(1 + random(6), random(256))
    else if (kind === 4) rig.out(7, random(3) === 0 ? random(256) : (opcodes[random(opcodes.length)] ?? 0))
    else if (kind === 5)
      rig.packet(
        [packets[random(packets.length)] ?? 0, ...Array.from({ length: 11 }, () => random(4) && random(256))],
        random(0x10000),
        random(2),
      )
    else if (kind < 9) rig.channel.read(random(8), ([1, 2, 4] as const)[random(3)] ?? 1)
    else if (kind === 9) rig.channel.write(0, random(2 ** 31), ([1, 2, 4] as const)[random(3)] ?? 1)
    else if (kind === 10) rig.control(random(5) ? 0 : random(256))
    else if (kind === 11)
      rig.busMaster.write(random(16), random(2 ** 31), ([1, 2, 4] as const)[random(3)] ?? 1)
    else if (kind === 12) rig.clock.advance(random(50_000))
    else if (kind === 13) rig.channel.readBlock(new Uint8Array(random(70_000)))
    else if (kind === 14) rig.channel.writeBlock(new Uint8Array(random(70_000)))
    else if (random(20) === 0) rig.channel.restore(structuredClone(rig.channel.save()))
  }
})
