import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { get, request, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { readFrame } from '../../engine/protocol/frame.ts'
import { hostContract, type HostContract } from '../../engine/protocol/host-contract.ts'
import { RpcClient } from '../../engine/protocol/rpc.ts'
import { viewContract, type ViewContract } from '../../engine/protocol/vm-contract.ts'
import { socketChannel } from '../../src-main/host/socket-channel.ts'
import { bootSector } from '../support/boot-sector.ts'
import { gone, MACHINE, missing, PROJECT, until } from './fronts.ts'

const noProc = process.platform === 'linux' ? null : 'not on this machine: it has no /proc'
const reason = missing({ browser: false }) ?? noProc
if (reason) process.stderr.write(`skipped: viewers that stop reading: ${reason}\n`)

/** A guest that fills its screen anew all the time: a megabyte of picture for each frame. */
const BUSY = [
  'mov ax, 0xb800',
  'mov es, ax',
  'again:',
  'xor di, di',
  'mov cx, 2000',
  'rep stosw',
  'inc bx',
  'mov ax, bx',
  'hlt',
  'jmp again',
]
const SERVE = ['out/cli/index.js', 'serve', '--port', '0']

let folder: string
let host: ChildProcess
let origin: string
let cookie: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-viewers-'))
  const floppy = await bootSector(folder, 'busy.img', ...BUSY)
  const env = { ...process.env, VITRINE_HOME: join(folder, 'library') }
  const create = [SERVE[0]!, 'create', 'Busy', '--memory', '16', '--floppy', floppy]
  await promisify(execFile)(process.execPath, create, { cwd: PROJECT, env })
  host = spawn(process.execPath, SERVE, { cwd: PROJECT, env, stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  host.stdout!.setEncoding('utf8').on('data', (text: string) => (said += text))
  const login = await until(() => Promise.resolve(/http:\S+/.exec(said)?.[0] ?? null), 'the host')
  origin = new URL(login).origin
  const answer = await ask(login)
  cookie = answer.headers['set-cookie']![0]!.split(';')[0]!
})
afterEach(async () => {
  host.kill('SIGTERM')
  await gone(host)
  await rm(folder, { recursive: true })
})

const ask = (url: string, headers = {}): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => get(url, { headers, agent: false }, resolve).on('error', reject))

/** What comes with the answer that opens it is heard as well: whoever listens is there before. */
const socket = (path: string): WebSocket =>
  new WebSocket(origin.replace('http', 'ws') + path, { headers: { cookie, origin } })

interface Viewer {
  session: WebSocket
  client: RpcClient<ViewContract>
  frames: IncomingMessage
}

/** Opens a view and asks for its frames, which nobody reads yet. */
async function view(): Promise<Viewer> {
  const session = socket('/machines/busy/view')
  const client = new RpcClient<ViewContract>(viewContract, socketChannel(session))
  const name = await new Promise<string>((resolve) => client.on('opened', (opened) => resolve(opened.view)))
  const frames = await ask(`${origin}/machines/busy/frames?view=${name}`, { cookie })
  return { session, client, frames }
}

/** Draws what comes, and says so. @returns how many frames came so far */
function draw({ client, frames }: Viewer): () => number {
  let count = 0
  let rest = Buffer.alloc(0)
  frames.on('data', (part: Buffer) => {
    rest = Buffer.concat([rest, part])
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE(0)) {
      const end = 4 + rest.readUInt32LE(0)
      const frame = readFrame(Uint8Array.from(rest.subarray(4, end)).buffer)
      rest = rest.subarray(end)
      count++
      if (frame) client.notify('acknowledge', { sequence: frame.sequence })
    }
  })
  return () => count
}

/** Memory of the host and of its machine's process, in MiB. */
async function memory(): Promise<number[]> {
  const children = await readFile(`/proc/${host.pid}/task/${host.pid}/children`, 'utf8')
  const found = await Promise.all(
    [String(host.pid), ...children.trim().split(' ').filter(Boolean)].map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      // A process that waits for a machine is not one that has it.
      const counts =
        Number(pid) === host.pid || (await readFile(`/proc/${pid}/cmdline`, 'utf8')).startsWith(MACHINE)
      return counts ? [Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024] : []
    }),
  )
  return found.flat()
}

describe.skipIf(reason)('a viewer of a machine', () => {
  it('that stops reading is sent no more, holds up nobody, and goes when its session ends', async () => {
    const library = socket('/host')
    const manager = new RpcClient<HostContract>(hostContract, socketChannel(library))
    await new Promise((resolve) => library.once('open', resolve))
    await manager.call('start', { id: 'busy' })
    const [slow, quick] = [await view(), await view()]
    slow.frames.pause()
    const drawn = draw(quick)
    await until(() => Promise.resolve(drawn() > 30 ? true : null), 'the first pictures')
    const before = await memory()
    const from = drawn()
    await delay(8000)
    expect(drawn() - from).toBeGreaterThan(40)
    const after = await memory()
    // Unread, the pictures of eight seconds are some hundred megabytes.
    for (const [at, now] of after.entries()) expect(now - before[at]!).toBeLessThan(32)
    let waited = 0
    slow.frames.on('data', (part: Buffer) => (waited += part.length)).resume()
    await delay(500)
    expect(waited).toBeGreaterThan(0)
    expect(waited).toBeLessThan(4 << 20)

    const ends = [slow, quick].flatMap(({ session, frames }) => [
      new Promise((resolve) => session.on('close', resolve)),
      new Promise((resolve) => frames.on('close', resolve)),
    ])
    const startedAt = performance.now()
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${origin}/logout`, { method: 'POST', headers: { cookie, origin }, agent: false })
      sent.on('response', (response) => resolve(response.statusCode)).on('error', reject)
      sent.end()
    })
    expect(status).toBe(204)
    await Promise.all(ends)
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect((await ask(`${origin}/machines/busy/frames?view=x`, { cookie })).statusCode).toBe(401)
    expect(await readdir(join(folder, 'library', 'machines'))).toEqual(['busy'])
  })
})
