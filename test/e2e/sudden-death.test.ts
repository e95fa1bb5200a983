import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { chromium, type BrowserServer } from 'playwright-core'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { CHROMIUM, FLAGS, gone, MACHINE, missing, PROJECT, until } from './fronts.ts'

const reason = missing() ?? (process.platform === 'linux' ? null : 'not on this machine: it has no /proc')
if (reason) process.stderr.write(`skipped: tests of sudden ends: ${reason}\n`)

const RUNS = Number(process.env['VITRINE_KILL_RUNS'] ?? 3)
/** Prints what it takes to have the same deaths again. */
const SEED = Number(process.env['VITRINE_KILL_SEED'] ?? Date.now() % 1_000_000)
const VICTIMS = ['machine', 'host', 'browser'] as const
/** How long after the death of what they belong to processes may live. */
const ORPHAN_MS = 5000
const DEMO = 'vitrine-diagnostics'

/** A generator of numbers from 0 to 1 (Park and Miller's). */
function dice(seed: number): () => number {
  let state = (seed % 2147483646) + 1
  return () => (state = (state * 48271) % 2147483647) / 2147483647
}

interface Stage {
  host: ChildProcess
  browser: BrowserServer
}

/** A host on a library, and a browser in which somebody has just started the machine. */
async function raise(library: string): Promise<Stage> {
  const env = { ...process.env, VITRINE_HOME: library }
  const host = spawn(process.execPath, ['out/cli/index.js', 'serve', '--port', '0'], {
    cwd: PROJECT,
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let said = ''
  host.stdout!.setEncoding('utf8').on('data', (text: string) => (said += text))
  const address = await until(() => Promise.resolve(/http:\S+/.exec(said)?.[0] ?? null), 'the host')
  const browser = await chromium.launchServer({ executablePath: CHROMIUM, args: FLAGS })
  const page = await (await chromium.connect(browser.wsEndpoint())).newPage()
  await page.goto(address)
  await page.getByTestId('start').click()
  await page.getByTestId('state').getByText('Running').waitFor()
  return { host, browser }
}

/** Processes that work on a library: they have its place in their environment. */
async function processesOf(library: string): Promise<{ pid: number; isMachine: boolean }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
      if (!(await read('environ')).includes(`VITRINE_HOME=${library}\0`)) return null
      return { pid: Number(pid), isMachine: (await read('cmdline')).startsWith(MACHINE) }
    }),
  )
  return found.filter((entry) => entry !== null)
}

describe.skipIf(reason)('processes that are killed at any moment', () => {
  it(
    `leave the library whole and no orphans, ${RUNS} times (seed ${SEED})`,
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'vitrine-killed-'))
      const library = join(folder, 'library')
      const random = dice(SEED)
      for (let run = 0; run < RUNS; run++) {
        // Each kind comes up in a small number of runs as well.
        const victim = VICTIMS[run < VICTIMS.length ? run : Math.floor(random() * VICTIMS.length)]!
        const { host, browser } = await raise(library)
        await delay(random() * 2000)
        const machine = (await processesOf(library)).find(({ isMachine }) => isMachine)
        if (victim === 'machine') process.kill(machine!.pid, 'SIGKILL')
        else if (victim === 'host') host.kill('SIGKILL')
        else browser.process().kill('SIGKILL')

        if (victim === 'host') {
          await gone(host)
          await until(
            async () => ((await processesOf(library)).length === 0 ? true : null),
            `no process to be left after the death of the host (run ${run})`,
            ORPHAN_MS,
          )
        } else if (victim === 'machine')
          await until(
            async () => ((await processesOf(library)).some(({ isMachine }) => isMachine) ? null : true),
            `its process to be gone (run ${run})`,
            ORPHAN_MS,
          )
        else {
          await delay(300)
          // The machine runs on for whoever comes back.
          expect((await processesOf(library)).filter(({ isMachine }) => isMachine)).toHaveLength(1)
        }
        await browser.close().catch(() => {}) // it may be the one that was killed
        host.kill('SIGTERM')
        await gone(host)
        const record: unknown = JSON.parse(await readFile(join(library, 'machines', DEMO, 'vm.json'), 'utf8'))
        expect(v.safeParse(VmRecord, record).success).toBe(true)
        const names = await readdir(join(library, 'machines', DEMO))
        expect(names).toContain('diagnostic.img')
        expect(await readdir(join(library, 'machines'))).toEqual([DEMO])
      }
      // And it starts, as nothing had happened.
      const last = await raise(library)
      await last.browser.close()
      last.host.kill('SIGTERM')
      await gone(last.host)
      expect(await processesOf(library)).toEqual([])
      await rm(folder, { recursive: true })
    },
    RUNS * 60_000 + 60_000,
  )
})
