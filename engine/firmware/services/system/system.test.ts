import { describe, expect, it } from 'vitest'
import { RETRY } from '../../port/protocol.ts'
import { FLAG, type Registers } from '../../port/registers.ts'
import { TestGuest } from '../../port/test-guest.ts'
import { testContext } from '../../test-machine.ts'
import { int14, int17 } from './ports.ts'
import { int15 } from './int15.ts'
import { int1a, ticksOf } from './time.ts'

const MIB = 1 << 20

function powerOn(ramMiB = 64, acpi = true) {
  const guest = new TestGuest()
  const context = testContext({ ramBytes: ramMiB * MIB, acpi })
  const call = (setup: Partial<Registers>) => guest.call((r) => int15(r, context), setup)
  const carry = (r: Registers) => (r.flags & FLAG.carry) !== 0
  return { guest, context, call, carry }
}

describe('memory size', () => {
  it('by AH=88h is what there is, at most FFC0h KiB', () => {
    expect(powerOn(8, false).call({ ax: 0x8800 }).r.ax).toBe(7 * 1024)
    expect(powerOn(512).call({ ax: 0x8800 }).r.ax).toBe(0xffc0)
  })

  it('by E801h is split at 16 MiB', () => {
    const { r } = powerOn(64, false).call({ ax: 0xe801 })
    expect([r.ax, r.bx, r.cx, r.dx]).toEqual([15 * 1024, 48 * 16, 15 * 1024, 48 * 16])
    expect(powerOn(4, false).call({ ax: 0xe801 }).r.bx).toBe(0)
  })

  it('by E820h is a list of ranges without overlap that ends with EBX = 0', () => {
    const { guest, call, carry } = powerOn(64)
    const ranges: { base: number; length: number; kind: number }[] = []
    let ebx = 0
    do {
      const { r } = call({ eax: 0xe820, ebx, ecx: 20, edx: 0x534d4150, es: 0x60, di: 0 })
      expect([carry(r), r.eax, r.ecx]).toEqual([false, 0x534d4150, 20])
      ranges.push({ base: guest.dword(0x60, 0), length: guest.dword(0x60, 8), kind: guest.dword(0x60, 16) })
      ebx = r.ebx
    } while (ebx !== 0)
    const usable = ranges.filter(({ kind }) => kind === 1)
    expect(usable).toEqual([
      { base: 0, length: 639 * 1024, kind: 1 },
      { base: MIB, length: 63 * MIB - 0x10000, kind: 1 },
    ])
    ranges.sort((a, b) => a.base - b.base)
    for (let index = 1; index < ranges.length; index++)
      expect(ranges[index]!.base).toBeGreaterThanOrEqual(ranges[index - 1]!.base + ranges[index - 1]!.length)
    // NT 3.5 fails when the ROM below 4 GiB is listed and the I/O APIC is not.
    expect(ranges.some(({ base }) => base === 0xfec00000)).toBe(true)
  })

  it('refuses E820h without its signature', () => {
    const { r } = powerOn().call({ eax: 0xe820, ecx: 20, edx: 0 })
    expect([r.flags & FLAG.carry, r.ah]).toEqual([1, 0x86])
  })
})

describe('INT 15h', () => {
  it('returns with interrupts enabled even for what it does not know', () => {
    const { r } = powerOn().call({ ax: 0xd042, callerFlags: 0x0002, entryFlags: 0x0002 })
    expect([r.ah, r.flags & (FLAG.carry | FLAG.interrupt)]).toEqual([0x86, FLAG.carry | FLAG.interrupt])
  })

  it('leaves a key alone at the intercept', () => {
    const { r } = powerOn().call({ ax: 0x4f1e })
    expect([r.flags & FLAG.carry, r.al]).toEqual([1, 0x1e])
  })

  it('waits by asking again until the time is up', () => {
    const { call, context } = powerOn()
    const request = { ax: 0x8600, cx: 0, dx: 5000 }
    expect(call(request).outcome).toEqual({ kind: 'retry', entry: RETRY.int15 })
    context.clock.advance(4_900_000)
    expect(call(request).outcome.kind).toBe('retry')
    context.clock.advance(200_000)
    expect(call(request).outcome.kind).toBe('done')
    expect(call(request).outcome.kind).toBe('retry')
  })

  it('moves blocks through protected mode by the bases of two descriptors', () => {
    const { guest, call, carry } = powerOn()
    guest.set(0x2000, 0, [1, 2, 3, 4])
    guest.set(0x60, 0x10, [0xff, 0xff, 0x00, 0x00, 0x02, 0x93, 0, 0x00])
    guest.set(0x60, 0x18, [0xff, 0xff, 0x00, 0x10, 0x20, 0x93, 0, 0x01])
    const { r } = call({ ax: 0x8700, cx: 2, es: 0x60, si: 0 })
    expect([carry(r), r.ah]).toEqual([false, 0])
    expect(Array.from(guest.high.get(0x01201000)!)).toEqual([1, 2, 3, 4])

    guest.realMode = false
    expect(carry(call({ ax: 0x8700, cx: 2, es: 0x60, si: 0 }).r)).toBe(true)
  })

  it('opens and closes the A20 gate', () => {
    const { guest, call } = powerOn()
    guest.ports.set(0x92, 0x00)
    call({ ax: 0x2401 })
    expect(guest.writes.at(-1)).toEqual([0x92, 0x02])
    expect(call({ ax: 0x2402 }).r.al).toBe(0)
    expect(call({ ax: 0x2403 }).r.bx).toBe(3)
  })

  it('enters protected mode with the tables of the caller, having moved the interrupts', () => {
    const { guest, call } = powerOn()
    const { outcome } = call({ ax: 0x8900, bx: 0x5058, es: 0x60, si: 0x100 })
    expect(outcome).toEqual({ kind: 'switch-protected', segment: 0x60, offset: 0x100 })
    expect(guest.writes).toContainEqual([0x21, 0x50])
    expect(guest.writes).toContainEqual([0xa1, 0x58])
    expect(guest.bytes(0x60, 0x138, 8)).toEqual([0xff, 0xff, 0, 0, 0x0f, 0x9b, 0, 0])
  })
})

describe('APM', () => {
  it('is version 1.2 for real and protected mode', () => {
    const { r } = powerOn().call({ ax: 0x5300, bx: 0 })
    expect([r.ax, r.bx, r.cx & 3]).toEqual([0x0102, 0x504d, 3])
  })

  it('connects once, negotiates the version and disconnects', () => {
    const { call } = powerOn()
    const first = call({ ax: 0x5303, bx: 0 }).r
    expect([first.ax, first.ebx, first.cx, first.dx]).toEqual([0xf000, 0x20, 0xf000, 0xf000])
    expect(call({ ax: 0x5301, bx: 0 }).r.ah).toBe(0x02)
    expect(call({ ax: 0x530e, bx: 0, cx: 0x0101 }).r.ax).toBe(0x0101)
    expect(call({ ax: 0x530b }).r.ah).toBe(0x80)
    expect(call({ ax: 0x5304, bx: 0 }).r.flags & FLAG.carry).toBe(0)
    expect(call({ ax: 0x530b }).r.ah).toBe(0x03)
  })

  it('halts when the processor is idle', () => {
    const { call, guest } = powerOn()
    let halts = 0
    guest.onHalt = () => halts++
    call({ ax: 0x5305 })
    expect(halts).toBe(1)
  })

  it('switches off through the power management block', () => {
    const { call, guest } = powerOn()
    guest.ports.set(0x604, 0x0001)
    call({ ax: 0x5301, bx: 0 })
    call({ ax: 0x5307, bx: 1, cx: 3 })
    expect(guest.writes.at(-1)).toEqual([0x604, 0x2001])
  })
})

describe('INT 1Ah', () => {
  const context = testContext()

  it('gives ticks and clears the midnight flag', () => {
    const guest = new TestGuest()
    guest.set(0x40, 0x6c, [0x78, 0x56, 0x34, 0x12, 1])
    const { r } = guest.call((registers) => int1a(registers, context), { ax: 0 })
    expect([r.cx, r.dx, r.al]).toEqual([0x1234, 0x5678, 1])
    expect(guest.memory[0x470]).toBe(0)
  })

  it('reads the clock in BCD', () => {
    const guest = new TestGuest()
    const cmos = [0x59, 0, 0x30, 0, 0x12, 0, 2, 0x24, 0x11, 0x26, 0x26, 0x02]
    let index = 0
    guest.ports.set(0x70, (value) => (index = value ?? index))
    guest.ports.set(0x71, () => (index === 0x32 ? 0x20 : cmos[index]!))
    const time = guest.call((r) => int1a(r, context), { ax: 0x0200 }).r
    expect([time.ch, time.cl, time.dh]).toEqual([0x12, 0x30, 0x59])
    const date = guest.call((r) => int1a(r, context), { ax: 0x0400 }).r
    expect([date.ch, date.cl, date.dh, date.dl]).toEqual([0x20, 0x26, 0x11, 0x24])
  })

  it('counts 18.2 ticks in a second', () => {
    expect(ticksOf(0, 0, 1)).toBe(18)
    expect(ticksOf(23, 59, 59)).toBe(0x1800b0 - 16)
  })
})

describe('INT 14h and 17h', () => {
  it('set up a serial port', () => {
    const guest = new TestGuest()
    guest.set(0x40, 0, [0xf8, 0x03])
    guest.ports.set(0x3fd, 0x60)
    guest.ports.set(0x3fe, 0xb0)
    const { r } = guest.call(int14, { ax: 0x00e3, dx: 0 })
    expect(guest.writes.slice(0, 4)).toEqual([
      [0x3fb, 0x80],
      [0x3f8, 0x0c],
      [0x3f9, 0],
      [0x3fb, 0x03],
    ])
    expect(r.ax).toBe(0x60b0)
  })

  it('time out on a port that never gets ready', () => {
    const guest = new TestGuest()
    guest.set(0x40, 0, [0xf8, 0x03])
    guest.set(0x40, 0x7c, [1])
    guest.ports.set(0x3fd, 0)
    expect(guest.call(int14, { ax: 0x0141, dx: 0 }).r.ah & 0x80).toBe(0x80)
  })

  it('print with a strobe', () => {
    const guest = new TestGuest()
    guest.set(0x40, 8, [0x78, 0x03])
    guest.ports.set(0x379, 0xdf)
    const { r } = guest.call(int17, { ax: 0x0041, dx: 0 })
    expect(guest.writes).toEqual([
      [0x378, 0x41],
      [0x37a, 0x0d],
      [0x37a, 0x0c],
    ])
    expect(r.ah & 0x29).toBe(0)
  })
})
