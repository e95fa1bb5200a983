import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import sirv from 'sirv'
import { WebSocketServer } from 'ws'
import type { Channel } from '../../engine/protocol/channel.ts'
import type { ImageChoice } from '../../engine/protocol/host-contract.ts'
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
}

const VIEW = /^\/machines\/([a-z0-9-]+)\/(view|frames)$/

/** The interface as a web page of this computer: the same renderer as in the window, over HTTP. */
export class WebHost {
  readonly #server: Server
  readonly #access = new Access()
  readonly #sockets = new WebSocketServer(SOCKET_OPTIONS)
  readonly #files: ReturnType<typeof sirv>
  #address = ''

  /** @param pages folder of the built interface */
  constructor(
    private readonly backend: WebBackend,
    pages = bundled('renderer'),
  ) {
    this.#files = sirv(pages, {
      etag: true,
      setHeaders: (response) => {
        for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value)
      },
    })
    this.#server = createServer(
      { headersTimeout: 3000, requestTimeout: 0, connectionsCheckingInterval: 500 },
      (request, response) => this.#answer(request, response),
    )
    this.#server.maxConnections = 256
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
  }

  /** @param port 0 for a free one. */
  async listen(port: number, address = '127.0.0.1'): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, address, resolve)
    })
    const bound = this.#server.address() as AddressInfo
    this.#access.bind([...new Set(['localhost', '127.0.0.1', '::1', address])], bound.port)
    this.#address = `http://${address.includes(':') ? `[${address}]` : address}:${bound.port}`
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
    if (!this.#access.hasSession(request))
      return refuse(
        response,
        401,
        'Please open the address that Vitrine printed. Each one works once; press Enter there for another.',
      )
    if (request.method === 'PUT' && url.pathname.startsWith('/media/'))
      return void this.#upload(request, url, response)
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'Not allowed.')
    const [, id, what] = VIEW.exec(url.pathname) ?? []
    if (id && what === 'frames') return this.#frames(id, request, response)
    this.#files(request, response, () => refuse(response, 404, 'There is nothing here.'))
  }

  #login(request: IncomingMessage, url: URL, response: ServerResponse): void {
    const cookie = this.#access.login(url.searchParams.get('token') ?? '', request.socket.remoteAddress ?? '')
    if (cookie)
      response.writeHead(302, { 'set-cookie': cookie, location: '/', 'cache-control': 'no-store' }).end()
    else if (this.#access.hasSession(request)) response.writeHead(302, { location: '/' }).end()
    else
      refuse(
        response,
        401,
        'This address was used already, or is wrong. Press Enter where Vitrine runs for another.',
      )
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

  #frames(id: string, request: IncomingMessage, response: ServerResponse): void {
    const socketPath = this.backend.viewSocket(id)
    if (!socketPath) return refuse(response, 409, 'The machine is not running.')
    const upstream = httpRequest({ socketPath, path: request.url }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.flushHeaders()
      answer.on('error', () => response.destroy())
      answer.pipe(response)
    })
    upstream.on('error', () => response.destroy())
    response.on('close', () => upstream.destroy())
    upstream.end()
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const path = new URL(request.url ?? '/', 'http://host').pathname
    const allowed =
      this.#access.isForUs(request) && this.#access.isFromUs(request) && this.#access.hasSession(request)
    if (!allowed) return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
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
  serve(channel: Channel): void
  images: { store(name: string, contents: IncomingMessage): Promise<ImageChoice> }
  supervisor: { process(id: string): { viewSocket: string } | null }
}): WebBackend {
  return {
    serve: (channel) => host.serve(channel),
    viewSocket: (id) => host.supervisor.process(id)?.viewSocket ?? null,
    store: (name, contents) => {
      if (!name) throw new RpcError('bad-request', { name: 'media', reason: 'the upload has no name' })
      return host.images.store(name, contents)
    },
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
