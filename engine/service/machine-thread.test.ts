import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { channelPair } from '../protocol/channel.ts'
import { MachineConfig } from '../protocol/machine-config.ts'
import { because, technical } from '../protocol/reasons.ts'
import { RpcClient } from '../protocol/rpc.ts'
import {
  viewContract,
  vmContract,
  type MachineState,
  type ViewContract,
  type VmContract,
} from '../protocol/vm-contract.ts'
import type { HostFault } from '../protocol/vm.ts'
import { MachineThread, type MachineListener } from './machine-thread.ts'
import { prepareWorker } from './prepare-worker.ts'
import { VmService, type SerialLink, type VmHost } from './vm-service.ts'

/**
 * Stands for the machine's worker: it speaks its messages, echoes keys to the serial port, and ends as the
 * name of the firmware says.
 */
const WORKER = `
  import { parentPort } from 'node:worker_threads'
  const post = (message) => parentPort.postMessage(message)
  parentPort.once('message', ({ config }) => main(config.firmware))
  function main(mode) {
  if (mode === 'refuse') post({ kind: 'refused', error: { code: 'file-unusable', details: { path: 'a', reason: { key: 'technical', values: { text: 'locked' } } } } })
  else {
    post({ kind: 'ready', serialPorts: 2, accelerator: { name: 'interpreter', reason: { key: 'technical', values: { text: 'a test' } } } })
    post({ kind: 'state', state: { kind: 'running' } })
    if (mode === 'throw') setTimeout(() => { throw new Error('out of luck') }, 20)
    if (mode === 'exit') setTimeout(() => process.exit(3), 20)
    if (mode === 'fault') post({ kind: 'fault', fault: { drive: 'floppy0', operation: 'read', path: 'a.img', kind: 'gone', reason: { key: 'file-cut-short', values: {} } } })
    parentPort.on('message', (message) => {
      if (message.kind === 'key') post({ kind: 'serial', port: 0, bytes: new TextEncoder().encode((message.pressed ? '+' : '-') + message.code + ' ') })
      if (message.kind === 'watch-stats') post({ kind: 'pointer', absolute: message.on })
      if (message.kind !== 'request') return
      if (message.name === 'eject') post({ kind: 'error', id: message.id, error: { code: 'option-invalid', details: { option: message.args[0], reason: { key: 'technical', values: { text: 'no' } } } } })
      else post({ kind: 'answer', id: message.id, value: message.name === 'screenText' ? null : undefined })
      if (message.name === 'powerOff' && mode !== 'deaf') {
        post({ kind: 'state', state: { kind: 'off' } })
        post({ kind: 'closed' })
        parentPort.close()
      }
    })
  }
  }
`

let folder: string
let script: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-worker-'))
  script = join(folder, 'worker.mjs')
  await writeFile(script, WORKER)
})
afterAll(() => rm(folder, { recursive: true }))

const configOf = (mode?: string) => v.parse(MachineConfig, { version: 1, ...(mode && { firmware: mode }) })

function start(mode?: string) {
  const states: MachineState[] = []
  let serial = ''
  const listener: MachineListener = {
    onState: (state) => void states.push(state),
    onSerial: (_, bytes) => (serial += new TextDecoder().decode(bytes)),
  }
  return {
    thread: new MachineThread(prepareWorker(script), configOf(mode), listener),
    states,
    serial: () => serial,
  }
}

describe('machine thread', () => {
  it('hands on why a machine cannot be built', async () => {
    const { thread, states } = start('refuse')
    await expect(thread.ready).rejects.toMatchObject({
      code: 'file-unusable',
      details: { reason: technical('locked') },
    })
    await thread.ended
    expect(states).toEqual([])
  })

  it.each([
    ['throw', technical('out of luck')],
    ['exit', because('thread-ended', { code: 3 })],
  ])('makes a failed machine of a thread that ends by itself (%s)', async (mode, reason) => {
    const { thread, states } = start(mode)
    await thread.ready
    await thread.ended
    expect(states.at(-1)).toEqual({ kind: 'failed', reason })
    await expect(thread.ask('screenText')).rejects.toMatchObject({ code: 'disconnected' })
  })

  it('asks, and hears refusals with their code', async () => {
    const { thread, states } = start()
    await thread.ready
    expect(await thread.ask('screenText')).toBeNull()
    await expect(thread.ask('eject', 'floppy7')).rejects.toMatchObject({
      code: 'option-invalid',
      details: { option: 'floppy7' },
    })
    await thread.powerOff()
    expect(states.at(-1)).toEqual({ kind: 'off' })
  })

  it('types with shift where the character needs it', async () => {
    const { thread, serial } = start()
    await thread.ready
    await thread.type('aB\n')
    await thread.powerOff()
    expect(serial().trim().split(' ')).toEqual([
      '+KeyA',
      '-KeyA',
      '+ShiftLeft',
      '+KeyB',
      '-KeyB',
      '-ShiftLeft',
      '+Enter',
      '-Enter',
    ])
  })
})

/** A process without serial links or files. */
const HOST: VmHost = {
  begin: () => {},
  openSerial: () => Promise.resolve(null),
  writeFile: () => Promise.reject(new Error('nothing is written here')),
  syncFile: () => Promise.resolve(),
  setPriority: () => {},
  usage: () => ({ cpuMs: 0, memoryBytes: 0 }),
}

describe('vm service', () => {
  async function serve(mode?: string, machineHost: VmHost = HOST) {
    const [host, far] = channelPair()
    const ended = new Promise<void>((resolve) => {
      service = new VmService(prepareWorker(script), far, machineHost, resolve)
    })
    const control = new RpcClient<VmContract>(vmContract, host)
    const faults: HostFault[] = []
    control.on('fault', (fault) => void faults.push(fault))
    await control.call('start', {
      config: configOf(mode),
      serial: [{ kind: 'file', path: '/tmp/com1' }],
      restore: null,
      allowChangedMedia: false,
    })
    return { control, ended, host, faults }
  }
  let service: VmService

  function view() {
    const [near, far] = channelPair()
    const client = new RpcClient<ViewContract>(viewContract, near)
    let serial = ''
    client.on('serial', ({ data }) => (serial += data))
    const opened = new Promise<{ view: string; serialPorts: number }>((resolve) =>
      client.on('opened', resolve),
    )
    service.views.open(far, 'name')
    return { client, near, opened, serial: () => serial }
  }

  it('tells each view its name, and a later one what the serial ports said before', async () => {
    const { control, ended } = await serve()
    const first = view()
    expect(await first.opened).toMatchObject({ view: 'name', serialPorts: 2 })
    await first.client.call('type', { text: 'x' })
    const second = view()
    await second.opened
    await second.client.call('screenText', undefined)
    expect(second.serial()).toBe('+KeyX -KeyX ')
    await control.call('powerOff', undefined)
    await ended
  })

  it('lets go of the keys of a view that leaves', async () => {
    const { control, ended } = await serve()
    const leaving = view()
    await leaving.opened
    leaving.client.notify('key', { code: 'KeyQ', pressed: true })
    await leaving.client.call('screenText', undefined)
    leaving.near.close()
    const staying = view()
    await staying.client.call('screenText', undefined)
    expect(staying.serial()).toBe('+KeyQ -KeyQ ')
    await control.call('powerOff', undefined)
    await ended
  })

  it('tells its host of a file that fails the machine', async () => {
    const { control, ended, faults } = await serve('fault')
    await control.call('pause', undefined)
    expect(faults).toEqual([
      { drive: 'floppy0', operation: 'read', path: 'a.img', kind: 'gone', reason: because('file-cut-short') },
    ])
    await control.call('powerOff', undefined)
    await ended
  })

  it('gives up a serial link that the host fails, says so once, and goes on', async () => {
    let closed = 0
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    const link: SerialLink = {
      place: '/tmp/com1',
      fromGuest: () => {
        throw full
      },
      close: () => void closed++,
    }
    const { control, ended, faults } = await serve(undefined, {
      ...HOST,
      openSerial: () => Promise.resolve(link),
    })
    const { client, opened, serial } = view()
    await opened
    await client.call('type', { text: 'ab' })
    await client.call('screenText', undefined)
    expect(serial()).toBe('+KeyA -KeyA +KeyB -KeyB ')
    expect(faults).toEqual([
      {
        drive: null,
        operation: 'write',
        path: '/tmp/com1',
        kind: 'full',
        reason: because('disk-full'),
      },
    ])
    expect(closed).toBe(1)
    await control.call('powerOff', undefined)
    await ended
  })

  it('ends its machine when its host has gone', async () => {
    const { host, ended } = await serve()
    host.close()
    await ended
  })
})
