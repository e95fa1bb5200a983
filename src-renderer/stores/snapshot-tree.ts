import type { SnapshotList, SnapshotSummary } from '../../engine/protocol/snapshot.ts'

/** A snapshot and how deep in the tree it is. */
interface TreeRow {
  snapshot: SnapshotSummary
  depth: number
}

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
