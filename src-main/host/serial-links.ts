import { spawnSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { because, technicalOf, type Reason } from '../../engine/protocol/reasons.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'
import type { SerialLink } from '../../engine/service/vm-service.ts'

/** What is kept for a client that does not read. */
const MAX_QUEUED_BYTES = 1 << 20

const invalid = (reason: Reason): RpcError => new RpcError('option-invalid', { option: 'serial', reason })

/** @param path is written anew */
export function openFile(path: string): SerialLink {
  const file = openSync(path, 'w', 0o600)
  return { place: path, fromGuest: (bytes) => void writeSync(file, bytes), close: () => closeSync(file) }
}

/** Listens, and talks with one client at a time; a newer one takes over. */
export async function openTcp(
  host: string,
  port: number,
  toGuest: (bytes: Uint8Array) => void,
): Promise<SerialLink> {
  let client: Socket | null = null
  const server = createServer((socket) => {
    client?.destroy()
    client = socket
    socket.on('data', toGuest)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      if (client === socket) client = null
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(invalid(because('tcp-unusable', { host, port, detail: technicalOf(error) }))),
    )
    server.listen(port, host, resolve)
  })
  return {
    place: `tcp:${host}:${port}`,
    fromGuest(bytes) {
      if (client && client.writableLength < MAX_QUEUED_BYTES) client.write(bytes)
    },
    close() {
      client?.destroy()
      server.close()
    },
  }
}

/** What is used of node-pty: a pair of terminal ends without a program behind it, which its types leave out. */
interface PtyModule {
  native?: { open(columns: number, rows: number): { master: number; slave: number; pty: string } }
}

/** The package is optional, and has none on Windows. */
const loadPty = (): Promise<PtyModule> =>
  import('node-pty').then(
    (module) => (module.default ?? module) as unknown as PtyModule,
    (): PtyModule => ({}),
  )

/** Whether serial ports can lead to pseudo-terminals here. */
export const hasPty = async (): Promise<boolean> => (await loadPty()).native !== undefined

/** A terminal of the host that another program can open. */
export async function openPty(toGuest: (bytes: Uint8Array) => void): Promise<SerialLink> {
  const { native } = await loadPty()
  if (!native) throw invalid(because('pty-missing'))
  const { ReadStream } = await import('node:tty')
  const { master, slave, pty } = native.open(80, 25)
  const stream = new ReadStream(master)
  stream.setRawMode(true)
  // What Node calls raw still makes CR LF of every LF that a program sends.
  spawnSync('stty', ['raw', '-echo'], { stdio: [slave, 'ignore', 'ignore'] })
  stream.on('data', toGuest)
  stream.on('error', () => {}) // nobody has the other end open
  return {
    place: pty,
    fromGuest: (bytes) => writeQuietly(master, bytes),
    close() {
      stream.destroy()
      closeSync(slave)
    },
  }
}

function writeQuietly(file: number, bytes: Uint8Array): void {
  try {
    writeSync(file, bytes)
  } catch {
    // The other end is full or closed: a serial line without a reader loses what is sent.
  }
}
