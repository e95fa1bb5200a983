import { describe, expect, it } from 'vitest'
import { Random } from '../../support/storage/random.ts'
import { corpusOf } from './corpus.ts'
import { PARSERS } from './parsers.ts'
import { ParserFuzzer } from './parser-fuzzer.ts'

/** Damaged files of each kind; the long runs are `npm run test:fuzz:storage`. */
const CASES = Number(process.env['VITRINE_PARSER_CASES'] ?? 200)
const SEED = Number(process.env['VITRINE_SEED'] ?? 1)

describe('a damaged file', () => {
  it.for(PARSERS.map((subject, index) => ({ subject, index, name: subject.name })))(
    '($name) is opened or refused in one line, and can do no harm',
    ({ subject, index }, { skip }) => {
      const seed = subject.seed()
      if (!seed) return skip('the tools that make it are not installed: qemu-utils, mame-tools, dosfstools …')
      const fuzzer = new ParserFuzzer(subject, seed, new Random(SEED * 100 + index), corpusOf(subject.name))
      fuzzer.replay()
      const cases = fuzzer.cases + CASES
      while (fuzzer.cases < cases) fuzzer.next()
      expect(fuzzer.cases).toBe(cases)
      console.log(`${subject.name}: ${JSON.stringify(fuzzer.outcomes)}`)
    },
  )
})
