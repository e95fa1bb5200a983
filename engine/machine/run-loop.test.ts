import { expect, it } from 'vitest'
import { MachineClock } from './machine-clock.ts'
import { RunLoop } from './run-loop.ts'

const SLICE_NS = 4_000_000
const SECOND_NS = 1_000_000_000

/** A loop with a processor whose speed the test sets; all of the host's time goes to it. */
function loopOf(nsPerInstruction: number) {
  const host = { ns: 0, nsPerInstruction, runs: 0 }
  const cpu = {
    retired: 0,
    get retiredNow() {
      return cpu.retired
    },
    run: (budget: number) => {
      host.runs++
      host.ns += budget * host.nsPerInstruction
      cpu.retired += budget
      return 'stop' as const
    },
    requestStop: () => {},
  }
  const clock = new MachineClock(
    () => host.ns,
    () => cpu.retired,
  )
  clock.start()
  const loop = new RunLoop(cpu, clock, () => false)
  /** Runs for so much of the host's time. @returns the guest's in that time */
  const runFor = (ns: number): number => {
    const from = { host: host.ns, guest: clock.nowNs }
    while (host.ns - from.host < ns) loop.run(SLICE_NS)
    return clock.nowNs - from.guest
  }
  return { host, runFor }
}

it('keeps the guest’s time when its code has become fifty times slower', () => {
  const { host, runFor } = loopOf(1)
  runFor(SECOND_NS)
  host.nsPerInstruction = 50
  expect(runFor(SECOND_NS) / SECOND_NS).toBeGreaterThan(0.95)
})

it('looks at the timers about twice a millisecond, however fast the guest’s code is', () => {
  const { host, runFor } = loopOf(50)
  runFor(SECOND_NS)
  host.nsPerInstruction = 1
  runFor(SECOND_NS)
  host.runs = 0
  runFor(SECOND_NS)
  expect(host.runs).toBeGreaterThan(1900)
  expect(host.runs).toBeLessThan(2600)
})

const TICK_NS = 4_000_000

/** A guest that does a little at each of 250 timer interrupts a second, and halts. @param worksNs what each takes it */
function restingGuest(worksNs: number) {
  const host = { ns: 0, wakings: 0 }
  /** When each tick came, by the guest's clock. */
  const ticks: number[] = []
  const cpu = {
    retired: 0,
    get retiredNow() {
      return cpu.retired
    },
    run: () => {
      host.ns += worksNs
      cpu.retired += worksNs / 20
      return 'halt' as const
    },
    requestStop: () => {},
  }
  const clock = new MachineClock(
    () => host.ns,
    () => cpu.retired,
  )
  const timer = clock.createTimer(() => {
    ticks.push(clock.nowNs)
    timer.arm(clock.nowNs + TICK_NS)
  })
  timer.arm(TICK_NS)
  const loop = new RunLoop(cpu, clock, () => false, Infinity, undefined, true)
  const runFor = (ns: number): void => {
    const end = host.ns + ns
    host.wakings = 0
    ticks.length = 0
    while (host.ns < end) {
      clock.start()
      const exit = loop.run(SLICE_NS)
      if (exit.kind !== 'idle') {
        clock.stop(0)
        continue
      }
      clock.stop(exit.wakeNs, exit.lateNs)
      host.ns += exit.wakeNs
      host.wakings++
    }
  }
  return { host, loop, ticks, runFor }
}

it('wakes a guest that rests once for several of its timers, none of which is lost', () => {
  const { host, loop, ticks, runFor } = restingGuest(50_000)
  runFor(SECOND_NS)
  loop.isWatched = true
  runFor(SECOND_NS)
  expect(host.wakings).toBeLessThan(40)
  loop.isWatched = false
  expect(ticks.length).toBeGreaterThan(240)
  runFor(SECOND_NS)
  expect(host.wakings).toBeLessThan(12)
  expect(ticks.length).toBeGreaterThan(220)
  for (const [i, at] of ticks.entries()) if (i > 0) expect(at - ticks[i - 1]!).toBeGreaterThanOrEqual(TICK_NS)
})

it('serves timers when they are due while the guest has work, or somebody uses it', () => {
  const working = restingGuest(1_500_000)
  working.runFor(2 * SECOND_NS)
  working.runFor(SECOND_NS)
  expect(working.host.wakings).toBeGreaterThan(170)
  const used = restingGuest(50_000)
  used.runFor(2 * SECOND_NS)
  used.loop.attend()
  used.runFor(SECOND_NS / 4)
  expect(used.host.wakings).toBeGreaterThan(55)
})
