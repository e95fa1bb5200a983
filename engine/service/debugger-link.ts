import { GdbSession } from '../debugger/session.ts'
import type { Machine } from '../machine/machine.ts'
import type { FromMachine } from './thread-messages.ts'

/** How a debugger sees and changes whether the machine runs. */
export interface RunControl {
  isRunning(): boolean
  setState(kind: 'running' | 'paused' | 'off'): void
}

/** The machine's end of a debugger's connection, at most one at a time. A machine with a debugger stands still first. */
export class DebuggerLink {
  #session: GdbSession | null = null
  /** Answers of the bytes in hand. */
  #answers: Uint8Array[] = []
  #collects = false

  constructor(
    private readonly machine: Machine,
    private readonly host: { post(message: FromMachine): void },
    private readonly control: RunControl,
  ) {}

  /** True while the machine stands until a debugger lets it go. */
  get holds(): boolean {
    return this.#session?.holds ?? false
  }

  attach(): void {
    const { machine, control } = this
    const target = machine.debugTarget
    if (this.#session || !target) return this.host.post({ kind: 'debugger-closed' })
    const session = new GdbSession(
      {
        target,
        get isRunning() {
          return control.isRunning()
        },
        resume: () => control.setState('running'),
        halt: () => {
          if (control.isRunning()) control.setState('paused')
          session.stopped('interrupted')
        },
        reset: () => machine.reset(),
        kill: () => control.setState('off'),
      },
      (bytes) => this.#send(bytes),
    )
    this.#session = session
    if (control.isRunning()) control.setState('paused')
  }

  /** One message goes back for each that comes, so that the other side can hold back what is too fast. */
  receive(bytes: Uint8Array): void {
    this.#collects = true
    this.#session?.receive(bytes)
    this.#collects = false
    const answers = Uint8Array.from(Buffer.concat(this.#answers))
    this.#answers = []
    this.host.post({ kind: 'debugger', bytes: answers, taken: true })
    if (this.#session?.isOver) this.#close()
  }

  detach(): void {
    this.#session?.close()
    this.#session = null
  }

  /** The target has stopped by itself. */
  stopped(): void {
    this.control.setState('paused')
    if (this.#session) this.#session.stopped('target')
    else this.control.setState('running')
  }

  ended(status: number): void {
    this.#session?.ended(status)
    this.#close()
  }

  #close(): void {
    if (!this.#session) return
    this.#session = null
    this.host.post({ kind: 'debugger-closed' })
  }

  #send(bytes: Uint8Array): void {
    if (this.#collects) this.#answers.push(bytes)
    else this.host.post({ kind: 'debugger', bytes, taken: false })
  }
}
