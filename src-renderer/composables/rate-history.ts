import type { MachineRates } from './host-rates.ts'

/** What machines did in the last looks, by their ids, the newest last. */
export type RateHistory = ReadonlyMap<string, readonly MachineRates[]>

/** The history with another look at the machines that run; one that has ended is forgotten. @param most looks to keep */
export function withLook(history: RateHistory, machines: readonly MachineRates[], most: number): RateHistory {
  return new Map(machines.map((now) => [now.id, [...(history.get(now.id) ?? []), now].slice(-most)]))
}
