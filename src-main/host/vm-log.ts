import { appendFile, mkdir, open, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { LogEntry } from '../../engine/protocol/host-contract.ts'

const FILE = join('logs', 'machine.log')
/** A log that has grown to this is kept as the older one, and a new one begins. */
const MAX_BYTES = 1 << 20
/** What is read of a log from its end. */
const SHOWN_BYTES = 512 << 10
const MAX_TEXT = 2000

/** What happened to a machine, one JSON object a line in its folder. Writing it never fails what it tells of. */
export class VmLog {
  #writing = new Map<string, Promise<void>>()

  /** @param folderOf folder of a machine */
  constructor(
    private readonly folderOf: (id: string) => string,
    private readonly nowMs: () => number = Date.now,
  ) {}

  note(id: string, level: LogEntry['level'], text: string): void {
    const line = JSON.stringify({
      atMs: this.nowMs(),
      level,
      text: text.slice(0, MAX_TEXT),
    } satisfies LogEntry)
    const earlier = this.#writing.get(id) ?? Promise.resolve()
    const writing = earlier.then(() => append(join(this.folderOf(id), FILE), line + '\n')).catch(() => {})
    this.#writing.set(id, writing)
    void writing.then(() => {
      if (this.#writing.get(id) === writing) this.#writing.delete(id)
    })
  }

  /** The newest entries, oldest first. Lines that are damaged are left out. */
  async read(id: string): Promise<LogEntry[]> {
    await this.#writing.get(id)
    const text = await tail(join(this.folderOf(id), FILE))
    return text.split('\n').flatMap((line) => {
      const entry = v.safeParse(LogEntry, parse(line))
      return entry.success ? [entry.output] : []
    })
  }

  /** Settles when all that was noted is written. */
  async flush(): Promise<void> {
    await Promise.all(this.#writing.values())
  }
}

async function append(path: string, line: string): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > MAX_BYTES) await rename(path, path.replace(/\.log$/, '.1.log'))
  // Only its own subfolder is made: a machine that was removed meanwhile must not come back as an empty folder.
  await mkdir(dirname(path), { mode: 0o700 }).catch(() => {})
  await appendFile(path, line, { mode: 0o600 })
}

async function tail(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => null)
  if (!file) return ''
  try {
    const { size } = await file.stat()
    const length = Math.min(size, SHOWN_BYTES)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

const parse = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
