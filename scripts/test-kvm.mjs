// What needs hardware virtualisation, for those who have it: the tests of KVM, then every guest under --accel kvm.
// Says first what kind of KVM this is. See docs/kvm.md.
import { spawnSync } from 'node:child_process'
import { at, carryOut, runScript, runTool } from './lib/steps.mjs'

if ((await runScript('scripts/build.mjs')) !== 0) process.exit(1)
const { status, stderr } = spawnSync(
  process.execPath,
  [at('out/cli/index.js'), 'run', '--accel', 'kvm', '--do', 'power-off'],
  { encoding: 'utf8' },
)
console.log(stderr.trim())
if (status !== 0) process.exit(1)

const tests = (name, args, env = {}) => ({ name, run: () => runTool('vitest', ['run', ...args], { env }) })
const steps = [
  tests('control interface', ['--project', 'unit', 'engine/kvm']),
  tests('states and the probe', ['--project', 'conformance', 'test/conformance/kvm']),
  tests('guests that any KVM runs', ['--project', 'guests', 'test/guests/kvm.test.ts']),
]
const everyGuest = tests('every guest', ['--project', 'guests'], {
  VITRINE_ACCEL: 'kvm',
})
const isLimited = stderr.includes('KVM is limited')
if (isLimited) console.log('- every guest: left out, since this KVM is limited')
const failed = await carryOut(isLimited ? steps : [...steps, everyGuest])
process.exitCode = failed.length > 0 ? 1 : 0
