import { Random } from './random.ts'

/** Step of the endless program: what it writes, and whether it flushes after that. */
interface Step {
  sector: number
  count: number
  /** Fills every sector of the write: 32 bits, over and over. */
  tag: number
  flushes: boolean
}

/** The program of a seed, on a disk of so many sectors; it never ends. */
export function* endlessProgram(seed: number, sectors: number): Generator<Step> {
  const random = new Random(seed)
  for (let tag = 1; ; tag++) {
    const count = random.pick([1, 1, 8, 130])
    yield { sector: random.below(sectors - count), count, tag, flushes: random.chance(4) }
  }
}
