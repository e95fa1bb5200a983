import { beforeEach, describe, expect, it } from 'vitest'
import type { FirmwareConfig } from '../../config.ts'
import { RETRY } from '../../port/protocol.ts'
import { FLAG, type Outcome, Registers } from '../../port/registers.ts'
import { TestGuest } from '../../port/test-guest.ts'
import { GEOMETRY_1440, TestDisk, testContext } from '../../test-machine.ts'
import { initializeVideo } from '../int10/index.ts'
import { boot } from './boot.ts'

const WAIT: Outcome = { kind: 'retry', entry: RETRY.boot }
const SIGNATURE = [0x55, 0xaa]
const DISK_GEOMETRY = { cylinders: 100, heads: 16, sectors: 63 }

let guest: TestGuest
beforeEach(() => {
  guest = new TestGuest()
  guest.ports.set(0x3cc, 0x67)
  guest.ports.set(0x92, 0)
  guest.run(initializeVideo())
  guest.set(0x40, 0x1a, [0x1e, 0, 0x1e, 0])
  guest.set(0x40, 0x80, [0x1e, 0, 0x3e, 0])
})

function powerOn(config: Partial<FirmwareConfig>) {
  const context = testContext(config)
  const start = (ah = 0) => {
    const r = new Registers()
    r.ah = ah
    return { r, outcome: guest.run(boot(r, context)) }
  }
  const press = (code: number) => {
    guest.set(0x40, 0x1e, [code & 0xff, code >> 8])
    guest.set(0x40, 0x1a, [0x1e, 0, 0x20, 0])
  }
  return { context, start, press }
}

const screen = (): string => Array.from({ length: 25 }, (_, row) => guest.row(row)).join('\n')
const bootable = (kind: 'floppy' | 'disk') =>
  new TestDisk(kind, kind === 'floppy' ? GEOMETRY_1440 : DISK_GEOMETRY).put(0, SIGNATURE, 510)

describe('boot order', () => {
  it('starts the first sector of a diskette at 0:7C00', () => {
    const { r, outcome } = powerOn({ floppies: [bootable('floppy').put(0, [0xeb, 0x3c])] }).start()
    expect(outcome.kind).toBe('done')
    expect([r.cs, r.ip, r.dl, r.flags & FLAG.interrupt]).toEqual([0, 0x7c00, 0, FLAG.interrupt])
    expect(guest.bytes(0, 0x7c00, 2)).toEqual([0xeb, 0x3c])
    expect([r.es, r.di]).toEqual([0xf000, 0x4000])
  })

  it('goes on to the next drive when one has no medium or no boot sector', () => {
    const empty = new TestDisk('floppy', null)
    const disks = [new TestDisk('disk', DISK_GEOMETRY), bootable('disk')]
    const { r } = powerOn({ floppies: [empty], disks }).start()
    expect(r.dl).toBe(0x81)
  })

  it('takes diskettes of the first systems, which have no signature', () => {
    const old = new TestDisk('floppy', GEOMETRY_1440).put(0, [0xeb, 0x2c, 0x90])
    expect(powerOn({ floppies: [old] }).start().r.ip).toBe(0x7c00)
  })

  it('gives the next drive its turn at INT 18h', () => {
    const { start } = powerOn({ floppies: [bootable('floppy')], disks: [bootable('disk')] })
    expect(start().r.dl).toBe(0)
    expect(start(1).r.dl).toBe(0x80)
  })

  it('says clearly when nothing boots, and tries again after a key', () => {
    const floppy = new TestDisk('floppy', null)
    const { start, press } = powerOn({ floppies: [floppy] })
    expect(start().outcome).toEqual(WAIT)
    expect(screen()).toContain('No bootable device.')
    expect(screen()).toContain('Floppy 1 (test.img): no medium')
    expect(start().outcome).toEqual(WAIT)

    floppy.geometry = GEOMETRY_1440
    floppy.sectorCount = 2880
    floppy.put(0, SIGNATURE, 510)
    press(0x1c0d)
    expect(start().r.ip).toBe(0x7c00)
  })
})

describe('boot menu', () => {
  const machine = () =>
    powerOn({ floppies: [bootable('floppy')], disks: [bootable('disk')], menuDelayMs: 1000 })

  it('opens with F12 while the hint is shown, and boots what is chosen', () => {
    const { start, press } = machine()
    expect(start().outcome).toEqual(WAIT)
    expect(screen()).toContain('Press F12')
    press(0x8600)
    expect(start().outcome).toEqual(WAIT)
    expect(screen()).toMatch(/1 {2}Floppy 1[^]*2 {2}Disk 1/)
    press(0x5000)
    start()
    press(0x1c0d)
    expect(start().r.dl).toBe(0x80)
  })

  it('takes a digit, and Esc for the usual order', () => {
    const first = machine()
    first.start()
    first.press(0x8600)
    first.start()
    first.press(0x0332)
    expect(first.start().r.dl).toBe(0x80)

    const second = machine()
    second.start()
    second.press(0x8600)
    second.start()
    second.press(0x011b)
    expect(second.start().r.dl).toBe(0)
  })

  it('is gone when the time of the hint is over', () => {
    const { start, context } = machine()
    start()
    context.clock.advance(1.1e9)
    expect(start().r.ip).toBe(0x7c00)
  })
})

describe('CDs', () => {
  const ascii = (text: string) => Array.from(text, (c) => c.charCodeAt(0))
  /** A disc with a boot catalog in sector 20 and an image from sector 30 on. */
  const disc = (mediaType: number, { segment = 0, count = 4 } = {}) =>
    new TestDisk('cdrom', null, 2000)
      .put(17, [0, ...ascii('CD001'), 1, ...ascii('EL TORITO SPECIFICATION')])
      .put(17, [20, 0, 0, 0], 0x47)
      .put(20, [1, 0, 0, 0])
      .put(20, [0x55, 0xaa, 0x88, mediaType, segment & 0xff, segment >> 8, 0, 0, count, 0, 30, 0, 0, 0], 30)

  it('without emulation load as many sectors as the catalog says and have drive number E0h', () => {
    // A boot sector that begins with zeros is as good as any.
    const { r } = powerOn({ cdroms: [disc(0).put(30, [0, 0, 0, 0, 0, 0x42])] }).start()
    expect([r.cs, r.ip, r.dl]).toEqual([0, 0x7c00, 0xe0])
    expect(guest.memory[0x7c05]).toBe(0x42)
    expect(powerOn({ cdroms: [disc(0, { segment: 0x1234 })] }).start().r.cs).toBe(0x1000)
  })

  it('with a diskette image boot from drive 0', () => {
    const { start, context } = powerOn({ cdroms: [disc(2, { count: 1 })] })
    expect(start().r.dl).toBe(0)
    expect(context.state.emulation).toMatchObject({
      media: 'floppy',
      cylinders: 80,
      heads: 2,
      sectors: 18,
      start: 30,
    })
  })

  it('with a hard disk image boot from drive 80h with the geometry of its partition', () => {
    const cd = disc(4, { count: 1 }).put(
      30,
      [0x80, 1, 1, 0, 6, 7, 32, 99, 32, 0, 0, 0, 0xe0, 0x63, 0, 0],
      446,
    )
    const { start, context } = powerOn({ cdroms: [cd] })
    expect(start().r.dl).toBe(0x80)
    expect(context.state.emulation).toMatchObject({ media: 'disk', cylinders: 100, heads: 8, sectors: 32 })
  })

  it.each([
    ['not a bootable CD', new TestDisk('cdrom', null, 100)],
    ['its boot catalog is damaged', disc(0).put(20, [9])],
    ['its boot catalog has no entry to boot', disc(0).put(20, [0], 32)],
    ['cannot be read', disc(0).put(17, [0xff, 0xff, 0xff], 0x47)],
  ])('are passed over when %s', (reason, cd) => {
    powerOn({ cdroms: [cd] }).start()
    expect(screen()).toContain(reason)
  })
})

describe('kernels', () => {
  it('start in real mode with their own stack', () => {
    const kernel = {
      pieces: [],
      start: { kind: 'real', cs: 0x1020, ip: 0, ds: 0x1000, ss: 0x1000, sp: 0xe000 },
    } as const
    const { r, outcome } = powerOn({ kernel }).start()
    expect(outcome).toEqual({ kind: 'launch16', ss: 0x1000, esp: 0xe000, fs: 0x1000, gs: 0x1000 })
    expect([r.cs, r.ip, r.ds, r.es, r.flags & FLAG.interrupt]).toEqual([0x1020, 0, 0x1000, 0x1000, 0])
  })

  it('start in protected mode with the A20 gate open', () => {
    const kernel = {
      pieces: [],
      start: { kind: 'protected', entry: 0x100000, esp: 0x7c00, eax: 0x2badb002, ebx: 0x10000, esi: 0 },
    } as const
    const { r, outcome } = powerOn({ kernel }).start()
    expect(outcome).toEqual({ kind: 'launch32', entry: 0x100000, esp: 0x7c00 })
    expect([r.eax, r.ebx]).toEqual([0x2badb002, 0x10000])
    expect(guest.writes).toContainEqual([0x92, 2])
  })
})
