import type { SerialLink } from '../../engine/service/vm-service.ts'
import { openFile, openPty, openTcp } from '../host/serial-links.ts'
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

/** Ctrl+] leaves, as in telnet: every other key belongs to the guest. */
const LEAVE = 0x1d

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
    case 'pty': {
      const link = await openPty(toGuest)
      process.stderr.write(`Serial port at ${link.place}\n`)
      return link
    }
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
    place: null,
    fromGuest: (bytes) => void stdout.write(bytes),
    close() {
      if (stdin.isTTY) stdin.setRawMode(false)
      stdin.off('data', onData)
      stdin.pause()
      stdin.unref?.()
    },
  }
}
