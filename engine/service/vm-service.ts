import type { Worker } from 'node:worker_threads'
import type { Channel } from '../protocol/channel.ts'
import type { VmExecution } from '../protocol/execution.ts'
import { because } from '../protocol/reasons.ts'
import { RpcError, RpcServer, type CallHandlers } from '../protocol/rpc.ts'
import type { SerialLinkTarget } from '../protocol/serial-target.ts'
import { vmContract, type MachineState, type VmContract } from '../protocol/vm-contract.ts'
import type { HostFault, VmStats } from '../protocol/vm.ts'
import { hostFailure } from '../storage/host-file.ts'
import { packCapture, roomFor, type MachineCapture } from '../snapshot/capture.ts'
import { mergeLayers } from './merge-layers.ts'
import { MachineThread, type MachineListener } from './machine-thread.ts'
import { MachineViews } from './machine-views.ts'
import { Hold } from './hold.ts'
import { thumbnail } from './thumbnail.ts'

/** How long a machine gets to close its images once its host has gone. */
const ORPHANED_MS = 2000

/** The host's end of a serial port. */
export interface SerialLink {
  /** Where a person connects to it; null when there is no such place. */
  readonly place: string | null
  /** Throws an error of the host when it cannot take them. */
  fromGuest(bytes: Uint8Array): void
  close(): void
}

/** What the service needs of the process that it lives in. */
export interface VmHost {
  /** The process has got its machine. */
  begin(): void
  /** Throws `option-invalid`. Null for a port that leads nowhere. */
  openSerial(target: SerialLinkTarget, toGuest: (bytes: Uint8Array) => void): Promise<SerialLink | null>
  /** Processor time that the process has taken, and memory that it holds. */
  usage(): { cpuMs: number; memoryBytes: number }
  /** Ranks the process for the host's scheduler. Throws `priority-refused`. */
  setPriority(priority: VmExecution['priority']): void
  /** Puts the file in place whole or not at all. */
  writeFile(path: string, contents: Uint8Array): Promise<void>
  /** Returns when what any program wrote to the file is on the host's disk; others get their turn meanwhile. */
  syncFile(path: string): Promise<void>
}

/** Serves one machine to its host over the control channel; windows get at it through `views`. */
export class VmService {
  readonly views = new MachineViews()
  #thread: MachineThread | null = null
  #links: (SerialLink | null)[] = []
  /** What was noted for a snapshot and is not written yet. */
  #capture: MachineCapture | null = null
  /** What lets the merge of layers rest, and ends it. */
  #merging = { hold: new Hold(), stop: new AbortController() }
  #stoppedAtMs = 0
  /** How long the guest stood for it. */
  #stoodMs = 0

  /**
   * @param worker one that `prepareWorker` has made
   * @param onEnd called after the machine has ended and everybody has been told, or the host has gone
   */
  constructor(
    private readonly worker: Worker,
    control: Channel,
    private readonly host: VmHost,
    private readonly onEnd: () => void,
  ) {
    const server: RpcServer<VmContract> = new RpcServer(
      vmContract,
      control,
      this.#calls({
        onState: (state) => server.emit('state', state),
        onFault: (fault) => server.emit('fault', fault),
      }),
      {},
      () => void this.#powerOff(ORPHANED_MS).finally(onEnd),
    )
  }

  get #running(): MachineThread {
    if (!this.#thread) throw new RpcError('not-running')
    return this.#thread
  }

  #calls(tell: Required<Pick<MachineListener, 'onState' | 'onFault'>>): CallHandlers<VmContract> {
    const { views } = this
    return {
      start: async ({ config, serial, execution, clipboard, restore, allowChangedMedia, secrets }) => {
        if (this.#thread) throw new RpcError('already-running')
        const listener = {
          onState: (now: MachineState) => {
            tell.onState(now)
            views.onState(now)
          },
          onSerial: (port: number, bytes: Uint8Array) => {
            views.onSerial(port, bytes)
            this.#sendOn(port, bytes, tell.onFault)
          },
          onPointer: (absolute: boolean) => views.onPointer(absolute),
          onText: () => views.onText(),
          onFault: tell.onFault,
          onStats: (stats: VmStats) => views.onStats(stats),
          onFrame: (view: number, buffer: ArrayBuffer) => views.onFrame(view, buffer),
        }
        this.host.begin()
        this.host.setPriority(execution.priority)
        // The links come first: what cannot be opened keeps the machine off.
        await this.#openLinks(serial)
        const thread = new MachineThread(this.worker, config, listener, {
          state: restore,
          allowChangedMedia,
          secrets,
        })
        this.#thread = thread
        // They are there before its first instruction; a guest that runs would let each wait.
        const settings = Promise.all([
          thread.ask('setCap', execution.capPercent),
          thread.ask('allowClipboard', clipboard),
        ])
        settings.catch(() => {}) // why it could not be built counts more
        views.attach(
          thread,
          await thread.ready,
          this.#links.map((link) => link?.place ?? null),
        )
        void thread.ended.then(() => this.#end())
        await settings
      },
      stateRead: async () => {
        if (await this.#running.isStateWhole) return
        throw new RpcError('state-invalid', { device: 'state file', reason: because('state-damaged') })
      },
      pause: () => this.#running.ask('pause'),
      resume: async () => {
        await this.#running.ask('resume')
        this.#stoodMs = performance.now() - this.#stoppedAtMs
      },
      setExecution: async ({ capPercent, priority }) => {
        await this.#running.ask('setCap', capPercent)
        this.host.setPriority(priority)
      },
      setClipboard: ({ direction }) => this.#running.ask('allowClipboard', direction),
      reset: () => this.#running.ask('reset'),
      powerButton: () => this.#running.ask('powerButton'),
      powerOff: () => this.#powerOff(),
      saveState: async ({ path }) => {
        const thread = this.#running
        const wasRunning = thread.state?.kind === 'running'
        await thread.ask('pause')
        try {
          await this.host.writeFile(path, await thread.ask('save'))
        } catch (error) {
          if (wasRunning) await thread.ask('resume')
          throw error
        }
      },
      freeze: async ({ layers }) => {
        const thread = this.#running
        const room = roomFor(await thread.ask('captureBytes'))
        // Piece by piece and drive by drive, so that the guest runs in between.
        while (await thread.ask('bringIn'));
        for (let bay = 0; await thread.ask('lookAt', bay);) bay++
        this.#stoppedAtMs = performance.now()
        await thread.ask('pause')
        this.#capture = await thread.ask('freeze', layers, room)
      },
      thaw: async () => {
        this.#capture = null
        await this.#running.ask('thaw')
      },
      keepState: async ({ path }, task) => {
        const capture = this.#capture
        if (!capture)
          throw new RpcError('bad-request', { name: 'keepState', reason: because('state-not-noted') })
        this.#capture = null
        await this.host.writeFile(path, await packCapture(capture, task))
        return { stoodMs: this.#stoodMs }
      },
      mergeLayers: (layers, { progress }) => {
        const stop = (this.#merging.stop = new AbortController())
        const { hold } = this.#merging
        return mergeLayers(this.#running, layers, (path) => this.host.syncFile(path), hold, {
          signal: stop.signal,
          progress,
        })
      },
      holdMerge: ({ isHeld }) => this.#merging.hold.set(isHeld),
      stopMerge: () => this.#merging.stop.abort(),
      endMerge: ({ isMerged }) => this.#running.ask('endMerge', isMerged),
      usage: async () => {
        const { frames, instructions, lines, drives } = await this.#running.ask('stats')
        const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0)
        return {
          ...this.host.usage(),
          atMs: performance.now(),
          bytesRead: sum(drives.map(({ bytesRead }) => bytesRead)),
          bytesWritten: sum(drives.map(({ bytesWritten }) => bytesWritten)),
          frames,
          interrupts: sum(Object.values(lines)),
          instructions,
        }
      },
      thumbnail: async () => thumbnail(await this.#running.ask('picture')).toString('base64'),
      insert: ({ drive, path, readonly }) => this.#running.ask('insert', drive, path, { readonly }),
      eject: ({ drive }) => this.#running.ask('eject', drive),
    }
  }

  async #openLinks(targets: readonly SerialLinkTarget[]): Promise<void> {
    for (const [port, target] of targets.entries())
      this.#links[port] = await this.host.openSerial(target, (bytes) =>
        this.#thread?.post({ kind: 'serial', port, bytes }),
      )
  }

  /** A link that the host fails is given up, and the user told: the machine goes on without it. */
  #sendOn(port: number, bytes: Uint8Array, tell: (fault: HostFault) => void): void {
    const link = this.#links[port]
    try {
      link?.fromGuest(bytes)
    } catch (error) {
      this.#links[port] = null
      link?.close()
      const path = link?.place ?? `COM${port + 1}`
      const { kind, reason } = hostFailure(error, path, 'file-written-no-more')
      tell({ drive: null, operation: 'write', path, kind, reason })
    }
  }

  #end(): void {
    for (const link of this.#links) link?.close()
    this.onEnd()
  }

  async #powerOff(limitMs?: number): Promise<void> {
    await this.#thread?.powerOff(limitMs)
  }
}
