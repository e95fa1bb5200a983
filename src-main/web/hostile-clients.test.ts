import { request } from 'node:http'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Channel } from '../../engine/protocol/channel.ts'
import { Access } from './access.ts'
import { WebHost } from './web-host.ts'

let host: WebHost
let served: Channel[]
let login: URL
let pages: string
const open: { destroy(): void }[] = []
beforeEach(async () => {
  pages = await mkdtemp(join(tmpdir(), 'vitrine-hostile-'))
  await writeFile(join(pages, 'index.html'), '<title>Vitrine</title>')
  served = []
  host = new WebHost(
    {
      serve: (channel) => void served.push(channel),
      viewSocket: () => null,
      store: () => Promise.reject(new Error('no uploads here')),
      exported: () => null,
    },
    { pages },
  )
  await host.listen(0)
  login = new URL(host.loginAddress())
})
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy()
  host.close()
  await rm(pages, { recursive: true })
})

function statusOf(path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: login.port, path, headers, agent: false }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    sent.on('error', reject)
    sent.end()
  })
}

async function session(): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port: login.port, path: login.pathname + login.search },
      (response) => {
        response.resume()
        resolve(response.headers['set-cookie']![0]!.split(';')[0]!)
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}

function raw(): Socket {
  const socket = connect(Number(login.port), '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  open.push(socket)
  return socket
}

async function client(): Promise<{ socket: WebSocket; closed: Promise<number> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${login.port}/host`, {
    headers: { cookie: await session(), origin: login.origin },
  })
  socket.on('error', () => {})
  open.push({ destroy: () => socket.terminate() })
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  await new Promise((resolve) => socket.on('open', resolve))
  return { socket, closed }
}

/** Settles with the time until it happens, in ms. */
async function timed(happening: Promise<unknown>): Promise<number> {
  const started = performance.now()
  await happening
  return performance.now() - started
}

describe('a hostile client', () => {
  it('that guesses tokens is heard ten times a minute from each address, and keeps nobody out', () => {
    const time = { nowMs: 0 }
    const access = new Access(() => time.nowMs)
    access.bind(['127.0.0.1'], 80)
    const token = access.issueToken()
    let letIn = 0
    for (let guess = 0; guess < 100_000; guess++)
      if (access.login(`${token.slice(0, guess % 43)}x`, `127.0.0.${guess % 8}`) !== null) letIn++
    expect(letIn).toBe(0)
    // Even the right token is not heard any more from where the guesses came.
    expect(access.login(token, '127.0.0.3')).toBeNull()
    expect(access.login(token, '127.0.0.9')).not.toBeNull()
  })

  it('that never finishes its requests is let go of, with 200 of them at once', async () => {
    const sockets = Array.from({ length: 200 }, raw)
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ')
    const gone = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.on('close', resolve))))
    expect(await statusOf('/')).toBe(401) // others are served meanwhile
    expect(await timed(gone)).toBeLessThan(6000)
  }, 20_000)

  it('that opens more connections than there are is refused, and those who are in stay', async () => {
    const { socket, closed } = await client()
    const flood = Array.from({ length: 300 }, raw)
    await Promise.race([
      Promise.all(flood.slice(260).map((one) => new Promise((resolve) => one.on('close', resolve)))),
      delay(4000),
    ])
    let gone = false
    void closed.then(() => (gone = true))
    socket.ping()
    await new Promise((resolve) => socket.on('pong', resolve))
    expect(gone).toBe(false)
  }, 20_000)

  it.each<[string, (socket: WebSocket) => void]>([
    ['sends a message of more than a MiB', (socket) => socket.send('x'.repeat((1 << 20) + 1))],
    ['sends what is no JSON', (socket) => socket.send('{"kind":')],
    ['sends bytes', (socket) => socket.send(Buffer.from([1, 2, 3]))],
    [
      'sends text that is no UTF-8',
      (socket) => socket.send(Buffer.from([0xff, 0xfe, 0xfd]), { binary: false }),
    ],
  ])('that %s is cut off at once', async (_, attack) => {
    const { socket, closed } = await client()
    const before = process.memoryUsage().rss
    attack(socket)
    expect(await timed(closed)).toBeLessThan(1000)
    expect(process.memoryUsage().rss - before).toBeLessThan(32 << 20)
  })

  it('that stops reading is cut off when 4 MiB wait for it', async () => {
    const { socket } = await client()
    socket.pause()
    const channel = served[0]!
    let gone = false
    channel.onClose(() => (gone = true))
    const before = process.memoryUsage().rss
    for (let sent = 0; sent < 200; sent++) {
      channel.post({ text: 'x'.repeat(100_000) })
      await delay(1)
    }
    expect(gone).toBe(true)
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20)
  }, 20_000)

  it('that sends a message in very many pieces is cut off', async () => {
    const { socket, closed } = await client()
    const before = process.memoryUsage().rss
    for (let piece = 0; piece < 100_000; piece++) socket.send('x', { fin: false })
    expect(await closed).toBeGreaterThan(0)
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20)
  }, 20_000)

  it('that sends a compressed message is cut off: nothing unfolds', async () => {
    const { socket, closed } = await client()
    // Text, final, and RSV1, which means compressed; masked with zeros.
    const frame = Buffer.from([0xc1, 0x84, 0, 0, 0, 0, 1, 2, 3, 4])
    ;(socket as unknown as { _socket: Socket })._socket.write(frame)
    expect(await timed(closed)).toBeLessThan(1000)
  })

  it('that sends large headers before it has logged in is refused', async () => {
    expect(await statusOf('/', { 'x-large': 'x'.repeat(10_000) })).toBe(431)
    expect(await statusOf('/', { 'x-large': 'x'.repeat(4000) })).toBe(401)
  })

  it('that floods the login keeps no honest user waiting', async () => {
    const guesses = Array.from({ length: 300 }, (_, n) => statusOf(`/login?token=wrong${n}`))
    const honest = new URL(host.loginAddress())
    const took = await timed(
      // Another source address of this computer: the flood has used up the tries of its own.
      new Promise((resolve, reject) => {
        const { port, pathname, search } = honest
        const sent = request(
          { host: '127.0.0.1', localAddress: '127.0.0.9', port, path: pathname + search },
          (response) => {
            response.resume()
            resolve(expect(response.statusCode).toBe(302))
          },
        )
        sent.on('error', reject)
        sent.end()
      }),
    )
    await Promise.allSettled(guesses)
    expect(took).toBeLessThan(process.platform === 'linux' ? 3000 : 6000)
  }, 20_000)
})
