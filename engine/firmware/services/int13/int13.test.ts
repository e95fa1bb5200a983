import { describe, expect, it } from 'vitest'
import { logicalGeometry } from '../../disk.ts'
import { TestGuest } from '../../port/test-guest.ts'
import { FLAG, type Registers } from '../../port/registers.ts'
import { BlockDisk } from '../../block-disk.ts'
import { FLOPPY_GEOMETRIES } from '../../../storage/floppy-geometry.ts'
import { MemoryImage } from '../../../storage/memory-image.ts'
import { GEOMETRY_1440, TestDisk, testContext } from '../../test-machine.ts'
import { int13, int40 } from './index.ts'

function powerOn() {
  const floppy = new TestDisk('floppy', GEOMETRY_1440)
  const disk = new TestDisk('disk', { cylinders: 2000, heads: 16, sectors: 63 })
  const cdrom = new TestDisk('cdrom', null, 1000)
  const context = testContext({ floppies: [floppy], disks: [disk], cdroms: [cdrom] })
  const guest = new TestGuest()
  const call = (setup: Partial<Registers>) => guest.call((r) => int13(r, context), setup).r
  const carry = (r: Registers) => (r.flags & FLAG.carry) !== 0
  return { floppy, disk, cdrom, context, guest, call, carry }
}

describe('diskettes', () => {
  it('reads sectors by cylinder, head and sector', () => {
    const { guest, call, carry } = powerOn()
    const r = call({ ax: 0x0202, cx: 0x0103, dx: 0x0100, es: 0x800, bx: 0x10 })

    expect(carry(r)).toBe(false)
    expect(r.ax).toBe(0x0002)
    expect(guest.dword(0x800, 0x10)).toBe((1 * 2 + 1) * 18 + 2)
    expect(guest.dword(0x800, 0x210)).toBe((1 * 2 + 1) * 18 + 3)
  })

  it('goes on from head 0 to head 1 and not beyond', () => {
    const { call, carry } = powerOn()
    expect(call({ ax: 0x0224, cx: 0x0001, dx: 0, es: 0x1000 }).ax).toBe(0x0024)
    const r = call({ ax: 0x0225, cx: 0x0001, dx: 0, es: 0x1000 })
    expect([carry(r), r.ax]).toEqual([true, 0x0424])
  })

  it.each([
    [80, 0, 1],
    [0, 2, 1],
    [0, 0, 19],
    [0, 0, 0],
  ])('finds no sector at %i/%i/%i', (cylinder, head, sector) => {
    const { call } = powerOn()
    expect(call({ ax: 0x0201, ch: cylinder, cl: sector, dh: head, dl: 0 }).ah).toBe(0x04)
  })

  it('tells of a changed medium once, then reads the new one', () => {
    const { floppy, call, carry } = powerOn()
    floppy.changed = true
    expect(call({ ax: 0x0201, cx: 1, dx: 0 }).ah).toBe(0x06)
    expect(carry(call({ ax: 0x0201, cx: 1, dx: 0 }))).toBe(false)
  })

  it('is not ready without a medium, protected when it is, and remembers the status', () => {
    const { floppy, call } = powerOn()
    floppy.readonly = true
    expect(call({ ax: 0x0301, cx: 1, dx: 0 }).ah).toBe(0x03)
    floppy.sectorCount = 0
    expect(call({ ax: 0x0201, cx: 1, dx: 0 }).ah).toBe(0x80)
    expect(call({ ax: 0x0100, dx: 0 }).ah).toBe(0x80)
  })

  it('describes a drive with a table of 13 bytes that ends in last track and data rate', () => {
    const { call } = powerOn()
    const r = call({ ax: 0x0800, dx: 0 })
    expect([r.bl, r.ch, r.cl, r.dh, r.dl]).toEqual([4, 79, 18, 1, 1])
    expect([r.es, r.di]).toEqual([0xf000, 0x3f40])
  })

  it('formats a track with the filler of the parameter table', () => {
    const { floppy, guest, call } = powerOn()
    guest.view.setUint32(0x1e * 4, 0x00500000, true)
    guest.set(0x50, 8, [0xe5])
    call({ ax: 0x0512, cx: 0x0501, dx: 0x0100 })
    expect(floppy.written.size).toBe(18)
    expect(floppy.sector((5 * 2 + 1) * 18).every((byte) => byte === 0xe5)).toBe(true)
  })

  it('answers INT 40h as well, but not for disks', () => {
    const { guest, context } = powerOn()
    expect(guest.call((r) => int40(r, context), { ax: 0x1500, dl: 0 }).r.ah).toBe(2)
    expect(guest.call((r) => int40(r, context), { ax: 0x0201, cx: 1, dl: 0x80 }).r.ah).toBe(1)
  })
})

describe('a diskette with sectors of mixed sizes', () => {
  /** An XDF floppy, and a parameter table of the caller's that asks for a size. */
  function withXdf() {
    const data = new Uint8Array(1_884_160)
    for (let block = 0; block < 3680; block++) new DataView(data.buffer).setUint32(block * 512, block, true)
    const floppy = FLOPPY_GEOMETRIES.get(data.length)!
    const image = new MemoryImage(data, 512)
    const geometry = { cylinders: 80, heads: 2, sectors: 23 }
    const disk = new BlockDisk({ kind: 'floppy', driveType: 4 }, () => ({ image, geometry, floppy }))
    disk.takeChanged()
    const guest = new TestGuest()
    const context = testContext({ floppies: [disk] })
    const call = (sizeCode: number, setup: Partial<Registers>) => {
      guest.view.setUint32(0x78, 0x0050_0000, true)
      guest.set(0x50, 3, [sizeCode])
      return guest.call((r) => int13(r, context), { es: 0x1000, ...setup }).r
    }
    return { call, guest, image }
  }

  it('reads sectors of mixed sizes by their numbers', () => {
    const { call, guest } = withXdf()
    expect(call(6, { ax: 0x0201, ch: 1, cl: 0x86, dh: 1, dl: 0 }).ax).toBe(0x0001)
    expect([guest.dword(0x1000, 0), guest.dword(0x1000, 15 * 512)]).toEqual([46 + 6, 46 + 21])
    expect(call(2, { ax: 0x0208, ch: 0, cl: 1, dh: 0, dl: 0 }).ax).toBe(0x0008)
    expect([guest.dword(0x1000, 0), guest.dword(0x1000, 7 * 512)]).toEqual([12, 19])
    expect(call(2, { ax: 0x0209, ch: 0, cl: 1, dh: 0, dl: 0 }).ax).toBe(0x0408)
    expect(call(2, { ax: 0x0201, ch: 1, cl: 1, dh: 0, dl: 0 }).ax).toBe(0x0400)
  })

  it('writes them', () => {
    const { call, guest, image } = withXdf()
    guest.memory.fill(0x5a, 0x10000, 0x12000)
    expect(call(3, { ax: 0x0301, ch: 2, cl: 0x83, dh: 1, dl: 0 }).ax).toBe(0x0001)
    const blocks = new Uint8Array(1024)
    image.read(2 * 46 + 44, 2, blocks)
    expect(new Set(blocks)).toEqual(new Set([0x5a]))
  })

  it('tells the geometry of the drive', () => {
    const { call } = withXdf()
    expect(call(2, { ax: 0x0800, dx: 0 }).cx).toBe(0x4f12)
  })
})

describe('hard disks', () => {
  it('has a geometry of at most 1024 cylinders, never with 0 sectors', () => {
    const { call } = powerOn()
    const r = call({ ax: 0x0800, dl: 0x80 })
    const cylinders = (r.ch | ((r.cl & 0xc0) << 2)) + 1
    expect([cylinders, r.dh + 1, r.cl & 0x3f, r.dl]).toEqual([1000, 32, 63, 1])
  })

  it.each([
    [1024 * 16 * 63, 1024, 16],
    [1040 * 16 * 63, 520, 32],
    [4_194_304, 520, 128],
    [16_000_000, 995, 255],
    [250_000_000, 1024, 255],
  ])('translates %i sectors into %i cylinders of %i heads', (sectors, cylinders, heads) => {
    const physical = { cylinders: Math.min(16383, Math.ceil(sectors / 16 / 63)), heads: 16, sectors: 63 }
    expect(logicalGeometry(physical, sectors)).toEqual({ cylinders, heads, sectors: 63 })
  })

  it('reads 127 sectors across segment ends', () => {
    const { guest, call, carry } = powerOn()
    const r = call({ ax: 0x027f, cx: 0x0001, dx: 0x0180, es: 0x1800, bx: 0xff00 })
    expect(carry(r)).toBe(false)
    expect(guest.dword(0x1800, 0xff00)).toBe(63)
    expect(guest.view.getUint32(0x18000 + 0xff00 + 126 * 512, true)).toBe(63 + 126)
  })

  it('returns with interrupts enabled and without the flags on the stack', () => {
    const { guest, context } = powerOn()
    const { r } = guest.call((registers) => int13(registers, context), {
      ax: 0x0000,
      dl: 0x80,
      callerFlags: 0xffff,
      entryFlags: 0x0002,
    })
    expect(r.flags & FLAG.interrupt).toBe(FLAG.interrupt)
    expect(r.flags & FLAG.trap).toBe(0)
  })

  it('keeps high halves of registers', () => {
    const { call } = powerOn()
    const r = call({ eax: 0x12340000, ebx: 0x56780000, ecx: 0x9abc0000, edx: 0xdef00080, esi: 0x13570000 })
    expect([r.eax >>> 16, r.ebx >>> 16, r.ecx >>> 16, r.edx >>> 16, r.esi >>> 16]).toEqual([
      0x1234, 0x5678, 0x9abc, 0xdef0, 0x1357,
    ])
  })

  it('has no drive behind the last', () => {
    const { call, carry } = powerOn()
    const r = call({ ax: 0x0201, cx: 1, dl: 0x81 })
    expect([carry(r), r.ah]).toEqual([true, 1])
    expect(call({ ax: 0x1500, dl: 0x81 }).ah).toBe(0)
  })
})

describe('extended functions', () => {
  const packet = (guest: TestGuest, sector: number, count: number, segment = 0x2000, offset = 0) => {
    guest.set(0x60, 0, [16, 0])
    guest.view.setUint16(0x602, count, true)
    guest.view.setUint16(0x604, offset, true)
    guest.view.setUint16(0x606, segment, true)
    guest.view.setUint32(0x608, sector, true)
    guest.view.setUint32(0x60c, 0, true)
  }

  it('announces itself', () => {
    const { call } = powerOn()
    const r = call({ ax: 0x4100, bx: 0x55aa, dl: 0x80 })
    expect([r.bx, r.ah, r.cx & 1]).toEqual([0xaa55, 0x30, 1])
  })

  it('takes locks and transfer modes, and refuses those that do not exist', () => {
    const { call, carry } = powerOn()
    for (const ax of [0x4500, 0x4501, 0x4502, 0x4e00, 0x4e01, 0x4e06]) {
      const r = call({ ax, dl: 0x80 })
      expect([carry(r), r.ah, r.al]).toEqual([false, 0, 0])
    }
    for (const ax of [0x4503, 0x4e07]) expect(carry(call({ ax, dl: 0x80 }))).toBe(true)
  })

  it('reads and writes by sector number', () => {
    const { guest, call, disk } = powerOn()
    packet(guest, 123456, 2)
    expect(call({ ax: 0x4200, ds: 0x60, si: 0, dl: 0x80 }).ah).toBe(0)
    expect(guest.dword(0x2000, 0)).toBe(123456)

    packet(guest, 5, 2)
    expect(call({ ax: 0x4300, ds: 0x60, si: 0, dl: 0x80 }).ah).toBe(0)
    expect(disk.sector(6)[1]).toBe((123457 >> 8) & 0xff)
  })

  it('stores the number of sectors done when one fails', () => {
    const { guest, call, disk } = powerOn()
    disk.badFrom = 64
    packet(guest, 0, 100)
    expect(call({ ax: 0x4200, ds: 0x60, si: 0, dl: 0x80 }).ah).not.toBe(0)
    expect(guest.word(0x60, 2)).toBe(64)
  })

  it('gives the physical geometry, and FFFF:FFFF where a device parameter table would be', () => {
    const { guest, call } = powerOn()
    guest.view.setUint16(0x600, 30, true)
    expect(call({ ax: 0x4800, ds: 0x60, si: 0, dl: 0x80 }).ah).toBe(0)
    expect([4, 8, 12, 16].map((at) => guest.dword(0x60, at))).toEqual([2000, 16, 63, 2000 * 16 * 63])
    expect(guest.dword(0x60, 26)).toBe(0xffffffff)
  })

  it('reads CDs in sectors of 2048 bytes', () => {
    const { guest, call, context } = powerOn()
    context.state.emulation = {
      drive: 0xe0,
      media: 'none',
      mediaType: 0,
      cd: 0,
      start: 20,
      loadSegment: 0x7c0,
      loadSectors: 4,
      cylinders: 1,
      heads: 1,
      sectors: 1,
    }
    packet(guest, 77, 3)
    expect(call({ ax: 0x4200, ds: 0x60, si: 0, dl: 0xe0 }).ah).toBe(0)
    expect([0, 2048, 4096].map((at) => guest.dword(0x2000, at))).toEqual([77, 78, 79])
    expect(call({ ax: 0x4300, ds: 0x60, si: 0, dl: 0xe0 }).ah).toBe(3)
  })
})

describe('a diskette emulated from a CD', () => {
  it('takes A: while the real drive becomes B:, checks its bounds and ends on request', () => {
    const { guest, call, context } = powerOn()
    context.state.emulation = {
      drive: 0,
      media: 'floppy',
      mediaType: 2,
      cd: 0,
      start: 30,
      loadSegment: 0x7c0,
      loadSectors: 1,
      cylinders: 80,
      heads: 2,
      sectors: 18,
    }
    call({ ax: 0x0201, cx: 0x0005, dx: 0x0000, es: 0x2000 })
    expect(guest.dword(0x2000, 0)).toBe(31) // four of its sectors are one of the CD's
    expect(call({ ax: 0x0201, cx: 0x0013, dx: 0 }).ah).toBe(4)
    expect(call({ ax: 0x0301, cx: 0x0001, dx: 0 }).ah).toBe(3)
    call({ ax: 0x0201, cx: 0x0002, dx: 0x0001, es: 0x2000 })
    expect(guest.dword(0x2000, 0)).toBe(1)
    expect(call({ ax: 0x0800, dx: 0 }).dl).toBe(2)

    const r = call({ ax: 0x4b00, dl: 0, ds: 0x60, si: 0 })
    expect([r.ah, guest.memory[0x601], guest.dword(0x60, 4)]).toEqual([0, 2, 30])
    call({ ax: 0x0201, cx: 0x0002, dx: 0, es: 0x2000 })
    expect(guest.dword(0x2000, 0)).toBe(1)
  })
})

describe('a hard disk emulated from a CD', () => {
  it('is the first one, has the extended functions (NetWare 5.1, Ghost) and bounds (SCO OpenServer)', () => {
    const { guest, call } = powerOnFromCd()
    expect(call({ ax: 0x4100, bx: 0x55aa, dl: 0x80 }).bx).toBe(0xaa55)
    guest.set(0x60, 0, [16, 0, 1, 0, 0, 0, 0, 0x20, 8, 0, 0, 0, 0, 0, 0, 0])
    expect(call({ ax: 0x4200, ds: 0x60, si: 0, dl: 0x80 }).ah).toBe(0)
    expect(guest.dword(0x2000, 0)).toBe(42) // 40 and two sectors of the CD
    expect(call({ ax: 0x0201, cx: 0x0001, dx: 0x0180, es: 0x2000 }).ah).toBe(0)
    expect(guest.dword(0x2000, 0)).toBe(48)
    expect(call({ ax: 0x0201, cx: 0x0021, dx: 0x0080, es: 0x2000 }).ah).not.toBe(0)
    expect(call({ ax: 0x0301, cx: 0x0001, dx: 0x0080 }).ah).toBe(3)
    expect(call({ ax: 0x0800, dx: 0x0080 }).dl).toBe(2)
  })

  it('makes the real first disk the second', () => {
    const { guest, call } = powerOnFromCd()
    expect(call({ ax: 0x0201, cx: 0x0005, dx: 0x0081, es: 0x2000 }).ah).toBe(0)
    expect(guest.dword(0x2000, 0)).toBe(4)
  })

  function powerOnFromCd() {
    const made = powerOn()
    made.context.state.emulation = {
      drive: 0x80,
      media: 'disk',
      mediaType: 4,
      cd: 0,
      start: 40,
      loadSegment: 0x7c0,
      loadSectors: 1,
      cylinders: 100,
      heads: 8,
      sectors: 32,
    }
    return made
  }
})
