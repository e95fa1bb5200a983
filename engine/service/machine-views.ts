import type { Channel } from '../protocol/channel.ts'
import { MAX_CLIPBOARD_BYTES, textOfGuest } from '../protocol/clipboard.ts'
import { RpcError, RpcServer } from '../protocol/rpc.ts'
import {
  bytesToString,
  stringToBytes,
  viewContract,
  type MachineState,
  type ViewContract,
} from '../protocol/vm-contract.ts'
import type { VmStats } from '../protocol/vm.ts'
import type { MachineListener, MachineThread } from './machine-thread.ts'

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
  /** Keys and buttons held down by this view, which are let go when it leaves. */
  held: Set<string>
  buttons: number
}

/** What a port said that is kept for windows that open later. */
const SERIAL_HISTORY = 65536
/** Bytes in one message. */
const SERIAL_PART = 16384

/** The windows that look at one machine, any number of them. It hears what the machine's thread tells. */
export class MachineViews implements MachineListener {
  #thread: MachineThread | null = null
  #serialPorts = 0
  #serialPlaces: readonly (string | null)[] = []
  #views = new Map<number, View>()
  #nextView = 1
  #serialHistory = new Map<number, string>()

  /**
   * To be called before the first view opens.
   * @param serialPlaces where a person connects to each port, if anywhere
   */
  attach(thread: MachineThread, serialPorts: number, serialPlaces: readonly (string | null)[] = []): void {
    this.#thread = thread
    this.#serialPorts = serialPorts
    this.#serialPlaces = serialPlaces
  }

  /** @param name by which the frames of this view are asked for, where they travel by another way */
  open(channel: Channel, name: string): OpenView {
    const id = this.#nextView++
    const thread = this.#thread
    if (!thread) throw new RpcError('not-running')
    const view: View = {
      server: this.#serve(channel, id, thread),
      sink: null,
      watchesStats: false,
      held: new Set(),
      buttons: 0,
    }
    this.#views.set(id, view)
    view.server.emit('opened', {
      view: name,
      serialPorts: this.#serialPorts,
      serialPlaces: [...this.#serialPlaces],
    })
    for (const [port, data] of this.#serialHistory) view.server.emit('serial', { port, data })
    if (thread.state) view.server.emit('state', thread.state)
    return {
      showOn: (sink) => {
        view.sink = sink
        thread.post({ kind: sink ? 'open-view' : 'close-view', view: id })
      },
      acknowledge: (sequence) => thread.post({ kind: 'acknowledge', view: id, sequence }),
    }
  }

  onState(state: MachineState): void {
    for (const { server } of this.#views.values()) server.emit('state', state)
  }

  onSerial(port: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += SERIAL_PART) {
      const data = bytesToString(bytes.subarray(at, at + SERIAL_PART))
      this.#serialHistory.set(port, ((this.#serialHistory.get(port) ?? '') + data).slice(-SERIAL_HISTORY))
      for (const { server } of this.#views.values()) server.emit('serial', { port, data })
    }
  }

  onPointer(absolute: boolean): void {
    for (const { server } of this.#views.values()) server.emit('pointer', { absolute })
  }

  onText(): void {
    for (const { server } of this.#views.values()) server.emit('textGiven', undefined)
  }

  onStats(stats: VmStats): void {
    for (const { server, watchesStats } of this.#views.values()) if (watchesStats) server.emit('stats', stats)
  }

  onFrame(id: number, buffer: ArrayBuffer): void {
    const sink = this.#views.get(id)?.sink
    const done = () => this.#thread?.returnBuffer(buffer)
    if (sink) sink.send(buffer, done)
    else done()
  }

  #serve(channel: Channel, id: number, thread: MachineThread): RpcServer<ViewContract> {
    const change = (update: (view: View) => void) => {
      const view = this.#views.get(id)
      if (view) update(view)
    }
    const release = () =>
      change((view) => {
        for (const code of view.held) thread.post({ kind: 'key', code, pressed: false })
        if (view.buttons) thread.post({ kind: 'mouse', dx: 0, dy: 0, wheel: 0, buttons: 0 })
        view.held.clear()
        view.buttons = 0
      })
    return new RpcServer<ViewContract>(
      viewContract,
      channel,
      {
        screenText: () => thread.ask('screenText'),
        offerText: async ({ text }) => {
          const bytes = new TextEncoder().encode(text)
          if (bytes.length > MAX_CLIPBOARD_BYTES)
            throw new RpcError('clipboard-too-long', { bytes: bytes.length, most: MAX_CLIPBOARD_BYTES })
          if (!(await thread.ask('offerText', bytes))) throw new RpcError('clipboard-off')
        },
        guestText: async () => {
          const bytes = await thread.ask('guestText')
          return bytes && textOfGuest(bytes)
        },
        setTimeScale: ({ scale }) => thread.ask('setTimeScale', scale),
        type: ({ text, layout, charactersPerSecond }, { signal }) =>
          thread.type(text, { layout, charactersPerSecond, signal }),
      },
      {
        key: ({ code, pressed }) =>
          change(({ held }) => {
            if (pressed) held.add(code)
            else held.delete(code)
            thread.post({ kind: 'key', code, pressed })
          }),
        releaseAll: release,
        mouse: (motion) =>
          change((view) => {
            view.buttons = motion.buttons
            thread.post({ kind: 'mouse', ...motion })
          }),
        mouseTo: (motion) =>
          change((view) => {
            view.buttons = motion.buttons
            thread.post({ kind: 'mouse-to', ...motion })
          }),
        serialInput: ({ port, data }) => thread.post({ kind: 'serial', port, bytes: stringToBytes(data) }),
        watchStats: ({ on }) => {
          change((view) => (view.watchesStats = on))
          this.#watchStats(thread)
        },
        acknowledge: ({ sequence }) => thread.post({ kind: 'acknowledge', view: id, sequence }),
      },
      () => {
        release()
        this.#views.delete(id)
        thread.post({ kind: 'close-view', view: id })
        this.#watchStats(thread)
      },
    )
  }

  #watchStats(thread: MachineThread): void {
    thread.post({
      kind: 'watch-stats',
      on: [...this.#views.values()].some(({ watchesStats }) => watchesStats),
    })
  }
}
