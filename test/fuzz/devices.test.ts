import { describe, expect, it } from 'vitest'
import { BLOCK_CASES, Fuzzer } from './fuzzer.ts'
import { MAX_GROWTH_BYTES, retainedBytes, SETTLED_AFTER } from './retained-bytes.ts'
import { SETTINGS, wanted } from './settings.ts'
import { MACHINE, type Subject } from './subjects.ts'

/** Every so many blocks one is run again, and must read the same. */
const REPLAY_EVERY = 16

process.stderr.write(`fuzz: seed ${SETTINGS.seed}\n`)

/** Hammers a device; the first blocks warm the host's compiler up, and memory may not grow after them. */
function hammer(subject: Subject, cases: number): void {
  const { seed, block: only, rarely } = SETTINGS
  const fuzzer = new Fuzzer(subject, seed, rarely)
  if (only !== null) return void fuzzer.runBlock(only)
  const blocks = Math.ceil(cases / BLOCK_CASES)
  const started = performance.now()
  const first = fuzzer.runBlock(0)
  const other = new Fuzzer(subject, seed, rarely).runBlock(0)
  if (first !== null && other !== null) expect(other, `${subject.name} on a new board`).toBe(first)
  let settledBytes = 0
  for (let block = 0; block < blocks; block++) {
    const trace = fuzzer.runBlock(block)
    if (block % REPLAY_EVERY === 0) {
      const again = fuzzer.runBlock(block)
      if (trace !== null && again !== null)
        expect(again, `block ${block} of ${subject.name} again`).toBe(trace)
    }
    if (block === Math.min(SETTLED_AFTER, blocks - 1)) settledBytes = retainedBytes()
  }
  const grownBytes = retainedBytes() - settledBytes
  const seconds = (performance.now() - started) / 1000
  process.stderr.write(
    `fuzz: ${subject.name}: ${blocks * BLOCK_CASES} cases in ${seconds.toFixed(1)} s, ` +
      `memory ${(grownBytes / 2 ** 20).toFixed(1)} MiB\n`,
  )
  expect(grownBytes, 'growth of memory').toBeLessThan(MAX_GROWTH_BYTES)
}

describe('a device that is hammered keeps its word', () => {
  it.each(wanted)('$name', (subject) => hammer(subject, SETTINGS.cases / (subject.cost ?? 1)))
})

describe.runIf(SETTINGS.isWanted(MACHINE.name))('all devices that are hammered at once', () => {
  it('keep theirs', () => hammer(MACHINE, SETTINGS.machineCases))
})
