import type { Channel } from '../protocol/channel.ts'
import { RpcError, RpcServer, type CallHandlers } from '../protocol/rpc.ts'
import {
  bytesToString,
  stringToBytes,
  viewContract,
  vmContract,
  type MachineState,
  type ViewContract,
  type VmContract,
} from '../protocol/vm-contract.ts'
import { MachineThread } from './machine-thread.ts'

/** Time for the machine to close its images when the plug is pulled, before its thread is ended. */
const POWER_OFF_MS = 5000

/** Where the frames of a view go. `done` gives the buffer back once it has been passed on. */
export interface FrameSink {
  send(buffer: ArrayBuffer, done: () => void): void
}

export interface OpenView {
  /** Starts the frames, the whole picture first; null stops them. */
  showOn(sink: FrameSink | null): void
  acknowledge(sequence: number): void
}

interface View {
  server: RpcServer<ViewContract>
  sink: FrameSink | null
  watchesStats: boolean
  /** Keys held down by this view, which are let go when it leaves. */
  held: Set<string>
}

/** Serves one machine: to its host over the control channel, and to any number of windows over views. */
export class VmService {
  #thread: MachineThread | null = null
  #serialPorts = 0
  #views = new Map<number, View>()
  #nextView = 1
  #control: RpcServer<VmContract>

  /**
   * @param script file of the bundled machine-worker.ts
   * @param onEnd called once after the machine has ended and everybody has been told
   */
  constructor(
    private readonly script: string,
    control: Channel,
    private readonly onEnd: () => void,
  ) {
    this.#control = new RpcServer(vmContract, control, this.#calls, {}, () => void this.#powerOff().finally(onEnd))
  }

  /** @param name by which the frames of this view are asked for, where they travel by another way */
  openView(channel: Channel, name: string): OpenView {
    const id = this.#nextView++
    const thread = () => this.#thread
    const release = (view: View) => {
      for (const code of view.held) thread()?.post({ kind: 'key', code, pressed: false })
      view.held.clear()
      thread()?.post({ kind: 'mouse', dx: 0, dy: 0, wheel: 0, buttons: 0 })
    }
    const server = new RpcServer<ViewContract>(
      viewContract,
      channel,
      {
        screenText: () => this.#running.ask('screenText'),
        type: async ({ text }, signal) => void (await this.#running.type(text, signal)),
      },
      {
        key: ({ code, pressed }) => {
          if (pressed) view.held.add(code)
          else view.held.delete(code)
          thread()?.post({ kind: 'key', code, pressed })
        },
        releaseAll: () => release(view),
        mouse: (motion) => thread()?.post({ kind: 'mouse', ...motion }),
        mouseTo: (motion) => thread()?.post({ kind: 'mouse-to', ...motion }),
        serialInput: ({ port, data }) => thread()?.post({ kind: 'serial', port, bytes: stringToBytes(data) }),
        watchStats: ({ on }) => {
          view.watchesStats = on
          this.#watchStats()
        },
        acknowledge: ({ sequence }) => thread()?.post({ kind: 'acknowledge', view: id, sequence }),
      },
      () => {
        release(view)
        thread()?.post({ kind: 'close-view', view: id })
        this.#views.delete(id)
        this.#watchStats()
      },
    )
    const view: View = { server, sink: null, watchesStats: false, held: new Set() }
    this.#views.set(id, view)
    server.emit('opened', { view: name, serialPorts: this.#serialPorts })
    if (this.#thread?.state) server.emit('state', this.#thread.state)
    return {
      showOn: (sink) => {
        view.sink = sink
        thread()?.post({ kind: sink ? 'open-view' : 'close-view', view: id })
      },
      acknowledge: (sequence) => thread()?.post({ kind: 'acknowledge', view: id, sequence }),
    }
  }

  get #running(): MachineThread {
    if (!this.#thread) throw new RpcError('not-running')
    return this.#thread
  }

  #calls: CallHandlers<VmContract> = {
    start: async ({ config }) => {
      if (this.#thread) throw new RpcError('already-running')
      const thread = new MachineThread(this.script, config, {
        onState: (state) => this.#tellState(state),
        onSerial: (port, bytes) => this.#tell('serial', { port, data: bytesToString(bytes) }),
        onPointer: (absolute) => this.#tell('pointer', { absolute }),
        onStats: (stats) => {
          for (const view of this.#views.values()) if (view.watchesStats) view.server.emit('stats', stats)
        },
        onFrame: (id, buffer) => {
          const sink = this.#views.get(id)?.sink
          const done = () => thread.returnBuffer(buffer)
          if (sink) sink.send(buffer, done)
          else done()
        },
      })
      this.#thread = thread
      void thread.ended.then(this.onEnd)
      this.#serialPorts = await thread.ready
    },
    pause: () => this.#running.ask('pause').then(nothing),
    resume: () => this.#running.ask('resume').then(nothing),
    reset: () => this.#running.ask('reset').then(nothing),
    powerButton: () => this.#running.ask('powerButton').then(nothing),
    powerOff: () => this.#powerOff(),
    insert: ({ drive, path, readonly }) => this.#running.ask('insert', drive, path, { readonly }).then(nothing),
    eject: ({ drive }) => this.#running.ask('eject', drive).then(nothing),
  }

  async #powerOff(): Promise<undefined> {
    const thread = this.#thread
    if (!thread) return
    const timer = setTimeout(() => void thread.kill(), POWER_OFF_MS)
    thread.ask('powerOff').catch(() => {}) // it may end before it answers
    await thread.ended
    clearTimeout(timer)
  }

  #tellState(state: MachineState): void {
    this.#control.emit('state', state)
    this.#tell('state', state)
  }

  #tell<K extends 'serial' | 'pointer' | 'state'>(name: K, data: Parameters<RpcServer<ViewContract>['emit']>[1]): void {
    for (const { server } of this.#views.values()) server.emit(name, data as never)
  }

  #watchStats(): void {
    const on = [...this.#views.values()].some(({ watchesStats }) => watchesStats)
    this.#thread?.post({ kind: 'watch-stats', on })
  }
}

const nothing = (): undefined => undefined
