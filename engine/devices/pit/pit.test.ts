import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { Pit } from './pit.ts'
import { Speaker, type SpeakerSignal } from './speaker.ts'
import { nsOfTick, ticksAt } from './ticks.ts'

function powerOn() {
  const clock = new ManualClock()
  const irq0 = new RecordingLine()
  const signals: { atNs: number; signal: SpeakerSignal }[] = []
  const speaker = new Speaker({ signal: (atNs, signal) => void signals.push({ atNs, signal }) })
  const pit = new Pit(clock, irq0, speaker)
  const program = (channel: number, mode: number, count: number) => {
    pit.write(3, (channel << 6) | 0x30 | (mode << 1), 1)
    pit.write(channel, count & 0xff, 1)
    pit.write(channel, count >> 8, 1)
  }
  const toTick = (tick: number) => clock.advance(nsOfTick(tick) - clock.nowNs)
  const readCount = (channel: number) => pit.read(channel, 1) | (pit.read(channel, 1) << 8)
  return { clock, irq0, pit, speaker, signals, program, toTick, readCount }
}

describe('time base', () => {
  it('runs at 105/88 MHz exactly, for a month', () => {
    const second = 1_000_000_000
    expect(ticksAt(second)).toBe(1_193_181)
    expect(ticksAt(88 * second)).toBe(105_000_000)
    expect(ticksAt(2_640_000 * second)).toBe(3_150_000_000_000)
    for (const tick of [1, 2, 20, 21, 22, 1_193_181, 3_150_000_000_001]) {
      expect(ticksAt(nsOfTick(tick))).toBe(tick)
      expect(ticksAt(nsOfTick(tick) - 1)).toBe(tick - 1)
    }
  })
})

describe('IRQ 0', () => {
  it.each([2, 3])('rises once per period in mode %i', (mode) => {
    const { clock, irq0, program } = powerOn()
    program(0, mode, 1193)
    const before = irq0.risingEdges
    clock.advance(100_000_000)
    expect(irq0.risingEdges - before).toBe(100)
  })

  it('does not drift: 18.2 Hz for an hour', () => {
    const { clock, irq0, program } = powerOn()
    program(0, 3, 0)
    const before = irq0.risingEdges
    clock.advance(3_600_000_000_000)
    expect(irq0.risingEdges - before).toBe(Math.floor((3600 * 105e6) / 88 / 65536))
  })

  it('is low for the second half of the square wave', () => {
    const { irq0, program, toTick } = powerOn()
    program(0, 3, 1000)
    toTick(501)
    expect(irq0.level).toBe(false)
    toTick(1001)
    expect(irq0.level).toBe(true)
  })

  it('comes once in mode 0', () => {
    const { clock, irq0, program, toTick } = powerOn()
    program(0, 0, 1000)
    toTick(1000)
    expect(irq0.risingEdges).toBe(0)
    toTick(1001)
    expect(irq0.risingEdges).toBe(1)
    clock.advance(1_000_000_000)
    expect(irq0.risingEdges).toBe(1)
  })

  it('is bounded for absurd counts', () => {
    const { clock, irq0, program } = powerOn()
    for (const count of [1, 2, 3]) program(0, 2, count)
    clock.advance(10_000_000)
    expect(irq0.risingEdges).toBeGreaterThan(100)
    expect(irq0.risingEdges).toBeLessThan(510)
  })

  it('is not lost when the guest reprograms before a late timer fires', () => {
    const { clock, irq0, program } = powerOn()
    program(0, 0, 100)
    clock.nowNs += 1_000_000
    program(0, 0, 100)
    expect(irq0.risingEdges).toBe(1)
    expect(irq0.level).toBe(false)
  })

  it('comes once however late the timer fires', () => {
    const { clock, irq0, program } = powerOn()
    program(0, 2, 1193)
    const before = irq0.risingEdges
    clock.nowNs += 50_000_000
    clock.advance(0)
    expect(irq0.risingEdges - before).toBe(1)
    clock.advance(999_847)
    expect(irq0.risingEdges - before).toBe(2)
  })
})

describe('reading', () => {
  it('takes a latched count low byte first, and it does not move', () => {
    const { pit, program, toTick, readCount } = powerOn()
    program(0, 2, 0x1234)
    toTick(1 + 0x34)
    pit.write(3, 0x00, 1)
    toTick(0x100)
    pit.write(3, 0x00, 1)
    expect(readCount(0)).toBe(0x1200)
    expect(readCount(0)).toBe(0x1234 - 0xff)
  })

  it('obeys single-byte access', () => {
    const { pit } = powerOn()
    pit.write(3, 0x94, 1)
    pit.write(2, 0x20, 1)
    expect(pit.read(2, 1)).toBe(0x20)
    expect(pit.read(2, 1)).toBe(0x20)
    pit.write(3, 0x60, 1)
    pit.write(1, 0x20, 1)
    expect(pit.read(1, 1)).toBe(0x20)
    pit.write(3, 0x40, 1)
    expect([pit.read(1, 1), pit.read(1, 1)]).toEqual([0x20, 0x20])
  })

  it('gives the new count right after the write, not the one before it', () => {
    const { program, readCount } = powerOn()
    program(0, 2, 0x4321)
    expect(readCount(0)).toBe(0x4321)
  })

  it('reads status and count back, status first', () => {
    const { pit, program, toTick, readCount } = powerOn()
    program(0, 2, 0x100)
    pit.write(3, 0xe2, 1)
    expect(pit.read(0, 1)).toBe(0x80 | 0x40 | 0x34)
    toTick(10)
    pit.write(3, 0xc2, 1)
    expect(pit.read(0, 1)).toBe(0x80 | 0x34)
    expect(readCount(0)).toBe(0x100 - 9)
  })

  it('reads back only the channels named', () => {
    const { pit, program, toTick } = powerOn()
    program(0, 2, 0x100)
    toTick(2)
    pit.write(3, 0xd8, 1)
    toTick(0x21)
    expect(pit.read(0, 1)).toBe(0x100 - 0x20)
  })

  it('starts again with the low byte after a control word', () => {
    const { pit, program, readCount } = powerOn()
    program(0, 2, 0x1234)
    pit.read(0, 1)
    program(0, 2, 0x5678)
    expect(readCount(0)).toBe(0x5678)
  })

  it('floats at the control port', () => {
    expect(powerOn().pit.read(3, 1)).toBe(0xff)
  })
})

describe('speaker', () => {
  it('plays channel 2 as a square wave while both gates are open', () => {
    const { clock, pit, speaker, signals, program } = powerOn()
    program(2, 3, 1193)
    pit.gate2.set(true)
    expect(speaker.signal).toEqual({ kind: 'level', high: false })
    clock.advance(5000)
    speaker.enable(true, clock.nowNs)
    expect(speaker.signal.kind).toBe('square')
    if (speaker.signal.kind === 'square') expect(speaker.signal.frequencyHz).toBeCloseTo(1000.15, 1)
    clock.advance(1_000_000)
    speaker.enable(false, clock.nowNs)
    expect(signals.map(({ atNs, signal }) => [atNs, signal.kind])).toEqual([
      [5000, 'square'],
      [1_005_000, 'level'],
    ])
  })

  it('describes a one-shot with the time of its change, as sampled sound uses it', () => {
    const { pit, speaker } = powerOn()
    pit.gate2.set(true)
    speaker.enable(true, 0)
    pit.write(3, 0x90, 1)
    pit.write(2, 40, 1)
    expect(speaker.signal).toEqual({ kind: 'step', high: false, changesAtNs: nsOfTick(41) })
  })
})

describe('state', () => {
  it('goes on after a restore with the same edges', () => {
    const { clock, irq0, pit, program, toTick } = powerOn()
    program(0, 3, 5000)
    toTick(12_345)
    pit.write(3, 0x00, 1)
    const saved = structuredClone(pit.save())
    const otherLine = new RecordingLine()
    const copy = new Pit(clock, otherLine, new Speaker())
    copy.restore(saved)
    expect(copy.save()).toEqual(saved)
    expect(copy.read(0, 1)).toBe(pit.read(0, 1))
    const before = irq0.risingEdges
    const otherBefore = otherLine.risingEdges
    clock.advance(1_000_000_000)
    expect(otherLine.risingEdges - otherBefore).toBe(irq0.risingEdges - before)
  })

  it('forgets everything on reset', () => {
    const { clock, irq0, pit, program } = powerOn()
    program(0, 2, 100)
    pit.reset()
    expect(irq0.level).toBe(false)
    expect(clock.nextDeadlineNs).toBe(Infinity)
    expect(pit.save()).toEqual(powerOn().pit.save())
  })

  it('refuses a state with a field out of range', () => {
    const { pit } = powerOn()
    const saved = pit.save()
    const channels = structuredClone(saved.channels)
    channels[0].counter.period = 0
    expect(() => pit.restore({ ...saved, channels })).toThrow('state-invalid')
  })
})
