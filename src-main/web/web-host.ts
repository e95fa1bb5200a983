import { open } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect, type AddressInfo } from 'node:net'
import { basename } from 'node:path'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import sirv from 'sirv'
import { WebSocketServer } from 'ws'
import type { Channel } from '../../engine/protocol/channel.ts'
import type { ImageChoice } from '../../engine/protocol/host-contract.ts'
import { because } from '../../engine/protocol/reasons.ts'
import { describeError, RpcError } from '../../engine/protocol/rpc.ts'
import { bundled } from '../host/locations.ts'
import { PAGE_HEADERS } from '../host/page-headers.ts'
import { SOCKET_OPTIONS, socketChannel } from '../host/socket-channel.ts'
import { Access } from './access.ts'

/** What the pages are served: the library, the sockets of its machines, a place for uploads. */
export interface WebBackend {
  serve(channel: Channel): void
  /** Where the views of a running machine are served, null when it does not run. */
  viewSocket(id: string): string | null
  store(name: string, contents: IncomingMessage): Promise<ImageChoice>
  /** Place of a file that may be downloaded below `/exports/`; null where none can be. */
  exported(name: string): string | null
}

/** Certificate chain and private key of an encrypted server, as PEM. */
export interface TlsKeys {
  cert: Buffer
  key: Buffer
}

export interface WebHostOptions {
  /** Folder of the built interface. */
  pages?: string
  /** Encrypts; in the clear when absent. */
  tls?: TlsKeys | undefined
}

/** Limits before anybody has logged in: slow and large headers end the connection. */
const LIMITS = {
  headersTimeout: 3000,
  requestTimeout: 0,
  connectionsCheckingInterval: 500,
  maxHeaderSize: 8192,
}

const VIEW = /^\/machines\/([a-z0-9-]+)\/(view|frames)$/

/** The interface as a web page of this computer: the same renderer as in the window, over HTTP. */
export class WebHost {
  readonly #server: Server
  readonly #access = new Access()
  readonly #sockets = new WebSocketServer(SOCKET_OPTIONS)
  readonly #files: ReturnType<typeof sirv>
  readonly #scheme: 'http' | 'https'
  /** What each session has open. */
  readonly #open = new Map<string, Set<Duplex>>()
  #address = ''

  /** Throws what is wrong with keys that do not fit. */
  constructor(
    private readonly backend: WebBackend,
    { pages = bundled('renderer'), tls }: WebHostOptions = {},
  ) {
    this.#files = sirv(pages, {
      etag: true,
      setHeaders: (response) => {
        for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value)
      },
    })
    this.#scheme = tls ? 'https' : 'http'
    const answer = (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response)
    this.#server = tls
      ? createSecureServer({ ...LIMITS, ...tls, handshakeTimeout: LIMITS.headersTimeout }, answer)
      : createServer(LIMITS, answer)
    this.#server.maxConnections = 256
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
  }

  /**
   * @param port 0 for a free one
   * @param names more names by which browsers reach it; the first is the one in login addresses
   */
  async listen(port: number, address = '127.0.0.1', names: readonly string[] = []): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, address, resolve)
    })
    const bound = this.#server.address() as AddressInfo
    const all = new Set([...names, 'localhost', '127.0.0.1', '::1', address])
    this.#access.bind([...all], bound.port, this.#scheme)
    const name = names[0] ?? address
    this.#address = `${this.#scheme}://${name.includes(':') ? `[${name}]` : name}:${bound.port}`
  }

  /** An address that lets one browser in, once. */
  loginAddress(): string {
    return `${this.#address}/login?token=${this.#access.issueToken()}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#access.isForUs(request)) return refuse(response, 421, 'This server does not go by that name.')
    const url = new URL(request.url ?? '/', 'http://host')
    if (url.pathname === '/login') return this.#login(request, url, response)
    const session = this.#access.sessionOf(request)
    if (session === null)
      return refuse(
        response,
        401,
        'Please open the address that Vitrine printed. Each one works once; press Enter there for another.',
      )
    if (request.method === 'POST' && url.pathname === '/logout')
      return this.#logout(session, request, response)
    if (request.method === 'PUT' && url.pathname.startsWith('/media/'))
      return void this.#upload(request, url, response)
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'Not allowed.')
    const [, id, what] = VIEW.exec(url.pathname) ?? []
    if (url.pathname.startsWith('/exports/')) return void this.#download(url, response)
    if (id && what === 'frames') return this.#frames(id, session, request, response)
    this.#files(request, response, () => refuse(response, 404, 'There is nothing here.'))
  }

  #login(request: IncomingMessage, url: URL, response: ServerResponse): void {
    const cookie = this.#access.login(url.searchParams.get('token') ?? '', request.socket.remoteAddress ?? '')
    if (cookie)
      response.writeHead(302, { 'set-cookie': cookie, location: '/', 'cache-control': 'no-store' }).end()
    else if (this.#access.sessionOf(request)) response.writeHead(302, { location: '/' }).end()
    else
      refuse(
        response,
        401,
        'This address was used already, or is wrong. Press Enter where Vitrine runs for another.',
      )
  }

  /** Ends the session with all that it has open, in this and every other window of the browser. */
  #logout(session: string, request: IncomingMessage, response: ServerResponse): void {
    if (!this.#access.isFromUs(request)) return refuse(response, 403, 'Refused.')
    const cookie = this.#access.logout(session)
    for (const connection of this.#open.get(session) ?? []) connection.destroy()
    response.writeHead(204, { 'set-cookie': cookie, 'cache-control': 'no-store', connection: 'close' }).end()
  }

  #note(session: string, connection: Duplex): void {
    const open = this.#open.get(session) ?? new Set()
    this.#open.set(session, open.add(connection))
    connection.once('close', () => {
      if (open.delete(connection) && open.size === 0) this.#open.delete(session)
    })
  }

  async #upload(request: IncomingMessage, url: URL, response: ServerResponse): Promise<void> {
    if (!this.#access.isFromUs(request)) return refuse(response, 403, 'Refused.')
    const json = (status: number, body: unknown) =>
      response
        .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
        .end(JSON.stringify(body))
    try {
      json(200, await this.backend.store(decodeURIComponent(url.pathname.slice('/media/'.length)), request))
    } catch (error) {
      json(400, describeError(error))
    }
  }

  /** Hands out an exported file as it is. */
  async #download(url: URL, response: ServerResponse): Promise<void> {
    const name = decoded(url.pathname.slice('/exports/'.length))
    const place = name === null ? null : this.backend.exported(name)
    const file = place === null ? null : await open(place, 'r').catch(() => null)
    const found = await file?.stat()
    if (!file || !found?.isFile()) {
      await file?.close()
      return refuse(response, 404, 'There is nothing here.')
    }
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': found.size,
      'content-disposition': `attachment; filename="${basename(place!)}"`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    await pipeline(file.createReadStream(), response).catch(() => response.destroy())
  }

  #frames(id: string, session: string, request: IncomingMessage, response: ServerResponse): void {
    const socketPath = this.backend.viewSocket(id)
    if (!socketPath) return refuse(response, 409, 'The machine is not running.')
    // An answer that is asked for before the one before it has ended would get in between.
    if (request.method !== 'GET' || !response.socket) return refuse(response, 405, 'Not allowed.')
    this.#note(session, request.socket)
    // The answer comes from the machine's process whole, its head included: frames are not worth taking apart here.
    const { socket } = request
    const upstream = connect(socketPath, () => {
      upstream.write(`GET ${request.url} HTTP/1.1\r\nhost: view\r\nconnection: close\r\n\r\n`)
      upstream.pipe(socket)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('close', () => upstream.destroy())
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const path = new URL(request.url ?? '/', 'http://host').pathname
    const isOurs = this.#access.isForUs(request) && this.#access.isFromUs(request)
    const session = isOurs ? this.#access.sessionOf(request) : null
    if (session === null) return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
    this.#note(session, socket)
    if (path === '/host')
      return this.#sockets.handleUpgrade(request, socket, head, (client) =>
        this.backend.serve(socketChannel(client)),
      )
    const [, id, what] = VIEW.exec(path) ?? []
    const socketPath = id && what === 'view' ? this.backend.viewSocket(id) : null
    if (!socketPath) return void socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
    const upstream = connect(socketPath, () => {
      const headers = Object.entries(request.headers).filter(([name]) => name !== 'cookie')
      const lines = headers.map(([name, value]) => `${name}: ${String(value)}`)
      upstream.write([`GET ${request.url} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
      upstream.write(head)
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('close', () => upstream.destroy())
  }
}

/** For whom the interface is served when it is the whole library that is. */
export function hostBackend(host: {
  exported(name: string): string | null
  serve(channel: Channel): void
  images: { store(name: string, contents: IncomingMessage): Promise<ImageChoice> }
  supervisor: { process(id: string): { viewSocket: string } | null }
}): WebBackend {
  return {
    serve: (channel) => host.serve(channel),
    exported: (name) => host.exported(name),
    viewSocket: (id) => host.supervisor.process(id)?.viewSocket ?? null,
    store: (name, contents) => {
      if (!name) throw new RpcError('bad-request', { name: 'media', reason: because('upload-no-name') })
      return host.images.store(name, contents)
    },
  }
}

/** A part of a path without its escapes; null for one that is damaged. */
function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part)
  } catch {
    return null
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    connection: 'close',
  })
  response.end(text + '\n')
}
