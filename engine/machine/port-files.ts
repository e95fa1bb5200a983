import { closeSync, openSync, writeSync } from 'node:fs'
import { ByteBatch } from '../base/byte-batch.ts'
import type { Clock } from '../base/clock.ts'
import type { PortMap } from '../bus/port-map.ts'
import { DEBUG_CONSOLE_PORT } from '../devices/debug-ports/debug-ports.ts'
import type { DebugConfig } from '../protocol/machine-config.ts'
import { unusable } from '../storage/host-file.ts'

/** How old a byte may become before it is in its file, in ns of guest time. */
const DELAY_NS = 2_000_000

interface Log {
  path: string
  fd: number
  batch: ByteBatch
}

/** Files that get the bytes written to ports: the debug console's starts empty, port logs are appended to. */
export class PortFiles {
  readonly #logs: Log[] = []

  /**
   * Opens them all. Throws `file-unusable`, leaving none open.
   * @param failed told once for each file that cannot be written any more; the machine goes on
   */
  constructor(
    { console, portLogs }: DebugConfig,
    ports: PortMap,
    clock: Clock,
    private readonly failed: (path: string, reason: string) => void,
  ) {
    const files = portLogs.map(({ port, path }) => ({ port, path, flags: 'a' }))
    if (console !== undefined) files.push({ port: DEBUG_CONSOLE_PORT, path: console, flags: 'w' })
    try {
      for (const { port, path, flags } of files) {
        const log = { path, fd: open(path, flags), batch: new ByteBatch(clock, DELAY_NS) }
        log.batch.onOutput((bytes) => this.#append(log, bytes))
        this.#logs.push(log)
        ports.watch(port, (byte) => log.batch.push(byte))
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    for (const log of this.#logs.splice(0)) {
      log.batch.flush()
      if (log.fd >= 0) closeSync(log.fd)
    }
  }

  #append(log: Log, bytes: Uint8Array): void {
    if (log.fd < 0) return
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(log.fd, bytes, done)
    } catch (error) {
      closeSync(log.fd)
      log.fd = -1
      this.failed(log.path, `it cannot be written (${reasonOf(error)}); nothing more is logged there`)
    }
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function open(path: string, flags: string): number {
  try {
    return openSync(path, flags)
  } catch (error) {
    throw unusable(path, `it cannot be written (${reasonOf(error)})`, error)
  }
}
