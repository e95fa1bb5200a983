import { afterAll, expect, it } from 'vitest'
import { describeCase, differences } from './differences.ts'
import { HostProcessor } from './host.ts'
import { Random } from './random.ts'
import { StreamBuilder } from './stream.ts'
import { type Outcome, type StreamCase, UserProcess } from './user-process.ts'

/** Streams to run; each has about eight instructions and ends in an exception. */
const CASES = Number(process.env['CONFORMANCE_CASES'] ?? 40_000)
const SEED = Number(process.env['CONFORMANCE_SEED'] ?? 1)
const BATCH = 10_000
/** Longest way through a stream, repetitions counted. */
const MAX_STEPS = 20_000
const SHOWN = Number(process.env['CONFORMANCE_SHOWN'] ?? 12)

const host = HostProcessor.open()
afterAll(() => {
  if (typeof host !== 'string') host.close()
})

it('runs random instruction streams as the host does', ({ skip }) => {
  if (typeof host === 'string') return skip(host)
  const user = new UserProcess()
  const random = new Random(SEED)
  const builders = [false, true].map((segments) => new StreamBuilder(user, random, { length: 8, segments }))
  const failures: string[] = []
  const executed = new Map<string, number>()
  let done = 0
  let dropped = 0
  const vectors = new Map<number, number>()
  while (done < CASES) {
    const batch: StreamCase[] = []
    const ours: Outcome[] = []
    while (batch.length < Math.min(BATCH, CASES - done)) {
      const made = builders[batch.length & 1]!.next()
      if (!made) {
        dropped++
        continue
      }
      user.load(made.test)
      const whole = user.finish(100_000)
      if (!whole) failures.push(`did not end: ${describeCase(made.test)}`)
      else {
        const own = differences(whole, made.outcome, 0)
        if (own.length > 0) {
          // A stream that reads or writes its own bytes before they were chosen ran differently while it grew.
          const again = user.step(made.test, MAX_STEPS)
          const list = again ? differences(whole, again, 0) : ['did not end']
          if (list.length > 0)
            failures.push(`whole against stepped: ${list.join(', ')}\n  ${describeCase(made.test)}`)
          dropped++
          continue
        }
      }
      batch.push(made.test)
      ours.push(made.outcome)
    }
    host.run(batch)!.forEach((theirs, i) => {
      const test = batch[i]!
      for (const name of test.names) executed.set(name, (executed.get(name) ?? 0) + 1)
      vectors.set(theirs.vector, (vectors.get(theirs.vector) ?? 0) + 1)
      const list = differences(ours[i]!, theirs, test.undefinedFlags, test.anyFault)
      if (list.length > 0) failures.push(`${list.join(', ')}\n  ${describeCase(test)}`)
    })
    done += batch.length
    if (failures.length > 400) break
  }
  const instructions = [...executed.values()].reduce((a, b) => a + b, 0)
  console.log(
    `${done} streams, ${instructions} instructions of ${executed.size - 1} kinds, ${dropped} dropped, endings ` +
      [...vectors]
        .sort(([a], [b]) => a - b)
        .map(([vector, count]) => `${vector}:${count}`)
        .join(' '),
  )
  const missing = [...new Set(builders.flatMap(({ names }) => names))].filter((name) => !executed.has(name))
  expect(failures.slice(0, SHOWN).join('\n'), `${failures.length} differences`).toBe('')
  expect(missing, 'never executed').toEqual([])
})
