import { expect, it } from 'vitest'
import { buildProcessor } from './processor.ts'
import { Random } from './random.ts'
import { StreamBuilder } from './stream.ts'
import { UserProcess } from './user-process.ts'

const STREAMS = Number(process.env['TRANSLATOR_CASES'] ?? 3_000)
const SEED = Number(process.env['CONFORMANCE_SEED'] ?? 21)
const BUDGET = 100_000

it('does what the interpreter does, with the same number of instructions', () => {
  const interpreted = new UserProcess(buildProcessor())
  const translated = new UserProcess(
    buildProcessor({
      translator: { entriesUntilHot: 0, limits: { steps: 220, pages: 8, exitsToFollow: 0 } },
    }),
  )
  const builder = new StreamBuilder(interpreted, new Random(SEED), { length: 12, segments: true })
  for (let made = 0; made < STREAMS;) {
    const stream = builder.next()
    if (!stream) continue
    made++
    const run = (process: UserProcess) => {
      process.load(stream.test)
      const before = process.processor.vcpu.retired
      const outcome = process.finish(BUDGET)
      return { outcome, retired: process.processor.vcpu.retired - before }
    }
    // Once with a cold TLB, once with the pages known.
    run(translated)
    run(interpreted)
    expect(run(translated), JSON.stringify(stream.test)).toEqual(run(interpreted))
  }
  expect(translated.processor.vcpu.translatorStats()['regions']).toBeGreaterThan(STREAMS / 4)
})
