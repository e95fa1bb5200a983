import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { MachineThread } from '../../engine/service/machine-thread.ts'
import { UsageError } from './usage-error.ts'

/** Where a debugger is listened for. */
export interface GdbAddress {
  host: string
  /** 0 for any that is free. */
  port: number
}

/** A debugger may do anything to the guest and asks for no password, so only this computer gets at it. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/** Throws `UsageError`. */
export function parseGdb(text: string): GdbAddress {
  const [, host = '', port = ''] = /^tcp:\[?([^\]]*?)\]?:(\d{1,5})$/.exec(text) ?? []
  if (port === '' || Number(port) > 65535) throw new UsageError(`--gdb ${text}: it reads tcp:127.0.0.1:PORT`)
  if (!LOOPBACK.test(host))
    throw new UsageError(
      `--gdb ${text}: a debugger is taken from this computer only; use tcp:127.0.0.1:${port}`,
    )
  return { host, port: Number(port) }
}

/** Listens for a debugger, one at a time, and passes bytes between it and the machine's thread. */
export class GdbServer {
  #client: Socket | null = null
  #server = createServer((socket) => this.#connect(socket))

  constructor(
    private readonly address: GdbAddress,
    private readonly thread: MachineThread,
  ) {}

  /** @returns the port that it listens at. Throws `UsageError`. */
  async listen(): Promise<number> {
    const { host, port } = this.address
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) =>
        reject(new UsageError(`--gdb tcp:${host}:${port}: ${error.message}`)),
      )
      this.#server.listen(port, host, resolve)
    })
    return (this.#server.address() as AddressInfo).port
  }

  #connect(socket: Socket): void {
    if (this.#client) return void socket.destroy()
    this.#client = socket
    socket.setNoDelay(true)
    this.thread.post({ kind: 'debugger-attach' })
    socket.on('data', (bytes) => {
      // What comes faster than the machine deals with it waits in the socket.
      socket.pause()
      this.thread.post({ kind: 'debugger', bytes: new Uint8Array(bytes) })
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      if (this.#client !== socket) return
      this.#client = null
      this.thread.post({ kind: 'debugger-detach' })
    })
  }

  /** @param taken what came last has been dealt with */
  send(bytes: Uint8Array, taken: boolean): void {
    const client = this.#client
    if (!client) return
    const roomy = client.write(bytes)
    if (!taken) return
    if (roomy) client.resume()
    else client.once('drain', () => client.resume())
  }

  /** The session is over. */
  hangUp(): void {
    this.#client?.end()
  }

  close(): void {
    this.#client?.end()
    this.#server.close()
  }
}
