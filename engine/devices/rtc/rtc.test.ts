import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { cmosBytes } from './cmos.ts'
import { Rtc } from './rtc.ts'

const MS = 1_000_000
const SECOND = 1000 * MS

function powerOn(iso = '1999-12-31T23:59:58.000Z') {
  const clock = new ManualClock()
  const irq8 = new RecordingLine()
  const rtc = new Rtc(clock, irq8, { unixNs: BigInt(Date.parse(iso)) * 1_000_000n })
  const get = (register: number) => {
    rtc.write(0, register, 1)
    return rtc.read(1, 1)
  }
  const put = (register: number, value: number) => {
    rtc.write(0, register, 1)
    rtc.write(1, value, 1)
  }
  /** Hours, minutes, seconds, weekday, day, month, century and year as hexadecimal digits. */
  const time = () => [4, 2, 0, 6, 7, 8, 0x32, 9].map((r) => get(r).toString(16).padStart(2, '0')).join(' ')
  return { clock, irq8, rtc, get, put, time }
}

it('raises a new edge for a flag that comes while register C is being read', () => {
  // A clock that goes on by itself, as the host's does: a tenth of a millisecond a look.
  const manual = new ManualClock()
  const clock = {
    get nowNs() {
      manual.advance(MS / 10)
      return manual.nowNs
    },
    createTimer: (fire: () => void) => manual.createTimer(fire),
  }
  const irq8 = new RecordingLine()
  const rtc = new Rtc(clock, irq8, { unixNs: 0n })
  rtc.write(0, 0x0b, 1)
  rtc.write(1, 0x42, 1) // 1024 Hz periodic interrupt
  rtc.write(0, 0x0c, 1)
  for (let edges = irq8.risingEdges, rounds = 0; rounds < 200; rounds++) {
    manual.advance(MS)
    expect(irq8.risingEdges).toBeGreaterThan(edges)
    edges = irq8.risingEdges
    expect(rtc.read(1, 1) & 0xc0).toBe(0xc0)
  }
})

describe('time', () => {
  it('starts at the configured time and goes with guest time, over the century', () => {
    const { clock, get, time } = powerOn()
    expect(time()).toBe('23 59 58 06 31 12 19 99')
    clock.advance(2 * SECOND)
    expect(time()).toBe('00 00 00 07 01 01 20 00')
    expect(get(0x37)).toBe(0x20)
  })

  it('keeps the fraction of a second it was started with', () => {
    const { clock, get } = powerOn('2001-01-01T00:00:00.750Z')
    clock.advance(250 * MS - 1)
    expect(get(0)).toBe(0)
    clock.advance(1)
    expect(get(0)).toBe(1)
  })

  it('knows leap years', () => {
    const { clock, time } = powerOn('2000-02-28T23:59:59Z')
    clock.advance(SECOND)
    expect(time()).toBe('00 00 00 03 29 02 20 00')
    clock.advance(86_400 * SECOND)
    expect(time()).toBe('00 00 00 04 01 03 20 00')
  })

  it('counts in binary and in twelve hours', () => {
    const { clock, get, put } = powerOn('2004-05-06T00:00:00Z')
    put(0x0b, 0x80)
    put(0x0b, 0x84)
    put(0x04, 11)
    put(0x02, 59)
    put(0x00, 59)
    put(0x09, 99)
    put(0x0b, 0x04)
    clock.advance(SECOND)
    expect([get(4), get(2), get(0), get(9)]).toEqual([0x8c, 0, 0, 99])
    clock.advance(3600 * SECOND)
    expect(get(4)).toBe(0x81)
    clock.advance(11 * 3600 * SECOND)
    expect(get(4)).toBe(12)
  })

  it('stands still while SET is set, and keeps what is written then', () => {
    const { clock, put, time } = powerOn()
    put(0x0b, 0x82)
    for (const [register, value] of [
      [9, 0x85],
      [0x32, 0x19],
      [8, 0x02],
      [7, 0x28],
      [6, 0x05],
      [4, 0x12],
      [2, 0x34],
      [0, 0x56],
    ] as const)
      put(register, value)
    clock.advance(10 * SECOND)
    expect(time()).toBe('12 34 56 05 28 02 19 85')
    put(0x0b, 0x02)
    clock.advance(SECOND)
    expect(time()).toBe('12 34 57 05 28 02 19 85')
  })

  it('lets a running clock be set field by field, through impossible dates', () => {
    const { put, time } = powerOn('2000-01-31T12:00:00Z')
    put(8, 0x02)
    expect(time()).toBe('12 00 00 02 31 02 20 00')
    put(7, 0x05)
    expect(time()).toBe('12 00 00 02 05 02 20 00')
  })

  it('updates first half a second after the divider is released (Linux writes divider 7)', () => {
    const { clock, get, put } = powerOn('2000-01-01T00:00:00Z')
    clock.advance(300 * MS)
    put(0x0a, 0x76)
    expect(get(0x0a)).toBe(0x76)
    clock.advance(5 * SECOND)
    expect(get(0)).toBe(0)
    put(0x0a, 0x26)
    clock.advance(499 * MS)
    expect(get(0)).toBe(0)
    clock.advance(1 * MS)
    expect(get(0)).toBe(1)
  })

  it('writes the century at either place', () => {
    const { get, put } = powerOn()
    put(0x37, 0x21)
    expect(get(0x32)).toBe(0x21)
    put(0x32, 0x18)
    expect(get(0x37)).toBe(0x18)
  })
})

describe('update cycle', () => {
  it('announces itself 2228 µs ahead, once per second', () => {
    const { clock, get } = powerOn('2000-01-01T00:00:00Z')
    clock.advance(SECOND - 2_228_001)
    expect(get(0x0a)).toBe(0x26)
    clock.advance(1)
    expect(get(0x0a)).toBe(0xa6)
    expect(get(0)).toBe(0)
    clock.advance(2_228_000)
    expect(get(0x0a)).toBe(0x26)
    expect(get(0)).toBe(1)
  })

  it('is not announced while SET is set', () => {
    const { clock, get, put } = powerOn('2000-01-01T00:00:00Z')
    put(0x0b, 0x82)
    clock.advance(SECOND - 1000)
    expect(get(0x0a)).toBe(0x26)
  })

  it('sets UF, and interrupts when enabled', () => {
    const { clock, irq8, get, put } = powerOn()
    get(0x0c)
    put(0x0b, 0x12)
    clock.advance(SECOND)
    expect(irq8.level).toBe(true)
    expect(get(0x0c) & 0x90).toBe(0x90)
    expect(irq8.level).toBe(false)
    expect(get(0x0c)).toBe(0)
    clock.advance(3 * SECOND)
    expect(irq8.risingEdges).toBe(2)
  })

  it('keeps UIE when SET is set (OS/2)', () => {
    const { get, put } = powerOn()
    put(0x0b, 0x12)
    put(0x0b, 0x92)
    expect(get(0x0b)).toBe(0x92)
  })

  it('shows UF to a guest that polls without interrupts', () => {
    const { clock, irq8, get } = powerOn()
    get(0x0c)
    clock.advance(SECOND)
    expect(get(0x0c) & 0x10).toBe(0x10)
    expect(irq8.risingEdges).toBe(0)
  })
})

describe('periodic interrupt', () => {
  it('comes 1024 times a second at rate 6 as long as register C is read', () => {
    const { clock, irq8, get, put } = powerOn()
    put(0x0b, 0x42)
    for (let ms = 0; ms < 4000; ms++) {
      clock.advance(MS / 4)
      if (irq8.level) expect(get(0x0c) & 0xc0).toBe(0xc0)
    }
    expect(irq8.risingEdges).toBe(1024)
  })

  it('waits for register C to be read', () => {
    const { clock, irq8, put } = powerOn()
    put(0x0b, 0x42)
    clock.advance(SECOND)
    expect(irq8.risingEdges).toBe(1)
    expect(clock.nextDeadlineNs).toBe(Infinity)
  })

  it('has the rates of the datasheet', () => {
    const { clock, get, put } = powerOn()
    for (const [rate, microseconds] of [
      [0x1, 3906.25],
      [0x2, 7812.5],
      [0x3, 122.07],
      [0xf, 500_000],
    ] as const) {
      put(0x0a, 0x70)
      put(0x0a, 0x20 | rate)
      get(0x0c)
      clock.advance(Math.floor(microseconds * 1000) - 10)
      expect(get(0x0c) & 0x40).toBe(0)
      clock.advance(20)
      expect(get(0x0c) & 0x40).toBe(0x40)
    }
  })
})

describe('alarm', () => {
  it('comes at its time of day', () => {
    const { clock, irq8, get, put } = powerOn('2000-01-01T10:00:00Z')
    put(5, 0x09)
    put(3, 0x30)
    put(1, 0x15)
    put(0x0b, 0x22)
    clock.advance((23 * 3600 + 1814) * SECOND)
    expect(irq8.level).toBe(false)
    clock.advance(SECOND)
    expect(irq8.level).toBe(true)
    expect(get(0x0c) & 0xa0).toBe(0xa0)
  })

  it('takes FFh for any value', () => {
    const { clock, irq8, get, put } = powerOn('2000-01-01T10:00:30Z')
    put(5, 0xff)
    put(3, 0xc0)
    put(1, 0x10)
    put(0x0b, 0x22)
    for (let minute = 0; minute < 3; minute++) {
      clock.advance(60 * SECOND)
      expect(get(0x0c) & 0x20).toBe(0x20)
    }
    expect(irq8.risingEdges).toBe(3)
    put(1, 0xff)
    get(0x0c)
    clock.advance(SECOND)
    expect(irq8.level).toBe(true)
  })

  it('never comes at an impossible time', () => {
    const { clock, irq8, put } = powerOn()
    put(5, 0x25)
    put(0x0b, 0x22)
    clock.advance(2 * 86_400 * SECOND)
    expect(irq8.risingEdges).toBe(0)
  })
})

describe('ports and memory', () => {
  it('masks NMI by bit 7 of port 70h, which can be read (XP)', () => {
    const { rtc } = powerOn()
    rtc.write(0, 0x8d, 1)
    expect(rtc.nmiMasked).toBe(true)
    expect(rtc.read(0, 1)).toBe(0x8d)
    expect(rtc.read(1, 1)).toBe(0x80)
  })

  it('shows a good battery and nothing else in register D', () => {
    const { get, put } = powerOn()
    put(0x0d, 0x7f)
    expect(get(0x0d)).toBe(0x80)
  })

  it('has a second bank of memory at ports 72h and 73h', () => {
    const { rtc, get, put } = powerOn()
    put(0x40, 0x11)
    rtc.write(2, 0x40, 1)
    rtc.write(3, 0x22, 1)
    expect([get(0x40), rtc.read(3, 1)]).toEqual([0x11, 0x22])
  })

  it('is filled with the configuration and its checksum', () => {
    const { rtc, get } = powerOn()
    const disk = { cylinders: 615, heads: 4, sectors: 17 }
    rtc.fillCmos(
      cmosBytes({
        ramBytes: 64 * 1024 * 1024,
        floppies: ['1.44M', '1.2M'],
        disks: [disk, null],
        numericProcessor: true,
        pointingDevice: true,
        bootOrder: ['cdrom', 'floppy', 'disk'],
        processors: 1,
      }),
    )
    const word = (register: number) => get(register) | (get(register + 1) << 8)
    expect(get(0x10)).toBe(0x42)
    expect(get(0x12)).toBe(0xf0)
    expect(get(0x14)).toBe(0x47)
    expect([word(0x15), word(0x17), word(0x30), word(0x34)]).toEqual([640, 64_512, 64_512, 768])
    expect([get(0x19), word(0x1b), get(0x1d), get(0x23)]).toEqual([47, 615, 4, 17])
    expect([get(0x3d), get(0x38)]).toEqual([0x13, 0x21])
    let sum = 0
    for (let address = 0x10; address < 0x2e; address++) sum += get(address)
    expect((get(0x2e) << 8) | get(0x2f)).toBe(sum)
  })
})

describe('state', () => {
  it('keeps time and memory over a reset, but no interrupt', () => {
    const { clock, irq8, rtc, get, put, time } = powerOn()
    put(0x0f, 0x0a)
    put(0x0b, 0x72)
    clock.advance(SECOND)
    rtc.reset()
    expect(irq8.level).toBe(false)
    expect(get(0x0b)).toBe(0x02)
    expect(get(0x0f)).toBe(0x0a)
    expect(time()).toBe('23 59 59 06 31 12 19 99')
  })

  it('goes on after a restore', () => {
    const { clock, irq8, rtc, put, get } = powerOn()
    put(0x0b, 0x52)
    clock.advance(123 * MS)
    get(0x0c)
    const saved = structuredClone(rtc.save())
    const line = new RecordingLine()
    const copy = new Rtc(clock, line, { unixNs: 0n })
    copy.restore(saved)
    expect(copy.save()).toEqual(saved)
    const before = irq8.risingEdges
    clock.advance(SECOND)
    expect(line.risingEdges).toBe(irq8.risingEdges - before)
    expect(copy.save()).toEqual(rtc.save())
  })

  it('refuses a state with a field out of range', () => {
    const { rtc } = powerOn()
    const saved = rtc.save()
    expect(() => rtc.restore({ ...saved, ram: new Uint8Array(5) })).toThrow('state-invalid')
    expect(() => rtc.restore({ ...saved, updatedNs: -1e300 })).toThrow('state-invalid')
  })
})
