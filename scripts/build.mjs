// Builds everything that is not source: the FPU module, the interpreter, the demo guest, and with electron-vite
// the programs for Node, the desktop app and its pages; checks that the firmware's image is what its source
// gives. `node scripts/build.mjs NAME...` builds only the named parts.
import { spawnSync } from 'node:child_process'
import { mkdirSync, openSync, rmSync } from 'node:fs'
import { at, carryOut, present, runScript, runTool } from './lib/steps.mjs'
import { buildDemoGuest } from './lib/demo-guest.mjs'

/** A part that another script of the project builds. */
const byScript = (name, script, args = []) => ({
  name,
  missing: present(script) ? '' : `${script} is not there yet`,
  run: () => runScript(script, args),
})

const parts = [
  byScript('fpu', 'scripts/build-fpu.mjs'),
  byScript('interpreter', 'scripts/build-interpreter.mjs'),
  // Its image is in the repository: with --check the script only compares it with what the source gives.
  byScript('firmware', 'scripts/build-firmware.mjs', ['--check']),
  { name: 'guest', run: buildDemoGuest },
  {
    name: 'app',
    missing: present('electron.vite.config.ts') ? '' : 'electron.vite.config.ts is not there yet',
    run: () => runTool('electron-vite', ['build', '--logLevel', 'warn']),
  },
  { name: 'manual', run: writeManual },
]

/** The manual page, from the definitions of the commands. */
async function writeManual() {
  mkdirSync(at('out/man'), { recursive: true })
  const child = spawnSync(process.execPath, [at('out/cli/index.js'), 'manual'], {
    stdio: ['ignore', openSync(at('out/man/vitrine.1'), 'w'), 'inherit'],
  })
  return child.status ?? 1
}

const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => !parts.some((part) => part.name === name))
if (unknown !== undefined) {
  console.error(`there is no part "${unknown}"; the parts are ${parts.map((part) => part.name).join(', ')}`)
  process.exitCode = 1
} else {
  if (wanted.length === 0) rmSync(at('out'), { recursive: true, force: true })
  const chosen = wanted.length === 0 ? parts : parts.filter((part) => wanted.includes(part.name))
  const failed = await carryOut(chosen, { stopAtFailure: true })
  process.exitCode = failed.length === 0 ? 0 : 1
}
