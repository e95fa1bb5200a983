import { defineStore } from 'pinia'
import { ref } from 'vue'
import type { SnapshotList } from '../../engine/protocol/snapshot.ts'
import type { SnapshotComparison } from '../../engine/protocol/snapshot-comparison.ts'
import type { Task } from '../transport/transport.ts'
import { followed } from './followed.ts'
import { useMachines } from './machines.ts'

/** The snapshots of the machine that is shown. The host has them; every change is asked of it and read back. */
export const useSnapshots = defineStore('snapshots', () => {
  const machines = useMachines()
  const list = ref<SnapshotList | null>(null)
  let shownId: string | null = null

  async function load(id: string): Promise<void> {
    if (id !== shownId) list.value = null
    shownId = id
    const found = await machines.host().call('snapshots', { id })
    if (shownId === id) list.value = found
  }

  /** Asks for a change, and reads the tree anew. */
  async function change(id: string, ask: () => Promise<unknown>): Promise<void> {
    try {
      await ask()
    } finally {
      await load(id)
    }
  }

  return {
    list,
    load,
    take: (id: string, name: string, notes: string) =>
      change(id, () => machines.host().call('takeSnapshot', { id, name, notes })),
    edit: (id: string, snapshot: string, name: string, notes: string) =>
      change(id, () => machines.host().call('editSnapshot', { id, snapshot, name, notes })),
    /** @param saveAs name of a snapshot of what is there now; null gives that up */
    restore: (id: string, snapshot: string, saveAs: string | null) =>
      change(id, () => machines.host().call('restoreSnapshot', { id, snapshot, saveAs })),
    remove: (id: string, snapshot: string) =>
      change(id, () => machines.host().call('deleteSnapshot', { id, snapshot })),
    startFrom: (id: string, snapshot: string | null) =>
      change(id, () => machines.host().call('startFrom', { id, snapshot })),
    clone: async (id: string, snapshot: string, name: string, linked: boolean) =>
      machines.reveal(await machines.host().call('cloneSnapshot', { id, snapshot, name, linked })),
    compare: (id: string, before: string, after: string, task: Task): Promise<SnapshotComparison> =>
      followed(task, (of) =>
        machines.host().call('compareSnapshots', { id, before, after, task: of }, { signal: task.signal }),
      ),
    picture: (id: string, snapshot: string) => machines.host().call('snapshotPicture', { id, snapshot }),
  }
})
