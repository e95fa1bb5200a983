/* global document, window, location, CustomEvent, MessageChannel, WebSocket */
/**
 * The page's part of the double, run at the start of each document. Its two functions are taken as text, so
 * each stands alone. The worlds talk by synchronous DOM events, whose details are cloned on the way.
 */

/** In the page's own world: builds what contextBridge exposed. */
export function mainWorld(key) {
  const callbacks = new Map()
  const calls = new Map()
  let nextId = 1
  let returned
  const listen = (name, listener) => document.addEventListener(key + name, ({ detail }) => listener(detail))
  const wrap = (value) => {
    if (typeof value !== 'function') return value
    callbacks.set(nextId, value)
    return { $callback: nextId++ }
  }
  listen('return', (value) => (returned = value))
  listen('settle', ({ id, value, error }) => {
    const call = calls.get(id)
    calls.delete(id)
    if (error === undefined) call.resolve(value)
    else call.reject(new Error(error))
  })
  listen('callback', ({ id, args }) => callbacks.get(id)(...args))
  listen('expose', ({ name, methods }) => {
    const api = Object.fromEntries(
      methods.map((method) => [
        method,
        (...args) => {
          document.dispatchEvent(
            new CustomEvent(key + 'call', { detail: { name, method, args: args.map(wrap) } }),
          )
          const { promise, value } = returned
          if (!promise) return value
          return new Promise((resolve, reject) => calls.set(promise, { resolve, reject }))
        },
      ]),
    )
    Object.defineProperty(window, name, { value: Object.freeze(api) })
  })
}

/** In the preload script's world: its `require('electron')`. */
export function preloadWorld(key, secret) {
  const fire = (name, detail) => document.dispatchEvent(new CustomEvent(key + name, { detail }))
  const apis = new Map()
  let nextId = 1
  document.addEventListener(key + 'call', ({ detail: { name, method, args } }) => {
    const unwrapped = args.map((value) =>
      value && typeof value === 'object' && '$callback' in value
        ? (...given) => fire('callback', { id: value.$callback, args: given })
        : value,
    )
    const value = apis.get(name)[method](...unwrapped)
    if (!(value instanceof Promise)) return fire('return', { value: undefined })
    const id = nextId++
    value.then(
      (settled) => fire('settle', { id, value: settled }),
      (error) => fire('settle', { id, error: String(error.message ?? error) }),
    )
    fire('return', { promise: id })
  })

  const listeners = new Map()
  const invocations = new Map()
  const ports = new Map()
  const socket = new WebSocket(`ws://${location.host}/__double?window=${secret}`)
  socket.binaryType = 'arraybuffer'
  const queue = []
  const post = (message) => {
    const data = JSON.stringify({ url: location.href, ...message })
    if (socket.readyState === 1) socket.send(data)
    else queue.push(data)
  }
  socket.onopen = () => queue.splice(0).forEach((data) => socket.send(data))
  const adopt = (end) => {
    const { port1, port2 } = new MessageChannel()
    ports.set(end, port1)
    port1.onmessage = ({ data }) => post({ kind: 'port', end, data })
    port1.addEventListener('close', () => post({ kind: 'port-closed', end }))
    return port2
  }
  socket.onmessage = ({ data }) => {
    if (typeof data !== 'string') {
      const frame = data.slice(4)
      ports.get(new DataView(data).getUint32(0, true))?.postMessage(frame, [frame])
      return
    }
    const message = JSON.parse(data)
    if (message.kind === 'port') ports.get(message.end)?.postMessage(message.data)
    else if (message.kind === 'port-closed') {
      ports.get(message.end)?.close()
      ports.delete(message.end)
    } else if (message.kind === 'reply') {
      const { resolve, reject } = invocations.get(message.id)
      invocations.delete(message.id)
      if (message.error === undefined) resolve(message.value)
      else reject(new Error(message.error))
    } else {
      const event = { ports: (message.ports ?? []).map(adopt) }
      for (const listener of listeners.get(message.channel) ?? []) listener(event, ...message.args)
    }
  }
  const electron = {
    // A browser does not tell where a file lies; tests give it that place as its name, or say in which folder it is.
    webUtils: {
      getPathForFile: (file) =>
        [document.documentElement.dataset.filesIn, file.name].filter(Boolean).join('/'),
    },
    contextBridge: {
      exposeInMainWorld(name, api) {
        apis.set(name, api)
        fire('expose', { name, methods: Object.keys(api) })
      },
    },
    ipcRenderer: {
      on: (channel, listener) => listeners.set(channel, [...(listeners.get(channel) ?? []), listener]),
      removeAllListeners: (channel) => listeners.delete(channel),
      send: (channel, ...args) => post({ kind: 'send', channel, args }),
      invoke: (channel, ...args) =>
        new Promise((resolve, reject) => {
          const id = nextId++
          invocations.set(id, { resolve, reject })
          post({ kind: 'invoke', id, channel, args })
        }),
    },
  }
  return (name) => {
    if (name !== 'electron') throw new Error(`a sandboxed preload script has no module ${name}`)
    return electron
  }
}
