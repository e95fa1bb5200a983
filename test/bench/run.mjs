// npm run bench [-- --accel interpreter,jit --reps 3 --only int80,cr3 --json FILE]
// Times guest.asm's pieces of work on this machine, accelerator by accelerator in turn, and prints medians:
// work per second of CPU time, all threads of the machine's process together, where the host tells it (Linux),
// else of wall time. Needs a build (npm run build) and nothing from outside.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { assembleFile } from '../../scripts/lib/assembler.mjs'
import { at } from '../../scripts/lib/steps.mjs'
import { PIECES } from './pieces.mjs'

const CLI = at('out/cli/index.js')
const LIMIT_MS = 300_000

/** USER_HZ of /proc/PID/stat. */
const TICKS_PER_SECOND = 100
const hasProc = existsSync('/proc/self/stat')

/** Seconds that a process has taken. */
function secondsOf(pid) {
  if (!hasProc) return performance.now() / 1000
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Boots the image once. @returns seconds by piece */
function measure(image, accel) {
  return new Promise((resolve, reject) => {
    const options = ['--accel', accel, '--memory', '16', '--floppy', `${image},readonly`]
    const guest = spawn(
      process.execPath,
      [CLI, 'run', ...options, '--serial', 'stdio', '--display', 'none', '--debug-exit'],
      { stdio: ['ignore', 'pipe', 'inherit'], timeout: LIMIT_MS },
    )
    const started = new Map()
    const seconds = new Map()
    createInterface({ input: guest.stdout }).on('line', (line) => {
      const now = secondsOf(guest.pid)
      const [mark, name] = line.trim().split(' ')
      if (mark === 'B') started.set(name, now)
      else if (mark === 'E' && started.has(name))
        seconds.set(name, Math.max(1 / TICKS_PER_SECOND, now - started.get(name)))
    })
    guest.on('error', reject)
    guest.on('close', (status) =>
      // The guest ends the run by writing 0 to port F4h.
      status === 1 && seconds.size === PIECES.length
        ? resolve(seconds)
        : reject(new Error(`the guest ended early under ${accel}: status ${status}, ${seconds.size} pieces`)),
    )
  })
}

const median = (values) => values.toSorted((a, b) => a - b)[(values.length - 1) >> 1]
const three = (value) => Number(value.toPrecision(3)).toString()

function report(results, accels, pieces) {
  const rows = [['piece', hasProc ? 'per CPU second' : 'per second', ...accels, '']]
  for (const { name, work, unit, about } of pieces)
    rows.push([
      name,
      unit,
      ...accels.map((accel) => three(work / median(results.get(accel).get(name)))),
      about,
    ])
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  for (const row of rows)
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
}

const { values } = parseArgs({
  options: {
    accel: { type: 'string', default: 'interpreter,jit' },
    reps: { type: 'string', default: '3' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
})
if (!existsSync(CLI)) {
  console.error(`${CLI} is missing: run "npm run build" first`)
  process.exit(1)
}
const accels = values.accel.split(',')
const wanted = values.only?.split(',')
const pieces = PIECES.filter(({ name }) => !wanted || wanted.includes(name))
const folder = mkdtempSync(join(tmpdir(), 'vitrine-bench-'))
try {
  const image = join(folder, 'guest.img')
  if ((await assembleFile(at('test/bench/guest.asm'), image)) !== 0) process.exit(1)
  const results = new Map(accels.map((accel) => [accel, new Map(PIECES.map(({ name }) => [name, []]))]))
  for (let rep = 0; rep < Number(values.reps); rep++)
    for (const accel of accels)
      for (const [name, seconds] of await measure(image, accel)) results.get(accel).get(name)?.push(seconds)
  report(results, accels, pieces)
  if (values.json)
    writeFileSync(
      values.json,
      JSON.stringify(
        [...results].map(([accel, by]) => ({ accel, seconds: Object.fromEntries(by) })),
        null,
        2,
      ),
    )
} finally {
  rmSync(folder, { recursive: true })
}
