import { nowhere } from './nowhere.ts'
import { type Region, successorsOf } from './region.ts'

/** How registers of the x87 move through a region. */
export interface X87Flow {
  /** Those that it uses, by their distance from ST(0) at its start. */
  used: readonly number[]
  /** Distance of ST(0) at the start of each block. */
  tops: readonly number[]
}

/**
 * Follows TOP through a region: null when registers cannot stay in locals throughout, because an instruction wants
 * them in memory or ways with different TOP meet; or when there are none.
 */
export function x87FlowOf({ blocks, mode }: Region): X87Flow | null {
  const uses = blocks.map(({ steps }) => {
    const semantics = nowhere()
    for (const step of steps) semantics.translate(step, mode)
    return semantics.x87.use
  })
  const used = new Set<number>()
  const tops = new Map([[0, 0]])
  for (const [block, top] of tops) {
    const use = uses[block]!
    if (!use.inLocals) return null
    for (const distance of use.used) used.add((top + distance) & 7)
    const after = (top + use.top) & 7
    for (const successor of successorsOf(blocks[block]!)) {
      if ((tops.get(successor) ?? after) !== after) return null
      tops.set(successor, after)
    }
  }
  return used.size === 0 ? null : { used: [...used], tops: blocks.map((_, i) => tops.get(i) ?? 0) }
}
