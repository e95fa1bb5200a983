import { formKey, formOf } from '../interpreter/form.ts'
import type { CodeVariant } from '../interpreter/code-cache.ts'
import { STORED } from './flag-kind.ts'
import { type Block, type Region, type Step, successorsOf } from './region.ts'
import { nowhere } from './nowhere.ts'

/** What an instruction does to flags, apart from their value. */
interface Effect {
  reads: boolean
  /** Kind of the flags that it leaves behind, -1 when it leaves them alone. */
  defines: number
}

/** Which kinds of lazy flags may be in the locals where, so that most exits and edges know without asking. */
export class FlagFlow {
  readonly #effects = new Map<string, Effect>()

  /** Kinds (one bit each) at the entry of each block of a region that is entered with stored flags. */
  kindsAtEntry({ blocks, mode }: Region): number[] {
    const kinds = blocks.map(() => 0)
    kinds[0] = 1 << STORED
    const queue = [0]
    for (let number = queue.shift(); number !== undefined; number = queue.shift()) {
      const block = blocks[number]!
      const out = this.#after(block, kinds[number]!, mode)
      for (const successor of successorsOf(block)) {
        if ((kinds[successor]! | out) === kinds[successor]) continue
        kinds[successor]! |= out
        queue.push(successor)
      }
    }
    return kinds
  }

  #after({ steps }: Block, entry: number, mode: CodeVariant): number {
    let kinds = entry
    for (const step of steps) {
      const { reads, defines } = this.#effect(step, mode)
      // Where several kinds have met, a reader turns them into the stored form.
      if (reads && kinds & (kinds - 1)) kinds = 1 << STORED
      if (defines >= 0) kinds = 1 << defines
    }
    return kinds
  }

  #effect(step: Step, mode: CodeVariant): Effect {
    const key = formKey(formOf(step.instruction, mode.flat))
    let effect = this.#effects.get(key)
    if (!effect) this.#effects.set(key, (effect = tryOut(step, mode)))
    return effect
  }
}

/** Translates an instruction into nowhere to see what becomes of the flags. */
function tryOut(step: Step, mode: CodeVariant): Effect {
  const semantics = nowhere()
  semantics.translate(step, mode)
  const { readsFlags, setsFlags, kinds } = semantics
  return { reads: readsFlags, defines: setsFlags ? 31 - Math.clz32(kinds) : -1 }
}
