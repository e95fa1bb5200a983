import { ref, watch, type Ref } from 'vue'
import type { VmStats } from '../../engine/protocol/vm.ts'

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
  /** How fast the guest's clock ran against the host's: 1 is in time. */
  clockRate: number
}

/** @param seconds host time between the two reports */
export function activityOf(stats: VmStats, before: VmStats | null, seconds: number): Activity {
  const rows = (group: CounterGroup): Counter[] =>
    Object.entries(stats[group]).map(([name, total]) => {
      const grown = before ? total - (before[group][name] ?? 0) : 0
      return { name, total, perSecond: Math.max(0, grown / seconds) }
    })
  return {
    stats,
    counters: {
      exits: rows('exits'),
      accesses: rows('accesses'),
      lines: rows('lines'),
      interrupts: rows('interrupts'),
      cpu: rows('cpu'),
    },
    clockRate: before ? Math.max(0, (stats.guestNs - before.guestNs) / (seconds * 1e9)) : 1,
  }
}

/** Follows a machine's reports, also while nobody looks: rates are always those of the last second. */
export function useActivity(stats: Ref<VmStats | null>): Ref<Activity | null> {
  const activity = ref<Activity | null>(null)
  let beforeMs = performance.now()
  watch(
    stats,
    (now) => {
      const nowMs = performance.now()
      const seconds = Math.max(0.001, (nowMs - beforeMs) / 1000)
      beforeMs = nowMs
      activity.value = now && activityOf(now, activity.value?.stats ?? null, seconds)
    },
    { immediate: true },
  )
  return activity
}

/** All counters as comma-separated values, one a line. */
export function activityCsv({ stats, counters }: Activity): string {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  const lines = COUNTER_GROUPS.flatMap((group) =>
    counters[group].map(({ name, perSecond, total }) =>
      [group, quoted(name), perSecond.toFixed(1), total].join(','),
    ),
  )
  const { name, reason } = stats.accelerator
  return [
    'group,name,per second,total',
    ...lines,
    `processor,instructions,${stats.instructionsPerSecond.toFixed(1)},${stats.instructions}`,
    `accelerator,${quoted(`${name}: ${reason}`)},,`,
    '',
  ].join('\r\n')
}
