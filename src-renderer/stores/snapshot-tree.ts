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
  /** Whether a branch still turns off from the line at a depth, below a row. */
  const turnsOff = (from: number, depth: number): boolean => {
    const next = steps.findIndex((step, at) => at > from && (step.depth <= depth || isBranchAt(step, depth)))
    return next >= 0 && isBranchAt(steps[next]!, depth)
  }
  return steps.map(({ snapshot, depth, branches, follows }, row) => ({
    snapshot,
    depth,
    guides: Array.from({ length: depth }, (_, at): Guide => {
      const goesOn = turnsOff(row, at)
      if (branches && at === depth - 1) return goesOn ? 'turn' : 'last-turn'
      return goesOn ? 'pass' : 'none'
    }),
    above: follows,
    below: children.has(snapshot.id),
  }))
}

const isBranchAt = ({ branches, depth }: Step, above: number): boolean => branches && depth === above + 1
