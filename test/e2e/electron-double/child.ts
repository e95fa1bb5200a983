import { EventEmitter } from 'node:events'
import type { FromChild, ToChild } from './utility.ts'

/** Loaded before a utility process's own script: gives it `process.parentPort`. */
const post = (message: FromChild): void => void process.send?.(message)

class ChildPort extends EventEmitter {
  #early: unknown[] | null = []

  constructor(private readonly end: number) {
    super()
  }

  postMessage(data: unknown): void {
    post({ kind: 'port', end: this.end, data })
  }

  start(): void {
    const early = this.#early ?? []
    this.#early = null
    for (const data of early) this.emit('message', { data, ports: [] })
  }

  close(): void {
    post({ kind: 'port-closed', end: this.end })
    this.emit('close')
  }

  deliver(data: unknown): void {
    if (this.#early) this.#early.push(data)
    else this.emit('message', { data, ports: [] })
  }
}

const ports = new Map<number, ChildPort>()
const parentPort = Object.assign(new EventEmitter(), {
  postMessage: (data: unknown) => post({ kind: 'message', data }),
})
const early: unknown[] = []
// Messages can come before the script listens; the real parent port keeps them as well.
parentPort.on('newListener', (name) => {
  if (name === 'message')
    setImmediate(() => early.splice(0).forEach((event) => parentPort.emit('message', event)))
})
process.on('message', (message: ToChild) => {
  if (message.kind === 'message') {
    const given = message.ports.map((end) => {
      const port = new ChildPort(end)
      ports.set(end, port)
      return port
    })
    const event = { data: message.data, ports: given }
    if (parentPort.listenerCount('message')) parentPort.emit('message', event)
    else early.push(event)
  } else if (message.kind === 'port') ports.get(message.end)?.deliver(message.data)
  else {
    ports.get(message.end)?.emit('close')
    ports.delete(message.end)
  }
})
process.on('disconnect', () => process.exit(0))
Object.defineProperty(process, 'parentPort', { value: parentPort })
