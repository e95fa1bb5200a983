import type { VcpuExit } from '../vcpu/vcpu.ts'
import { ExecutionCap } from './execution-cap.ts'
import type { MachineClock } from './machine-clock.ts'
import { TimerSlack } from './timer-slack.ts'

/** What the loop runs. */
export interface LoopCpu {
  run(budget: number): VcpuExit
  requestStop(): void
  readonly retired: number
  /** Null for a processor that is stopped by time and not by a count. */
  readonly retiredNow: number | null
}

export type LoopExit =
  | { kind: 'slice' }
  /** The guest waits for an interrupt, whose timer may be late by part of that; or a cap holds it, whatever it wants to do. */
  | { kind: 'idle'; wakeNs: number; lateNs: number; held: boolean }
  | { kind: 'shutdown' }
  | { kind: 'breakpoint' }
  | { kind: 'event' }

/** Instructions per ns before anything was measured. */
const FIRST_RATE = 0.05
/** A run between two looks at the timers, in ns. */
const MAX_STRETCH_NS = 500_000
/** Allowance of a capped processor that waits for it, in ns: what a host that wakes up late may owe it. */
const MAX_SAVED_NS = 20_000_000
const MIN_BUDGET = 200
/** Shorter waits than this are not worth a sleep of the host. */
const MIN_SLEEP_NS = 30_000

/**
 * Runs the processor between timer deadlines. The budget of each run follows from the time to the next
 * deadline and the speed seen so far, so that a timer fires about when it should and the processor is not
 * interrupted without need.
 */
export class RunLoop {
  /** How much of the time the processor may run. */
  readonly cap = new ExecutionCap()
  #rate = FIRST_RATE
  #deadlineNs = Infinity
  /** Guest time for which the instructions so far pay under the cap. */
  #paidUntilNs = 0
  #retiredPaid = 0
  readonly #longestNs: number
  readonly #slack: TimerSlack | null
  /** Instructions by when the guest rested last. */
  #retiredAtRest = 0

  constructor(
    private readonly cpu: LoopCpu,
    private readonly clock: MachineClock,
    /** True when the machine has something to do at once: a reset, power off, an exit. */
    private readonly hasEvent: () => boolean,
    /** Cap on instructions per second of guest time, for systems that time loops. */
    private readonly instructionsPerSecond = Infinity,
    /** Called before each stretch of half a millisecond at the most. */
    private readonly beforeStretch: () => void = () => {},
    /** The host's time is what the guest's follows from: its timers may be served late while it rests. */
    mayBeLate = false,
  ) {
    // A budget of instructions is a guess; a processor that keeps to its time needs no second look.
    this.#longestNs = cpu.retiredNow === null ? Infinity : MAX_STRETCH_NS
    this.#slack = mayBeLate && cpu.retiredNow !== null ? new TimerSlack() : null
    // A timer that is armed for earlier than the run under way expects ends it.
    clock.timers.onChange = () => {
      if (clock.timers.earliestNs < this.#deadlineNs) cpu.requestStop()
    }
  }

  /** True when the run under way should end: a timer is due. */
  get isDue(): boolean {
    return this.clock.nowNs >= this.#deadlineNs
  }

  /** What is left of the run under way, in ns. */
  get timeLeftNs(): number {
    return this.#deadlineNs - this.clock.exactNs
  }

  /** Somebody uses the machine: its timers are served when they are due. */
  attend(): void {
    this.#slack?.attend(this.clock.nowNs)
  }

  /** Whether anybody looks at its screen: timers may be later while nobody does. */
  set isWatched(isWatched: boolean) {
    if (this.#slack) this.#slack.isWatched = isWatched
  }

  /** Runs for at most `sliceNs` of guest time. */
  run(sliceNs: number): LoopExit {
    const { clock, cpu } = this
    let end = clock.exactNs + sliceNs
    for (;;) {
      const now = clock.exactNs
      if (clock.timers.earliestNs <= now) clock.timers.runDue(now)
      if (this.hasEvent()) return { kind: 'event' }
      if (now >= end) return { kind: 'slice' }
      const longest = Math.min(this.#longestNs, this.cap.longestNs)
      const stretch = Math.min(clock.timers.earliestNs, end, now + longest) - now
      const waitNs = Math.max(this.#untilAllowedNs(now), this.cap.restNs(now))
      if (waitNs > 0)
        return {
          kind: 'idle',
          wakeNs: Math.min(waitNs, clock.timers.earliestNs - now, end - now),
          lateNs: 0,
          held: true,
        }
      this.#deadlineNs = now + stretch
      this.beforeStretch()
      const before = cpu.retired
      const exit = cpu.run(
        Math.max(MIN_BUDGET, Math.floor(stretch * Math.min(this.#rate, this.instructionsPerSecond / 1e9))),
      )
      this.#deadlineNs = Infinity
      const passedNs = clock.exactNs - now
      this.cap.ran(passedNs)
      this.#measure(cpu.retired - before, passedNs)
      if (exit === 'shutdown' || exit === 'breakpoint') return { kind: exit }
      if (exit === 'halt' && !this.hasEvent()) {
        const restsAtNs = clock.exactNs
        const waitNs = clock.timers.earliestNs - restsAtNs
        const work = cpu.retired - this.#retiredAtRest
        const lateNs = this.#slack?.forRest(restsAtNs, work, waitNs) ?? 0
        this.#retiredAtRest = cpu.retired
        const caughtUpNs = clock.catchUp(waitNs)
        end += caughtUpNs
        const wakeNs = waitNs - caughtUpNs
        if (wakeNs > MIN_SLEEP_NS) return { kind: 'idle', wakeNs: wakeNs + lateNs, lateNs, held: false }
      }
    }
  }

  /**
   * How long a processor that has had its instructions must rest, in ns. What it did not use of its allowance is
   * kept for a moment only: a burst after a rest is what a capped machine must not have.
   */
  #untilAllowedNs(now: number): number {
    if (this.instructionsPerSecond === Infinity) return 0
    const nsPerInstruction = 1e9 / this.instructionsPerSecond
    const retired = this.cpu.retired
    this.#paidUntilNs = Math.max(this.#paidUntilNs, now - MAX_SAVED_NS)
    this.#paidUntilNs += (retired - this.#retiredPaid) * nsPerInstruction
    this.#retiredPaid = retired
    const ahead = this.#paidUntilNs - now
    return ahead > MAX_STRETCH_NS ? ahead : 0
  }

  /** Follows the speed quickly down and slowly up: a late timer is worse than a short run. */
  #measure(instructions: number, ns: number): void {
    if (instructions < 1000 || ns <= 0) return
    const rate = Math.min(2, Math.max(0.005, instructions / ns))
    this.#rate += (rate - this.#rate) * (rate < this.#rate ? 0.5 : 0.1)
  }
}
