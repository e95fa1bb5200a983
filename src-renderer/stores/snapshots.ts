import { defineStore } from 'pinia'
import { ref } from 'vue'
import type { CallTask } from '../../engine/protocol/rpc.ts'
import type { SnapshotList } from '../../engine/protocol/snapshot.ts'
import type { MemoryPage, SnapshotComparison } from '../../engine/protocol/snapshot-comparison.ts'
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
    take: (id: string, name: string, notes: string, task: CallTask) =>
      change(id, () => machines.host().call('takeSnapshot', { id, name, notes }, task)),
    edit: (id: string, snapshot: string, name: string, notes: string) =>
      change(id, () => machines.host().call('editSnapshot', { id, snapshot, name, notes })),
    /** @param saveAs name of a snapshot of what is there now; null gives that up */
    restore: (id: string, snapshot: string, saveAs: string | null) =>
      change(id, () => machines.host().call('restoreSnapshot', { id, snapshot, saveAs })),
    remove: (id: string, snapshot: string) =>
      change(id, () => machines.host().call('deleteSnapshot', { id, snapshot })),
    startFrom: (id: string, snapshot: string | null) =>
      change(id, () => machines.host().call('startFrom', { id, snapshot })),
    clone: async (id: string, snapshot: string, name: string, linked: boolean, task: CallTask) =>
      machines.reveal(await machines.host().call('cloneSnapshot', { id, snapshot, name, linked }, task)),
    compare: (id: string, before: string, after: string, task: CallTask): Promise<SnapshotComparison> =>
      machines.host().call('compareSnapshots', { id, before, after }, task),
    memoryPage: (id: string, before: string, after: string, page: number): Promise<MemoryPage> =>
      machines.host().call('snapshotMemory', { id, before, after, page }),
    picture: (id: string, snapshot: string) => machines.host().call('snapshotPicture', { id, snapshot }),
  }
})
