import { describe, expect, it } from 'vitest'
import { RestWatch } from './rest-watch.ts'

const SECOND = 1e9

/** A guest that is awake for a share of each 4 ms. @returns when a rest was told, in seconds */
function live(watch: RestWatch, fromNs: number, seconds: number, awake: number): number[] {
  const told: number[] = []
  const step = 4_000_000
  for (let now = fromNs + step; now <= fromNs + seconds * SECOND; now += step)
    if (watch.hasSlept((1 - awake) * step, now)) told.push((now - fromNs) / SECOND)
  return told
}

describe('the rest of a guest', () => {
  it.each([0.02, 0.15])(
    'is told soon after its work, then after ever longer times: awake for %d',
    (awake) => {
      const watch = new RestWatch(0)
      expect(live(watch, 0, 10, 1)).toEqual([])
      const told = live(watch, 10 * SECOND, 600, awake)
      expect(told).toHaveLength(5)
      expect(told[0]).toBeLessThan(4.1)
      expect(told.at(-1)).toBeGreaterThan(500)
    },
  )

  it('is not told of one that never worked, nor of one that is half busy', () => {
    expect(live(new RestWatch(0), 0, 20, 0.01)).toEqual([])
    expect(live(new RestWatch(0), 0, 20, 0.5)).toEqual([])
  })

  it('is not told of one that a cap holds, until it rests of itself', () => {
    const watch = new RestWatch(0)
    const step = 4_000_000
    let now = 0
    for (; now < 60 * SECOND; now += step) {
      watch.wasHeld(0.9 * step)
      expect(watch.hasSlept(0.01 * step, now + step)).toBe(false)
    }
    // It rests for most of the tenth that it may have.
    let told = false
    for (const end = now + 60 * SECOND; now < end; now += step) {
      watch.wasHeld(0.01 * step)
      told ||= watch.hasSlept(0.97 * step, now + step)
    }
    expect(told).toBe(true)
  })

  it('is told again after more work, and of a sleep that is longer than the watch', () => {
    const watch = new RestWatch(0)
    live(watch, 0, 10, 1)
    expect(watch.hasSlept(10 * SECOND, 22 * SECOND)).toBe(true)
    expect(watch.hasSlept(10 * SECOND, 32 * SECOND)).toBe(false)
    live(watch, 32 * SECOND, 4, 1)
    expect(watch.hasSlept(10 * SECOND, 46 * SECOND)).toBe(true)
  })
})
