/**
 * Guest time. Every device asks its injected clock and nothing else; nothing ticks by itself.
 * Times are whole nanoseconds since the machine was created, held in a double: exact for 104 days.
 */
export interface Clock {
  /** Guest time now, in ns; never goes back. */
  readonly nowNs: number
  /** Makes a one-shot timer, not yet armed. `fire` runs once guest time has reached the armed deadline. */
  createTimer(fire: () => void): Timer
}

export interface Timer {
  /** The time at which it will fire, in ns, or null when not armed. */
  readonly deadlineNs: number | null
  /**
   * Arms it for a time in ns, replacing an earlier one. A deadline in the past fires at the next chance,
   * so periodic users compute the next edge from the last edge, never from "now".
   */
  arm(deadlineNs: number): void
  cancel(): void
}

export const NS_PER_SECOND = 1_000_000_000

/** Puts a timer back to a saved deadline. */
export function rearm(timer: Timer, deadlineNs: number | null): void {
  if (deadlineNs === null) timer.cancel()
  else timer.arm(deadlineNs)
}
