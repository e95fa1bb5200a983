import { type Damage, Mutator } from '../../support/storage/mutations.ts'
import { Random } from '../../support/storage/random.ts'
import type { SimulatedDisk } from '../../support/storage/simulated-disk.ts'
import type { ParserSubject } from './subject.ts'

/** A case may take as long: more would be a way to hang the host. */
const MAX_CASE_MS = 2000
/** Damage that is kept grows with each case that adds to it. */
const MAX_DAMAGES = 24

/** What one case did. */
interface Case {
  outcome: string
  /** All that was changed in the seed. */
  damages: readonly Damage[]
}

/**
 * Damages copies of a sound file and uses them. Every second case goes on from damage that led somewhere new before,
 * where there is any: `keep` says so.
 */
export class ParserFuzzer {
  readonly #mutator: Mutator
  readonly #random: Random
  readonly #kept: (readonly Damage[])[]
  cases = 0
  readonly outcomes: Record<string, number> = {}

  constructor(
    private readonly subject: ParserSubject,
    private readonly seed: SimulatedDisk,
    random: Random,
    kept: readonly (readonly Damage[])[] = [],
  ) {
    this.#mutator = new Mutator(seed, subject.path)
    this.#random = random
    this.#kept = [...kept]
  }

  /** Throws where the case fails, with the damage that repeats it. */
  next(): Case {
    const base = this.#kept.length > 0 && this.#random.chance(2) ? this.#random.pick(this.#kept) : []
    return this.#run(base, new Random(this.#random.word()))
  }

  /** Runs what was kept, unchanged. */
  replay(): void {
    for (const damages of this.#kept) this.#run(damages, null)
  }

  /** Later cases go on from this one too. */
  keep(damages: readonly Damage[]): void {
    this.#kept.push(damages)
  }

  get kept(): readonly (readonly Damage[])[] {
    return this.#kept
  }

  #run(base: readonly Damage[], random: Random | null): Case {
    const disk = this.seed.copy()
    const { path, name, use } = this.subject
    const seed = random?.seed ?? base.length
    this.#mutator.apply(disk, base)
    const added = random && base.length < MAX_DAMAGES ? this.#mutator.mutate(disk, random) : []
    const damages = [...base, ...added]
    const began = performance.now()
    try {
      const outcome = use(disk, new Random(seed))
      if (performance.now() - began > MAX_CASE_MS) this.#checkTime(damages, seed)
      this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1
      this.cases++
      return { outcome, damages }
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      const repeat = JSON.stringify({ damages, seed })
      throw new Error(`${name} (${path}), case ${this.cases}: ${text}\n${repeat}`, { cause: error })
    }
  }

  /** The clock says nothing about a program that had to wait for others: once more, by the processor's time. */
  #checkTime(damages: readonly Damage[], seed: number): void {
    const disk = this.seed.copy()
    this.#mutator.apply(disk, damages)
    const began = process.cpuUsage()
    this.subject.use(disk, new Random(seed))
    const { user, system } = process.cpuUsage(began)
    if (user + system > MAX_CASE_MS * 1000) throw new Error(`it took ${(user + system) / 1000} ms`)
  }
}
