import { describe, expect, it } from 'vitest'
import { Counter } from './counter.ts'

const MODES = [0, 1, 2, 3, 4, 5] as const

function counter(mode: number, options: { bcd?: boolean; gate?: boolean } = {}): Counter {
  const made = new Counter(options.gate ?? true)
  made.setControl(0x30 | (mode << 1) | (options.bcd ? 1 : 0), 0)
  return made
}

/** OUT at the given ticks, as the datasheet draws it: _ low, ^ high. */
function drawn(made: Counter, from: number, to: number): string {
  let picture = ''
  for (let tick = from; tick <= to; tick++) picture += made.out(tick) ? '^' : '_'
  return picture
}

function counts(made: Counter, from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => made.count(from + index))
}

describe('mode 0, interrupt on terminal count', () => {
  it('rises N + 1 ticks after the write and stays', () => {
    const made = counter(0)
    made.writeCount(4, 10)
    expect(drawn(made, 10, 18)).toBe('_____^^^^')
    expect(counts(made, 11, 17)).toEqual([4, 3, 2, 1, 0, 0xffff, 0xfffe])
  })

  it('holds while the gate is low', () => {
    const made = counter(0)
    made.writeCount(4, 0)
    made.setGate(false, 3)
    expect(counts(made, 3, 5)).toEqual([2, 2, 2])
    made.setGate(true, 10)
    expect(drawn(made, 10, 13)).toBe('__^^')
  })

  it('falls when a new count is written, even its first byte', () => {
    const made = counter(0)
    made.writeCount(1, 0)
    expect(made.out(5)).toBe(true)
    made.startCountWrite(6)
    expect(made.out(6)).toBe(false)
    expect(made.count(9)).toBe(made.count(6))
    made.writeCount(2, 10)
    expect(drawn(made, 10, 13)).toBe('___^')
  })
})

describe('mode 1, one-shot', () => {
  it('is low for N ticks after each trigger, which may come again', () => {
    const made = counter(1, { gate: false })
    made.writeCount(3, 0)
    expect(drawn(made, 0, 4)).toBe('^^^^^')
    made.setGate(true, 5)
    expect(drawn(made, 5, 10)).toBe('^___^^')
    made.setGate(false, 11)
    made.setGate(true, 12)
    expect(drawn(made, 12, 13)).toBe('^_')
    made.setGate(false, 14)
    made.setGate(true, 14)
    expect(drawn(made, 14, 19)).toBe('____^^')
  })

  it('takes a new count with the next trigger only', () => {
    const made = counter(1, { gate: false })
    made.writeCount(3, 0)
    made.setGate(true, 0)
    expect(made.out(2)).toBe(false)
    made.writeCount(9, 2)
    expect(made.nullCount(3)).toBe(true)
    expect(made.out(4)).toBe(true)
  })
})

describe('mode 2, rate generator', () => {
  it('is low for the last tick of each N', () => {
    const made = counter(2)
    made.writeCount(3, 0)
    expect(drawn(made, 0, 9)).toBe('^^^_^^_^^_')
    expect(counts(made, 1, 7)).toEqual([3, 2, 1, 3, 2, 1, 3])
  })

  it('uses a new count from the next cycle on', () => {
    const made = counter(2)
    made.writeCount(4, 0)
    made.count(2)
    made.writeCount(2, 2)
    expect(counts(made, 2, 9)).toEqual([3, 2, 1, 2, 1, 2, 1, 2])
  })

  it('is high while the gate is low and starts over when it rises', () => {
    const made = counter(2)
    made.writeCount(3, 0)
    expect(made.out(3)).toBe(false)
    made.setGate(false, 3)
    expect(drawn(made, 3, 6)).toBe('^^^^')
    made.setGate(true, 7)
    expect(counts(made, 8, 11)).toEqual([3, 2, 1, 3])
  })
})

describe('mode 3, square wave', () => {
  it('halves an even count', () => {
    const made = counter(3)
    made.writeCount(4, 0)
    expect(drawn(made, 1, 8)).toBe('^^__^^__')
    expect(counts(made, 1, 5)).toEqual([4, 2, 4, 2, 4])
  })

  it('is high for the longer part of an odd count', () => {
    const made = counter(3)
    made.writeCount(5, 0)
    expect(drawn(made, 1, 10)).toBe('^^^__^^^__')
    expect(counts(made, 1, 6)).toEqual([4, 2, 0, 4, 2, 4])
  })

  it('uses a new count from the next half cycle on', () => {
    const made = counter(3)
    made.writeCount(8, 0)
    made.out(2)
    made.writeCount(4, 2)
    expect(drawn(made, 1, 12)).toBe('^^^^__^^__^^')
  })
})

describe('mode 4, software-triggered strobe', () => {
  it('is low for one tick, N + 1 ticks after the write', () => {
    const made = counter(4)
    made.writeCount(3, 0)
    expect(drawn(made, 0, 6)).toBe('^^^^_^^')
    expect(counts(made, 4, 5)).toEqual([0, 0xffff])
  })
})

describe('mode 5, hardware-triggered strobe', () => {
  it('is low for one tick, N + 1 ticks after the gate rises', () => {
    const made = counter(5, { gate: false })
    made.writeCount(3, 0)
    made.setGate(true, 10)
    expect(drawn(made, 10, 16)).toBe('^^^^_^^')
  })
})

describe('all modes', () => {
  it('count 65536 for 0, or 10000 in BCD', () => {
    const binary = counter(2)
    binary.writeCount(0, 0)
    expect(counts(binary, 1, 2)).toEqual([0, 0xffff])
    const bcd = counter(2, { bcd: true })
    bcd.writeCount(0, 0)
    expect(counts(bcd, 1, 2)).toEqual([0, 0x9999])
    expect(bcd.count(10_001)).toBe(0)
  })

  it('count down in BCD', () => {
    const made = counter(0, { bcd: true })
    made.writeCount(0x1000, 0)
    expect(counts(made, 1, 3)).toEqual([0x1000, 0x999, 0x998])
  })

  it('start with OUT as the control word says and no count', () => {
    for (const mode of MODES) {
      const made = counter(mode)
      expect(made.out(1)).toBe(mode !== 0)
      expect(made.nullCount(1)).toBe(true)
    }
  })

  it('predict their own output', () => {
    for (const mode of MODES)
      for (const count of [1, 2, 3, 4, 7])
        for (const start of [0, 1, 3, 5]) {
          const make = () => {
            const made = counter(mode, { gate: false })
            made.writeCount(count, 0)
            made.setGate(true, 1)
            return made
          }
          const output = make().output(Math.max(1, start))
          const reference = make()
          for (let tick = Math.max(1, start); tick < start + 30; tick++) {
            let high: boolean
            if (output.kind === 'level') high = output.high
            else if (output.kind === 'step') high = output.high === tick < output.atTick
            else
              high =
                tick < output.startTick ||
                (tick - output.startTick) % (output.highTicks + output.lowTicks) < output.highTicks
            // A strobe or one-shot is described one change at a time.
            if (output.kind === 'step' && tick > output.atTick) break
            expect([mode, count, start, tick, reference.out(tick)]).toEqual([mode, count, start, tick, high])
          }
        }
  })
})
