import { describe, expect, it } from 'vitest'
import { technical } from '../../protocol/reasons.ts'
import { type BlockImage, DiskError } from '../../storage/block-image.ts'
import { floppy, K1440, RATE, rig, sectorAt } from './test-rig.ts'

describe('reset and SENSE INTERRUPT', () => {
  it('interrupts after reset and answers four SENSE INTERRUPTs, then 80h', () => {
    const { fdc, irq, msr, untilIrq, sense } = rig()
    expect(msr()).toBe(0)
    fdc.write(2, 0x0c)
    expect(irq.level).toBe(false) // some time passes first
    untilIrq()
    expect(msr()).toBe(0x80)
    expect([sense(), sense(), sense(), sense()]).toEqual([
      [0xc0, 0],
      [0xc1, 0],
      [0xc2, 0],
      [0xc3, 0],
    ])
    expect(irq.level).toBe(false)
    expect(sense()).toEqual([0x80])
  })

  it('resets by the DSR too, which clears itself', () => {
    const { fdc, msr, prepare, untilIrq, sense } = rig()
    prepare()
    fdc.write(4, 0x80)
    untilIrq()
    expect(msr()).toBe(0x80)
    expect(sense()).toEqual([0xc0, 0])
  })

  it('keeps the interrupt from the bus while DMAGATE is off', () => {
    const { fdc, irq, clock } = rig()
    fdc.write(2, 0x04)
    clock.advance(1e6)
    expect(irq.level).toBe(false)
    fdc.write(2, 0x0c)
    expect(irq.level).toBe(true)
  })

  it('abandons a command under way', () => {
    const { fdc, command, prepare, clock, irq, msr, untilIrq, sense } = rig()
    prepare()
    command(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)
    fdc.write(2, 0x18)
    clock.advance(1e9)
    expect([irq.level, msr()]).toEqual([false, 0])
    fdc.write(2, 0x1c)
    untilIrq()
    expect(sense()).toEqual([0xc0, 0])
  })
})

describe('set-up commands', () => {
  it('answers VERSION with 90h, and what it does not know with 80h', () => {
    const { command, result, prepare, irq } = rig()
    prepare()
    command(0x10)
    expect(result()).toEqual([0x90])
    for (const opcode of [0x18, 0x2e, 0x33, 0x00, 0x1f]) {
      command(opcode)
      expect(result()).toEqual([0x80])
    }
    expect(irq.level).toBe(false)
  })

  it('keeps CONFIGURE over a reset only while LOCK is set', () => {
    const { fdc, command, result, prepare, untilIrq } = rig()
    const reset = () => {
      fdc.write(4, 0x80)
      untilIrq()
      for (let unit = 0; unit < 4; unit++) {
        command(0x08)
        result()
      }
    }
    prepare()
    command(0x13, 0, 0x57, 3)
    command(0x94)
    expect(result()).toEqual([0x10])
    reset()
    command(0x0e)
    expect(result()).toEqual([0, 0, 0, 0, 0xdf, 0x02, 0, 0x80, 0x07, 3])
    command(0x14)
    expect(result()).toEqual([0x00])
    reset()
    command(0x0e)
    expect(result()).toEqual([0, 0, 0, 0, 0xdf, 0x02, 0, 0x00, 0x20, 0])
  })

  it('shows PERPENDICULAR in DUMPREG, its drive bits only with OW', () => {
    const { command, result, prepare } = rig()
    prepare()
    const perpendicular = () => {
      command(0x0e)
      return result()[7]
    }
    command(0x12, 0x0b)
    expect(perpendicular()).toBe(0x03)
    command(0x12, 0x84)
    command(0x12, 0x02)
    expect(perpendicular()).toBe(0x06)
  })

  it('reads back DOR and TDR', () => {
    const { fdc } = rig()
    fdc.write(2, 0x1c)
    fdc.write(3, 0xff)
    expect([fdc.read(2), fdc.read(3) & 3]).toEqual([0x1c, 3])
  })
})

describe('moving the head', () => {
  it('is busy while it seeks, then interrupts with seek end and side 0', () => {
    const { command, msr, untilIrq, sense, prepare, irq } = rig()
    prepare()
    command(0x0f, 0x04, 20)
    expect(msr()).toBe(0x11)
    expect(irq.level).toBe(false)
    untilIrq()
    expect(msr()).toBe(0x80)
    expect(sense()).toEqual([0x20, 20])
  })

  it.each<[string, (r: ReturnType<typeof rig>) => void]>([
    ['reset', ({ fdc }) => fdc.write(4, 0x80)],
    ['SEEK', ({ command }) => command(0x0f, 0x04, 3)],
    ['RECALIBRATE', ({ command }) => command(0x07, 0)],
  ])('selects side 0 after %s, as OS/2 3 and Windows 98 FORMAT expect', (_, move) => {
    const r = rig()
    const headSelect = () => r.fdc.read(0) & 0x08
    r.prepare()
    r.transfer(0x46, 0, 1, 1, 18, 512)
    expect(headSelect()).toBe(0x08)
    move(r)
    r.untilIrq()
    expect(headSelect()).toBe(0)
  })

  it('interrupts after a seek of no steps', () => {
    const { seek, prepare } = rig()
    prepare()
    expect(seek(0)).toEqual([0x20, 0])
  })

  it('needs two RECALIBRATEs from beyond track 79', () => {
    const { seek, prepare, command, untilIrq, sense } = rig()
    prepare()
    seek(82)
    command(0x07, 0)
    untilIrq()
    expect(sense()).toEqual([0x70, 0])
    command(0x07, 0)
    untilIrq()
    expect(sense()).toEqual([0x20, 0])
  })

  it('fails RECALIBRATE of an absent drive with equipment check', () => {
    const { fdc, command, prepare, untilIrq, sense } = rig()
    prepare()
    fdc.write(2, 0x2d)
    command(0x07, 1)
    untilIrq()
    expect(sense()).toEqual([0x71, 0])
  })

  it('seeks relative to where it is', () => {
    const { command, prepare, untilIrq, sense } = rig()
    prepare()
    command(0xcf, 0, 5)
    untilIrq()
    expect(sense()).toEqual([0x20, 5])
    command(0x8f, 0, 2)
    untilIrq()
    expect(sense()).toEqual([0x20, 3])
  })

  it('tells track 0, write protection and the unit by SENSE DRIVE STATUS', () => {
    const { command, result, prepare, seek } = rig({ medium: floppy(K1440, true) })
    prepare()
    command(0x04, 0x04)
    expect(result()).toEqual([0x7c])
    seek(1)
    command(0x04, 0x00)
    expect(result()).toEqual([0x68])
  })
})

describe('reading', () => {
  it('moves a sector by DMA up to terminal count and names the next one', () => {
    const { transfer, prepare, seek, dma, irq } = rig()
    prepare()
    seek(2)
    expect(transfer(0xe6, 2, 1, 5, 18, 512)).toEqual([0x04, 0, 0, 2, 1, 6, 2])
    expect(sectorAt(dma, 0)).toBe((2 * 2 + 1) * 18 + 4)
    expect(irq.level).toBe(false)
  })

  it('goes on to the other side with MT, and past the cylinder in its result', () => {
    const { transfer, prepare, dma } = rig()
    prepare()
    expect(transfer(0xe6, 0, 0, 17, 18, 4 * 512)).toEqual([0x04, 0, 0, 0, 1, 3, 2])
    expect([0, 1, 2, 3].map((index) => sectorAt(dma, index))).toEqual([16, 17, 18, 19])
    expect(transfer(0xe6, 0, 0, 1, 18, 36 * 512)).toEqual([0x04, 0, 0, 1, 0, 1, 2])
  })

  it('ends at the end of the cylinder when no terminal count comes', () => {
    const { transfer, prepare } = rig()
    prepare()
    expect(transfer(0x46, 0, 0, 17, 18, 0x8000).slice(0, 3)).toEqual([0x40, 0x80, 0])
  })

  it('overruns when the DMA channel is masked', () => {
    const { transfer, prepare } = rig()
    prepare()
    expect(transfer(0x46, 0, 0, 1, 18, 0).slice(0, 3)).toEqual([0x40, 0x10, 0])
  })

  it('keeps RQM low while DMA runs and until some time after the command', () => {
    const { command, prepare, msr, dma, irq, clock } = rig()
    prepare()
    dma.program(512)
    command(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)
    expect(msr()).toBe(0x10)
    clock.advance(5000)
    expect(irq.level).toBe(false)
    clock.advance(100_000)
    expect([irq.level, msr()]).toEqual([true, 0xd0])
  })

  it('reports no data for a sector, side or size that the track has not, and wrong cylinder', () => {
    const { transfer, command, prepare, untilIrq, result } = rig()
    prepare()
    expect(transfer(0x46, 0, 0, 19, 19, 512)).toEqual([0x40, 0x04, 0, 0, 0, 19, 2])
    expect(transfer(0x46, 1, 0, 1, 18, 512).slice(0, 3)).toEqual([0x40, 0x04, 0x10])
    command(0x46, 0, 0, 0, 1, 3, 18, 0x1b, 0xff)
    untilIrq()
    expect(result().slice(0, 3)).toEqual([0x40, 0x04, 0])
  })

  it('fails at a wrong data rate, as MINIX and OS/2 tell media apart', () => {
    const { transfer, command, prepare, untilIrq, result, fdc, clock, irq } = rig()
    prepare(RATE.K250)
    expect(transfer(0x46, 0, 0, 1, 18, 512).slice(0, 3)).toEqual([0x40, 0x05, 0])
    command(0x4a, 0)
    clock.advance(1_000_000)
    expect(irq.level).toBe(false) // two index pulses go by
    untilIrq()
    expect(result().slice(0, 2)).toEqual([0x40, 0x05])
    fdc.write(4, RATE.K500)
    expect(transfer(0x46, 0, 0, 1, 18, 512)[0]).toBe(0)
  })

  it('fails in single density, without a medium and with the motor off', () => {
    const { transfer, prepare, fdc } = rig()
    prepare()
    expect(transfer(0x06, 0, 0, 1, 18, 512).slice(0, 2)).toEqual([0x40, 0x05])
    fdc.write(2, 0x0c)
    expect(transfer(0x46, 0, 0, 1, 18, 512).slice(0, 2)).toEqual([0x40, 0x05])
    fdc.write(2, 0x1c)
    fdc.drives[0].insert(null)
    expect(transfer(0x46, 0, 0, 1, 18, 512).slice(0, 2)).toEqual([0x40, 0x05])
  })

  it('selects by the DOR; stray unit bits of a command only show in its status', () => {
    const { command, prepare, dma, untilIrq, result } = rig()
    prepare()
    dma.program(512)
    command(0x46, 0x02, 0, 0, 1, 2, 18, 0x1b, 0xff)
    untilIrq()
    expect(result()[0]).toBe(0x02)
  })

  it('seeks by itself when CONFIGURE says so', () => {
    const { command, transfer, prepare, dma } = rig()
    prepare()
    command(0x13, 0, 0x60, 0)
    expect(transfer(0x46, 7, 0, 1, 18, 512)[0]).toBe(0)
    expect(sectorAt(dma, 0)).toBe(7 * 36)
  })

  it('reads a whole track in physical order', () => {
    const { transfer, prepare, dma } = rig()
    prepare()
    expect(transfer(0x42, 0, 0, 9, 18, 18 * 512)[0]).toBe(0)
    expect([sectorAt(dma, 0), sectorAt(dma, 17)]).toEqual([0, 17])
  })

  it('finds no deleted data: marks the sector, or skips all', () => {
    const { transfer, prepare } = rig()
    prepare()
    expect(transfer(0x4c, 0, 0, 1, 18, 1024).slice(0, 3)).toEqual([0x00, 0, 0x40])
    expect(transfer(0x6c, 0, 0, 1, 18, 1024).slice(0, 2)).toEqual([0x40, 0x80])
  })

  it('verifies without moving data', () => {
    const { transfer, prepare, dma } = rig()
    prepare()
    expect(transfer(0x56, 0, 0, 1, 18, 0)).toEqual([0, 0, 0, 1, 0, 1, 2])
    expect(transfer(0x56, 0, 0, 18, 19, 0).slice(0, 2)).toEqual([0x40, 0x04])
    expect(dma.at).toBe(0)
  })

  it('verifies as many sectors as EC asks for', () => {
    const { command, prepare, untilIrq, result } = rig()
    prepare()
    command(0xd6, 0x80, 0, 0, 17, 2, 18, 0x1b, 4)
    untilIrq()
    expect(result()).toEqual([0x04, 0, 0, 0, 1, 3, 2])
  })

  it('scans for equal, lower and higher data', () => {
    const { transfer, prepare, dma } = rig()
    prepare()
    dma.memory.fill(0)
    dma.memory.fill(3, 512, 2048) // sectors 0..3 hold 0, 1 (and a zero), 2, 3
    expect(transfer(0x51, 0, 0, 1, 18, 512)[2]).toBe(0x08)
    dma.memory.fill(2, 0, 0x2000)
    for (let at = 1; at < 0x2000; at += 512) dma.memory[at] = 0
    expect(transfer(0x51, 0, 0, 1, 18, 0x2000)).toEqual([0, 0, 0x08, 0, 0, 4, 2])
    expect(transfer(0x59, 0, 0, 4, 18, 512)[2]).toBe(0x04)
    expect(transfer(0x5d, 0, 0, 4, 18, 512)[2]).toBe(0x00)
    dma.memory.fill(0xff)
    expect(transfer(0x51, 0, 0, 9, 18, 512)[2]).toBe(0x08)
  })
})

describe('READ ID', () => {
  it('does not interrupt at once: Windows 95 gets ready only after the command', () => {
    const { clock, command, irq, prepare, untilIrq } = rig()
    prepare()
    command(0x4a, 0)
    clock.advance(10_000)
    expect(irq.level).toBe(false)
    untilIrq()
  })

  it('returns sector numbers that rotate', () => {
    const { command, prepare, untilIrq, result } = rig()
    prepare()
    const ids = Array.from({ length: 20 }, () => {
      command(0x4a, 0x04)
      untilIrq()
      return result()
    })
    expect(ids[0]?.slice(0, 5)).toEqual([0x04, 0, 0, 0, 1])
    expect(new Set(ids.map((id) => id[5])).size).toBe(18)
    expect(ids.every((id) => id[6] === 2)).toBe(true)
  })

  it('passes one sector per sector time at exact pace', () => {
    const { command, prepare, untilIrq, result } = rig({ pace: 'exact' })
    prepare()
    const next = () => {
      command(0x4a, 0)
      untilIrq()
      return result()[5] ?? 0
    }
    const first = next()
    expect(next()).toBe((first % 18) + 1)
  })
})

describe('writing', () => {
  it('writes sectors and fills the rest of a cut one with zeros', () => {
    const medium = floppy(K1440)
    const { transfer, prepare, dma } = rig({ medium })
    prepare()
    dma.memory.fill(0xaa)
    expect(transfer(0x45, 0, 0, 3, 18, 700)).toEqual([0, 0, 0, 0, 0, 5, 2])
    const bytes = new Uint8Array(1536)
    medium.image.read(2, 3, bytes)
    expect([bytes[0], bytes[699], bytes[700], bytes[1023], bytes[1024]]).toEqual([0xaa, 0xaa, 0, 0, 4])
  })

  it('takes WRITE with stray opcode bits, and WRITE DELETED', () => {
    const { transfer, prepare } = rig()
    prepare()
    expect(transfer(0xe5, 0, 0, 1, 18, 512)[0]).toBe(0)
    expect(transfer(0x49, 0, 0, 1, 18, 512)[0]).toBe(0)
  })

  it('refuses a protected medium', () => {
    const { transfer, command, prepare, untilIrq, result, fdc } = rig({ medium: floppy(K1440, true) })
    prepare()
    expect(transfer(0x45, 0, 0, 1, 18, 512).slice(0, 2)).toEqual([0x40, 0x02])
    command(0x4d, 0, 2, 18, 0x50, 0xf6)
    untilIrq()
    expect(result().slice(0, 2)).toEqual([0x40, 0x02])
    expect(fdc.read(0) & 0x02).toBe(0)
  })

  it('formats a track with its fill byte', () => {
    const medium = floppy(K1440)
    const { command, prepare, seek, untilIrq, result, dma } = rig({ medium })
    prepare()
    seek(1)
    for (let sector = 0; sector < 18; sector++) dma.memory.set([1, 0, sector + 1, 2], sector * 4)
    dma.program(72)
    command(0x4d, 0, 2, 18, 0x50, 0xf6)
    untilIrq()
    expect(result().slice(0, 3)).toEqual([0, 0, 0])
    const track = new Uint8Array(18 * 512)
    medium.image.read(36, 18, track)
    expect(track.every((byte) => byte === 0xf6)).toBe(true)
  })

  it('fails to format to what the image cannot hold', () => {
    const { command, prepare, untilIrq, result, dma } = rig()
    prepare()
    dma.program(36)
    command(0x4d, 0, 2, 9, 0x50, 0xf6)
    untilIrq()
    expect((result()[0] ?? 0) & 0xc0).toBe(0x40)
  })

  it('turns host errors into status bits and tells the listener', () => {
    const medium = floppy(K1440)
    const broken: BlockImage = Object.assign(Object.create(medium.image), {
      read() {
        throw new DiskError('io', 'a.img', technical('it cannot be read (EIO)'))
      },
      write() {
        throw new DiskError('full', 'a.img', technical('no room is left on its disk'))
      },
    })
    const { transfer, prepare, faults } = rig({ medium: { image: broken, geometry: medium.geometry } })
    prepare()
    expect(transfer(0x46, 0, 0, 1, 18, 512).slice(0, 3)).toEqual([0x40, 0x20, 0x20])
    expect(transfer(0x45, 0, 0, 1, 18, 512)[0]).toBe(0x50)
    expect(faults.map(({ drive, operation, error }) => [drive, operation, error.kind])).toEqual([
      ['floppy0', 'read', 'io'],
      ['floppy0', 'write', 'full'],
    ])
  })
})

describe('non-DMA mode', () => {
  it('hands over byte after byte with interrupts, and ends at EOT', () => {
    const { fdc, command, prepare, msr, irq, untilIrq, result, clock } = rig()
    prepare()
    command(0x03, 0xdf, 0x03)
    command(0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff)
    untilIrq()
    expect(msr()).toBe(0xf0)
    const edges = irq.risingEdges
    const bytes: number[] = []
    for (let guard = 0; guard < 2000 && bytes.length < 1024; guard++) {
      if ((msr() & 0xf0) === 0xf0) bytes.push(fdc.read(5))
      else clock.advance(10_000)
    }
    expect([bytes[0], bytes[1], bytes[512]]).toEqual([16, 0, 17])
    expect(irq.risingEdges - edges).toBe(1024)
    expect(result()).toEqual([0x40, 0x80, 0, 1, 0, 1, 2])
  })

  it('takes bytes to write', () => {
    const medium = floppy(K1440)
    const { fdc, command, prepare, msr, untilIrq, result } = rig({ medium })
    prepare()
    command(0x03, 0xdf, 0x03)
    command(0x45, 0, 0, 0, 18, 2, 18, 0x1b, 0xff)
    untilIrq()
    expect(msr()).toBe(0xb0)
    for (let at = 0; at < 512; at++) fdc.write(5, 0x77)
    expect(result()[0]).toBe(0x40)
    const sector = new Uint8Array(512)
    medium.image.read(17, 1, sector)
    expect(sector.every((byte) => byte === 0x77)).toBe(true)
  })
})

describe('exact pace', () => {
  it('turns at 300 rpm and steps at the SPECIFY rate', () => {
    const { clock, prepare, command, untilIrq, sense, transfer } = rig({ pace: 'exact' })
    prepare()
    const seekStart = clock.nowNs
    command(0x0f, 0, 10)
    untilIrq()
    sense()
    expect((clock.nowNs - seekStart) / 1e6).toBeCloseTo(30, 0) // SRT 13: 3 ms a step
    transfer(0x46, 10, 0, 1, 18, 18 * 512)
    const start = clock.nowNs
    transfer(0x46, 10, 0, 1, 18, 18 * 512)
    expect((clock.nowNs - start) / 1e6).toBeCloseTo(200, -1)
  })
})

describe('saved state', () => {
  it('goes on with the same future in the middle of each phase', () => {
    const moments = [
      (r: ReturnType<typeof rig>) => r.fdc.write(2, 0x18),
      (r: ReturnType<typeof rig>) => r.command(0x46, 0, 0),
      (r: ReturnType<typeof rig>) => r.command(0x0f, 0, 30),
      (r: ReturnType<typeof rig>) => r.command(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff),
      (r: ReturnType<typeof rig>) => r.command(0x10),
    ]
    for (const moment of moments) {
      const before = rig()
      before.prepare()
      moment(before)
      const saved = structuredClone(before.fdc.save())
      const after = rig()
      after.clock.nowNs = before.clock.nowNs
      after.fdc.restore(saved)
      expect(after.fdc.save()).toEqual(saved)
      for (const each of [before, after]) {
        each.dma.program(512)
        each.clock.advance(1e6)
      }
      expect(after.fdc.save()).toEqual(before.fdc.save())
      expect([after.irq.level, after.msr()]).toEqual([before.irq.level, before.msr()])
    }
  })

  it('refuses what is no state of it, changing nothing', () => {
    const { fdc } = rig()
    const saved = fdc.save()
    for (const bad of [
      null,
      {},
      { ...saved, rate: 4 },
      { ...saved, pcn: [0, 0, 0] },
      { ...saved, version: 2 },
    ]) {
      expect(() => fdc.restore(bad)).toThrow(/state-invalid/)
      expect(fdc.save()).toEqual(saved)
    }
  })

  it('comes back to power-on by reset', () => {
    const { fdc, prepare, seek, irq } = rig()
    const fresh = rig().fdc.save()
    prepare()
    seek(3)
    fdc.reset()
    expect(fdc.save()).toEqual(fresh)
    expect(irq.level).toBe(false)
  })
})

it('survives any register accesses at any time', () => {
  const { fdc, clock, dma } = rig({ second: '1.2M' })
  let seed = 12345
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  const opcodes = [
    0xe6, 0x45, 0x4c, 0x42, 0x56, 0x51, 0x59, 0x5d, 0x4d, 0x4a, 0x07, 0x0f, 0xcf, 0x08, 0x13, 0x03,
  ]
  for (let step = 0; step < 50_000; step++) {
    const kind = random(12)
    if (kind < 6) fdc.write(5, random(3) === 0 ? (opcodes[random(opcodes.length)] ?? 0) : random(24))
    else if (kind === 6) fdc.write([2, 3, 4, 7][random(4)] ?? 2, random(8) === 0 ? random(256) : 0x1c)
    else if (kind < 10) fdc.read(random(8))
    else if (kind === 10) clock.advance(random(200_000))
    else dma.program(random(4096))
    if (random(1000) === 0) fdc.restore(structuredClone(fdc.save()))
  }
})
