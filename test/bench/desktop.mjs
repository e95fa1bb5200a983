// npm run build && node test/bench/desktop.mjs [start|click|frames|unscaled|windows|library|log …] [--seconds N] [--json FILE]
// Measures what a user of the desktop waits for, on the web host in Chromium. Linux only: CPU time comes from /proc.
// Its results and what they mean stand in docs/benchmarks-desktop.md.
import { spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
import { assembleFile } from '../../scripts/lib/assembler.mjs'
import { at, root } from '../../scripts/lib/steps.mjs'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking']
const TICKS_PER_SECOND = 100
const DEMO = 'vitrine-diagnostics'
const WINDOW = { width: 1400, height: 900 }
/** A person's pause between two machines: long enough for a process to be ready again. */
const REST_MS = 4500

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    reps: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '10' },
  },
})
const reps = Number(values.reps)
/** How long frames are counted. */
const SPAN_S = Number(values.seconds)
const median = (numbers) => numbers.toSorted((a, b) => a - b)[(numbers.length - 1) >> 1]
const ms = (numbers) =>
  `median ${median(numbers).toFixed(0)} ms of ${numbers.map((n) => n.toFixed(0)).join(', ')}`

/** A library of its own in a folder that is removed at the end. */
const folder = mkdtempSync(join(tmpdir(), 'vitrine-desktop-bench-'))
const home = (name) => join(folder, name)

/** Starts the web host. @param how arguments of Node */
function serve(library, how = ['out/cli/index.js', 'serve', '--port', '0']) {
  const { DISPLAY: _, ...env } = process.env
  const startedAt = performance.now()
  const child = spawn(process.execPath, how, {
    cwd: root,
    env: { ...env, VITRINE_HOME: library, VITRINE_WEB: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const address = new Promise((resolve, reject) => {
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text
      const found = /http:\S+/.exec(said)
      if (found) resolve(found[0])
    })
    child.once('exit', (code) => reject(new Error(`the host ended with ${code}`)))
  })
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    process.kill(-Number(child.pid), 'SIGTERM')
    await Promise.race([ended, delay(5000)])
    try {
      process.kill(-Number(child.pid), 'SIGKILL')
    } catch {
      // It has ended, as it should.
    }
  }
  return { pid: child.pid, startedAt, address, stop }
}

/** The processes below one, itself included. */
function family(pid) {
  let children = ''
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      children += ` ${readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')}`
  } catch {
    return []
  }
  return [
    pid,
    ...children
      .split(' ')
      .filter(Boolean)
      .flatMap((child) => family(Number(child))),
  ]
}

/** CPU seconds of processes. */
function secondsOf(pids) {
  return pids.reduce((sum, pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
    } catch {
      return sum
    }
  }, 0)
}

/** What a process is, by its command. */
function kindOf(pid) {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  if (command.startsWith('vitrine machine')) return 'machine'
  if (command.includes('vm-process')) return 'spare machine'
  if (command.includes('out/cli')) return 'host'
  return /--utility-sub-type=(\w+)/.exec(command)?.[1] ?? /--type=([\w-]+)/.exec(command)?.[1] ?? 'browser'
}

/**
 * A browser that nobody looks into while it is measured: whoever is connected is told of every piece of every stream and
 * every message of a socket, which costs as much again. `connect` gives its page until `leave`.
 */
async function withQuietBrowser(work) {
  const profile = mkdtempSync(join(folder, 'profile-'))
  const size = `--window-size=${WINDOW.width},${WINDOW.height}`
  const flags = [
    '--headless',
    '--no-first-run',
    '--remote-debugging-port=0',
    `--user-data-dir=${profile}`,
    size,
  ]
  const child = spawn(CHROMIUM, [...FLAGS, ...flags, 'about:blank'], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const port = await until(() => readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split('\n')[0])
  let browser
  const connect = async () => {
    browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`)
    return browser.contexts()[0].pages()[0]
  }
  try {
    return await work({ connect, leave: () => browser.close(), pid: child.pid })
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

async function until(look) {
  for (let turn = 0; turn < 200; turn++) {
    try {
      return look()
    } catch {
      await delay(50)
    }
  }
  throw new Error('the browser does not listen')
}

async function withBrowser(work) {
  const server = await chromium.launchServer({ executablePath: CHROMIUM, args: FLAGS })
  const browser = await chromium.connect(server.wsEndpoint())
  try {
    return await work(browser, server.process().pid)
  } finally {
    await browser.close()
    await server.close()
  }
}

/** From `npm start` to a manager that can be used, in a browser that is open already. */
async function start() {
  const library = home('start')
  const npm = process.env.npm_execpath ?? realpathSync('/usr/bin/npm')
  return withBrowser(async (browser) => {
    const took = { 'npm start': [], 'vitrine serve': [] }
    for (const [name, how] of [
      ['vitrine serve', ['out/cli/index.js', 'serve', '--port', '0']],
      ['npm start', [npm, 'start', '--silent']],
    ])
      for (let turn = 0; turn <= reps; turn++) {
        const page = await browser.newPage({ viewport: WINDOW })
        const host = serve(library, how)
        await page.goto(await host.address)
        await page.getByTestId('start').waitFor()
        if (turn > 0) took[name].push(performance.now() - host.startedAt) // the first one warms the caches
        await page.close()
        await host.stop()
      }
    return Object.fromEntries(Object.entries(took).map(([name, times]) => [`${name} to usable`, ms(times)]))
  })
}

/** From the click on Start to the first frame on the screen. */
async function click() {
  const host = serve(home('click'))
  try {
    return await withBrowser(async (browser) => {
      const page = await browser.newPage({ viewport: WINDOW })
      await page.goto(await host.address)
      const took = { rested: [], 'just switched off': [] }
      for (const [name, times] of Object.entries(took))
        for (let turn = 0; turn <= reps; turn++) {
          await page.getByTestId('start').waitFor()
          if (name === 'rested') await delay(REST_MS)
          const time = await page.evaluate(
            () =>
              new Promise((resolve) => {
                const startedAt = performance.now()
                const look = () =>
                  document.querySelector('[data-testid=screen]')?.dataset.size
                    ? resolve(performance.now() - startedAt)
                    : requestAnimationFrame(look)
                document.querySelector('[data-testid=start]').click()
                look()
              }),
          )
          if (turn > 0) times.push(time)
          await page.getByRole('button', { name: 'Power off' }).click()
          await page.getByRole('alertdialog').getByRole('button', { name: 'Power off' }).click()
          await page.getByTestId('state').getByText('Off').waitFor()
        }
      return Object.fromEntries(
        Object.entries(took).map(([name, times]) => [
          `click on Start to the first frame, ${name}`,
          ms(times),
        ]),
      )
    })
  } finally {
    await host.stop()
  }
}

/** The guest of desktop-guest.asm as machines of a library. */
async function desktops(library, count, scaling) {
  const sector = join(folder, 'desktop.bin')
  if ((await assembleFile(at('test/bench/desktop-guest.asm'), sector)) !== 0) throw new Error('no guest')
  const code = readFileSync(sector)
  for (let number = 1; number <= count; number++) {
    // Each has its own: an image that is written belongs to one machine.
    const image = join(folder, `desktop-${number}.img`)
    writeFileSync(image, Buffer.concat([code, Buffer.alloc(1_474_560 - code.length)]))
    await run(library, ['create', `Desktop ${number}`, '--memory', '16', '--floppy', image])
    await run(library, ['set', `desktop-${number}`, `scaling=${scaling}`])
  }
}

const run = (library, args) =>
  new Promise((resolve, reject) =>
    spawn(process.execPath, ['out/cli/index.js', ...args], {
      cwd: root,
      env: { ...process.env, VITRINE_HOME: library },
      stdio: ['ignore', 'ignore', 'inherit'],
    }).once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${args[0]}: ${code}`)))),
  )

/** Opens a page on a machine and starts it. */
async function show(browser, address, id) {
  return showOn(await browser.newPage({ viewport: WINDOW }), address, id)
}

async function showOn(page, address, id) {
  await page.addInitScript(noteFrames)
  await page.goto(address)
  await page.locator(`[data-machine=${id}]`).click()
  await page.getByTestId('start').click()
  await page.locator('[data-testid=screen][data-size="1024x768"]').waitFor()
  return page
}

/** In the page: times from a key to its echo in the picture, in ms. */
async function echoes(times) {
  const screen = document.querySelector('[data-testid=screen]')
  const probe = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
  const corner = () => {
    probe.drawImage(screen, 4, 4, 1, 1, 0, 0, 1, 1)
    return probe.getImageData(0, 0, 1, 1).data.join()
  }
  const key = (type) =>
    window.dispatchEvent(new KeyboardEvent(type, { code: 'KeyA', key: 'a', bubbles: true, cancelable: true }))
  screen.focus()
  screen.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', code: 'Enter', bubbles: true }))
  const found = []
  for (let turn = 0; turn < times; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 100))
    const before = corner()
    const startedAt = performance.now()
    key('keydown')
    await new Promise((resolve) => {
      const look = () => (corner() === before ? requestAnimationFrame(look) : resolve())
      look()
    })
    found.push(performance.now() - startedAt)
    key('keyup')
  }
  return found
}

/** In the page, before anything else: notes the number of the frame that was drawn last, as the page tells its machine. */
function noteFrames() {
  const { value: send } = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'send')
  window.drawn = 0
  WebSocket.prototype.send = function (data) {
    const found = /"acknowledge","data":{"sequence":(\d+)/.exec(data)
    if (found) window.drawn = Number(found[1])
    return send.call(this, data)
  }
}
const drawnBy = async (page) => ({ frames: await page.evaluate('window.drawn'), atMs: performance.now() })
const rateOf = (before, now) => ((now.frames - before.frames) * 1000) / (now.atMs - before.atMs)

async function frames() {
  return measureOne('fit')
}

/** Without a browser that scales every picture. */
async function unscaled() {
  return measureOne('original')
}

/** One window, with nobody connected to its browser while it is measured. */
async function measureOne(scaling) {
  const library = home(`frame-${scaling}`)
  const host = serve(library)
  const login = await host.address
  await desktops(library, 1, scaling)
  try {
    return await withQuietBrowser(async ({ connect, leave, pid }) => {
      const shown = await showOn(await connect(), login, 'desktop-1')
      await delay(5000)
      const first = await drawnBy(shown)
      await leave()
      await delay(500)
      const pids = [...family(host.pid), ...family(pid)]
      const before = new Map(pids.map((one) => [one, secondsOf([one])]))
      const startedAt = performance.now()
      await delay(SPAN_S * 1000)
      const seconds = (performance.now() - startedAt) / 1000
      const spent = pids.map((one) => [kindOf(one), secondsOf([one]) - before.get(one)])
      const page = await connect()
      const rate = rateOf(first, await drawnBy(page))
      // The page notes its own times while nobody is connected.
      await page.evaluate(`(${echoes})(20).then((found) => { window.echoTimes = found }); null`)
      await leave()
      await delay(8000)
      const echo = await (await connect()).evaluate('window.echoTimes')
      return {
        'frames a second': rate.toFixed(1),
        ...shares(spent, seconds * rate),
        'CPU in all': `${((spent.reduce((sum, [, one]) => sum + one, 0) / seconds) * 100).toFixed(0)} % of a core`,
        'key to echo': ms(echo),
      }
    })
  } finally {
    await host.stop()
  }
}

/** What a frame costs, by the kinds of processes. @param spent their seconds */
function shares(spent, frameCount) {
  const each = (seconds) => ((seconds / frameCount) * 1000).toFixed(2)
  return {
    'CPU a frame, all processes': `${each(spent.reduce((sum, [, one]) => sum + one, 0))} ms`,
    'of that': spent
      .filter(([, one]) => one > 0.05)
      .map(([kind, one]) => `${kind} ${each(one)}`)
      .join(', '),
  }
}

/** Three windows on three machines, all of which move. */
async function windows() {
  return measureFrames(3)
}

async function measureFrames(count) {
  const scaling = 'fit'
  const library = home(`frames-${count}`)
  const host = serve(library)
  const login = await host.address
  await desktops(library, count, scaling)
  try {
    return await withBrowser(async (browser, browserPid) => {
      const context = await browser.newContext({ viewport: WINDOW })
      const pages = []
      for (let number = 1; number <= count; number++) {
        const address = number === 1 ? login : new URL(login).origin
        pages.push(await show(context, address, `desktop-${number}`))
      }
      await delay(3000)
      const pids = [...family(host.pid), ...family(browserPid)]
      const before = new Map(pids.map((pid) => [pid, secondsOf([pid])]))
      const startedAt = performance.now()
      const first = await Promise.all(pages.map(drawnBy))
      await delay(SPAN_S * 1000)
      const seconds = (performance.now() - startedAt) / 1000
      const spent = pids.map((pid) => [kindOf(pid), secondsOf([pid]) - before.get(pid)])
      const cpu = spent.reduce((sum, [, one]) => sum + one, 0)
      const last = await Promise.all(pages.map(drawnBy))
      const rate = last.reduce((sum, now, index) => sum + rateOf(first[index], now), 0) / count
      const echo = await pages.at(-1).evaluate(echoes, 20)
      return {
        windows: count,
        'frames a second and window': rate.toFixed(1),
        ...shares(spent, seconds * rate * count),
        'CPU in all': `${((cpu / seconds) * 100).toFixed(0)} % of a core`,
        'key to echo': ms(echo),
      }
    })
  } finally {
    await host.stop()
  }
}

/** 200 machines, and 1000: until they are listed, how the list scrolls, how it is searched. */
async function library() {
  return { ...(await measureLibrary(200)), ...(await measureLibrary(1000)) }
}

async function measureLibrary(count) {
  const place = home(`library-${count}`)
  for (let number = 0; number < count; number++) {
    const machine = join(place, 'machines', `machine-${number}`)
    mkdirSync(machine, { recursive: true })
    const drives = [{ kind: 'floppy', path: null }]
    const record = {
      version: 1,
      name: `Machine ${number}`,
      group: number % 5 === 0 ? '' : `Group ${number % 10}`,
      tags: ['bench'],
      machine: { version: 1, memoryMiB: 16, drives },
    }
    writeFileSync(join(machine, 'vm.json'), JSON.stringify(record))
  }
  return withBrowser(async (browser) => {
    const times = []
    let moved
    for (let turn = 0; turn <= 3; turn++) {
      const page = await browser.newPage({ viewport: WINDOW })
      const host = serve(place)
      await page.goto(await host.address)
      await page.locator('[data-machine]').nth(5).waitFor()
      if (turn > 0) times.push(performance.now() - host.startedAt)
      if (turn === 3) moved = await page.evaluate(moveThroughList, count)
      await page.close()
      await host.stop()
    }
    const { byHand, endToEnd, drawn, sought, cleared } = moved
    return {
      [`start to ${count} machines listed`]: ms(times),
      [`a frame while ${count} scroll by 40 pixels each`]: byHand,
      [`a frame while ${count} scroll from end to end`]: endToEnd,
      [`rows drawn of ${count}`]: drawn,
      [`one of ${count} found, and all again`]: `${sought.toFixed(0)} ms, ${cleared.toFixed(0)} ms`,
    }
  })
}

/** In the page: scrolls as a hand does, then from end to end and back in four seconds, and searches. */
async function moveThroughList(count) {
  const list = document.querySelector('[role=tree]')
  const frame = () => new Promise(requestAnimationFrame)
  const scroll = async (step) => {
    const gaps = []
    let last = performance.now()
    for (let number = 0; number < 240; number++) {
      list.scrollTop += step * (number < 120 ? 1 : -1)
      await frame()
      gaps.push(performance.now() - last)
      last = performance.now()
    }
    gaps.sort((a, b) => a - b)
    return `median ${gaps[120].toFixed(1)}, 95 % ${gaps[228].toFixed(1)}, worst ${gaps[239].toFixed(1)} ms`
  }
  const byHand = await scroll(40)
  const endToEnd = await scroll((list.scrollHeight - list.clientHeight) / 120)
  const drawn = document.querySelectorAll('[data-machine]').length
  const field = document.querySelector('input[type=search]')
  const seek = async (text, isDone) => {
    const startedAt = performance.now()
    field.value = text
    field.dispatchEvent(new Event('input', { bubbles: true }))
    while (!isDone()) await frame()
    return performance.now() - startedAt
  }
  const rows = () => document.querySelectorAll('[data-machine]')
  const sought = await seek(`machine ${count - 1}`, () => rows().length === 1)
  const cleared = await seek('', () => rows().length > 5)
  return { byHand, endToEnd, drawn, sought, cleared }
}

/** A log of a month: from the click on its tab to its last line. */
async function log() {
  const place = home('log')
  const host = serve(place)
  try {
    const address = await host.address
    const logs = join(place, 'machines', DEMO, 'logs')
    mkdirSync(logs, { recursive: true })
    // A line every 15 seconds: more than the host keeps, which begins a new file at 1 MiB.
    const lines = Array.from({ length: 30 * 24 * 240 }, (_, number) => {
      const atMs = Date.UTC(2026, 9, 1) + number * 15_000
      const text = `what happened to the machine, number ${number}`
      return `${JSON.stringify({ atMs, level: number % 50 ? 'info' : 'warning', text })}\n`
    })
    writeFileSync(join(logs, 'machine.log'), lines.join(''))
    return await withBrowser(async (browser) => {
      const page = await browser.newPage({ viewport: WINDOW })
      await page.goto(address)
      await page.getByRole('tab', { name: 'Details' }).waitFor()
      const times = []
      for (let turn = 0; turn < reps; turn++) {
        const startedAt = performance.now()
        await page.getByRole('tab', { name: 'Log' }).click()
        await page
          .getByTestId('log')
          .getByText(`number ${lines.length - 1}`)
          .waitFor()
        times.push(performance.now() - startedAt)
        await page.getByRole('tab', { name: 'Details' }).click()
      }
      const sought = `number ${lines.length - 3000}`
      const searched = performance.now()
      await page.getByRole('tab', { name: 'Log' }).click()
      await page.getByRole('searchbox', { name: 'Find in the log' }).fill(sought)
      await page.getByTestId('log').getByText(sought).waitFor()
      const found = performance.now() - searched
      return {
        lines: lines.length,
        'click to the last line': ms(times),
        'click to a line found': `${found.toFixed(0)} ms`,
      }
    })
  } finally {
    await host.stop()
  }
}

const benches = { start, click, frames, unscaled, windows, library, log }
const wanted = positionals.length > 0 ? positionals : Object.keys(benches)
const results = {}
try {
  for (const name of wanted) {
    if (!benches[name]) throw new Error(`there is no ${name}; there are ${Object.keys(benches).join(', ')}`)
    results[name] = await benches[name]()
    console.log(name, results[name])
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
