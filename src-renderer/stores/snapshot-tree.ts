import type { SnapshotList, SnapshotSummary } from '../../engine/protocol/snapshot.ts'

/** What is drawn before a snapshot at one depth: nothing, a line that passes by, or one that turns to it. */
type Guide = 'none' | 'pass' | 'turn' | 'last-turn'

/** A snapshot, how deep in the tree it is, and the lines that lead to it. */
export interface TreeRow {
  snapshot: SnapshotSummary
  depth: number
  /** For each depth above its own. */
  guides: Guide[]
  /** A line comes straight down to it; goes on below it. */
  above: boolean
  below: boolean
}

/** A row on its way into the list: how many came from its snapshot, and whether it is a branch of its parent. */
interface Step {
  snapshot: SnapshotSummary
  depth: number
  branches: boolean
  follows: boolean
}

/** The tree row by row, each snapshot followed by those that came from it. */
export function treeRows({ snapshots }: SnapshotList): TreeRow[] {
  const ids = new Set(snapshots.map(({ id }) => id))
  const children = new Map<string | null, SnapshotSummary[]>()
  for (const snapshot of snapshots) {
    const parent = snapshot.parent !== null && ids.has(snapshot.parent) ? snapshot.parent : null
    children.set(parent, [...(children.get(parent) ?? []), snapshot])
  }
  const steps: Step[] = []
  const root = (snapshot: SnapshotSummary): Step => ({ snapshot, depth: 0, branches: false, follows: false })
  const waiting = (children.get(null) ?? []).map(root).toReversed()
  for (let step = waiting.pop(); step; step = waiting.pop()) {
    steps.push(step)
    const below = children.get(step.snapshot.id) ?? []
    // A straight line stays one; only branches go in.
    const branches = below.length > 1
    const depth = step.depth + (branches ? 1 : 0)
    waiting.push(...below.map((snapshot) => ({ snapshot, depth, branches, follows: !branches })).toReversed())
  }
  // From the bottom up: whether a branch still turns off from the line at each depth, below the row.
  const turnsOff: boolean[] = []
  const rows = steps.toReversed().map(({ snapshot, depth, branches, follows }): TreeRow => {
    const guides = Array.from({ length: depth }, (_, at): Guide => {
      const goesOn = turnsOff[at] ?? false
      if (branches && at === depth - 1) return goesOn ? 'turn' : 'last-turn'
      return goesOn ? 'pass' : 'none'
    })
    turnsOff.length = Math.min(turnsOff.length, depth)
    if (branches) turnsOff[depth - 1] = true
    return { snapshot, depth, guides, above: follows, below: children.has(snapshot.id) }
  })
  return rows.toReversed()
}

/** The rows whose name or notes have a text in them, in any case, without the lines between them; all rows for no text. */
export function rowsWith(rows: readonly TreeRow[], text: string): readonly TreeRow[] {
  const sought = text.trim().toLowerCase()
  if (sought === '') return rows
  return rows
    .filter(({ snapshot: { name, notes } }) => `${name}\n${notes}`.toLowerCase().includes(sought))
    .map(({ snapshot }) => ({ snapshot, depth: 0, guides: [], above: false, below: false }))
}
