import { randomUUID } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'
import { messageBytes } from '../../engine/protocol/frame.ts'
import type { FrameSink, MachineViews, OpenView } from '../../engine/service/machine-views.ts'
import { SOCKET_OPTIONS, socketChannel } from '../host/socket-channel.ts'

/** Frames down a streamed response, each with its length before it. */
const streamSink = (response: ServerResponse): FrameSink => ({
  send(buffer, done) {
    const bytes = messageBytes(buffer)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(bytes)
    response.cork()
    response.write(length)
    response.write(new Uint8Array(buffer, 0, bytes), done)
    process.nextTick(() => response.uncork())
  },
})

/**
 * The views of a machine on a local socket: the session over a WebSocket, its frames down a streamed response
 * (which carries 15 times what WebSocket messages do). Who may connect is the web host's business.
 */
export function serveViews(socketPath: string): {
  listening: Promise<void>
  serve(machine: MachineViews): void
  close(): void
} {
  const views = new Map<string, OpenView>()
  const server = createServer((request, response) => {
    const name = new URL(request.url ?? '/', 'http://view').searchParams.get('view') ?? ''
    const view = views.get(name)
    if (!view) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' })
    response.flushHeaders()
    response.on('close', () => view.showOn(null))
    view.showOn(streamSink(response))
  })
  const sockets = new WebSocketServer(SOCKET_OPTIONS)
  return {
    listening: new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(socketPath, resolve)
    }),
    serve(machine) {
      server.on('upgrade', (request, socket, head) =>
        sockets.handleUpgrade(request, socket, head, (client) => {
          const name = randomUUID()
          client.on('close', () => views.delete(name))
          views.set(name, machine.open(socketChannel(client), name))
        }),
      )
    },
    close: () => void server.close(),
  }
}
