import * as v from 'valibot'
import { ChannelEnd } from '../../engine/protocol/channel.ts'
import { messageBytes } from '../../engine/protocol/frame.ts'
import type { MachineViews } from '../../engine/service/machine-views.ts'

/** What is used of Electron's MessagePortMain. */
export interface PortLike {
  on(event: 'message', listener: (event: { data: unknown }) => void): void
  on(event: 'close', listener: () => void): void
  postMessage(message: unknown): void
  start(): void
  close(): void
}

const Acknowledgement = v.object({ sequence: v.number() })

/** A view over two message ports: one for the session, one for frames and their acknowledgements. */
export function servePortView(views: MachineViews, name: string, session: PortLike, frames: PortLike): void {
  const channel = new ChannelEnd(
    (message) => session.postMessage(message),
    () => {
      session.close()
      frames.close()
    },
  )
  session.on('message', ({ data }) => channel.deliver(data))
  session.on('close', () => channel.closed())
  const view = views.open(channel, name)
  frames.on('message', ({ data }) => {
    if (v.is(Acknowledgement, data)) view.acknowledge(data.sequence)
  })
  frames.on('close', () => view.showOn(null))
  view.showOn({
    // The port copies the buffer while posting. One that is much too long is cut first.
    send: (buffer, done) => {
      const bytes = messageBytes(buffer)
      frames.postMessage(bytes < buffer.byteLength / 2 ? buffer.slice(0, bytes) : buffer)
      done()
    },
  })
  session.start()
  frames.start()
}
