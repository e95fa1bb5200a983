// Builds everything that is not source: the FPU module, the interpreter, the firmware image, the demo guest,
// the programs for Node and the desktop app. `node scripts/build.mjs NAME...` builds only the named parts.
import { build } from 'esbuild'
import { readFileSync, rmSync } from 'node:fs'
import { assembleFile } from './lib/assembler.mjs'
import { at, carryOut, present, runScript, runTool } from './lib/steps.mjs'
import { buildDemoGuest } from './lib/demo-guest.mjs'

/** Programs that run in plain Node, by the place of their bundle. */
const NODE_PROGRAMS = {
  'cli/index': 'src-main/cli/index.ts',
  'web/index': 'src-main/web/index.ts',
  'vm-process/index': 'src-main/vm-process/index.ts',
  'machine-worker': 'engine/service/machine-worker.ts',
}
const FIRMWARE_SOURCE = 'engine/firmware/rom/bios.asm'
const FIRMWARE_IMAGE = 'resources/firmware/bios.bin'
/** Native or only there with Electron: loaded at run time where they exist. */
const EXTERNAL = ['electron', 'node-pty']

/** A part that another script of the project builds. */
const byScript = (name, script) => ({
  name,
  missing: present(script) ? '' : `${script} is not there yet`,
  run: () => runScript(script),
})

async function checkFirmware() {
  const rebuilt = at('out/firmware/bios.bin')
  const status = await assembleFile(at(FIRMWARE_SOURCE), rebuilt)
  if (status !== 0) return status
  if (readFileSync(rebuilt).equals(readFileSync(at(FIRMWARE_IMAGE)))) return 0
  console.error(`${FIRMWARE_IMAGE} is not what ${FIRMWARE_SOURCE} gives: run node scripts/build-firmware.mjs`)
  return 1
}

async function buildNodePrograms() {
  const entryPoints = Object.entries(NODE_PROGRAMS).filter(([, source]) => present(source))
  await build({
    entryPoints: Object.fromEntries(entryPoints.map(([place, source]) => [place, at(source)])),
    outdir: at('out'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    logLevel: 'warning',
    external: EXTERNAL,
    // Some packages are CommonJS and ask for Node's own modules with require.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'\nconst require = __createRequire(import.meta.url)",
    },
  })
  return 0
}

const parts = [
  byScript('fpu', 'scripts/build-fpu.mjs'),
  byScript('interpreter', 'scripts/build-interpreter.mjs'),
  {
    name: 'firmware',
    missing: present(FIRMWARE_SOURCE) && present(FIRMWARE_IMAGE) ? '' : 'its source is not there yet',
    run: checkFirmware,
  },
  { name: 'guest', run: buildDemoGuest },
  {
    name: 'programs',
    missing: Object.values(NODE_PROGRAMS).some((source) => present(source)) ? '' : 'there are none yet',
    run: buildNodePrograms,
  },
  {
    name: 'app',
    missing: present('electron.vite.config.ts') ? '' : 'electron.vite.config.ts is not there yet',
    run: () => runTool('electron-vite', ['build', '--logLevel', 'warn']),
  },
]

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
