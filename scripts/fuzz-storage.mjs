// Damages files of every format for long: npm run test:fuzz:storage -- [--minutes 60] [--cases 1000000] [--seed 1]
//   [--jobs 2] [--formats 'vdi static=off;imd'] [--corpus FOLDER]
// A process for each format. What led somewhere new is kept in the corpus folder and gone on from. See docs/fuzzing.md.
import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { branchCounters } from './lib/branch-counters.mjs'
import { at, run } from './lib/steps.mjs'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    cases: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    formats: { type: 'string' },
    corpus: { type: 'string', default: at('test/fuzz/storage/corpus') },
  },
})

const program = at('node_modules/.cache/vitrine/fuzz-storage', `${process.pid}.mjs`)
await build({
  entryPoints: [at('test/fuzz/storage/long-run.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile: program,
  logLevel: 'error',
  // Imports are run before the rest of a module: the counters have to be there before them. The readers have 3200 branches.
  banner: { js: 'globalThis.__branches = new Uint32Array(4096);' },
  plugins: [branchCounters(/\/engine\/storage\/.*\.ts$/)],
})

const { minutes, cases, seed, corpus } = values
const formats =
  values.formats?.split(';') ?? JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' }))
const waiting = [...formats]
const failed = []
const work = async () => {
  for (let format = waiting.shift(); format !== undefined; format = waiting.shift())
    if ((await run(process.execPath, [program, format, seed, cases, minutes, corpus])) !== 0)
      failed.push(format)
}
await Promise.all(Array.from({ length: Number(values.jobs) }, work))
if (failed.length > 0) console.error(`failed: ${failed.join('; ')}`)
process.exitCode = failed.length > 0 ? 1 : 0
