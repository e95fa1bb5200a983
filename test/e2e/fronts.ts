import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { chromium, type Browser, type Page } from 'playwright-core'
import { buildElectronDouble } from './electron-double/build.ts'

export const PROJECT = join(import.meta.dirname, '..', '..')
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
]

/** Why these tests cannot run here, or null. */
export function missing({ browser = true } = {}): string | null {
  if (browser && !existsSync(CHROMIUM)) return `${CHROMIUM} is not installed (Debian package chromium)`
  if (!existsSync(join(PROJECT, 'out', 'cli', 'index.js'))) return 'the build is missing (npm run build)'
  return null
}

/** What a process calls itself that has got its machine; one that waits for one does not. */
export const MACHINE = 'vitrine machine'

/** One front of the application on a library of its own. */
export interface Front {
  page: Page
  /** Folder of the library. */
  home: string
  /** File with what a file manager was told to show, a line each. */
  shown: string
  /** What the page logged as errors. */
  errors: string[]
  screenshot(name: string): Promise<void>
  /** Ids of the processes of machines. */
  machineProcesses(): Promise<number[]>
  /** Has the host answer nothing, as one that is busy, until it may again. */
  holdHost(isHeld: boolean): void
  /** Closes the window as its user does; on the desktop only. */
  closeWindow(): void
  close(): Promise<void>
}

export interface FrontOptions {
  /** The file that the user picks where the application asks with the system's dialog. */
  picks?: string
  /** Which button the user presses where the application asks with the system's dialog, from 0. */
  answers?: number
  /** The web host is installed by itself, without the packages that it can do without. */
  bare?: boolean
  /** The web host finds a screen and a program that opens folders. */
  opener?: boolean
  /** Screens of the browser beside one another, by their pixels for each of the page; and the window on the first. */
  screens?: { scales: readonly number[]; window: { width: number; height: number } }
}

/** Pixels of each of those screens across; the browser counts them from the left. */
export const SCREEN_WIDTH = 2700

export const FRONTS = { web: openWeb, desktop: openDesktop } as const

async function openWeb({ opener, screens, bare }: FrontOptions = {}): Promise<Front> {
  const home = await newHome()
  const program = join(bare ? await installBare(home) : PROJECT, 'out', 'cli', 'index.js')
  const server = launch([program, 'serve'], home, opener ? await withOpener(home) : {})
  const address = await firstMatch(server, /http:\S+/)
  const args = screens ? [...FLAGS, ...flagsOf(screens)] : FLAGS
  const browser = await chromium.launch({ executablePath: CHROMIUM, args })
  // A size that is given goes by a screen that is emulated, and that draws otherwise than others.
  const page = await browser.newPage({ viewport: screens ? null : { width: 1180, height: 800 } })
  const front = await watch('web', page, home, server, browser)
  await page.goto(address)
  return front
}

const flagsOf = ({ scales, window }: NonNullable<FrontOptions['screens']>): string[] => [
  `--screen-info=${scales.map((scale) => `{${SCREEN_WIDTH}x2000 devicePixelRatio=${scale}}`).join('')}`,
  `--window-size=${window.width},${window.height}`,
]

async function openDesktop({ picks, answers }: FrontOptions = {}): Promise<Front> {
  const home = await newHome()
  const register = await buildElectronDouble(join(PROJECT, '.cache', 'e2e'))
  const profile = join(home, 'chromium')
  await mkdir(profile)
  const main = launch(['--import', register, 'out/main/index.js'], home, {
    DOUBLE_CHROMIUM: CHROMIUM,
    DOUBLE_PROFILE: profile,
    DOUBLE_SHOWN: join(home, 'shown'),
    ...(picks && { DOUBLE_OPEN_DIALOG: picks }),
    ...(answers !== undefined && { DOUBLE_MESSAGE_BOX: String(answers) }),
  })
  const port = await until(async () => {
    const text = await readFile(join(profile, 'DevToolsActivePort'), 'utf8').catch(() => '')
    return text.split('\n')[0] || null
  }, 'Chromium to listen')
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`)
  const page = await until(async () => {
    const pages = browser.contexts().flatMap((context) => context.pages())
    return pages.find((candidate) => candidate.url().startsWith('http')) ?? null
  }, 'the window to open')
  return watch('desktop', page, home, main, browser)
}

/** An environment with an xdg-open that notes what it is given. */
async function withOpener(home: string): Promise<Record<string, string>> {
  const folder = join(home, 'bin')
  await mkdir(folder)
  await writeFile(join(folder, 'xdg-open'), `#!/bin/sh\necho "$1" >> '${join(home, 'shown')}'\n`, {
    mode: 0o755,
  })
  return { DISPLAY: ':0', PATH: `${folder}${delimiter}${process.env['PATH']}` }
}

/** Puts the build and the packages that it needs into a folder. @returns that folder */
async function installBare(home: string): Promise<string> {
  const folder = join(home, 'program')
  await mkdir(join(folder, 'node_modules'), { recursive: true })
  await cp(join(PROJECT, 'out'), join(folder, 'out'), { recursive: true })
  await cp(join(PROJECT, 'package.json'), join(folder, 'package.json'))
  const { dependencies } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  for (const name of Object.keys(dependencies))
    await symlink(join(PROJECT, 'node_modules', name), join(folder, 'node_modules', name))
  return folder
}

const newHome = (): Promise<string> => mkdtemp(join(tmpdir(), 'vitrine-e2e-'))

function launch(args: string[], home: string, environment: Record<string, string> = {}): ChildProcess {
  const { DISPLAY: _, ...inherited } = process.env
  const env = { ...inherited, VITRINE_HOME: join(home, 'library'), ...environment }
  return spawn(process.execPath, args, { cwd: PROJECT, env, stdio: ['ignore', 'pipe', 'inherit'] })
}

async function watch(
  name: string,
  page: Page,
  home: string,
  child: ChildProcess,
  browser: Browser,
): Promise<Front> {
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  const pictures = process.env['E2E_PICTURES'] ?? join(tmpdir(), 'vitrine-e2e-pictures')
  await mkdir(pictures, { recursive: true })
  return {
    page,
    home: join(home, 'library'),
    shown: join(home, 'shown'),
    errors,
    screenshot: async (what) => void (await page.screenshot({ path: join(pictures, `${name}-${what}.png`) })),
    machineProcesses: () => childrenOf(child.pid!),
    holdHost: (isHeld) => void child.kill(isHeld ? 'SIGSTOP' : 'SIGCONT'),
    closeWindow: () => void child.kill('SIGUSR2'),
    async close() {
      if (page.isClosed()) await Promise.race([gone(child), delay(20_000)])
      if (child.exitCode !== null) return rm(home, { recursive: true, force: true, maxRetries: 5 })
      // The desktop ends with its last window, the server by a signal.
      if (name === 'web') {
        child.kill('SIGTERM')
        await browser.close()
      } else await (await browser.newBrowserCDPSession()).send('Browser.close')
      await Promise.race([gone(child), delay(8000)])
      child.kill('SIGTERM')
      await rm(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Settles when a process has ended. */
export const gone = (child: ChildProcess): Promise<unknown> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', resolve))

/** The processes below one that run a machine. */
async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  const pids = list.trim().split(' ').filter(Boolean).map(Number)
  const commands = await Promise.all(
    pids.map((child) => readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')),
  )
  return pids.filter((_, index) => commands[index]!.startsWith(MACHINE))
}

function firstMatch(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const found = pattern.exec(text)
      if (found) resolve(found[0])
    })
    child.once('exit', (code) => reject(new Error(`it ended with ${code} before it said ${pattern}`)))
  })
}

export async function until<T>(look: () => Promise<T | null>, what: string, timeoutMs = 30_000): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`)
    await delay(50)
  }
}
