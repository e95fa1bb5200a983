import { setImmediate } from 'node:timers/promises'
import { BranchNovelty, countBranches } from './branch-novelty.ts'
import type { Damage } from '../../support/storage/mutations.ts'
import { Random } from '../../support/storage/random.ts'
import { corpusOf, saveCorpus } from './corpus.ts'
import { MAX_GROWTH_BYTES, retainedBytes } from '../retained-bytes.ts'
import { ParserFuzzer } from './parser-fuzzer.ts'
import { PARSERS } from './parsers.ts'

// One format's part of a long run, in a process of its own: long-run FORMAT SEED CASES MINUTES CORPUS, minutes of the processor; without arguments it prints
// the formats. Prints what repeats each failure, and goes on. The build counts the branches of the readers.

/** In memory; those that only did something more often are not saved. */
const MAX_KEPT = 1000
/** After so many the format is given up. */
const MAX_FAILURES = 20
const REPORT_EVERY_MS = 60_000
/** Slower ones are not gone on from: as many again would take most of a run. */
const MAX_KEPT_MS = 3
/** Cases between two looks at the processor's time, which take as long as a small case. */
const CASES_A_LOOK = 32
/** Cases after which the host's compiler is warm. */
const WARM_CASES = 2000
/** What the process may have had in memory at most: a reader that takes much for a moment shows here. */
const MAX_RESIDENT_KIB = 1024 ** 2

async function hammer(
  name: string,
  index: number,
  seed: number,
  cases: number,
  minutes: number,
  corpus: string,
): Promise<void> {
  const subject = PARSERS[index]!
  const sound = subject.seed()
  if (!sound) return console.log(`${name}: the tools that make it are not installed`)
  const branches = countBranches()
  const fuzzer = new ParserFuzzer(subject, sound, new Random(seed * 1000 + index), corpusOf(name, corpus))
  /** What is kept for other runs: each took a branch that none before it took. */
  const lasting = [...fuzzer.kept]
  fuzzer.replay()
  const novelty = new BranchNovelty(branches)
  novelty.take()
  const began = performance.now()
  const report = (): void => {
    const seconds = Math.round((performance.now() - began) / 1000)
    const mib = Math.round(process.resourceUsage().maxRSS / 1024)
    console.log(
      `${name}: ${fuzzer.cases} cases, seed ${seed}, ${seconds} s, ${fuzzer.kept.length} kept, ` +
        `${novelty.branches} branches, at most ${mib} MiB, ${JSON.stringify(fuzzer.outcomes)}`,
    )
    saveCorpus(name, corpus, lasting)
  }
  let failures = 0
  let settledBytes = 0
  let reportedAt = began
  // A busy host makes a run longer, not smaller.
  let usedMicroseconds = 0
  while (fuzzer.cases < cases && usedMicroseconds < minutes * 60e6) {
    if (fuzzer.cases % CASES_A_LOOK === 0) {
      usedMicroseconds = process.cpuUsage().user
      // What zlib keeps of a failed call goes; within a case, which opens its image once, there is little of it.
      await setImmediate()
    }
    const caseBegan = performance.now()
    const damages = attempt(fuzzer)
    const isSlow = performance.now() - caseBegan > MAX_KEPT_MS
    const found = novelty.take()
    if (!damages) {
      failures++
      if (failures === MAX_FAILURES) break
      continue
    }
    if (found && !isSlow && fuzzer.kept.length < MAX_KEPT) fuzzer.keep(damages)
    if (found === 'branch') lasting.push(damages)
    if (fuzzer.cases === WARM_CASES) settledBytes = retainedBytes()
    if (performance.now() - reportedAt < REPORT_EVERY_MS) continue
    reportedAt = performance.now()
    report()
  }
  report()
  if (failures > 0) throw new Error(`${name}: ${failures} failures`)
  if (settledBytes > 0 && retainedBytes() - settledBytes >= MAX_GROWTH_BYTES) throw new Error(`${name} grows`)
  if (process.resourceUsage().maxRSS > MAX_RESIDENT_KIB) throw new Error(`${name} takes too much memory`)
}

/** The damage of the next case; null where it failed. */
function attempt(fuzzer: ParserFuzzer): readonly Damage[] | null {
  try {
    return fuzzer.next().damages
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return null
  }
}

const [name, seed, cases, minutes, corpus] = process.argv.slice(2)
const index = PARSERS.findIndex((subject) => subject.name === name)
if (name === undefined || corpus === undefined)
  console.log(JSON.stringify(PARSERS.map((subject) => subject.name)))
else if (index < 0) throw new Error(`there is no format called ${name}`)
else await hammer(name, index, Number(seed), Number(cases), Number(minutes), corpus)
