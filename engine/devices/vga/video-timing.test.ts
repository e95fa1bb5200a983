import { describe, expect, it } from 'vitest'
import { TestAdapter } from './test-adapter.ts'

const DISPLAY_OFF = 1
const RETRACE = 8

/** Times of rising edges of a status bit, polled every 2 µs. */
const edges = (adapter: TestAdapter, port: number, bit: number, forNs: number): number[] => {
  const times: number[] = []
  let before = adapter.in(port) & bit
  for (const end = adapter.clock.nowNs + forNs; adapter.clock.nowNs < end; adapter.clock.advance(2000)) {
    const now = adapter.in(port) & bit
    if (now && !before) times.push(adapter.clock.nowNs)
    before = now
  }
  return times
}

describe('input status 1', () => {
  it.each([
    [0x03, 70.09],
    [0x13, 70.09],
    [0x12, 59.94],
  ] as const)('shows the vertical retraces of mode %i: %f Hz', (mode, hz) => {
    const adapter = new TestAdapter()
    adapter.setMode(mode)
    const times = edges(adapter, 0x3da, RETRACE, 200_000_000)
    const periodNs = (times.at(-1) - times[0]!) / (times.length - 1)
    expect(1e9 / periodNs).toBeCloseTo(hz, 0)
  })

  it('shows 31.5 kHz lines while the picture is on', () => {
    const adapter = new TestAdapter()
    adapter.setMode(0x12)
    const [retrace] = edges(adapter, 0x3da, RETRACE, 20_000_000)
    adapter.clock.nowNs = retrace! + 2_000_000 // well within the picture
    const times = edges(adapter, 0x3da, DISPLAY_OFF, 5_000_000)
    expect(times.length).toBeGreaterThan(155)
    expect(times.length).toBeLessThan(160)
  })

  it('runs at 70 Hz even before any mode is set, and during a mode set', () => {
    const adapter = new TestAdapter()
    expect(edges(adapter, 0x3ba, RETRACE, 100_000_000)).toHaveLength(7)
    adapter.setMode(0x03)
    adapter.crtc(0x11, 0)
    adapter.crtc(0x06, 0)
    adapter.crtc(0x07, 0)
    expect(edges(adapter, 0x3da, RETRACE, 100_000_000)).toHaveLength(7)
  })

  it('runs at 60 Hz in VBE modes', () => {
    const adapter = new TestAdapter()
    adapter.setMode(0x03)
    adapter.setVbe(1024, 768, 32)
    const count = edges(adapter, 0x3da, RETRACE, 500_000_000).length
    expect(count).toBeGreaterThanOrEqual(29)
    expect(count).toBeLessThanOrEqual(31)
  })
})

describe('input status 0', () => {
  it('notes a vertical retrace from when its flag is let run, without an interrupt', () => {
    const adapter = new TestAdapter()
    adapter.setMode(0x03)
    adapter.crtc(0x11, 0x0e)
    adapter.nextFrame()
    expect(adapter.in(0x3c2) & 0x80).toBe(0)
    adapter.crtc(0x11, 0x1e)
    expect(adapter.in(0x3c2) & 0x80).toBe(0)
    adapter.nextFrame()
    expect(adapter.in(0x3c2) & 0x80).toBe(0x80)
    adapter.crtc(0x11, 0x0e)
    expect(adapter.in(0x3c2) & 0x80).toBe(0)
  })
})
