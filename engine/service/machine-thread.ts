import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import type { MachineConfig } from '../protocol/machine-config.ts'
import { because, technicalOf, type Reason } from '../protocol/reasons.ts'
import { RpcError } from '../protocol/rpc.ts'
import type { MachineState } from '../protocol/vm-contract.ts'
import { typedCharacters, type Chord, type LayoutName } from '../protocol/keyboard-layouts.ts'
import type { Accelerator, HostFault, VmStats } from '../protocol/vm.ts'
import { GIVEN_BYTES } from './frame-pump.ts'
import { beginLook } from './state-look.ts'
import type { FromMachine, RequestName, Requests, ThreadStart, ToMachine } from './thread-messages.ts'

/** How long a typed key is held, and how long nothing follows it: fast for a person, slow enough for a BIOS. */
const KEY_MS = 25
/** Characters a second. */
const USUAL_RATE = 20

/** Time for the machine to close its images when the plug is pulled, before its thread is ended. */
const POWER_OFF_MS = 5000

export interface MachineListener {
  onState?(state: MachineState): void
  onSerial?(port: number, bytes: Uint8Array): void
  /** A frame for a view; its buffer goes back with `returnBuffer` once it has been passed on. */
  onFrame?(view: number, buffer: ArrayBuffer): void
  onPointer?(absolute: boolean): void
  /** The guest gave text, which `guestText` has. */
  onText?(): void
  onStats?(stats: VmStats): void
  /** Bytes for the debugger; `taken` says that what it sent last has been dealt with. */
  onDebugger?(bytes: Uint8Array, taken: boolean): void
  onDebuggerClosed?(): void
  /** The host failed the machine: an image that cannot be read or written. The guest has seen an error. */
  onFault?(fault: HostFault): void
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** This side of a machine's thread: messages out with a kick, answers and events back. */
export class MachineThread {
  /** Settles once the machine stands, with the number of its serial ports; rejects when it cannot be built. */
  readonly ready: Promise<number>
  /** Whether the state that it goes on from is whole, told while it runs already; where it is not, the machine ends. Never rejects. */
  readonly isStateWhole: Promise<boolean>
  /** Settles when the machine has ended and closed its images; its thread may yet have to tidy up. */
  readonly ended: Promise<void>
  #worker: Worker
  #end!: () => void
  #kick = new Int32Array(new SharedArrayBuffer(4))
  #waiting = new Map<number, Waiting>()
  #nextId = 1
  #state: MachineState | null = null
  #stats: VmStats | null = null
  #accelerator: Accelerator | null = null

  /**
   * @param worker one that `prepareWorker` has made, for this machine alone
   * @param state file of a saved state to go on from
   */
  constructor(
    worker: Worker,
    config: MachineConfig,
    private readonly listener: MachineListener,
    {
      state = null,
      allowChangedMedia = false,
      secrets = [],
      waitForDebugger = false,
    }: Partial<Omit<ThreadStart, 'config' | 'kick' | 'state'>> & { state?: string | null } = {},
  ) {
    this.#worker = worker
    worker.ref()
    this.ready = new Promise((resolve, reject) => {
      worker.on('message', (message: FromMachine) => {
        if (message.kind === 'ready') {
          this.#accelerator = message.accelerator
          resolve(message.serialPorts)
        } else if (message.kind === 'refused') reject(new RpcError(message.error.code, message.error.details))
        else this.#receive(message)
      })
      worker.on('error', (error) => {
        reject(error)
        this.#fail(technicalOf(error))
      })
      worker.on('exit', () => reject(new RpcError('disconnected')))
    })
    this.ready.catch(() => {}) // whoever awaits it hears of it
    this.ended = new Promise((resolve) => {
      this.#end = resolve
      worker.on('exit', (code) => {
        this.#fail(because('thread-ended', { code }))
        this.#endNow()
      })
    })
    const kick = this.#kick.buffer
    const look = state === null ? null : beginLook(state)
    this.isStateWhole = look?.found ?? Promise.resolve(true)
    worker.postMessage({
      config,
      state: state === null || !look ? null : { path: state, look: look.shared },
      allowChangedMedia,
      secrets,
      waitForDebugger,
      kick,
    } satisfies ThreadStart)
  }

  #endNow(): void {
    for (const waiting of this.#waiting.values()) waiting.reject(new RpcError('disconnected'))
    this.#waiting.clear()
    this.#end()
  }

  /** The last state told, null before the machine runs. */
  get state(): MachineState | null {
    return this.#state
  }

  /** What runs the guest; null before it is ready. */
  get accelerator(): Accelerator | null {
    return this.#accelerator
  }

  /** The last statistics told; those of its whole life once it has ended. */
  get stats(): VmStats | null {
    return this.#stats
  }

  ask<K extends RequestName>(name: K, ...args: Requests[K]['args']): Promise<Requests[K]['answer']> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(new RpcError('disconnected'))
      const id = this.#nextId++
      this.#waiting.set(id, { resolve, reject })
      this.post({ kind: 'request', id, name, args } as ToMachine)
    })
  }

  post(message: ToMachine, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer)
    Atomics.store(this.#kick, 0, 1)
    Atomics.notify(this.#kick, 0)
  }

  /**
   * Types text on a keyboard whose guest has that layout; characters that no key types are left out.
   * @param charactersPerSecond slower for guests that lose keys
   */
  async type(
    text: string,
    {
      layout = 'us',
      charactersPerSecond = USUAL_RATE,
      signal,
    }: { layout?: LayoutName; charactersPerSecond?: number; signal?: AbortSignal } = {},
  ): Promise<void> {
    for (const { chords } of typedCharacters(text, layout)) {
      for (const chord of chords ?? []) {
        await this.press(chord, 500 / charactersPerSecond)
        if (this.#over || signal?.aborted) return
      }
    }
  }

  /** Presses keys in turn and lets them go in reverse. */
  async press(codes: Chord, keyMs = KEY_MS): Promise<void> {
    for (const code of codes) this.post({ kind: 'key', code, pressed: true })
    await delay(keyMs)
    for (const code of [...codes].reverse()) this.post({ kind: 'key', code, pressed: false })
    await delay(keyMs)
  }

  /** Gives a frame's buffer back. It needs no kick: the thread takes it with its next message. */
  returnBuffer(buffer: ArrayBuffer): void {
    if (buffer.byteLength <= GIVEN_BYTES) return
    this.#worker.postMessage({ kind: 'buffer', buffer } satisfies ToMachine, [buffer])
  }

  /** Pulls the plug. The machine closes its images; a thread that does not get round to it is ended. */
  async powerOff(limitMs = POWER_OFF_MS): Promise<void> {
    const timer = setTimeout(() => void this.#worker.terminate(), limitMs)
    this.ask('powerOff').catch(() => {}) // it may end before it answers, or have ended already
    await this.ended
    clearTimeout(timer)
  }

  get #over(): boolean {
    return this.#state !== null && this.#state.kind !== 'running' && this.#state.kind !== 'paused'
  }

  #fail(reason: Reason): void {
    if (this.#over || this.#state === null) return
    this.#setState({ kind: 'failed', reason: reason })
  }

  #setState(state: MachineState): void {
    this.#state = state
    this.listener.onState?.(state)
  }

  #receive(message: Exclude<FromMachine, { kind: 'ready' | 'refused' }>): void {
    switch (message.kind) {
      case 'state':
        return this.#setState(message.state)
      case 'serial':
        return this.listener.onSerial?.(message.port, message.bytes)
      case 'frame':
        if (this.listener.onFrame) return this.listener.onFrame(message.view, message.buffer)
        return this.returnBuffer(message.buffer)
      case 'pointer':
        return this.listener.onPointer?.(message.absolute)
      case 'text-given':
        return this.listener.onText?.()
      case 'fault':
        return this.listener.onFault?.(message.fault)
      case 'stats':
        this.#stats = message.stats
        return this.listener.onStats?.(message.stats)
      case 'debugger':
        return this.listener.onDebugger?.(message.bytes, message.taken)
      case 'debugger-closed':
        return this.listener.onDebuggerClosed?.()
      case 'closed':
        return this.#endNow()
      case 'answer':
      case 'error': {
        const waiting = this.#waiting.get(message.id)
        this.#waiting.delete(message.id)
        if (message.kind === 'answer') waiting?.resolve(message.value)
        else waiting?.reject(new RpcError(message.error.code, message.error.details))
      }
    }
  }
}
