import type { HostActivity, VmUsage } from '../../engine/protocol/host-activity.ts'
import { csvOf } from './csv.ts'

/** What a machine did and took, a second. */
export interface MachineRates {
  id: string
  name: string
  /** In percent of one processor. */
  cpu: number
  memoryMiB: number
  /** In KiB. */
  read: number
  written: number
  frames: number
  interrupts: number
  /** In millions. */
  instructions: number
}

/** The host and its machines, between two looks. */
export interface HostRates {
  /** In percent of all processors. */
  cpu: number
  memoryMiB: number
  freeMiB: number
  machines: MachineRates[]
}

export const RATE_COLUMNS = [
  'name',
  'cpu',
  'memoryMiB',
  'read',
  'written',
  'frames',
  'interrupts',
  'instructions',
] as const

/** @param before the look before this one; null at the first, when there are no rates yet */
export function hostRates(
  now: HostActivity,
  before: HostActivity | null,
  nameOf: (id: string) => string,
): HostRates {
  const machines = now.machines.map(({ id, usage }) => {
    const earlier = before?.machines.find((machine) => machine.id === id)?.usage
    return { id, name: nameOf(id), ...machineRates(usage, earlier) }
  })
  const spanMs = before ? (now.atMs - before.atMs) * now.processors : 0
  const cpu =
    before && spanMs > 0 ? Math.min(100, (Math.max(0, now.busyMs - before.busyMs) / spanMs) * 100) : 0
  return { cpu, memoryMiB: now.memoryMiB, freeMiB: now.freeMiB, machines }
}

function machineRates(now: VmUsage, before: VmUsage | undefined): Omit<MachineRates, 'id' | 'name'> {
  // One that was started anew begins to count anew.
  const isLater = before !== undefined && now.atMs > before.atMs && now.cpuMs >= before.cpuMs
  const seconds = isLater ? (now.atMs - before.atMs) / 1000 : Infinity
  const rate = (of: keyof VmUsage): number => (isLater ? Math.max(0, now[of] - before[of]) / seconds : 0)
  return {
    cpu: rate('cpuMs') / 10,
    memoryMiB: now.memoryBytes / 2 ** 20,
    read: rate('bytesRead') / 1024,
    written: rate('bytesWritten') / 1024,
    frames: rate('frames'),
    interrupts: rate('interrupts'),
    instructions: rate('instructions') / 1e6,
  }
}

/** As comma-separated values, a machine a line. */
export const hostRatesCsv = ({ machines }: HostRates): string =>
  csvOf([
    [
      'machine',
      'cpu percent of one processor',
      'memory MiB',
      'KiB read per second',
      'KiB written per second',
      'frames per second',
      'interrupts per second',
      'million instructions per second',
    ],
    ...machines.map((machine) =>
      RATE_COLUMNS.map((column) => (column === 'name' ? machine.name : Number(machine[column].toFixed(2)))),
    ),
  ])
