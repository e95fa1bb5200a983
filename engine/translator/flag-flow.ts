import { formKey, formOf } from '../interpreter/form.ts'
import type { CodeVariant } from '../interpreter/code-variant.ts'
import { STORED } from './flag-kind.ts'
import { type Block, type Region, type Step, successorsOf } from './region.ts'
import { nowhere } from './nowhere.ts'

/** What an instruction does to flags, apart from their value. */
interface Effect {
  reads: boolean
  /** Kind of the flags that it leaves behind, -1 when it leaves them alone. */
  defines: number
}

/** What a block does to them as a whole: `reads` counts before anything in it defines them. */
type Passage = Effect

/** Which kinds of lazy flags may be in the locals where, so that most exits and edges know without asking. */
export class FlagFlow {
  readonly #effects = new Map<string, Effect>()

  /** Kinds (one bit each) at the entry of each block of a region that is entered with stored flags. */
  kindsAtEntry({ blocks, mode }: Region): number[] {
    const passages = blocks.map((block) => this.#passage(block, mode))
    const kinds = blocks.map(() => 0)
    kinds[0] = 1 << STORED
    const queue = [0]
    for (let number = queue.shift(); number !== undefined; number = queue.shift()) {
      const out = after(passages[number]!, kinds[number]!)
      for (const successor of successorsOf(blocks[number]!)) {
        if ((kinds[successor]! | out) === kinds[successor]) continue
        kinds[successor]! |= out
        queue.push(successor)
      }
    }
    return kinds
  }

  #passage({ steps }: Block, mode: CodeVariant): Passage {
    const passage = { reads: false, defines: -1 }
    for (const step of steps) {
      const { reads, defines } = this.#effect(step, mode)
      passage.reads ||= reads && passage.defines < 0
      if (defines >= 0) passage.defines = defines
    }
    return passage
  }

  #effect(step: Step, mode: CodeVariant): Effect {
    const key = formKey(formOf(step.instruction, mode.flat))
    let effect = this.#effects.get(key)
    if (!effect) this.#effects.set(key, (effect = tryOut(step, mode)))
    return effect
  }
}

function after({ reads, defines }: Passage, entry: number): number {
  if (defines >= 0) return 1 << defines
  // Where several kinds have met, a reader turns them into the stored form.
  return reads && entry & (entry - 1) ? 1 << STORED : entry
}

/** Translates an instruction into nowhere to see what becomes of the flags. */
function tryOut(step: Step, mode: CodeVariant): Effect {
  const semantics = nowhere()
  semantics.translate(step, mode)
  const { readsFlags, setsFlags, kinds } = semantics
  return { reads: readsFlags, defines: setsFlags ? 31 - Math.clz32(kinds) : -1 }
}
