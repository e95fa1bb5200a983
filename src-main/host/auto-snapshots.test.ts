import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AutoSnapshotSchedule, type AutoPlan } from './auto-snapshots.ts'

const MINUTE_MS = 60_000
let plan: AutoPlan | null
let running: boolean
let told: string[]
let schedule: AutoSnapshotSchedule
beforeEach(() => {
  vi.useFakeTimers({ now: 0 })
  plan = { everyMinutes: 10, keep: 2, taken: [], needed: [] }
  running = true
  told = []
  let next = 1
  schedule = new AutoSnapshotSchedule({
    plan: () => Promise.resolve(plan),
    isRunning: () => running,
    take: () => {
      if (next === 4) return Promise.reject(new Error(`no room for ${next++}`))
      told.push(`take ${next}`)
      plan = { ...plan!, taken: [...plan!.taken, { id: `${next++}`, takenAtMs: Date.now() }] }
      return Promise.resolve()
    },
    remove: (_, snapshot) => {
      told.push(`remove ${snapshot}`)
      plan = { ...plan!, taken: plan!.taken.filter(({ id }) => id !== snapshot) }
      return Promise.resolve()
    },
    failed: (_, error) => void told.push((error as Error).message),
  })
})
afterEach(() => {
  schedule.close()
  vi.useRealTimers()
})
const minutes = (count: number) => vi.advanceTimersByTimeAsync(count * MINUTE_MS)

describe('automatic snapshots', () => {
  it('are taken at their interval, and the oldest make room', async () => {
    await schedule.arm('vm')
    await minutes(9)
    expect(told).toEqual([])
    await minutes(1)
    expect(told).toEqual(['take 1'])
    await minutes(20)
    expect(told).toEqual(['take 1', 'take 2', 'take 3', 'remove 1'])
  })

  it('go on after one that failed', async () => {
    await schedule.arm('vm')
    await minutes(50)
    expect(told).toEqual(['take 1', 'take 2', 'take 3', 'remove 1', 'no room for 4', 'take 5', 'remove 2'])
  })

  it('a machine that has older ones gets its next a whole interval after its start', async () => {
    plan!.taken = [{ id: 'old', takenAtMs: -4 * MINUTE_MS }]
    await schedule.arm('vm')
    await minutes(9)
    expect(told).toEqual([])
    await minutes(1)
    expect(told).toEqual(['take 1'])
  })

  it('wait while the machine is paused, and end with it', async () => {
    await schedule.arm('vm')
    running = false
    await minutes(15)
    expect(told).toEqual([])
    running = true
    await minutes(1)
    expect(told).toEqual(['take 1'])
    schedule.disarm('vm')
    await minutes(100)
    expect(told).toEqual(['take 1'])
  })

  it('are none unless they are asked for', async () => {
    plan!.everyMinutes = 0
    await schedule.arm('vm')
    plan = null
    await schedule.arm('other')
    await minutes(1000)
    expect(told).toEqual([])
  })

  it('begin when a running machine is given an interval', async () => {
    plan!.everyMinutes = 0
    await schedule.arm('vm')
    await minutes(30)
    plan!.everyMinutes = 5
    await schedule.arm('vm')
    await minutes(4)
    expect(told).toEqual([])
    await minutes(1)
    expect(told).toEqual(['take 1'])
  })

  it('leave alone what is needed', async () => {
    plan!.taken = ['a', 'b', 'c'].map((id) => ({ id, takenAtMs: -1 }))
    plan!.needed = ['a']
    await schedule.arm('vm')
    await minutes(10)
    expect(told).toEqual(['take 1', 'remove b'])
  })
})
