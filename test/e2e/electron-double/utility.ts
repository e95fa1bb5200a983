import { fork, type ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import type { Holder, PortEnd, PortHub } from './ports.ts'

export type FromChild =
  | { kind: 'message'; data: unknown }
  | { kind: 'port'; end: number; data: unknown }
  | { kind: 'port-closed'; end: number }
export type ToChild =
  | { kind: 'message'; data: unknown; ports: number[] }
  | Exclude<FromChild, { kind: 'message' }>

/** A utility process as a child process; `child.ts` gives it its parent port. */
export class DoubleUtilityProcess extends EventEmitter {
  #child: ChildProcess
  #holder: Holder = {
    deliver: (end, data) => this.#send({ kind: 'port', end, data }),
    closed: (end) => this.#send({ kind: 'port-closed', end }),
  }

  constructor(
    private readonly hub: PortHub,
    childScript: string,
    path: string,
    args: string[],
  ) {
    super()
    const child = fork(path, args, {
      execArgv: ['--import', childScript],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child = child
    child.on('message', (message: FromChild) => {
      if (message.kind === 'message') this.emit('message', message.data)
      else if (message.kind === 'port') hub.posted(message.end, message.data)
      else hub.close(message.end)
    })
    child.on('spawn', () => this.emit('spawn'))
    child.on('exit', (code) => {
      hub.closeAll(this.#holder)
      this.emit('exit', code ?? 1)
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  postMessage(data: unknown, transfer: PortEnd[] = []): void {
    const ports = transfer.map(({ id }) => id)
    this.#send({ kind: 'message', data, ports })
    for (const id of ports) this.hub.transfer(id, this.#holder)
  }

  kill(): boolean {
    return this.#child.kill('SIGKILL')
  }

  #send(message: ToChild): void {
    if (this.#child.connected) this.#child.send(message)
  }
}
