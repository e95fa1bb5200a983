import { describe, expect, it } from 'vitest'
import { ExecutionCap } from './execution-cap.ts'

/** Runs for as long as the cap allows, in steps. @returns the share of a second that was run */
function shareOf(cap: ExecutionCap, stepNs: number): number {
  let now = 5_000_000_000
  const end = now + 1_000_000_000
  let ran = 0
  cap.restNs(now)
  while (now < end) {
    const rest = cap.restNs(now)
    now += rest || stepNs
    if (rest) continue
    cap.ran(stepNs)
    ran += stepNs
  }
  return ran / 1_000_000_000
}

describe('the cap on execution', () => {
  it.each([1, 10, 33, 50, 90])('gives %i percent of the time', (percent) => {
    const cap = new ExecutionCap()
    cap.percent = percent
    expect(Math.abs(shareOf(cap, 100_000) - percent / 100)).toBeLessThan(0.006)
  })

  it('makes good a run that was longer than allowed', () => {
    const cap = new ExecutionCap()
    cap.percent = 25
    expect(shareOf(cap, 7_000_000)).toBeCloseTo(0.25, 1)
  })

  it('is not upset by a clock that is taken back', () => {
    const cap = new ExecutionCap()
    cap.percent = 50
    shareOf(cap, 100_000)
    expect(Math.abs(shareOf(cap, 100_000) - 0.5)).toBeLessThan(0.006)
  })

  it('never rests when it is not capped, and changes at once', () => {
    const cap = new ExecutionCap()
    cap.ran(1e12)
    expect(cap.restNs(1)).toBe(0)
    cap.percent = 50
    cap.ran(1)
    expect(cap.restNs(1)).toBeGreaterThan(0)
    cap.percent = 100
    expect(cap.restNs(1)).toBe(0)
  })
})
