import type { AutoSnapshots } from '../../engine/protocol/auto-snapshots.ts'

const MINUTE_MS = 60_000

/** What is known of a machine that runs. */
export interface AutoPlan extends AutoSnapshots {
  /** Of the automatic snapshots that there are, the oldest first. */
  taken: readonly { id: string; takenAtMs: number }[]
  /** These cannot go: something refers to them. */
  needed: readonly string[]
}

/** What the schedule needs of the host that it belongs to. */
interface Host {
  /** Null when none are to be taken: the machine does not run, or its writes are thrown away. */
  plan(id: string): Promise<AutoPlan | null>
  /** A machine that is paused changes nothing. */
  isRunning(id: string): boolean
  take(id: string): Promise<void>
  remove(id: string, snapshot: string): Promise<void>
  failed(id: string, error: unknown): void
}

/** Takes snapshots of machines that run when it is time, and deletes the oldest of those that it took. */
export class AutoSnapshotSchedule {
  readonly #timers = new Map<string, NodeJS.Timeout>()
  /** When a machine was started, or asked for snapshots: the first is not due at once. */
  readonly #sinceMs = new Map<string, number>()

  constructor(
    private readonly host: Host,
    private readonly nowMs: () => number = Date.now,
    private readonly minuteMs = MINUTE_MS,
  ) {}

  /** The machine has been started, or its settings have changed. */
  async arm(id: string): Promise<void> {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    const plan = await this.host.plan(id)
    if (!plan || plan.everyMinutes === 0) return void this.#sinceMs.delete(id)
    if (!this.#sinceMs.has(id)) this.#sinceMs.set(id, this.nowMs())
    const last = Math.max(this.#sinceMs.get(id)!, plan.taken.at(-1)?.takenAtMs ?? 0)
    this.#arm(id, last + plan.everyMinutes * this.minuteMs - this.nowMs())
  }

  /** The machine has ended. */
  disarm(id: string): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    this.#sinceMs.delete(id)
  }

  close(): void {
    for (const id of [...this.#timers.keys()]) this.disarm(id)
  }

  #arm(id: string, waitMs: number): void {
    clearTimeout(this.#timers.get(id))
    const timer = setTimeout(() => void this.#due(id), Math.max(0, waitMs))
    this.#timers.set(id, timer.unref())
  }

  async #due(id: string): Promise<void> {
    if (!this.host.isRunning(id)) return this.#arm(id, this.minuteMs)
    try {
      await this.host.take(id)
      await this.#makeRoom(id)
    } catch (error) {
      this.host.failed(id, error)
    }
    // Whatever came of it, the next one is due after a whole interval.
    if (!this.#timers.has(id)) return
    this.#sinceMs.set(id, this.nowMs())
    await this.arm(id)
  }

  async #makeRoom(id: string): Promise<void> {
    const plan = await this.host.plan(id)
    if (!plan) return
    const surplus = plan.taken.slice(0, Math.max(0, plan.taken.length - plan.keep))
    for (const { id: snapshot } of surplus)
      if (!plan.needed.includes(snapshot)) await this.host.remove(id, snapshot)
  }
}
