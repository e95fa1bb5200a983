import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ChannelEnd, type Channel } from '../../engine/protocol/channel.ts'
import { because, technical, technicalOf, type Reason } from '../../engine/protocol/reasons.ts'
import { bundled } from './locations.ts'

/** The process of one machine, whatever kind of process it is. */
export interface VmProcess {
  readonly control: Channel
  /** Called once, with how it ended. */
  onExit(listener: (how: Reason) => void): void
  kill(): void
}

export interface ForkedVmProcess extends VmProcess {
  /** Where its views are served. */
  readonly viewSocket: string
}

/**
 * For glibc's allocator in a machine's process. Its compiler threads would otherwise have an arena each, which keeps
 * what the largest compilation took: some 50 MiB for as long as the machine runs.
 */
export const ALLOCATOR_ENVIRONMENT = { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '1048576' }

/** Starts the processes of a host without Electron, and keeps the folder of their sockets, which only this user can enter. */
export class ForkedVmProcesses {
  readonly #folder = mkdtempSync(join(tmpdir(), 'vitrine-'))

  /** @param script of a machine's process */
  constructor(private readonly script = bundled('main', 'vm-process.js')) {}

  start = (): ForkedVmProcess => {
    const name = randomBytes(8).toString('hex')
    const viewSocket =
      process.platform === 'win32' ? `\\\\.\\pipe\\vitrine-${name}` : join(this.#folder, name)
    const child = fork(this.script, [viewSocket], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...ALLOCATOR_ENVIRONMENT },
    })
    return { ...childProcess(child), viewSocket }
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** How much of what a dying process says is kept. */
const LAST_WORDS = 2000

function childProcess(child: ChildProcess): VmProcess {
  const control = new ChannelEnd((message) => {
    if (child.connected) child.send(message as object, () => {})
  })
  let lastWords = ''
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (lastWords = (lastWords + text).slice(-LAST_WORDS)))
  child.on('message', (message) => control.deliver(message))
  child.on('error', () => control.closed())
  child.on('exit', () => control.closed())
  return {
    control,
    onExit(listener) {
      let told = false
      const tell = (how: Reason) => {
        if (!told) listener(how)
        told = true
      }
      child.on('error', (error) => tell(because('process-not-started', { detail: technicalOf(error) })))
      child.on('exit', (code, signal) => {
        const words = lastWords
          .trim()
          .split('\n')
          .find((line) => /error/i.test(line))
        if (signal) tell(because('process-killed', { signal }))
        else if (code && words)
          tell(because('process-ended-saying', { status: code, words: technical(words.trim()) }))
        else tell(because('process-ended', { status: code ?? 0 }))
      })
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
