import * as v from 'valibot'
import { because, technical, type Reason } from '../../engine/protocol/reasons.ts'
import { describe, expect, it } from 'vitest'
import { channelPair, type Channel } from '../../engine/protocol/channel.ts'
import { MachineConfig } from '../../engine/protocol/machine-config.ts'
import { RpcError, RpcServer } from '../../engine/protocol/rpc.ts'
import { vmContract, type VmContract } from '../../engine/protocol/vm-contract.ts'
import type { HostFault } from '../../engine/protocol/vm.ts'
import { Supervisor } from './supervisor.ts'
import type { VmProcess } from './vm-process.ts'

const order = {
  config: v.parse(MachineConfig, { version: 1 }),
  serial: [],
  restore: null,
  allowChangedMedia: false,
}

/** The process of a machine that does what it is told, until the test ends it. */
class ObedientProcess implements VmProcess {
  readonly control: Channel
  readonly server: RpcServer<VmContract>
  refuses = false
  deaf = false
  /** Its machine has ended long before it does. */
  lingers = false
  #far: Channel
  #exit: (how: Reason) => void = () => {}

  constructor() {
    const [near, far] = channelPair()
    this.control = near
    this.#far = far
    const tell = (kind: 'running' | 'paused' | 'off') => this.server.emit('state', { kind })
    this.server = new RpcServer<VmContract>(
      vmContract,
      far,
      {
        start: () => {
          if (this.refuses)
            throw new RpcError('file-unusable', { path: 'a.img', reason: technical('it is locked') })
          tell('running')
          return undefined
        },
        stateRead: () => undefined,
        pause: () => tell('paused'),
        resume: () => tell('running'),
        setExecution: () => undefined,
        setClipboard: () => undefined,
        reset: () => undefined,
        powerButton: () => undefined,
        powerOff: () => {
          if (this.deaf) return undefined
          tell('off')
          if (!this.lingers) setTimeout(() => this.end(because('process-ended', { status: 0 })), 5)
          return undefined
        },
        saveState: () => undefined,
        freeze: () => undefined,
        thaw: () => undefined,
        mergeLayers: () => undefined,
        holdMerge: () => undefined,
        stopMerge: () => undefined,
        endMerge: () => undefined,
        keepState: () => ({ stoodMs: 0 }),
        usage: () => ({
          atMs: performance.now(),
          cpuMs: 250,
          memoryBytes: 1 << 20,
          bytesRead: 512,
          bytesWritten: 0,
          frames: 3,
          interrupts: 18,
          instructions: 1e6,
        }),
        thumbnail: () => '',
        insert: () => undefined,
        eject: () => undefined,
      },
      {},
    )
  }

  onExit(listener: (how: Reason) => void): void {
    this.#exit = listener
  }

  end(how: Reason): void {
    this.#far.close()
    setTimeout(() => this.#exit(how))
  }

  kill(): void {
    this.end(because('process-killed', { signal: 'SIGKILL' }))
  }
}

function powerOn(prepare: (process: ObedientProcess) => void = () => {}) {
  const processes: ObedientProcess[] = []
  const changes: string[] = []
  const faults: [string, HostFault][] = []
  const supervisor: Supervisor<ObedientProcess> = new Supervisor(
    () => {
      const process = new ObedientProcess()
      prepare(process)
      processes.push(process)
      return process
    },
    (id) => changes.push(`${id} ${supervisor.status(id).state}`),
    (id, fault) => faults.push([id, fault]),
  )
  return { supervisor, processes, changes, faults }
}
const turn = () => new Promise((resolve) => setTimeout(resolve, 20))

describe('supervisor', () => {
  it('starts a process, follows its machine, and ends with it', async () => {
    const { supervisor, changes } = powerOn()
    await supervisor.start('a', order)
    await supervisor.client('a').call('pause', undefined)
    await supervisor.powerOff('a')
    expect(changes).toEqual(['a starting', 'a running', 'a paused', 'a off', 'a off'])
    expect(supervisor.status('a')).toEqual({ state: 'off', reason: null })
  })

  it('hands on why a machine could not be built, and leaves it off', async () => {
    const { supervisor } = powerOn((process) => (process.refuses = true))
    await expect(supervisor.start('a', order)).rejects.toMatchObject({
      code: 'file-unusable',
      details: { reason: technical('it is locked') },
    })
    expect(supervisor.status('a')).toEqual({ state: 'off', reason: null })
  })

  it('makes a machine whose process dies aborted, and no other', async () => {
    const { supervisor, processes } = powerOn()
    await supervisor.start('a', order)
    await supervisor.start('b', order)
    processes[0]!.end(because('process-killed', { signal: 'SIGSEGV' }))
    await turn()
    expect(supervisor.status('a')).toEqual({
      state: 'aborted',
      reason: because('process-killed', { signal: 'SIGSEGV' }),
    })
    expect(supervisor.status('b').state).toBe('running')
    await supervisor.start('a', order)
    expect(supervisor.status('a').state).toBe('running')
  })

  it('hands on what of the host failed a machine, which runs on', async () => {
    const { supervisor, processes, faults } = powerOn()
    await supervisor.start('a', order)
    const fault = {
      drive: 'ide0-master',
      operation: 'write',
      path: 'a.img',
      kind: 'full',
      reason: because('disk-full'),
    } as const
    processes[0]!.server.emit('fault', fault)
    await turn()
    expect(faults).toEqual([['a', fault]])
    expect(supervisor.status('a').state).toBe('running')
  })

  it('says why a guest paused by itself, until it runs again', async () => {
    const { supervisor, processes } = powerOn()
    await supervisor.start('a', order)
    const reason = because('of-file', { path: 'a.img', reason: because('disk-full') })
    processes[0]!.server.emit('state', { kind: 'paused', reason: reason })
    await turn()
    expect(supervisor.status('a')).toEqual({ state: 'paused', reason })
    processes[0]!.server.emit('state', { kind: 'running' })
    await turn()
    expect(supervisor.status('a')).toEqual({ state: 'running', reason: null })
  })

  it('keeps the reason of a guest that brought its machine down', async () => {
    const { supervisor, processes } = powerOn()
    await supervisor.start('a', order)
    processes[0]!.server.emit('state', { kind: 'crashed', reason: because('triple-fault') })
    processes[0]!.end(because('process-ended', { status: 0 }))
    await turn()
    expect(supervisor.status('a')).toEqual({ state: 'aborted', reason: because('triple-fault') })
  })

  it('refuses a second start, and commands to what does not run', async () => {
    const { supervisor } = powerOn()
    expect(() => supervisor.client('a')).toThrow(expect.objectContaining({ code: 'vm-busy' }))
    await supervisor.start('a', order)
    await expect(supervisor.start('a', order)).rejects.toMatchObject({
      code: 'vm-busy',
      details: { state: 'running' },
    })
  })

  it('starts again a machine whose process is still ending', async () => {
    const { supervisor, processes } = powerOn()
    await supervisor.start('a', order)
    processes[0]!.server.emit('state', { kind: 'off' })
    await turn()
    const again = supervisor.start('a', order)
    processes[0]!.end(because('process-ended', { status: 0 }))
    await again
    expect(supervisor.status('a').state).toBe('running')
    expect(processes).toHaveLength(2)
  })

  it('has a machine off that has closed everything, whose process is still there', async () => {
    const { supervisor, processes } = powerOn((process) => (process.lingers = true))
    await supervisor.start('a', order)
    await supervisor.powerOff('a')
    expect(supervisor.process('a')).toBeNull()
    await supervisor.start('a', order)
    processes[0]!.end(because('process-killed', { signal: 'SIGKILL' }))
    await turn()
    expect(supervisor.status('a')).toEqual({ state: 'running', reason: null })
    processes[1]!.lingers = false
    await supervisor.close()
    expect(supervisor.live).toEqual([])
  })

  it('believes no process that talks nonsense', async () => {
    const { supervisor, processes } = powerOn()
    await supervisor.start('a', order)
    processes[0]!.server.emit('state', { kind: 'exploded' } as never)
    await turn()
    expect(supervisor.status('a').state).toBe('running')
  })
})
