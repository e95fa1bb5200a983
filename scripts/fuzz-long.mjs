// Hammers each device for long: npm run test:fuzz:long -- [--cases 10000000] [--seed 1] [--jobs 2] [--devices pic,pit]
// A process for each device, so that one that fails does not end the others. See docs/fuzzing.md.
import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { at, run } from './lib/steps.mjs'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    devices: { type: 'string' },
  },
})

const program = at('node_modules/.cache/vitrine/fuzz-long.mjs')
await build({
  entryPoints: [at('test/fuzz/long-run.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile: program,
  logLevel: 'error',
})

const devices = values.devices ?? execFileSync(process.execPath, [program], { encoding: 'utf8' }).trim()
const waiting = devices.split(',')
const failed = []
const work = async () => {
  for (let device = waiting.shift(); device !== undefined; device = waiting.shift())
    if ((await run(process.execPath, [program, device, values.seed, values.cases])) !== 0) failed.push(device)
}
await Promise.all(Array.from({ length: Number(values.jobs) }, work))
if (failed.length > 0) console.error(`failed: ${failed.join(', ')}`)
process.exitCode = failed.length > 0 ? 1 : 0
