import { defineStore } from 'pinia'
import { ref } from 'vue'
import type { SnapshotList, SnapshotSummary } from '../../engine/protocol/snapshot.ts'
import { useMachines } from './machines.ts'

/** A snapshot and how deep in the tree it is. */
export interface TreeRow {
  snapshot: SnapshotSummary
  depth: number
}

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
    picture: (id: string, snapshot: string) => machines.host().call('snapshotPicture', { id, snapshot }),
  }
})

/** The tree row by row, each snapshot followed by those that came from it. */
export function treeRows({ snapshots }: SnapshotList): TreeRow[] {
  const ids = new Set(snapshots.map(({ id }) => id))
  const children = new Map<string | null, SnapshotSummary[]>()
  for (const snapshot of snapshots) {
    const parent = snapshot.parent !== null && ids.has(snapshot.parent) ? snapshot.parent : null
    children.set(parent, [...(children.get(parent) ?? []), snapshot])
  }
  const rows: TreeRow[] = []
  const waiting = (children.get(null) ?? []).map((snapshot) => ({ snapshot, depth: 0 })).toReversed()
  for (let row = waiting.pop(); row; row = waiting.pop()) {
    rows.push(row)
    const below = children.get(row.snapshot.id) ?? []
    // A straight line stays one; only branches go in.
    const depth = row.depth + (below.length > 1 ? 1 : 0)
    waiting.push(...below.map((snapshot) => ({ snapshot, depth })).toReversed())
  }
  return rows
}
