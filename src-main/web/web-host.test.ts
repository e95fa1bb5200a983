import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Channel } from '../../engine/protocol/channel.ts'
import { WebHost, type WebBackend } from './web-host.ts'

let host: WebHost
let served: Channel[]
let login: URL
let pages: string
beforeEach(async () => {
  pages = await mkdtemp(join(tmpdir(), 'vitrine-pages-'))
  await writeFile(join(pages, 'index.html'), '<title>Vitrine</title>')
  served = []
  const backend: WebBackend = {
    serve: (channel) => void served.push(channel),
    viewSocket: () => null,
    exported: (name) => (name === 'vm.ova' ? join(pages, 'index.html') : null),
    store: async (name, contents) => {
      let bytes = 0
      for await (const part of contents) bytes += (part as Buffer).length
      return { id: 'media:x', name, bytes, kind: 'floppy', usedMs: null }
    },
  }
  host = new WebHost(backend, { pages })
  await host.listen(0)
  login = new URL(host.loginAddress())
})
afterEach(async () => {
  host.close()
  await rm(pages, { recursive: true })
})

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

function ask(path: string, headers: OutgoingHttpHeaders = {}, method = 'GET', body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: login.port, path, method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const cookie = (): Promise<string> => cookieOf(login.href)

/** Logs a browser in by an address that the host gave out. */
async function cookieOf(address: string): Promise<string> {
  const { pathname, search } = new URL(address)
  const { headers } = await ask(pathname + search)
  return headers['set-cookie']![0]!.split(';')[0]!
}

const socket = (headers: Record<string, string>): Promise<string> =>
  new Promise((resolve) => {
    const client = new WebSocket(`ws://127.0.0.1:${login.port}/host`, { headers })
    client.on('open', () => resolve('open'))
    client.on('unexpected-response', (_, { statusCode }) => resolve(String(statusCode)))
  })

describe('web host', () => {
  it('lets a browser in by its address, once, and serves it the interface locked down', async () => {
    expect((await ask('/')).status).toBe(401)
    const first = await ask(login.pathname + login.search)
    expect(first.status).toBe(302)
    expect(first.headers['set-cookie']![0]).toMatch(/HttpOnly; SameSite=Strict/)
    expect((await ask(login.pathname + login.search)).status).toBe(401)
    const [session] = first.headers['set-cookie']![0]!.split(';')
    const page = await ask('/', { cookie: session! })
    expect(page).toMatchObject({ status: 200, body: '<title>Vitrine</title>' })
    expect(page.headers).toMatchObject({
      'content-security-policy': expect.stringContaining("script-src 'self';"),
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    })
  })

  it('does not answer to other names, as of a page that lets its name point here', async () => {
    const session = await cookie()
    expect((await ask('/', { cookie: session, host: `evil.example:${login.port}` })).status).toBe(421)
  })

  it('takes uploads from its own pages only', async () => {
    const session = await cookie()
    const own = { cookie: session, origin: login.origin }
    expect((await ask('/media/a.img', { cookie: session }, 'PUT', 'x')).status).toBe(403)
    expect(
      (await ask('/media/a.img', { cookie: session, origin: 'http://evil.example' }, 'PUT', 'x')).status,
    ).toBe(403)
    const done = await ask('/media/a%2Fb.img', own, 'PUT', 'xyz')
    expect([done.status, JSON.parse(done.body)]).toEqual([
      200,
      { id: 'media:x', name: 'a/b.img', bytes: 3, kind: 'floppy', usedMs: null },
    ])
    expect((await ask('/', own, 'DELETE')).status).toBe(405)
  })

  it('opens sockets to its own pages with a session only', async () => {
    const session = await cookie()
    const { origin } = login
    expect(await socket({ origin })).toBe('403')
    expect(await socket({ cookie: session })).toBe('403')
    expect(await socket({ cookie: session, origin: 'http://evil.example' })).toBe('403')
    expect(served).toHaveLength(0)
    expect(await socket({ cookie: session, origin })).toBe('open')
    expect(served).toHaveLength(1)
  })

  it('does not serve files outside of the interface', async () => {
    const session = await cookie()
    for (const path of ['/../package.json', '/%2e%2e/package.json', '/..%2fpackage.json', '//etc/passwd'])
      expect((await ask(path, { cookie: session })).status, path).toBe(404)
  })

  it('hands out what was exported, to a session only', async () => {
    expect((await ask('/exports/vm.ova')).status).toBe(401)
    const session = await cookie()
    const { status, headers, body } = await ask('/exports/vm.ova', { cookie: session })
    expect([status, body]).toEqual([200, '<title>Vitrine</title>'])
    expect(headers['content-disposition']).toBe('attachment; filename="index.html"')
    expect(headers['x-content-type-options']).toBe('nosniff')
    for (const path of ['/exports/', '/exports/other', '/exports/..%2fvm.json', '/exports/%'])
      expect((await ask(path, { cookie: session })).status, path).toBe(404)
  })

  it('closes connections that never get to the end of their headers', async () => {
    const slow = connect(Number(login.port), '127.0.0.1')
    slow.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ')
    const started = performance.now()
    slow.resume()
    await new Promise((resolve) => slow.on('close', resolve))
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('ends a session with what it has open when its user logs out', async () => {
    const [session, other] = [await cookie(), await cookieOf(host.loginAddress())]
    const { origin } = login
    const open = (of: string): Promise<WebSocket> =>
      new Promise((resolve) => {
        const client = new WebSocket(`ws://127.0.0.1:${login.port}/host`, { headers: { cookie: of, origin } })
        client.on('open', () => resolve(client))
      })
    const [mine, theirs] = [await open(session), await open(other)]
    const closed = new Promise((resolve) => mine.on('close', resolve))
    // Another site cannot log its visitors out.
    expect((await ask('/logout', { cookie: session, origin: 'http://evil.example' }, 'POST')).status).toBe(
      403,
    )
    expect((await ask('/', { cookie: session })).status).toBe(200)
    const started = performance.now()
    const { status, headers } = await ask('/logout', { cookie: session, origin }, 'POST')
    expect(status).toBe(204)
    expect(headers['set-cookie']![0]).toMatch(/Max-Age=0/)
    await closed
    expect(performance.now() - started).toBeLessThan(1000)
    expect((await ask('/', { cookie: session })).status).toBe(401)
    expect(await socket({ cookie: session, origin })).toBe('403')
    expect((await ask('/', { cookie: other })).status).toBe(200)
    expect(theirs.readyState).toBe(WebSocket.OPEN)
    theirs.terminate()
  })
})
