import { because, type Reason } from '../../engine/protocol/reasons.ts'
import { RpcClient, RpcError } from '../../engine/protocol/rpc.ts'
import type * as v from 'valibot'
import { vmContract, type MachineState, type VmContract } from '../../engine/protocol/vm-contract.ts'
import type { HostFault, VmState } from '../../engine/protocol/vm.ts'
import type { VmProcess } from './vm-process.ts'

/** How long a process gets to end by itself once told to. */
const END_MS = 8000

export interface VmStatus {
  state: Exclude<VmState, 'inaccessible' | 'saved'>
  reason: Reason | null
}

/** What a machine starts with. */
export type StartOrder = v.InferInput<(typeof vmContract)['calls']['start']['params']>

interface Running<P> {
  process: P
  client: RpcClient<VmContract>
  status: VmStatus
  /** Settles when it holds nothing any more: no image, no port, no memory that counts. Its process may yet have to go. */
  ended: Promise<void>
  /** Notes that, and how it came about. */
  end(how: Reason): void
  /** Settles when its process has gone. */
  gone: Promise<void>
}

/** A machine that runs. */
export interface StartedMachine {
  /** Settles when the state that it began from is needed no more; rejects with `state-invalid` where it is damaged. */
  stateRead: Promise<void>
}

/**
 * One process per running machine. Whatever happens to a process happens to its machine alone: it becomes
 * `aborted` with the reason, and can be started again.
 */
export class Supervisor<P extends VmProcess> {
  #running = new Map<string, Running<P>>()
  #aborted = new Map<string, Reason>()
  /** Processes that are there. */
  #processes = new Set<Promise<void>>()

  /**
   * @param onChange told after each change of a machine's status
   * @param onFault told what of the host failed a machine
   */
  constructor(
    private readonly startProcess: (id: string) => P,
    private readonly onChange: (id: string) => void,
    private readonly onFault: (id: string, fault: HostFault) => void,
  ) {}

  status(id: string): VmStatus {
    const running = this.#running.get(id)
    if (running) return running.status
    const reason = this.#aborted.get(id) ?? null
    return { state: reason === null ? 'off' : 'aborted', reason }
  }

  /** The process of a machine that runs, to open views on. */
  process(id: string): P | null {
    return this.#running.get(id)?.process ?? null
  }

  async start(id: string, order: StartOrder): Promise<StartedMachine> {
    const earlier = this.#running.get(id)
    if (earlier && isLive(earlier.status)) throw new RpcError('vm-busy', { id, state: earlier.status.state })
    await earlier?.ended // its machine has ended already, and its process is about to
    this.#aborted.delete(id)
    const running = this.#spawn(id)
    this.onChange(id)
    try {
      await running.client.call('start', order)
      const stateRead = running.client.call('stateRead', undefined)
      stateRead.catch(() => {}) // whoever wants to know hears of it
      return { stateRead }
    } catch (error) {
      // A machine that could not be built is off, and the caller hears why; one whose process died stays aborted.
      if (this.#running.get(id) === running) {
        running.status = { state: 'off', reason: null }
        running.process.kill()
        await running.ended
      }
      throw error
    }
  }

  /** The machine, to be told something. Throws `vm-busy` when it is not running. */
  client(id: string): RpcClient<VmContract> {
    const running = this.#running.get(id)
    if (!running || !isLive(running.status))
      throw new RpcError('vm-busy', { id, state: this.status(id).state })
    return running.client
  }

  /** Pulls the plug, and ends the process when it does not end by itself. Returns when the machine has closed everything. */
  async powerOff(id: string): Promise<void> {
    const running = this.#running.get(id)
    if (!running) return this.forget(id)
    const timer = setTimeout(() => running.process.kill(), END_MS)
    void running.gone.then(() => clearTimeout(timer))
    // It answers when its images are closed. Nobody has to wait until its process has given back its memory, too.
    running.client.call('powerOff', undefined).then(
      () => {
        if (!isLive(running.status)) running.end(because('process-ended', { status: 0 }))
      },
      () => {}, // its end is what counts
    )
    await running.ended
  }

  /** Settles when no process runs the machine any more. */
  async ended(id: string): Promise<void> {
    await this.#running.get(id)?.ended
  }

  /** Forgets why a machine was aborted. */
  forget(id: string): void {
    if (this.#aborted.delete(id)) this.onChange(id)
  }

  /** Machines that run or are paused. */
  get live(): string[] {
    return [...this.#running].flatMap(([id, { status }]) => (isLive(status) ? [id] : []))
  }

  /** Pulls every plug. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.powerOff(id)))
    await Promise.all(this.#processes)
  }

  #spawn(id: string): Running<P> {
    const process = this.startProcess(id)
    const client = new RpcClient<VmContract>(vmContract, process.control)
    let settle = (): void => {}
    const ended = new Promise<void>((resolve) => (settle = resolve))
    const end = (how: Reason): void => {
      if (this.#running.get(id) !== running) return
      const { state, reason } = running.status
      if (state === 'aborted') this.#aborted.set(id, reason ?? how)
      else if (state !== 'off') this.#aborted.set(id, how)
      this.#running.delete(id)
      this.onChange(id)
      settle()
    }
    const gone = new Promise<void>((resolve) =>
      process.onExit((how) => {
        end(how)
        resolve()
      }),
    )
    this.#processes.add(gone)
    void gone.then(() => this.#processes.delete(gone))
    const running: Running<P> = {
      process,
      client,
      status: { state: 'starting', reason: null },
      ended,
      end,
      gone,
    }
    client.on('state', (state) => {
      running.status = statusOf(state)
      this.onChange(id)
    })
    client.on('fault', (fault) => this.onFault(id, fault))
    this.#running.set(id, running)
    return running
  }
}

const isLive = ({ state }: VmStatus): boolean =>
  state === 'starting' || state === 'running' || state === 'paused'

function statusOf(state: MachineState): VmStatus {
  switch (state.kind) {
    case 'paused':
      return { state: 'paused', reason: state.reason ?? null }
    case 'running':
    case 'off':
      return { state: state.kind, reason: null }
    case 'debug-exit':
      return { state: 'off', reason: null }
    case 'crashed':
    case 'failed':
      return { state: 'aborted', reason: state.reason }
  }
}
