import { setTimeout as delay } from 'node:timers/promises'
import type { LayerMerge } from '../protocol/machine-config.ts'
import { RpcError, type CallTask } from '../protocol/rpc.ts'
import type { MergeProgress } from '../storage/formats/merge-layer.ts'
import type { Hold } from './hold.ts'
import type { MachineThread } from './machine-thread.ts'

/** For each ms that a step keeps the machine's thread, the guest has it so many to itself. */
const REST_FACTOR = 2
const MAX_REST_MS = 100
/** Steps after which what they wrote is brought to the disk: 16 MiB, so that no flush of the guest has to wait for more. */
const STEPS_A_SYNC = 64

/**
 * Merges two layers of a disk beside the guest: a piece between two slices of it, then a rest. What was written is brought
 * to the host's disk from here, so that the machine's own flush at the end finds next to nothing to do.
 * Throws `file-unusable`, `cancelled`, leaving the disk as it was.
 */
export async function mergeLayers(
  thread: MachineThread,
  layers: LayerMerge,
  sync: (path: string) => Promise<void>,
  hold: Hold,
  { signal, progress }: CallTask,
): Promise<void> {
  const written = await thread.ask('beginMerge', layers)
  const bringToDisk = () => Promise.all(written.map(sync))
  try {
    for (let steps = 1; ; steps++) {
      await hold.passed(signal)
      if (signal.aborted) throw new RpcError('cancelled')
      const began = performance.now()
      const step: MergeProgress | null = await thread.ask('mergeStep')
      if (step === null) break
      progress(step.done / step.total)
      const tookMs = performance.now() - began
      if (steps % STEPS_A_SYNC === 0) await bringToDisk()
      await delay(Math.min(MAX_REST_MS, tookMs * REST_FACTOR))
    }
    await bringToDisk()
    await thread.ask('settleMerge')
    if (signal.aborted) throw new RpcError('cancelled')
  } catch (error) {
    // It may have ended meanwhile, and closed its disks.
    await thread.ask('endMerge', false).catch(() => {})
    throw error
  }
}
