import * as v from 'valibot'
import { ChannelEnd } from '../../engine/protocol/channel.ts'
import type { BridgeAnswer, DesktopBridge } from '../../engine/protocol/desktop-bridge.ts'
import { ImageChoice } from '../../engine/protocol/host-contract.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'
import type { Transport, ViewLink } from './transport.ts'

function valueOf(answer: BridgeAnswer): unknown {
  if ('error' in answer) throw new RpcError(answer.error.code, answer.error.details)
  return answer.value
}

/** Over the preload script: the host by messages, each view by two ports straight from the machine's process. */
export function desktopTransport(bridge: DesktopBridge): Transport {
  return {
    imagesBy: 'dialog',
    logOut: null,
    openHost() {
      const channel = new ChannelEnd((message) => bridge.postToHost(message))
      bridge.openHost((message) => channel.deliver(message))
      return Promise.resolve(channel)
    },
    async openView(id) {
      const ports = awaitPorts(id)
      try {
        valueOf(await bridge.openView(id))
      } catch (error) {
        ports.cancel()
        throw error
      }
      return portLink(await ports.arrived)
    },
    async chooseImage(file, _task, purpose = 'image') {
      const answer = await (file ? bridge.dropImage(file) : bridge.pickImage(purpose))
      return v.parse(v.nullable(ImageChoice), valueOf(answer))
    },
    placeOf: async (file, purpose = 'machine') =>
      v.parse(
        v.nullable(v.string()),
        valueOf(await (file ? bridge.dropFolder(file) : bridge.pickFolder(purpose))),
      ),
  }
}

const PortsMessage = v.object({ kind: v.literal('vitrine-view'), id: v.string() })

function awaitPorts(id: string): { arrived: Promise<readonly MessagePort[]>; cancel(): void } {
  const stop = new AbortController()
  const arrived = new Promise<readonly MessagePort[]>((resolve) => {
    const listen = ({ source, data, ports }: MessageEvent) => {
      if (source !== window || !v.is(PortsMessage, data) || data.id !== id) return
      stop.abort()
      resolve(ports)
    }
    window.addEventListener('message', listen, { signal: stop.signal })
  })
  return { arrived, cancel: () => stop.abort() }
}

function portLink([session, frames]: readonly MessagePort[]): ViewLink {
  if (!session || !frames) throw new RpcError('disconnected')
  const channel = new ChannelEnd(
    (message) => session.postMessage(message),
    () => {
      session.close()
      frames.close()
    },
  )
  session.addEventListener('message', ({ data }: MessageEvent<unknown>) => channel.deliver(data))
  session.addEventListener('close', () => channel.closed())
  session.start()
  return { channel, frames: () => ({ kind: 'port', port: frames }) }
}
