import { BLOCK_CASES, Fuzzer, LONG_RUN_RARELY } from './fuzzer.ts'
import { MAX_GROWTH_BYTES, retainedBytes, SETTLED_AFTER } from './retained-bytes.ts'
import { MACHINE, SUBJECTS, type Subject } from './subjects.ts'

// One device's part of a long run, in a process of its own: long-run DEVICE SEED CASES; without arguments it prints the
// devices' names. Throws what to repeat at the first failure. Array indexes are not checked here, which would double the
// time: `npm test` checks them.

const REPORT_EVERY_MS = 60_000

function hammer(subject: Subject, seed: number, cases: number): void {
  const fuzzer = new Fuzzer(subject, seed, LONG_RUN_RARELY)
  const blocks = Math.ceil(cases / BLOCK_CASES)
  const started = performance.now()
  let reportedAt = started
  let settledBytes = 0
  for (let block = 0; block < blocks; block++) {
    fuzzer.runBlock(block)
    if (block === Math.min(SETTLED_AFTER, blocks - 1)) settledBytes = retainedBytes()
    if (performance.now() - reportedAt < REPORT_EVERY_MS) continue
    reportedAt = performance.now()
    process.stderr.write(`${subject.name}: ${(block + 1) * BLOCK_CASES} cases so far\n`)
  }
  const grownBytes = retainedBytes() - settledBytes
  const seconds = Math.round((performance.now() - started) / 1000)
  const grownMiB = (grownBytes / 2 ** 20).toFixed(1)
  console.log(
    `${subject.name}: ${blocks * BLOCK_CASES} cases, seed ${seed}, ${seconds} s, memory ${grownMiB} MiB`,
  )
  if (grownBytes >= MAX_GROWTH_BYTES) throw new Error(`${subject.name} grows`)
}

const [name, seed, cases] = process.argv.slice(2)
const subject = [...SUBJECTS, MACHINE].find((candidate) => candidate.name === name)
if (name === undefined) console.log(SUBJECTS.map((candidate) => candidate.name).join(','))
else if (subject === undefined) throw new Error(`there is no device called ${name}`)
else hammer(subject, Number(seed), Number(cases))
