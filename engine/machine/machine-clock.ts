import type { Clock, Timer } from '../base/clock.ts'
import { TimerQueue } from '../base/timer-queue.ts'

/** The longest stretch of host time that may pass unnoticed as guest time between two runs, in ns. */
const MAX_GAP_NS = 50_000_000

/** The longest step of guest time between two looks at the clock while the guest runs, in ns. */
const MAX_STEP_NS = 1_000_000
/** What a look at the clock may take, and an instruction at the most, unless the host was busy elsewhere. */
const MIN_STEP_NS = 30_000
const NS_PER_INSTRUCTION = 100
/**
 * Devices that are asked again within so few instructions answer for the same time: to ask the host costs more than a
 * simple device's answer, and programs ask the same port again and again.
 */
const SAME_TIME_INSTRUCTIONS = 16
/** Share of running time by which guest time may catch up with what was held back. */
const CATCH_UP = 1 / 10

/**
 * Guest time of a running machine: the host's monotonic time while it runs or sleeps for an idle guest,
 * standing still while it is paused. A host that takes the processor away in the middle of a measurement of
 * the guest must not upset it: steps are short, and what was held back is made good slowly, or while idle.
 * It can pass faster or slower than the host's; all of this is reckoned in guest time then.
 */
export class MachineClock implements Clock {
  readonly timers = new TimerQueue()
  #guestNs = 0
  /** False while time stands still. */
  #passes = false
  /** Host time that #guestNs belongs to. */
  #sinceHostNs = 0
  #heldBackNs = 0
  #lastInstructions = 0
  /** Instructions up to which devices answer for #guestNs. */
  #sameTimeUntil = 0
  #stoppedAtHostNs: number | null = null
  #allowedGapNs = 0
  /** Of the sleep under way: when the first timer is due, and how long it may wait; then what was slept beyond, not yet the guest's. */
  #untilDueNs = 0
  #lateNs = 0
  #oversleptNs = 0
  #wasIdle = false
  #scale = 1
  /** Where the scale began to hold: host time, and what it counted as. */
  #scaled = { fromHostNs: 0, ns: 0 }

  /**
   * @param hostNs monotonic host time in ns
   * @param progress instructions that the processor has retired; null when it cannot count them, and then all
   *   of the host's time is the guest's
   * @param sameTimeInstructions instructions for which devices answer for the same time; 0 for a time that follows from
   *   the count of instructions, in which no two looks must differ by when the others were
   */
  constructor(
    private readonly unscaledHostNs: () => number,
    private readonly progress: () => number | null,
    private readonly sameTimeInstructions = SAME_TIME_INSTRUCTIONS,
  ) {}

  /** Guest time per host time. What has passed already keeps its measure. */
  get scale(): number {
    return this.#scale
  }

  set scale(scale: number) {
    const fromHostNs = this.unscaledHostNs()
    this.#scaled = { ns: this.#scaledAt(fromHostNs), fromHostNs }
    this.#scale = scale
  }

  /** How far the guest's clock is behind, in ns; it is made good when there is time for it. */
  get behindNs(): number {
    return this.#heldBackNs
  }

  #scaledAt(hostNs: number): number {
    return this.#scaled.ns + (hostNs - this.#scaled.fromHostNs) * this.#scale
  }

  /** The host's time as the guest is to see it pass. */
  #hostNs(): number {
    return this.#scaledAt(this.unscaledHostNs())
  }

  /** By how much more guest time the limits allow when it passes faster. */
  get #room(): number {
    return Math.max(1, this.#scale)
  }

  /** Guest time as devices see it: the same for a few instructions. */
  get nowNs(): number {
    if (this.#passes) {
      const instructions = this.progress()
      if (instructions === null || instructions >= this.#sameTimeUntil) this.#advance(instructions)
    }
    return Math.floor(this.#guestNs)
  }

  /** Guest time at this moment. */
  get exactNs(): number {
    if (this.#passes) this.#advance(this.progress())
    return Math.floor(this.#guestNs)
  }

  #advance(instructions: number | null): void {
    const host = this.#hostNs()
    const passed = host - this.#sinceHostNs
    this.#sinceHostNs = host
    if (instructions === null) {
      this.#guestNs += passed
      return
    }
    const done = Math.max(0, instructions - this.#lastInstructions)
    const plausible = (MIN_STEP_NS + done * NS_PER_INSTRUCTION) * this.#room
    this.#lastInstructions = instructions
    this.#sameTimeUntil = instructions + this.sameTimeInstructions
    let step = Math.min(passed, plausible, MAX_STEP_NS * this.#room)
    this.#heldBackNs += passed - step
    if (this.#heldBackNs > 0) {
      const made = Math.min(this.#heldBackNs, step * CATCH_UP)
      this.#heldBackNs -= made
      step += made
    }
    this.#guestNs += step
  }

  createTimer(fire: () => void): Timer {
    return this.timers.createTimer(fire)
  }

  /** A run begins. The time since the last one counts as far as `stop` allowed. */
  start(): void {
    const now = this.#hostNs()
    if (this.#stoppedAtHostNs !== null) {
      const gap = now - this.#stoppedAtHostNs
      // A longer gap is a pause, or a host that was asleep: the guest does not notice it.
      const counted = Math.min(gap, this.#allowedGapNs)
      if (this.#wasIdle) {
        // An idle guest measures nothing, so what was held back is made good; but no faster than its time passes
        // anyway: a leap would have a key that is just being pressed repeat itself.
        const made = Math.min(this.#heldBackNs, counted)
        this.#oversleptNs = Math.min(this.#lateNs, Math.max(0, counted - this.#untilDueNs))
        this.#guestNs += counted - this.#oversleptNs + made
        this.#heldBackNs -= made
      } else {
        const step = Math.min(counted, MIN_STEP_NS * this.#room)
        this.#guestNs += step
        this.#heldBackNs += counted - step
      }
    }
    this.#sinceHostNs = now
    this.#sameTimeUntil = 0
    this.#passes = true
  }

  /**
   * The guest rests again: time that was slept beyond its timers passes at once.
   * @param ns guest time until its next timer
   * @returns how much of that has passed
   */
  catchUp(ns: number): number {
    const passed = Math.min(this.#oversleptNs, Math.max(0, ns))
    this.#guestNs += passed
    this.#oversleptNs -= passed
    return passed
  }

  /**
   * A run ends.
   * @param idleNs how long an idle guest is to sleep, in guest time; 0 when it is busy
   * @param lateNs how much of that its first timer may wait for: the guest's time stands still there
   */
  stop(idleNs: number, lateNs = 0): void {
    if (this.#passes) this.#advance(this.progress())
    this.#passes = false
    this.#heldBackNs += this.#oversleptNs
    this.#oversleptNs = 0
    this.#lateNs = lateNs
    this.#untilDueNs = idleNs - lateNs
    this.#wasIdle = idleNs > 0
    this.#stoppedAtHostNs = this.#hostNs()
    this.#allowedGapNs = idleNs + MAX_GAP_NS * this.#room
  }

  /** Goes on from a saved time. */
  restore(guestNs: number): void {
    this.#guestNs = guestNs
    this.#heldBackNs = 0
    this.#oversleptNs = 0
    this.#stoppedAtHostNs = null
    this.#sameTimeUntil = 0
    this.#sinceHostNs = this.#hostNs()
  }
}
