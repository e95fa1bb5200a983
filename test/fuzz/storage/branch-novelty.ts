/** The counters that the build put into the branches of the readers; see scripts/lib/branch-counters.mjs. */
export function countBranches(): Uint32Array {
  const counters = (globalThis as { __branches?: Uint32Array }).__branches
  if (!counters) throw new Error('this is not built by npm run test:fuzz:storage')
  return counters
}

/** Tells cases apart by the branches that they take, and by how often, in powers of two. */
export class BranchNovelty {
  /** For each branch, the powers that were seen, as bits. */
  readonly #seen: Uint32Array
  /** Branches that were taken. */
  branches = 0

  constructor(private readonly counters: Uint32Array) {
    this.#seen = new Uint32Array(counters.length)
  }

  /** What ran since the last call did: a branch for the first time, one as often as never before, or neither. */
  take(): 'branch' | 'often' | null {
    const { counters } = this
    let found: 'branch' | 'often' | null = null
    for (let index = 0; index < counters.length; index++) {
      const times = counters[index]!
      if (times === 0) continue
      counters[index] = 0
      const seen = this.#seen[index]!
      const power = 1 << (31 - Math.clz32(times))
      if (seen & power) continue
      this.#seen[index] = seen | power
      if (seen === 0) {
        this.branches++
        found = 'branch'
      } else found ??= 'often'
    }
    return found
  }
}
