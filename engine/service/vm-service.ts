import type { Channel } from '../protocol/channel.ts'
import { RpcError, RpcServer, type CallHandlers } from '../protocol/rpc.ts'
import { vmContract, type VmContract } from '../protocol/vm-contract.ts'
import { MachineThread } from './machine-thread.ts'
import { MachineViews } from './machine-views.ts'

/** Serves one machine to its host over the control channel; windows get at it through `views`. */
export class VmService {
  readonly views = new MachineViews()
  #thread: MachineThread | null = null

  /**
   * @param script file of the bundled machine-worker.ts
   * @param onEnd called after the machine has ended and everybody has been told, or the host has gone
   */
  constructor(
    private readonly script: string,
    control: Channel,
    private readonly onEnd: () => void,
  ) {
    const server: RpcServer<VmContract> = new RpcServer(
      vmContract,
      control,
      this.#calls((state) => server.emit('state', state)),
      {},
      () => void this.#powerOff().finally(onEnd),
    )
  }

  get #running(): MachineThread {
    if (!this.#thread) throw new RpcError('not-running')
    return this.#thread
  }

  #calls(tell: (state: Parameters<MachineViews['onState']>[0]) => void): CallHandlers<VmContract> {
    const { views } = this
    return {
      start: async ({ config }) => {
        if (this.#thread) throw new RpcError('already-running')
        const thread = new MachineThread(this.script, config, {
          onState: (state) => {
            tell(state)
            views.onState(state)
          },
          onSerial: (port, bytes) => views.onSerial(port, bytes),
          onPointer: (absolute) => views.onPointer(absolute),
          onStats: (stats) => views.onStats(stats),
          onFrame: (view, buffer) => views.onFrame(view, buffer),
        })
        this.#thread = thread
        views.attach(thread, await thread.ready)
        void thread.ended.then(this.onEnd)
      },
      pause: () => this.#running.ask('pause'),
      resume: () => this.#running.ask('resume'),
      reset: () => this.#running.ask('reset'),
      powerButton: () => this.#running.ask('powerButton'),
      powerOff: () => this.#powerOff(),
      insert: ({ drive, path, readonly }) => this.#running.ask('insert', drive, path, { readonly }),
      eject: ({ drive }) => this.#running.ask('eject', drive),
    }
  }

  async #powerOff(): Promise<void> {
    await this.#thread?.powerOff()
  }
}
