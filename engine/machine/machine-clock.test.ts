import { describe, expect, it } from 'vitest'
import { MachineClock } from './machine-clock.ts'

const MS = 1_000_000

/** A clock on a host whose time and whose guest's progress the test sets. */
function clockOf(counts: boolean) {
  const host = { ns: 0, instructions: 0 }
  const clock = new MachineClock(
    () => host.ns,
    () => (counts ? host.instructions : null),
  )
  return { host, clock }
}

describe('time of a running guest', () => {
  it('does not leap when the host was busy elsewhere', () => {
    const { host, clock } = clockOf(true)
    clock.start()
    host.ns += 700 * MS
    host.instructions += 1000
    expect(clock.nowNs).toBeLessThan(2 * MS)
  })

  it('is the host’s when the processor cannot count what it does', () => {
    const { host, clock } = clockOf(false)
    clock.start()
    host.ns += 4 * MS
    expect(clock.nowNs).toBe(4 * MS)
  })

  it.each([0.25, 4])('passes %d times as fast as the host’s when it is told to', (scale) => {
    const { host, clock } = clockOf(true)
    clock.start()
    host.ns += MS
    host.instructions += 1_000_000
    const before = clock.nowNs
    clock.scale = scale
    expect(clock.nowNs).toBe(before)
    for (let looks = 0; looks < 100; looks++) {
      host.ns += MS / 10
      host.instructions += 10_000
      void clock.nowNs
    }
    expect(clock.nowNs - before).toBeCloseTo(10 * MS * scale, -2)
    // A sleep is reckoned in guest time as well.
    clock.stop(20 * MS * scale)
    host.ns += 20 * MS
    clock.start()
    expect(clock.nowNs - before).toBeCloseTo(30 * MS * scale, -2)
    expect(clock.behindNs).toBe(0)
  })

  it('stands still for devices for a few instructions, and never for who asks exactly', () => {
    const { host, clock } = clockOf(true)
    clock.start()
    host.ns += 1000
    host.instructions += 3
    expect(clock.nowNs).toBe(1000)
    host.ns += 500
    host.instructions += 3
    expect(clock.nowNs).toBe(1000)
    expect(clock.exactNs).toBe(1500)
    expect(clock.nowNs).toBe(1500)
    host.ns += 500
    host.instructions += 16
    expect(clock.nowNs).toBe(2000)
  })

  it('says how far it is behind', () => {
    const { host, clock } = clockOf(true)
    clock.start()
    host.ns += 300 * MS
    void clock.nowNs
    expect(clock.behindNs + clock.nowNs).toBeCloseTo(300 * MS, -2)
    expect(clock.behindNs).toBeGreaterThan(290 * MS)
  })

  it('makes good while the guest idles what was held back, at twice the speed at most', () => {
    const { host, clock } = clockOf(true)
    clock.start()
    host.ns += 300 * MS
    clock.stop(25 * MS)
    const before = clock.nowNs
    for (let wakes = 0; wakes < 20; wakes++) {
      host.ns += 25 * MS
      const last = clock.nowNs
      clock.start()
      expect(clock.nowNs - last).toBeLessThanOrEqual(50 * MS)
      clock.stop(25 * MS)
    }
    expect(clock.nowNs - before).toBeGreaterThan(790 * MS)
    expect(clock.nowNs).toBeLessThanOrEqual(host.ns)
  })
})
