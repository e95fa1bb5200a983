import { describe, expect, it } from 'vitest'
import type { Line } from '../../base/line.ts'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import { Hpet } from './hpet.ts'

const [GEN_CONF, GINTR_STA, MAIN_CNT] = [0x10, 0x20, 0xf0]
const conf = (timer: number) => 0x100 + 0x20 * timer
const comparator = (timer: number) => 0x108 + 0x20 * timer
const [LEVEL, ENABLE, PERIODIC, VAL_SET, MODE32] = [0x02, 0x04, 0x08, 0x40, 0x100]
const ROUTE_20 = 20 << 9

function powerOn() {
  const clock = new ManualClock()
  const lines = { irq0: new RecordingLine(), irq8: new RecordingLine() }
  const [pin20, pin21] = [new RecordingLine(), new RecordingLine()]
  const routes = new Map<number, Line>([
    [20, pin20],
    [21, pin21],
  ])
  const hpet = new Hpet(clock, { routes, ...lines })
  const get = (offset: number) => hpet.read(offset, 4)
  const put = (offset: number, value: number) => hpet.write(offset, value, 4)
  return { clock, hpet, ...lines, pin20, pin21, get, put }
}

describe('capabilities', () => {
  it('tell three timers, a 64-bit counter of 10 ns and the possible routes', () => {
    const { get } = powerOn()
    expect(get(0)).toBe(0x8086a201)
    expect(get(4)).toBe(10_000_000)
    expect(get(conf(0)) & 0x30).toBe(0x30)
    expect(get(conf(1)) & 0x30).toBe(0)
    expect(get(conf(2) + 4)).toBe(0x00300000)
  })

  it('refuse a route without a wire', () => {
    const { get, put } = powerOn()
    put(conf(0), ROUTE_20)
    put(conf(0), 5 << 9)
    expect(get(conf(0)) & 0x3e00).toBe(ROUTE_20)
  })
})

describe('main counter', () => {
  it('counts while enabled and can be written while halted', () => {
    const { clock, get, put } = powerOn()
    clock.advance(1000)
    expect(get(MAIN_CNT)).toBe(0)
    put(MAIN_CNT, 0xffffffff)
    put(MAIN_CNT + 4, 0x7)
    put(GEN_CONF, 1)
    clock.advance(50)
    expect([get(MAIN_CNT), get(MAIN_CNT + 4)]).toEqual([4, 8])
    put(MAIN_CNT, 0)
    expect(get(MAIN_CNT)).toBe(4)
    put(GEN_CONF, 0)
    clock.advance(1000)
    expect(get(MAIN_CNT)).toBe(4)
  })
})

describe('timers', () => {
  it('interrupt once when the counter reaches the comparator', () => {
    const { clock, pin20, put } = powerOn()
    put(GEN_CONF, 1)
    put(conf(1), ENABLE | ROUTE_20)
    put(comparator(1), 1000)
    clock.advance(9999)
    expect(pin20.risingEdges).toBe(0)
    clock.advance(1)
    expect(pin20.risingEdges).toBe(1)
    clock.advance(1_000_000_000)
    expect(pin20.risingEdges).toBe(1)
  })

  it('interrupt periodically as Linux sets them up', () => {
    const { clock, pin20, get, put } = powerOn()
    put(GEN_CONF, 1)
    clock.advance(123_450)
    put(conf(0), ENABLE | PERIODIC | VAL_SET | MODE32 | ROUTE_20)
    put(comparator(0), get(MAIN_CNT) + 100_000)
    expect(get(conf(0)) & VAL_SET).toBe(0)
    put(comparator(0), 100_000)
    clock.advance(10_000_000)
    expect(pin20.risingEdges).toBe(10)
    expect(get(comparator(0))).toBe(12_345 + 1_100_000)
  })

  it('hold a level until the status bit is cleared', () => {
    const { clock, pin20, get, put } = powerOn()
    put(GEN_CONF, 1)
    put(conf(2), ENABLE | LEVEL | ROUTE_20)
    put(comparator(2), 100)
    clock.advance(1000)
    expect(pin20.level).toBe(true)
    expect(get(GINTR_STA)).toBe(4)
    put(GINTR_STA, 4)
    expect(pin20.level).toBe(false)
    expect(get(GINTR_STA)).toBe(0)
  })

  it('do not keep the host busy with absurd periods', () => {
    const { clock, put } = powerOn()
    put(GEN_CONF, 1)
    put(conf(0), ENABLE | PERIODIC | VAL_SET | MODE32 | ROUTE_20)
    put(comparator(0), 1)
    expect(clock.nextDeadlineNs).toBeGreaterThanOrEqual(10_000)
  })

  it('are quiet while halted', () => {
    const { clock, put } = powerOn()
    put(conf(0), ENABLE | ROUTE_20)
    put(comparator(0), 100)
    expect(clock.nextDeadlineNs).toBe(Infinity)
  })
})

describe('legacy replacement', () => {
  it('takes IRQ 0 and IRQ 8 from the old devices and gives them back', () => {
    const { clock, hpet, irq0, irq8, put } = powerOn()
    hpet.timerInput.set(true)
    hpet.clockInput.set(true)
    expect([irq0.level, irq8.level]).toEqual([true, true])
    put(GEN_CONF, 3)
    expect([irq0.level, irq8.level]).toEqual([false, false])
    hpet.timerInput.set(false)
    hpet.timerInput.set(true)
    expect(irq0.risingEdges).toBe(1)
    put(conf(0), ENABLE | MODE32)
    put(comparator(0), 100)
    clock.advance(1000)
    expect(irq0.risingEdges).toBe(2)
    put(GEN_CONF, 0)
    expect(irq8.level).toBe(true)
  })
})

describe('64-bit comparators', () => {
  it('are set in two halves, comparator and period both while VAL_SET lasts', () => {
    const { clock, pin20, get, put } = powerOn()
    put(MAIN_CNT, 0xffffff00)
    put(GEN_CONF, 1)
    put(conf(0), ENABLE | PERIODIC | VAL_SET | ROUTE_20)
    put(comparator(0), 0x00000100)
    put(comparator(0) + 4, 1)
    put(comparator(0), 5000)
    put(comparator(0) + 4, 0)
    clock.advance(5119)
    expect(pin20.risingEdges).toBe(0)
    clock.advance(1)
    expect(pin20.risingEdges).toBe(1)
    expect([get(comparator(0)), get(comparator(0) + 4)]).toEqual([0x100 + 5000, 1])
    clock.advance(500_000)
    expect(pin20.risingEdges).toBe(11)
  })
})

describe('state', () => {
  it('goes on after a restore', () => {
    const { clock, hpet, pin20, put } = powerOn()
    put(GEN_CONF, 1)
    put(conf(0), ENABLE | PERIODIC | VAL_SET | MODE32 | ROUTE_20)
    put(comparator(0), 5000)
    clock.advance(123_456)
    const saved = structuredClone(hpet.save())
    const other = powerOn()
    other.clock.nowNs = clock.nowNs
    other.hpet.restore(saved)
    expect(other.hpet.save()).toEqual(saved)
    const before = pin20.risingEdges
    for (const each of [clock, other.clock]) each.advance(10_000_000)
    expect(other.pin20.risingEdges).toBe(pin20.risingEdges - before)
    expect(other.hpet.save()).toEqual(hpet.save())
  })

  it('is new after reset, and refuses fields out of range', () => {
    const { clock, hpet, put } = powerOn()
    put(GEN_CONF, 3)
    put(conf(0), ENABLE | LEVEL)
    put(comparator(0), 1)
    clock.advance(1000)
    hpet.reset()
    expect(hpet.save()).toEqual(powerOn().hpet.save())
    expect(() => hpet.restore({ ...hpet.save(), conf: 4 })).toThrow('state-invalid')
  })
})
