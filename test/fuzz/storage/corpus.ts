import * as fs from 'node:fs'
import { join } from 'node:path'
import type { Damage } from '../../support/storage/mutations.ts'

type Corpus = readonly (readonly Damage[])[]

const fileOf = (folder: string, subject: string): string =>
  join(folder, `${subject.replaceAll(/[^\w]+/g, '-')}.jsonl`)

/** Damage that led somewhere new in long runs: a line for each, an array of what was changed. */
export function corpusOf(subject: string, folder = join(import.meta.dirname, 'corpus')): Corpus {
  const path = fileOf(folder, subject)
  if (!fs.existsSync(path)) return []
  const lines = fs.readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line): readonly Damage[] => JSON.parse(line))
}

export function saveCorpus(subject: string, folder: string, corpus: Corpus): void {
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(fileOf(folder, subject), corpus.map((damages) => `${JSON.stringify(damages)}\n`).join(''))
}
