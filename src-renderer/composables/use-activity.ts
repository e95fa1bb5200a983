import { ref, watch, type Ref } from 'vue'
import { inWords } from '../../engine/protocol/reasons.ts'
import type { VmStats } from '../../engine/protocol/vm.ts'
import { csvOf } from './csv.ts'

/** The groups of counters that a machine reports. */
export const COUNTER_GROUPS = ['exits', 'accesses', 'lines', 'interrupts', 'cpu'] as const
export type CounterGroup = (typeof COUNTER_GROUPS)[number]

export interface Counter {
  name: string
  total: number
  /** Over the time between the last two reports. */
  perSecond: number
}

/** One moment of a machine: what it reported, and how fast that grew. */
export interface Activity {
  stats: VmStats
  counters: Record<CounterGroup, Counter[]>
  /** Bytes a second of all drives. */
  diskRead: number
  diskWritten: number
  /** Requests on all interrupt lines, a second. */
  requests: number
  /** How fast the guest's clock ran against the host's: 1 is in time. */
  clockRate: number
}

/**
 * Rates go by the host's time at which the reports were made: they may arrive at once when a window was busy, and
 * their distance then says nothing.
 */
export function activityOf(stats: VmStats, earlier: VmStats | null): Activity {
  const before = earlier && earlier.hostNs < stats.hostNs ? earlier : null
  const seconds = before ? (stats.hostNs - before.hostNs) / 1e9 : 1
  const rows = (group: CounterGroup): Counter[] =>
    Object.entries(stats[group]).map(([name, total]) => {
      const grown = before ? total - (before[group][name] ?? 0) : 0
      return { name, total, perSecond: Math.max(0, grown / seconds) }
    })
  const lines = rows('lines')
  const moved = (of: 'bytesRead' | 'bytesWritten'): number => {
    // A medium that was taken out takes its count along.
    const sum = (drives: VmStats['drives']): number => drives.reduce((total, drive) => total + drive[of], 0)
    return before ? Math.max(0, sum(stats.drives) - sum(before.drives)) / seconds : 0
  }
  return {
    stats,
    diskRead: moved('bytesRead'),
    diskWritten: moved('bytesWritten'),
    requests: lines.reduce((sum, { perSecond }) => sum + perSecond, 0),
    counters: {
      exits: rows('exits'),
      accesses: rows('accesses'),
      lines,
      interrupts: rows('interrupts'),
      cpu: rows('cpu'),
    },
    clockRate: before ? Math.max(0, (stats.guestNs - before.guestNs) / (seconds * 1e9)) : 1,
  }
}

/** Follows a machine's reports, also while nobody looks: rates are always those of the last second. */
export function useActivity(stats: Ref<VmStats | null>): Ref<Activity | null> {
  const activity = ref<Activity | null>(null)
  watch(stats, (now) => (activity.value = now && activityOf(now, activity.value?.stats ?? null)), {
    immediate: true,
  })
  return activity
}

/** All counters as comma-separated values, one a line. */
export function activityCsv({ stats, counters, diskRead, diskWritten }: Activity): string {
  const counted = COUNTER_GROUPS.flatMap((group) =>
    counters[group].map(({ name, perSecond, total }) => [group, name, rounded(perSecond), total]),
  )
  const { name, reason } = stats.accelerator
  return csvOf([
    ['group', 'name', 'per second', 'total'],
    ...counted,
    ['processor', 'instructions', rounded(stats.instructionsPerSecond), stats.instructions],
    ['disk', 'bytes read', rounded(diskRead), ''],
    ['disk', 'bytes written', rounded(diskWritten), ''],
    ['memory', 'bytes of the host', '', stats.memoryBytes],
    ['accelerator', `${name}: ${inWords(reason)}`, '', ''],
  ])
}

const rounded = (rate: number): number => Number(rate.toFixed(1))
