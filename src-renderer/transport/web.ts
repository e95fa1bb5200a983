import * as v from 'valibot'
import { ChannelEnd, type Channel } from '../../engine/protocol/channel.ts'
import { ImageChoice } from '../../engine/protocol/host-contract.ts'
import { ErrorDetails, RpcError, type CallTask } from '../../engine/protocol/rpc.ts'
import type { Transport } from './transport.ts'

function openSocket(path: string): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const url = new URL(path, location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(url)
    const channel = new ChannelEnd(
      (message) => socket.send(JSON.stringify(message)),
      () => socket.close(),
    )
    socket.addEventListener('open', () => resolve(channel))
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) =>
      channel.deliver(JSON.parse(String(data))),
    )
    socket.addEventListener('close', () => {
      channel.closed()
      reject(new RpcError('disconnected'))
    })
  })
}

const Failure = v.object({ code: v.string(), details: v.optional(ErrorDetails, {}) })

/** `fetch` does not tell how far an upload is. */
function send(file: File, task?: CallTask): Promise<{ ok: boolean; body: unknown }> {
  const request = new XMLHttpRequest()
  request.open('PUT', `/media/${encodeURIComponent(file.name)}`)
  request.responseType = 'json'
  request.upload.addEventListener('progress', ({ loaded, total }) => total && task?.progress(loaded / total))
  task?.signal.addEventListener('abort', () => request.abort())
  return new Promise((resolve) => {
    request.addEventListener('loadend', () =>
      resolve({ ok: request.status >= 200 && request.status < 300, body: request.response as unknown }),
    )
    request.send(file)
  })
}

async function upload(file: File, task?: CallTask): Promise<ImageChoice> {
  const { ok, body } = await send(file, task)
  if (ok) return v.parse(ImageChoice, body)
  const failure = v.safeParse(Failure, body)
  if (failure.success) throw new RpcError(failure.output.code, failure.output.details)
  throw new RpcError('upload-failed', { name: file.name })
}

/** Over HTTP: messages on WebSockets, frames on a streamed response, images as uploads. */
export const webTransport: Transport = {
  imagesBy: 'upload',
  async logOut() {
    await fetch('/logout', { method: 'POST' })
    location.reload() // which says how to come in again
  },
  openHost: () => openSocket('/host'),
  async openView(id) {
    const channel = await openSocket(`/machines/${id}/view`)
    const url = (view: string) => `/machines/${id}/frames?view=${encodeURIComponent(view)}`
    return { channel, frames: (view) => ({ kind: 'stream', url: url(view) }) }
  },
  chooseImage: (file, task) => (file ? upload(file, task) : Promise.resolve(null)),
  placeOf: null,
}
