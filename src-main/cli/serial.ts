import { closeSync, openSync, writeSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { UsageError } from './usage-error.ts'

/** What a serial port of the guest is connected to. */
export type SerialTarget =
  | { kind: 'none' }
  | { kind: 'stdio' }
  | { kind: 'pty' }
  | { kind: 'file'; path: string }
  | { kind: 'tcp'; host: string; port: number }

export function parseSerial(text: string): SerialTarget {
  if (text === 'none' || text === 'stdio' || text === 'pty') return { kind: text }
  if (text.startsWith('file:') && text.length > 5) return { kind: 'file', path: text.slice(5) }
  const [, host, port] = /^tcp:\[?([^\]]*?)\]?:(\d{1,5})$/.exec(text) ?? []
  if (host && port !== undefined && Number(port) <= 65535) return { kind: 'tcp', host, port: Number(port) }
  throw new UsageError(`--serial ${text}: it is one of stdio, file:FILE, pty, tcp:HOST:PORT, none`)
}

/** The host's end of a serial port. */
export interface SerialLink {
  fromGuest(bytes: Uint8Array): void
  close(): void
}

/** Ctrl+] leaves, as in telnet: every other key belongs to the guest. */
const LEAVE = 0x1d
/** What is kept for a client that does not read. */
const MAX_QUEUED_BYTES = 1 << 20

/**
 * @param toGuest takes bytes for the guest
 * @param leave called when the user asks at the terminal to end the run
 */
export async function openSerial(
  target: SerialTarget,
  toGuest: (bytes: Uint8Array) => void,
  leave: () => void,
): Promise<SerialLink | null> {
  switch (target.kind) {
    case 'none':
      return null
    case 'stdio':
      return openStdio(toGuest, leave)
    case 'file':
      return openFile(target.path)
    case 'tcp':
      return openTcp(target.host, target.port, toGuest)
    case 'pty':
      return openPty(toGuest)
  }
}

function openStdio(toGuest: (bytes: Uint8Array) => void, leave: () => void): SerialLink {
  const { stdin, stdout } = process
  const onData = (bytes: Buffer) => {
    if (stdin.isTTY && bytes.includes(LEAVE)) leave()
    else toGuest(bytes)
  }
  if (stdin.isTTY) {
    stdin.setRawMode(true)
    process.stderr.write('Serial port at this terminal; Ctrl+] ends the run.\r\n')
  }
  stdin.on('data', onData)
  return {
    fromGuest: (bytes) => void stdout.write(bytes),
    close() {
      if (stdin.isTTY) stdin.setRawMode(false)
      stdin.off('data', onData)
      stdin.pause()
      stdin.unref?.()
    },
  }
}

function openFile(path: string): SerialLink {
  const file = openSync(path, 'w')
  return { fromGuest: (bytes) => void writeSync(file, bytes), close: () => closeSync(file) }
}

/** Listens, and talks with one client at a time; a newer one takes over. */
async function openTcp(
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
    server.once('error', (error) => reject(new UsageError(`--serial tcp:${host}:${port}: ${error.message}`)))
    server.listen(port, host, resolve)
  })
  return {
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

async function openPty(toGuest: (bytes: Uint8Array) => void): Promise<SerialLink> {
  const { native } = await import('node-pty').then(
    (module) => (module.default ?? module) as unknown as PtyModule,
    (): PtyModule => ({}),
  )
  if (!native)
    throw new UsageError('--serial pty: the package node-pty is not installed here; use tcp:HOST:PORT')
  const { ReadStream } = await import('node:tty')
  const { master, pty } = native.open(80, 25)
  const stream = new ReadStream(master)
  stream.setRawMode(true)
  stream.on('data', toGuest)
  stream.on('error', () => {}) // nobody has the other end open
  process.stderr.write(`Serial port at ${pty}\n`)
  return { fromGuest: (bytes) => writeQuietly(master, bytes), close: () => stream.destroy() }
}

function writeQuietly(file: number, bytes: Uint8Array): void {
  try {
    writeSync(file, bytes)
  } catch {
    // The other end is full or closed: a serial line without a reader loses what is sent.
  }
}
