import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { channelPair } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract } from '../../engine/protocol/host-contract.ts'
import { RpcClient, RpcServer } from '../../engine/protocol/rpc.ts'
import { vmContract, type VmContract } from '../../engine/protocol/vm-contract.ts'
import type { VmSummary } from '../../engine/protocol/vm.ts'
import { HostService } from './host-service.ts'
import type { VmProcess } from './vm-process.ts'

let folder: string
let host: HostService<VmProcess>
let told: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-host-'))
  told = []
  host = await HostService.open(folder, startProcess)
  await writeFile(join(folder, 'media', 'disk one.img'), new Uint8Array(1_474_560))
  await writeFile(join(folder, 'media', 'disk two.img'), new Uint8Array(737_280))
})
afterEach(async () => {
  await host.close()
  await rm(folder, { recursive: true })
})

/** A process that notes what its machine is told. */
function startProcess(): VmProcess {
  const [control, far] = channelPair()
  let exit: (how: string) => void = () => {}
  const note = (text: string) => void told.push(text)
  const server: RpcServer<VmContract> = new RpcServer<VmContract>(
    vmContract,
    far,
    {
      start: ({ config }) => {
        note(`start ${config.memoryMiB} ${config.drives.map(({ path }) => path).join()}`)
        server.emit('state', { kind: 'running' })
      },
      pause: () => note('pause'),
      resume: () => note('resume'),
      reset: () => note('reset'),
      powerButton: () => note('power button'),
      powerOff: () => {
        server.emit('state', { kind: 'off' })
        setTimeout(() => exit('ended with status 0'))
      },
      insert: ({ drive, path }) => note(`insert ${drive} ${path}`),
      eject: ({ drive }) => note(`eject ${drive}`),
    },
    {},
  )
  return { control, onExit: (listener) => (exit = listener), kill: () => exit('was ended by SIGKILL') }
}

function connect() {
  const [near, far] = channelPair()
  host.serve(far)
  const client = new RpcClient<HostContract>(hostContract, near)
  const seen: VmSummary[] = []
  client.on('changed', (machine) => seen.push(machine))
  return { client, seen }
}
const media = (name: string) => join(folder, 'media', name)

describe('host service', () => {
  it('creates a machine whose drive suits the image, and tells every client', async () => {
    const [one, other] = [connect(), connect()]
    const made = await one.client.call('create', { name: 'DOS', memoryMiB: 16, image: 'media:disk one.img' })
    expect(made).toMatchObject({
      id: 'dos',
      state: 'off',
      drives: [
        { kind: 'floppy', name: 'disk one.img' },
        { kind: 'cdrom', name: null },
      ],
    })
    await other.client.call('list', undefined)
    expect(other.seen.map(({ id }) => id)).toEqual(['dos'])
  })

  it('runs it, passes commands on, and remembers a disk that was changed', async () => {
    const { client, seen } = connect()
    const { id } = await client.call('create', { name: 'DOS', memoryMiB: 16, image: 'media:disk one.img' })
    await client.call('start', { id })
    await client.call('reset', { id })
    await client.call('insert', { id, drive: 'floppy0', image: 'media:disk two.img' })
    expect(told).toEqual([
      `start 16 ${media('disk one.img')},`,
      'reset',
      `insert floppy0 ${media('disk two.img')}`,
    ])
    await client.call('powerOff', { id })
    await vi.waitFor(() => expect(seen.at(-1)!.state).toBe('off'))
    expect(seen.at(-1)!.drives.map(({ name }) => name)).toEqual(['disk two.img', null])
    await client.call('start', { id })
    await client.call('eject', { id, drive: 'floppy0' })
    expect((await client.call('list', undefined))[0]!.drives[0]!.name).toBeNull()
  })

  it('refuses images it did not offer, and machines it does not know', async () => {
    const { client } = connect()
    const wish = { name: 'X', memoryMiB: 16 }
    await expect(client.call('create', { ...wish, image: '/etc/passwd' })).rejects.toMatchObject({
      code: 'image-unknown',
    })
    await expect(client.call('create', { ...wish, memoryMiB: 4000, image: null })).rejects.toMatchObject({
      code: 'bad-request',
    })
    await expect(client.call('start', { id: '../x' })).rejects.toMatchObject({ code: 'bad-request' })
    await expect(client.call('start', { id: 'nobody' })).rejects.toMatchObject({ code: 'vm-unknown' })
    expect(await client.call('list', undefined)).toEqual([])
  })

  it('removes a machine that runs', async () => {
    const { client } = connect()
    const removed: string[] = []
    client.on('removed', ({ id }) => removed.push(id))
    const { id } = await client.call('create', { name: 'Gone', memoryMiB: 16, image: null })
    await client.call('start', { id })
    await client.call('remove', { id })
    expect(await client.call('list', undefined)).toEqual([])
    expect(removed).toEqual([id])
  })

  it('lists what is damaged, with the reason', async () => {
    await mkdir(join(folder, 'machines', 'bad'))
    const { client } = connect()
    expect(await client.call('list', undefined)).toMatchObject([
      { id: 'bad', state: 'inaccessible', reason: 'vm.json is missing' },
    ])
    await expect(client.call('start', { id: 'bad' })).rejects.toMatchObject({ code: 'vm-inaccessible' })
  })
})
