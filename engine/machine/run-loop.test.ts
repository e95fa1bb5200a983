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
