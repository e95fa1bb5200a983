import { afterAll, expect, it } from 'vitest'
import { describeCase, differences } from './differences.ts'
import { HostProcessor } from './host.ts'
import { type LongStream, outcomeInLongMode, streamInLongMode } from './long-mode.ts'
import { buildProcessor } from './processor.ts'
import { Random } from './random.ts'
import { StreamBuilder } from './stream.ts'
import { DATA_AREAS } from './user-layout.ts'
import { type Outcome, type StreamCase, UserProcess } from './user-process.ts'

/** Streams to run; each has about eight instructions and ends in an exception. */
const CASES = Number(process.env['CONFORMANCE_CASES'] ?? 20_000)
const SEED = Number(process.env['CONFORMANCE_SEED'] ?? 1)
const SHOWN = Number(process.env['CONFORMANCE_SHOWN'] ?? 12)
const BATCH = 10_000

const host = HostProcessor.open(64)
afterAll(() => {
  if (typeof host !== 'string') host.close()
})

// Many a 64-bit kernel runs no 32-bit programs. What means the same in 64-bit mode is compared there as well.
it('runs what 64-bit mode has too as the host does', ({ skip }) => {
  if (typeof host === 'string') return skip(host)
  const user = new UserProcess(buildProcessor(), DATA_AREAS)
  const builder = new StreamBuilder(user, new Random(SEED), {
    length: 8,
    segments: false,
    alsoInLongMode: true,
  })
  const failures: string[] = []
  const executed = new Map<string, number>()
  let done = 0
  let dropped = 0
  while (done < CASES) {
    const batch: { stream: LongStream; test: StreamCase; expected: Outcome }[] = []
    while (batch.length < Math.min(BATCH, CASES - done)) {
      const made = builder.next()
      const stream = made && streamInLongMode(made.test, user.processor.table)
      const expected = stream && outcomeInLongMode(made.outcome, stream)
      if (!expected) {
        dropped++
        continue
      }
      user.load(made.test)
      const whole = user.finish(100_000)
      const own = whole ? differences(whole, made.outcome, 0) : ['did not end']
      if (own.length > 0)
        failures.push(`whole against stepped: ${own.join(', ')}\n  ${describeCase(made.test)}`)
      batch.push({ stream, test: made.test, expected })
    }
    host.run(batch.map(({ stream }) => stream.test))!.forEach((theirs, i) => {
      const { test, expected } = batch[i]!
      for (const name of test.names) executed.set(name, (executed.get(name) ?? 0) + 1)
      const list = differences(expected, theirs, test.undefinedFlags, test.anyFault)
      if (list.length > 0) failures.push(`${list.join(', ')}\n  ${describeCase(test)}`)
    })
    done += batch.length
    if (failures.length > 400) break
  }
  const instructions = [...executed.values()].reduce((a, b) => a + b, 0)
  console.log(
    `${done} streams, ${instructions} instructions of ${executed.size - 1} kinds, ${dropped} dropped`,
  )
  const missing = builder.names.filter((name) => !executed.has(name))
  expect(failures.slice(0, SHOWN).join('\n'), `${failures.length} differences`).toBe('')
  expect(missing, 'never executed').toEqual([])
})
