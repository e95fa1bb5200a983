import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { RecordingLine } from '../../../test/support/recording-line.ts'
import type { Clock } from '../../base/clock.ts'
import { InterruptBus } from './interrupt-bus.ts'
import { LocalApic } from './local-apic.ts'

const [TPR, PPR, EOI, LDR, DFR, SVR, ESR] = [0x80, 0xa0, 0xb0, 0xd0, 0xe0, 0xf0, 0x280]
const [ICR_LOW, ICR_HIGH, LVT_TIMER, LINT0, LINT1, LVT_ERROR] = [0x300, 0x310, 0x320, 0x350, 0x360, 0x370]
const [INITIAL, CURRENT, DIVIDE] = [0x380, 0x390, 0x3e0]
const MASKED = 0x10000

/** @param lookNs time that passes with every look of a device at its clock, as it does on a busy host */
function powerOn(processors = 1, lookNs = 0) {
  const clock = new ManualClock()
  const lookedAt: Clock = {
    get nowNs() {
      return (clock.nowNs += lookNs)
    },
    createTimer: (fire) => clock.createTimer(fire),
  }
  const bus = new InterruptBus()
  const ended: number[] = []
  bus.attachSource({ endOfInterrupt: (vector) => void ended.push(vector), retry() {} })
  const cpus = Array.from({ length: processors }, (_, id) => {
    const events: string[] = []
    const intr = new RecordingLine()
    const core = {
      intr,
      nmi: () => void events.push('nmi'),
      smi: () => void events.push('smi'),
      init: () => void events.push('init'),
      startUp: (vector: number) => void events.push(`start-up ${vector}`),
    }
    const options = { id, bootstrap: id === 0, busHz: 100_000_000, acknowledgeExtInt: () => 0x08 }
    const apic = new LocalApic(lookedAt, bus, core, options)
    const get = (register: number) => apic.read(register, 4)
    const put = (register: number, value: number) => apic.write(register, value, 4)
    put(SVR, 0x1ff)
    const fixed = (vector: number, level = false) =>
      apic.receive({ mode: 0, vector, level, destination: id, logical: false })
    return { apic, events, intr, get, put, fixed }
  })
  return { clock, bus, ended, cpus, ...cpus[0]! }
}

describe('priorities', () => {
  it('delivers the greatest vector above the task priority', () => {
    const { apic, intr, get, put, fixed } = powerOn()
    put(TPR, 0x50)
    fixed(0x4f)
    fixed(0x5f)
    expect(intr.level).toBe(false)
    fixed(0x61)
    expect(intr.level).toBe(true)
    expect(get(0x200 + 0x30)).toBe(0x2)
    expect(apic.acknowledge()).toBe(0x61)
    expect(get(0x100 + 0x30)).toBe(0x2)
    expect(get(PPR)).toBe(0x60)
    expect(intr.level).toBe(false)
  })

  it('nests by class and goes on after the end of interrupt', () => {
    const { apic, intr, put, fixed } = powerOn()
    fixed(0x41)
    apic.acknowledge()
    fixed(0x45)
    expect(intr.level).toBe(false)
    fixed(0x51)
    expect(apic.acknowledge()).toBe(0x51)
    put(EOI, 0)
    expect(intr.level).toBe(false)
    put(EOI, 0)
    expect(apic.acknowledge()).toBe(0x45)
  })

  it('lets go what waited when the task priority falls', () => {
    const { intr, put, fixed } = powerOn()
    put(TPR, 0xff)
    fixed(0xfe)
    expect(intr.level).toBe(false)
    put(TPR, 0xef)
    expect(intr.level).toBe(true)
  })

  it('gives the spurious vector, not in service, when the request may no longer be had', () => {
    const { apic, get, put, fixed } = powerOn()
    put(LINT0, MASKED)
    fixed(0x41)
    put(TPR, 0x40)
    expect(apic.acknowledge()).toBe(0xff)
    expect(get(0x120)).toBe(0)
  })

  it('tells the I/O APICs about the end of level-triggered interrupts only', () => {
    const { apic, ended, put, fixed } = powerOn()
    fixed(0x41, true)
    apic.acknowledge()
    put(EOI, 0)
    fixed(0x41)
    apic.acknowledge()
    put(EOI, 0)
    expect(ended).toEqual([0x41])
  })
})

describe('8259A interrupts through LINT0', () => {
  it('pass at once on the bootstrap processor, also while software has not enabled the APIC', () => {
    const { apic, intr } = powerOn()
    apic.reset()
    apic.lint0.set(true)
    expect(intr.level).toBe(true)
    expect(apic.acknowledge()).toBe(0x08)
    apic.lint0.set(false)
    expect(intr.level).toBe(false)
  })

  it('stop when the local vector is masked, or software disables the APIC', () => {
    const { apic, intr, get, put } = powerOn()
    apic.lint0.set(true)
    put(LINT0, MASKED | 0x700)
    expect(intr.level).toBe(false)
    put(LINT0, 0x700)
    expect(intr.level).toBe(true)
    put(SVR, 0xff)
    expect(intr.level).toBe(false)
    put(LINT0, 0x700)
    expect(get(LINT0)).toBe(MASKED | 0x700)
  })

  it('are not for application processors', () => {
    const { cpus } = powerOn(2)
    cpus[1]!.apic.lint0.set(true)
    expect(cpus[1]!.intr.level).toBe(false)
  })

  it('pass by the pin when the APIC is switched off, and NMI by the other', () => {
    const { apic, intr, events, put } = powerOn()
    put(LINT0, MASKED)
    apic.setEnabled(false)
    apic.lint0.set(true)
    expect(intr.level).toBe(true)
    expect(apic.acknowledge()).toBe(0x08)
    apic.lint1.set(true)
    expect(events).toEqual(['nmi'])
  })

  it('come as a vector of their own in fixed mode, again while the level is high', () => {
    const { apic, intr, get, put } = powerOn()
    put(LINT0, 0x8041)
    apic.lint0.set(true)
    expect(apic.acknowledge()).toBe(0x41)
    expect(get(LINT0)).toBe(0xc041)
    expect(intr.level).toBe(false)
    put(EOI, 0)
    expect(intr.level).toBe(true)
    apic.acknowledge()
    apic.lint0.set(false)
    put(EOI, 0)
    expect(intr.level).toBe(false)
    expect(get(LINT0)).toBe(0x8041)
  })
})

describe('timer', () => {
  it('interrupts even when its count ends before the write that starts it', () => {
    const { clock, intr, put } = powerOn(1, 10_000)
    put(DIVIDE, 0x3)
    put(LVT_TIMER, 0x40)
    put(INITIAL, 15)
    clock.advance(2_400)
    expect(intr.level).toBe(true)
  })

  it('does not interrupt when it is unmasked after its count has ended', () => {
    const { clock, intr, put } = powerOn()
    put(LVT_TIMER, MASKED | 0x40)
    put(INITIAL, 15)
    clock.advance(10_000)
    put(LVT_TIMER, 0x40)
    clock.advance(10_000)
    expect(intr.level).toBe(false)
  })

  it('counts down at bus clock over divider and interrupts once', () => {
    const { apic, clock, intr, get, put } = powerOn()
    put(DIVIDE, 0x3)
    put(LVT_TIMER, 0x40)
    put(INITIAL, 1000)
    clock.advance(80_000)
    expect(get(CURRENT)).toBe(500)
    clock.advance(79_999)
    expect(intr.level).toBe(false)
    clock.advance(1)
    expect(intr.level).toBe(true)
    expect(get(CURRENT)).toBe(0)
    apic.acknowledge()
    put(EOI, 0)
    clock.advance(1_000_000)
    expect(intr.level).toBe(false)
  })

  it('interrupts although a busy host lets the whole count pass while it is being written', () => {
    const { clock, intr, put } = powerOn()
    put(DIVIDE, 0xb)
    put(LVT_TIMER, 0x40)
    // Each look at the clock finds it 30 µs on, as when the host has been elsewhere in between.
    let nowNs = 0
    Object.defineProperty(clock, 'nowNs', {
      get: () => (nowNs += 30_000),
      set(ns: number) {
        nowNs = ns
      },
    })
    put(INITIAL, 100)
    clock.advance(0)
    expect(intr.level).toBe(true)
  })

  it('interrupts although its entry is written again between the end of the count and the telling of it', () => {
    const { clock, intr, put } = powerOn()
    put(DIVIDE, 0xb)
    put(LVT_TIMER, 0x40)
    put(INITIAL, 100)
    clock.nowNs += 5000
    put(LVT_TIMER, 0x41)
    clock.advance(0)
    expect(intr.level).toBe(true)
  })

  it('goes on from where it is when it shall no longer repeat', () => {
    const { apic, clock, intr, get, put } = powerOn()
    put(DIVIDE, 0xb)
    put(LVT_TIMER, 0x20040)
    put(INITIAL, 100)
    clock.advance(1300)
    apic.acknowledge()
    put(EOI, 0)
    put(LVT_TIMER, 0x40)
    expect(get(CURRENT)).toBe(70)
    clock.advance(699)
    expect(intr.level).toBe(false)
    clock.advance(1)
    expect(intr.level).toBe(true)
  })

  it('repeats without drift', () => {
    const { apic, clock, intr, put } = powerOn()
    put(DIVIDE, 0xb)
    put(LVT_TIMER, 0x20040)
    put(INITIAL, 100_000)
    let taken = 0
    for (let step = 0; step < 1000; step++) {
      clock.advance(100_000)
      while (intr.level) {
        apic.acknowledge()
        put(EOI, 0)
        taken++
      }
    }
    expect(taken).toBe(100)
  })

  it('counts but keeps quiet while masked, waking nobody', () => {
    const { clock, intr, get, put } = powerOn()
    put(DIVIDE, 0xb)
    put(INITIAL, 0xffffffff)
    clock.advance(1_000_000)
    expect(get(CURRENT)).toBe(0xffffffff - 100_000)
    expect(clock.nextDeadlineNs).toBe(Infinity)
    put(INITIAL, 100)
    clock.advance(1_000_000)
    put(LVT_TIMER, 0x40)
    clock.advance(1_000_000)
    expect(intr.level).toBe(false)
  })

  it('has all divisors', () => {
    for (const [code, divisor] of [
      [0x0, 2],
      [0x1, 4],
      [0x2, 8],
      [0x3, 16],
      [0x8, 32],
      [0x9, 64],
      [0xa, 128],
      [0xb, 1],
    ] as const) {
      const { clock, get, put } = powerOn()
      put(DIVIDE, code)
      put(INITIAL, 1_000_000)
      clock.advance(1_280_000)
      expect(get(CURRENT)).toBe(1_000_000 - 128_000 / divisor)
    }
  })

  it('does not keep the host busy with absurd periods', () => {
    const { clock, put } = powerOn()
    put(DIVIDE, 0xb)
    put(LVT_TIMER, 0x20040)
    put(INITIAL, 1)
    expect(clock.nextDeadlineNs).toBeGreaterThanOrEqual(10_000)
  })

  it('stops when 0 is written', () => {
    const { clock, get, put } = powerOn()
    put(LVT_TIMER, 0x20040)
    put(INITIAL, 1000)
    put(INITIAL, 0)
    expect(get(CURRENT)).toBe(0)
    expect(clock.nextDeadlineNs).toBe(Infinity)
  })
})

describe('inter-processor interrupts', () => {
  it('start application processors: INIT, de-assert, start-up', () => {
    const { cpus, put } = powerOn(2)
    put(ICR_HIGH, 1 << 24)
    put(ICR_LOW, 0xc500)
    put(ICR_LOW, 0x8500)
    put(ICR_LOW, 0x0699)
    expect(cpus[1]!.events).toEqual(['init', `start-up 153`])
    expect(cpus[0]!.events).toEqual([])
    expect(cpus[1]!.get(SVR)).toBe(0xff)
  })

  it('know shorthands', () => {
    const { cpus, put } = powerOn(3)
    const pending = () => cpus.map(({ intr }) => intr.level)
    put(ICR_LOW, 0x40041)
    expect(pending()).toEqual([true, false, false])
    put(ICR_LOW, 0xc0041)
    expect(pending()).toEqual([true, true, true])
    put(ICR_LOW, 0x80400)
    expect(cpus.map(({ events }) => events.length)).toEqual([1, 1, 1])
  })

  it('address flat sets and clusters', () => {
    const { bus, cpus } = powerOn(3)
    const reached = (destination: number) => {
      bus.send({ mode: 0, vector: 0x61, level: false, destination, logical: true })
      const found = cpus.flatMap(({ intr }, index) => (intr.level ? [index] : []))
      for (const index of found) {
        cpus[index]!.apic.acknowledge()
        cpus[index]!.put(EOI, 0)
      }
      return found
    }
    for (const [index, { put }] of cpus.entries()) put(LDR, (1 << index) << 24)
    expect(reached(0x05)).toEqual([0, 2])
    expect(reached(0xff)).toEqual([0, 1, 2])
    for (const [index, { put }] of cpus.entries()) {
      put(DFR, 0x0fffffff)
      put(LDR, (index < 2 ? 0x10 | (1 << index) : 0x21) << 24)
    }
    expect(reached(0x13)).toEqual([0, 1])
    expect(reached(0x21)).toEqual([2])
    expect(reached(0xf1)).toEqual([0, 2])
  })

  it('go to the least busy processor, or the one that has the vector already', () => {
    const { bus, cpus } = powerOn(2)
    const lowest = { mode: 1, vector: 0x61, level: false, destination: 0xff, logical: true }
    cpus[0]!.put(TPR, 0x20)
    bus.send(lowest)
    expect(cpus.map(({ intr }) => intr.level)).toEqual([false, true])
    cpus[0]!.put(TPR, 0)
    bus.send(lowest)
    expect(cpus.map(({ intr }) => intr.level)).toEqual([false, true])
  })

  it('are refused while software has the APIC disabled, all but INIT, NMI, SMI and start-up', () => {
    const { apic, events, put, fixed } = powerOn()
    put(SVR, 0xff)
    expect(fixed(0x41)).toBe(false)
    const message = { vector: 0, level: false, destination: 0, logical: false }
    expect(apic.receive({ ...message, mode: 4 })).toBe(true)
    expect(apic.receive({ ...message, mode: 2 })).toBe(true)
    expect(apic.receive({ ...message, mode: 3 })).toBe(false)
    expect(events).toEqual(['nmi', 'smi'])
  })
})

describe('errors and registers', () => {
  it('reports illegal vectors and registers through ESR and its local vector', () => {
    const { apic, get, put, fixed } = powerOn()
    put(LVT_ERROR, 0xee)
    put(ICR_LOW, 0x40005)
    fixed(0x0f)
    get(0x3f0)
    put(ESR, 0)
    expect(get(ESR)).toBe(0xe0)
    expect(apic.acknowledge()).toBe(0xee)
    put(ESR, 0)
    expect(get(ESR)).toBe(0)
  })

  it('survives an illegal vector in the error vector itself', () => {
    const { get, put } = powerOn()
    put(LVT_ERROR, 0x05)
    get(0x3f0)
    put(ESR, 0)
    expect(get(ESR)).toBe(0xc0)
  })

  it('gives version, identifier and parts of registers', () => {
    const { apic, get, put } = powerOn()
    expect(get(0x30)).toBe(0x50014)
    put(0x20, 0x07000000)
    expect(apic.read(0x23, 1)).toBe(7)
    expect(apic.read(0x24, 4)).toBe(0)
    apic.write(TPR, 0x20, 1)
    expect(get(TPR)).toBe(0)
    expect(get(DFR)).toBe(0xffffffff)
  })

  it('signals NMI by LINT1', () => {
    const { apic, events, put } = powerOn()
    apic.lint1.set(true)
    apic.lint1.set(false)
    put(LINT1, 0x400)
    apic.lint1.set(true)
    expect(events).toEqual(['nmi'])
  })
})

describe('state', () => {
  it('goes on after a restore, with a periodic timer that is overdue', () => {
    const { apic, clock, intr, put, fixed } = powerOn()
    put(LVT_TIMER, 0x20040)
    put(DIVIDE, 0xb)
    put(INITIAL, 100_000)
    fixed(0x31)
    clock.advance(2_500_000)
    apic.acknowledge()
    clock.nowNs += 700_000
    const saved = structuredClone(apic.save())
    const other = powerOn()
    other.clock.nowNs = clock.nowNs
    other.apic.restore(saved)
    expect(other.apic.save()).toEqual(saved)
    for (const each of [clock, other.clock]) each.advance(0)
    expect(other.apic.save()).toEqual(apic.save())
    expect(other.intr.level).toBe(intr.level)
    expect(other.clock.nextDeadlineNs).toBe(clock.nextDeadlineNs)
  })

  it('is a new one after reset', () => {
    const { apic, intr, put, fixed } = powerOn()
    put(0x20, 0x05000000)
    fixed(0x41)
    apic.reset()
    expect(intr.level).toBe(false)
    const fresh = powerOn().apic
    fresh.write(SVR, 0xff, 4)
    const { vectorTable, ...rest } = apic.save()
    expect(rest).toEqual({ ...fresh.save(), vectorTable: undefined })
    expect(vectorTable.entries).toEqual([MASKED, MASKED, MASKED, 0x700, MASKED, MASKED])
  })

  it('refuses a state with a field out of range', () => {
    const { apic } = powerOn()
    const saved = apic.save()
    expect(() => apic.restore({ ...saved, vectorTable: { entries: [1, 2], pins: [false, false] } })).toThrow(
      'state-invalid',
    )
    expect(() => apic.restore({ ...saved, timer: { ...saved.timer, startNs: NaN } })).toThrow('state-invalid')
  })
})
