import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { messageBytes } from '../../engine/protocol/frame.ts'
import type { FrameSink, MachineViews, OpenView } from '../../engine/service/machine-views.ts'
import { SOCKET_OPTIONS, socketChannel } from '../host/socket-channel.ts'

/** Shorter messages are sent in one piece with their length: copying them costs less than a second piece. */
const SHORT_BYTES = 16384
const LENGTH_BYTES = 4

/** Ends with the connection. The host passes it on as it is, so it is as short to make and to read as can be. */
const HEAD = [
  'HTTP/1.1 200 OK',
  'content-type: application/octet-stream',
  'cache-control: no-store',
  'x-content-type-options: nosniff',
  'connection: close',
  '\r\n',
].join('\r\n')

/** Frames down a connection, each with its length before it. */
const streamSink = (socket: Duplex): FrameSink => ({
  send(buffer, done) {
    const bytes = messageBytes(buffer)
    const isShort = bytes <= SHORT_BYTES
    const first = Buffer.allocUnsafe(isShort ? LENGTH_BYTES + bytes : LENGTH_BYTES)
    first.writeUInt32LE(bytes)
    if (isShort) {
      first.set(new Uint8Array(buffer, 0, bytes), LENGTH_BYTES)
      done()
      socket.write(first)
      return
    }
    socket.cork()
    socket.write(first)
    socket.write(new Uint8Array(buffer, 0, bytes), done)
    socket.uncork()
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
    const { socket } = request
    response.detachSocket(socket)
    socket.write(HEAD)
    socket.on('close', () => view.showOn(null))
    view.showOn(streamSink(socket))
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
