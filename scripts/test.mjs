// What `npm test` and the CI machine run, in order, ending with one line of numbers. With CI=true a test that
// is skipped although this kind of machine could run it counts as a failure.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { at, carryOut, holds, runScript, runTool } from './lib/steps.mjs'

/** How a test's reason begins when no package can make the test run: the hardware lacks something. */
const IMPOSSIBLE_HERE = 'not on this machine:'

const folder = mkdtempSync(join(tmpdir(), 'vitrine-test-'))
const total = { passed: 0, failed: 0, skipped: 0 }
const skips = []
const failures = []

/** A check that is a test by itself: it counts as one. */
const check = (name, script, args = []) => ({
  name,
  run: async () => {
    const status = await runScript(script, args)
    total[status === 0 ? 'passed' : 'failed']++
    if (status !== 0) failures.push({ test: name, message: `exit status ${status}` })
    return status
  },
})

/** All tests of one vitest project. */
const suite = (project, ...folders) => ({
  name: `${project} tests`,
  missing: folders.some((name) => holds(name, '.test.ts')) ? '' : 'there are none yet',
  run: async () => {
    const file = join(folder, `${project}.json`)
    const reporters = ['--reporter=default', `--reporter=${at('scripts/lib/count-reporter.mjs')}`]
    const status = await runTool('vitest', ['run', '--project', project, ...reporters], {
      env: { VITRINE_COUNTS: file },
    })
    const counts = readCounts(file)
    if (counts === null) {
      total.failed++
      failures.push({ test: `${project} tests`, message: 'ended before they could be counted' })
      return status || 1
    }
    for (const kind of Object.keys(total)) total[kind] += counts[kind]
    if (status !== 0 && counts.failed === 0) total.failed++
    skips.push(...counts.reasons)
    failures.push(...counts.failures)
    return status
  },
})

function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null // the run died before it could say anything
  }
}

/** What fits on a screen of an error's text, which may hold whole machines' screens. */
const firstLines = (message) => message.split('\n').slice(0, 6).join('\n  ')

await carryOut([
  check('types', 'scripts/typecheck.mjs'),
  check('reading', 'scripts/lint.mjs'),
  check('build', 'scripts/build.mjs'),
  suite('unit', 'engine', 'src-main', 'src-renderer', 'tools'),
  suite('conformance', 'test/conformance'),
  suite('fuzz', 'test/fuzz'),
  suite('guests', 'test/guests'),
  suite('e2e', 'test/e2e'),
  suite('package', 'test/package'),
])
rmSync(folder, { recursive: true })

// Said again at the end, where one looks first in a long log.
for (const { test, message } of failures) console.log(`failed: ${test}: ${firstLines(message)}`)
for (const { test, reason } of skips) console.log(`skipped: ${test}: ${reason || 'no reason given'}`)
const unexcused = skips.filter(({ reason }) => !reason.startsWith(IMPOSSIBLE_HERE))
const strict = process.env.CI === 'true' || process.env.CI === '1'
if (strict && unexcused.length > 0) console.log(`${unexcused.length} tests were skipped that should run here`)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 || (strict && unexcused.length > 0) ? 1 : 0
