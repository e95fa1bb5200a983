import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { channelPair } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract } from '../../engine/protocol/host-contract.ts'
import { because, technical, type Reason } from '../../engine/protocol/reasons.ts'
import { RpcClient, RpcError, RpcServer } from '../../engine/protocol/rpc.ts'
import { vmContract, type VmContract } from '../../engine/protocol/vm-contract.ts'
import type { HostFault, VmSummary } from '../../engine/protocol/vm.ts'
import { HostService } from './host-service.ts'
import type { VmProcess } from './vm-process.ts'

let folder: string
let host: HostService<VmProcess>
/** What a machine says of the state that it began from, once it runs. */
let isStateDamaged: boolean
let told: string[]
/** Says that the host failed the machine that was started last. */
let failMachine: (fault: HostFault) => void
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-host-'))
  told = []
  isStateDamaged = false
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
  let exit: (how: Reason) => void = () => {}
  const note = (text: string) => void told.push(text)
  const server: RpcServer<VmContract> = new RpcServer<VmContract>(
    vmContract,
    far,
    {
      start: ({ config, restore }) => {
        const from = restore === null ? '' : ` from ${restore.split('/').at(-1)}`
        note(`start ${config.memoryMiB} ${config.drives.map(({ path }) => path).join()}${from}`)
        server.emit('state', { kind: 'running' })
      },
      stateRead: () => {
        if (isStateDamaged)
          throw new RpcError('state-invalid', { device: 'state file', reason: technical('it is damaged') })
      },
      pause: () => note('pause'),
      resume: () => note('resume'),
      setExecution: ({ capPercent, priority }) => note(`${capPercent} percent, ${priority}`),
      setClipboard: ({ direction }) => note(`clipboard ${direction}`),
      reset: () => note('reset'),
      powerButton: () => note('power button'),
      powerOff: () => {
        server.emit('state', { kind: 'off' })
        setTimeout(() => exit(because('process-ended', { status: 0 })))
      },
      saveState: ({ path }) => note(`save ${path.split('/').at(-1)}`),
      freeze: ({ layers }) => note(`freeze ${layers.length} disks`),
      thaw: () => note('thaw'),
      mergeLayers: () => note('mergeLayers'),
      holdMerge: () => {},
      stopMerge: () => {},
      endMerge: () => note('endMerge'),
      keepState: async ({ path }) => {
        note('keep state')
        await writeFile(path, 'state')
        return { stoodMs: 1 }
      },
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
      thumbnail: () => 'picture',
      insert: ({ drive, path }) => note(`insert ${drive} ${path}`),
      eject: ({ drive }) => note(`eject ${drive}`),
    },
    {},
  )
  failMachine = (fault) => server.emit('fault', fault)
  return {
    control,
    onExit: (listener) => (exit = listener),
    kill: () => exit(because('process-killed', { signal: 'SIGKILL' })),
  }
}

function connect() {
  const [near, far] = channelPair()
  host.serve(far)
  const client = new RpcClient<HostContract>(hostContract, near)
  const seen: VmSummary[] = []
  client.on('changed', (machine) => seen.push(machine))
  return { client, seen }
}
const WISH = { preset: null, memoryMiB: 16, images: [] as string[], disk: null }
const media = (name: string) => join(folder, 'media', name)

describe('host service', () => {
  it('creates a machine whose drive suits the image, and tells every client', async () => {
    const [one, other] = [connect(), connect()]
    const made = await one.client.call('create', { ...WISH, name: 'DOS', images: ['media:disk one.img'] })
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

  it('tells every client and the log what of the host failed a machine', async () => {
    const clients = [connect(), connect()].map(({ client }) => client)
    const heard: unknown[] = []
    for (const client of clients) client.on('fault', (fault) => heard.push(fault))
    const { id } = await clients[0]!.call('create', { ...WISH, name: 'DOS' })
    await clients[0]!.call('start', { id })
    const fault = {
      drive: 'ide0-master',
      operation: 'write',
      path: '/a.img',
      kind: 'full',
      reason: because('disk-full'),
    } as const
    failMachine(fault)
    const log = await clients[1]!.call('log', { id })
    expect(heard).toEqual([
      { id, fault },
      { id, fault },
    ])
    expect(log.at(-1)).toMatchObject({
      level: 'error',
      text: '/a.img: it could not be written: no room is left on its disk; the guest was given an error of ide0-master and goes on; make room on its disk',
    })
  })

  it('runs it, passes commands on, and remembers a disk that was changed', async () => {
    const { client, seen } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'DOS', images: ['media:disk one.img'] })
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

  it('changes what lies in a drive in the order in which it was asked to', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'DOS', images: ['media:disk one.img'] })
    await client.call('start', { id })
    await Promise.all([
      client.call('insert', { id, drive: 'floppy0', image: 'media:disk two.img' }),
      client.call('eject', { id, drive: 'floppy0' }),
    ])
    expect(told.slice(1)).toEqual([`insert floppy0 ${media('disk two.img')}`, 'eject floppy0'])
    expect((await client.call('list', undefined))[0]!.drives[0]!.name).toBeNull()
  })

  it('refuses images it did not offer, and machines it does not know', async () => {
    const { client } = connect()
    const wish = { ...WISH, name: 'X' }
    await expect(client.call('create', { ...wish, images: ['/etc/passwd'] })).rejects.toMatchObject({
      code: 'image-unknown',
    })
    await expect(client.call('create', { ...wish, memoryMiB: 4000 })).rejects.toMatchObject({
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
    const { id } = await client.call('create', { ...WISH, name: 'Gone' })
    await client.call('start', { id })
    await client.call('remove', { id, files: 'delete' })
    expect(await client.call('list', undefined)).toEqual([])
    expect(removed).toEqual([id])
  })

  it('brings back a machine that was removed, and forgets one for good at the next start', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Back', images: ['media:disk one.img'] })
    await client.call('start', { id })
    await client.call('remove', { id, files: 'delete' })
    await client.call('putBack', { id })
    await client.call('start', { id }) // its lock went with it and is free
    await client.call('remove', { id, files: 'delete' })
    await host.close()
    host = await HostService.open(folder, startProcess)
    await expect(connect().client.call('putBack', { id })).rejects.toMatchObject({ code: 'vm-unknown' })
  })

  it('keeps the files of a machine that was only taken out of the list', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Kept' })
    await client.call('remove', { id, files: 'keep' })
    await host.close()
    host = await HostService.open(folder, startProcess)
    expect(await connect().client.call('putBack', { id })).toMatchObject({ name: 'Kept' })
  })

  it('changes settings, with images by their ids, and names no other file', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Set' })
    const settings = await client.call('settings', { id })
    const drives = [{ ...settings.machine.drives[0]!, path: 'media:disk one.img' }]
    const machine = { ...settings.machine, memoryMiB: 24, drives }
    await client.call('change', { id, settings: { ...settings, notes: 'For games', machine } })
    expect(await client.call('settings', { id })).toMatchObject({
      notes: 'For games',
      machine: { memoryMiB: 24, drives: [{ path: media('disk one.img') }] },
    })
    const elsewhere = { ...machine, drives: [{ ...drives[0]!, path: '/etc/passwd' }] }
    await expect(
      client.call('change', { id, settings: { ...settings, machine: elsewhere } }),
    ).rejects.toMatchObject({ code: 'file-not-chosen' })
    const logging = { ...settings.machine, debug: { exit: false, portLogs: [], console: '/tmp/x' } }
    await expect(
      client.call('change', { id, settings: { ...settings, machine: logging } }),
    ).rejects.toMatchObject({ code: 'bad-request' })
  })

  it('changes settings of a machine with snapshots, which keep to themselves, and calls its disk as before', async () => {
    const { client } = connect()
    const wish = { ...WISH, name: 'Kept', disk: { sizeMiB: 1, format: 'qcow2' as const } }
    const { id } = await client.call('create', wish)
    await client.call('takeSnapshot', { id, name: 'one' })
    const settings = await client.call('settings', { id })
    await client.call('change', { id, settings: { ...settings, notes: 'Has a snapshot' } })
    expect((await client.call('snapshots', { id })).snapshots).toMatchObject([{ name: 'one' }])
    const [machine] = await client.call('list', undefined)
    expect(machine).toMatchObject({ notes: 'Has a snapshot' })
    const file = expect.stringMatching(/^layer-/) as string
    expect(machine!.drives).toContainEqual({ kind: 'disk', name: 'disk.qcow2', file })
  })

  it('lets text go between clipboards while a machine runs, as its settings say', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Copies' })
    await client.call('start', { id })
    const settings = await client.call('settings', { id })
    expect(settings.clipboard).toEqual({ direction: 'off', automatic: false })
    const change = (clipboard: typeof settings.clipboard) =>
      client.call('change', { id, settings: { ...settings, clipboard } })
    await change({ direction: 'to-host', automatic: true })
    expect(told.at(-1)).toBe('clipboard to-host')
    const before = told.length
    await change({ direction: 'to-host', automatic: false })
    expect(told).toHaveLength(before)
  })

  it('caps and ranks a machine that runs, and keeps both for the next start', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Capped' })
    await client.call('start', { id })
    const settings = await client.call('settings', { id })
    const execution = { capPercent: 25, priority: 'low' as const }
    await client.call('change', { id, settings: { ...settings, execution } })
    expect(told.at(-1)).toBe('25 percent, low')
    expect((await client.call('settings', { id })).execution).toEqual(execution)
    await expect(
      client.call('change', {
        id,
        settings: { ...settings, execution: { ...execution, capPercent: 0 } },
      }),
    ).rejects.toMatchObject({ code: 'bad-request' })
  })

  it('makes choices of menus that undo no other, in whatever order they come', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Chosen' })
    await client.call('start', { id })
    const before = await client.call('settings', { id })
    await Promise.all([
      client.call('choose', { id, choice: { display: { smooth: false } } }),
      client.call('choose', { id, choice: { display: { scaling: 'integer' }, keyboardLayout: 'de' } }),
      client.call('choose', { id, choice: { execution: { capPercent: 25 } } }),
      client.call('choose', { id, choice: { group: 'Work' } }),
    ])
    expect(await client.call('settings', { id })).toEqual({
      ...before,
      display: { ...before.display, smooth: false, scaling: 'integer' },
      keyboardLayout: 'de',
      execution: { ...before.execution, capPercent: 25 },
      group: 'Work',
    })
    expect(told.at(-1)).toBe('25 percent, normal')
    await expect(
      client.call('choose', { id, choice: { execution: { capPercent: 0 } } }),
    ).rejects.toMatchObject({ code: 'bad-request' })
  })

  it('makes machines of a template, which does not start itself', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Pattern' })
    const settings = await client.call('settings', { id })
    await client.call('change', { id, settings: { ...settings, template: true } })
    await expect(client.call('start', { id })).rejects.toMatchObject({ code: 'vm-template' })
    const made = await client.call('clone', { id, name: 'Made of it' })
    expect(made.template).toBe(false)
    await client.call('start', { id: made.id })
  })

  it('lets notes change while the machine runs, and its hardware not', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Live' })
    await client.call('start', { id })
    const settings = await client.call('settings', { id })
    await client.call('change', { id, settings: { ...settings, notes: 'still running' } })
    const machine = { ...settings.machine, memoryMiB: 32 }
    await expect(client.call('change', { id, settings: { ...settings, machine } })).rejects.toMatchObject({
      code: 'vm-busy',
    })
  })

  it('makes a disk in the folder of a new machine, and copies it with the machine', async () => {
    const { client } = connect()
    const wish = { ...WISH, name: 'Disk', disk: { sizeMiB: 8, format: 'qcow2' as const } }
    const { id } = await client.call('create', wish)
    const copy = await client.call('clone', { id, name: 'Copy of disk' })
    expect(copy.drives).toContainEqual({ kind: 'disk', name: 'disk.qcow2' })
    for (const vm of [id, copy.id])
      expect((await stat(join(folder, 'machines', vm, 'disk.qcow2'))).size).toBeGreaterThan(0)
  })

  it('says how far a copy is, and leaves nothing of one that is cancelled', async () => {
    const { client } = connect()
    const wish = { ...WISH, name: 'Large', disk: { sizeMiB: 40, format: 'raw' as const } }
    const { id } = await client.call('create', wish)
    await writeFile(join(folder, 'machines', id, 'disk.img'), Buffer.alloc(40 << 20, 1))
    const told: number[] = []
    const progress = (part: number) => void told.push(part)
    const copy = await client.call('clone', { id, name: 'Copy' }, { progress })
    expect(told).toEqual(told.toSorted((a, b) => a - b))
    await client.call('remove', { id: copy.id, files: 'delete' })
    if (told.length === 0) return // blocks were shared: there was nothing to wait for
    const stop = new AbortController()
    const cancelled = client.call(
      'clone',
      { id, name: 'Never' },
      { signal: stop.signal, progress: () => stop.abort() },
    )
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
    await vi.waitFor(async () => expect(await client.call('list', undefined)).toHaveLength(1))
  })

  it('refuses a machine that another program runs', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Shared' })
    const other = await HostService.open(folder, startProcess)
    const [near, far] = channelPair()
    other.serve(far)
    await new RpcClient<HostContract>(hostContract, near).call('start', { id })
    await expect(client.call('start', { id })).rejects.toMatchObject({ code: 'vm-locked' })
    await other.close()
    await client.call('start', { id })
  })

  it('goes on from a saved state, once', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Saved' })
    await client.call('start', { id })
    await client.call('saveState', { id })
    await writeFile(join(folder, 'machines', id, 'saved.state'), 'state')
    expect(await client.call('list', undefined)).toMatchObject([{ state: 'saved' }])
    expect(await client.call('thumbnail', { id })).toMatch(/^pictur/)
    await client.call('start', { id })
    expect(told).toEqual(['start 16 ,', 'save saved.state', 'start 16 , from saved.state.used'])
    await client.call('powerOff', { id })
    expect(await client.call('list', undefined)).toMatchObject([{ state: 'off' }])
  })

  it('keeps a saved state that turns out to be damaged once the guest runs', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Saved' })
    await client.call('start', { id })
    await client.call('saveState', { id })
    const state = join(folder, 'machines', id, 'saved.state')
    await writeFile(state, 'state')
    isStateDamaged = true
    await client.call('start', { id })
    await client.call('powerOff', { id })
    expect(await readFile(state, 'utf8')).toBe('state')
    isStateDamaged = false
    await client.call('start', { id })
    await client.call('powerOff', { id })
    await expect(readFile(state)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(readFile(`${state}.used`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('takes a snapshot of a machine that runs: its guest goes on before its memory is written', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'DOS' })
    await client.call('start', { id })
    told.length = 0
    await client.call('takeSnapshot', { id, name: 'live' })
    expect(told).toEqual(['freeze 0 disks', 'resume', 'keep state'])
    const { snapshots, current } = await client.call('snapshots', { id })
    expect(snapshots).toMatchObject([{ id: current, name: 'live', hasState: true, problem: null }])
  })

  it('keeps what runs and goes on from a snapshot, in one', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'DOS' })
    await client.call('start', { id })
    await client.call('takeSnapshot', { id, name: 'there' })
    const { current } = await client.call('snapshots', { id })
    told.length = 0
    await client.call('restoreSnapshot', { id, snapshot: current!, saveAs: 'here' })
    expect(told.map((line) => line.replace(/saved[-0-9a-f]*/, 'saved'))).toEqual([
      'save saved.state',
      'start 16 , from saved.state.used',
    ])
    expect((await client.call('snapshots', { id })).snapshots.map(({ name }) => name)).toEqual([
      'there',
      'here',
    ])
    expect(await client.call('list', undefined)).toMatchObject([{ state: 'running' }])
  })

  it('says what it and the machines that run are busy with', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Busy' })
    expect(await client.call('activity', undefined)).toMatchObject({ machines: [] })
    await client.call('start', { id })
    const { processors, busyMs, machines } = await client.call('activity', undefined)
    expect(processors).toBeGreaterThan(0)
    expect(busyMs).toBeGreaterThan(0)
    expect(machines).toMatchObject([{ id, usage: { cpuMs: 250, bytesRead: 512, frames: 3, interrupts: 18 } }])
  })

  it('keeps a log of what happened to a machine', async () => {
    const { client } = connect()
    const { id } = await client.call('create', { ...WISH, name: 'Logged' })
    await client.call('start', { id })
    await client.call('powerOff', { id })
    const texts = (await client.call('log', { id })).map(({ text }) => text)
    expect(texts).toEqual(
      expect.arrayContaining([
        'made',
        expect.stringMatching(/^starts: 16 MiB/),
        'it is running',
        'it is off',
      ]),
    )
  })

  it('lists what was written by a newer version, and leaves it alone', async () => {
    const path = join(folder, 'machines', 'newer')
    await mkdir(path)
    await writeFile(join(path, 'vm.json'), '{"version": 7, "name": "From the future"}')
    const { client } = connect()
    expect((await client.call('list', undefined))[0]!.reason).toEqual(because('record-newer', { format: 7 }))
    await expect(client.call('clone', { id: 'newer', name: 'X' })).rejects.toMatchObject({
      code: 'vm-inaccessible',
    })
  })

  it('lists what is damaged, with the reason', async () => {
    await mkdir(join(folder, 'machines', 'bad'))
    const { client } = connect()
    expect(await client.call('list', undefined)).toMatchObject([
      { id: 'bad', state: 'inaccessible', reason: because('record-missing') },
    ])
    await expect(client.call('start', { id: 'bad' })).rejects.toMatchObject({ code: 'vm-inaccessible' })
  })
})
