/** A control-flow graph by block number; block 0 is the entry, and every block can be reached from it. */
export interface FlowGraph {
  /** Successors by block. */
  readonly successors: readonly (readonly number[])[]
}

/** What structured code needs to know of a graph. */
export interface Structure {
  /** Position of each block in reverse postorder: smaller comes first. */
  readonly order: readonly number[]
  /** The block that immediately dominates each: that of the entry is the entry. */
  readonly parent: readonly number[]
  /** Blocks that each block immediately dominates, those that come last first. */
  readonly children: readonly (readonly number[])[]
  /** Entered by more than one forward edge: needs a block to branch to the end of. */
  readonly isMerge: readonly boolean[]
  /** Target of an edge that goes back. */
  readonly isLoop: readonly boolean[]
  /** True for an edge that no structured code can follow: it goes back to a block that does not dominate it. */
  leaves(from: number, to: number): boolean
  /** True for an edge back to a loop. */
  repeats(from: number, to: number): boolean
}

/**
 * Dominator tree, loops and merges of a graph, as structured control flow wants them (N. Ramsey, "Beyond Relooper",
 * 2022; dominators after Cooper, Harvey and Kennedy, 2001). Irreducible edges are given back to the caller, who
 * leaves the region there.
 */
export function structureOf({ successors }: FlowGraph): Structure {
  const postorder = postorderOf(successors)
  const order = new Array<number>(successors.length).fill(0)
  postorder.forEach((block, i) => (order[block] = postorder.length - 1 - i))
  const sequence = [...postorder].reverse()
  const predecessors = successors.map((): number[] => [])
  successors.forEach((targets, from) => {
    for (const to of targets) predecessors[to]!.push(from)
  })
  const parent = dominators(sequence, order, predecessors)
  const dominates = (above: number, below: number): boolean => {
    let at = below
    while (order[at]! > order[above]!) at = parent[at]!
    return at === above
  }
  const goesBack = (from: number, to: number): boolean => order[to]! <= order[from]!
  const children = successors.map((): number[] => [])
  for (const block of sequence) if (block !== 0) children[parent[block]!]!.push(block)
  for (const list of children) list.sort((a, b) => order[b]! - order[a]!)
  return {
    order,
    parent,
    children,
    isMerge: predecessors.map((from, to) => from.filter((f) => !goesBack(f, to)).length > 1),
    isLoop: predecessors.map((from, to) => from.some((f) => goesBack(f, to) && dominates(to, f))),
    leaves: (from, to) => goesBack(from, to) && !dominates(to, from),
    repeats: (from, to) => goesBack(from, to) && dominates(to, from),
  }
}

function postorderOf(successors: FlowGraph['successors']): number[] {
  const result: number[] = []
  const seen = new Set([0])
  const stack: [block: number, next: number][] = [[0, 0]]
  while (stack.length > 0) {
    const top = stack.at(-1)!
    const target = successors[top[0]]![top[1]++]
    if (target === undefined) {
      result.push(top[0])
      stack.pop()
    } else if (!seen.has(target)) {
      seen.add(target)
      stack.push([target, 0])
    }
  }
  return result
}

function dominators(sequence: number[], order: number[], predecessors: number[][]): number[] {
  const parent = new Array<number>(order.length).fill(-1)
  parent[0] = 0
  const meet = (a: number, b: number): number => {
    while (a !== b) {
      while (order[a]! > order[b]!) a = parent[a]!
      while (order[b]! > order[a]!) b = parent[b]!
    }
    return a
  }
  for (let changed = true; changed;) {
    changed = false
    for (const block of sequence) {
      if (block === 0) continue
      const known = predecessors[block]!.filter((p) => parent[p]! >= 0)
      const next = known.reduce(meet)
      if (parent[block] === next) continue
      parent[block] = next
      changed = true
    }
  }
  return parent
}
