import type { WebSocket } from 'ws'
import { ChannelEnd, type Channel } from '../../engine/protocol/channel.ts'

/** What may wait for a client that does not read before it is cut off. */
const MAX_QUEUED_BYTES = 4 << 20

/**
 * Settings of every WebSocket server here: compressed messages could unfold to anything, and many small pieces cost
 * far more than their bytes.
 */
export const SOCKET_OPTIONS = {
  noServer: true,
  perMessageDeflate: false,
  maxPayload: 1 << 20,
  maxFragments: 256,
  maxBufferedChunks: 4096,
} as const

/** JSON messages over a WebSocket. What is not JSON ends the connection. */
export function socketChannel(socket: WebSocket): Channel {
  const end = new ChannelEnd(
    (message) => {
      if (socket.bufferedAmount > MAX_QUEUED_BYTES) socket.terminate()
      else socket.send(JSON.stringify(message))
    },
    () => socket.close(),
  )
  socket.on('message', (data, isBinary) => {
    try {
      if (isBinary) throw new TypeError('text expected')
      end.deliver(JSON.parse((data as Buffer).toString()))
    } catch {
      socket.terminate()
    }
  })
  socket.on('error', () => socket.terminate())
  socket.on('close', () => end.closed())
  return end
}
