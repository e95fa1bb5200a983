// What machines cost the host that do nothing: their processor time and memory, once they have settled.
//   node test/bench/idle.mjs --machines 20 --wait 'A:\>' [--settle 20] [--seconds 20] -- --floppy dos.img,ephemeral --memory 16
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    machines: { type: 'string', default: '1' },
    wait: { type: 'string' },
    settle: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '20' },
  },
})
const cli = fileURLToPath(new URL('../../out/cli/index.js', import.meta.url))
/** As the processes of a library's machines have it. */
const environment = { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '1048576' }
const TICKS_PER_SECOND = 100

function start() {
  const steps = values.wait === undefined ? [] : ['--do', `wait:${values.wait}`, '--do', 'sleep:3600000']
  const child = spawn(process.execPath, [cli, 'run', '--display', 'none', ...positionals, ...steps], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...environment },
  })
  child.on('exit', (code) => code === null || process.exit(1))
  return child
}

/** Processor time so far, in seconds, and resident memory in MiB. */
function usage({ pid }) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    mib: Number(resident[1]) / 1024,
  }
}

const machines = Array.from({ length: Number(values.machines) }, start)
await delay(Number(values.settle) * 1000)
const before = machines.map(usage)
await delay(Number(values.seconds) * 1000)
const after = machines.map(usage)
for (const machine of machines) machine.kill('SIGKILL')
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0)
const percent = (100 * sum(after.map(({ cpu }, i) => cpu - before[i].cpu))) / Number(values.seconds)
const mib = sum(after.map(({ mib }) => mib)) / machines.length
console.log(
  `${machines.length} machines: ${percent.toFixed(1)} % of a core together, ${mib.toFixed(0)} MiB each`,
)
