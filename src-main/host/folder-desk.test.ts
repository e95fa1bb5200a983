import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { channelPair } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract } from '../../engine/protocol/host-contract.ts'
import { because } from '../../engine/protocol/reasons.ts'
import { RpcClient } from '../../engine/protocol/rpc.ts'
import { HostService } from './host-service.ts'
import type { VmProcess } from './vm-process.ts'

let root: string
let library: string
let host: HostService<VmProcess>
let client: RpcClient<HostContract>
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'vitrine-folders-')))
  library = join(root, 'library')
  await openHost()
})

async function openHost(): Promise<void> {
  host = await HostService.open(library, () => {
    throw new Error('no machine is started here')
  })
  const [near, far] = channelPair()
  host.serve(far)
  client = new RpcClient<HostContract>(hostContract, near)
}
afterEach(async () => {
  await host.close()
  await rm(root, { recursive: true })
})

const record = (drives: unknown[] = [], more: object = {}): string =>
  JSON.stringify({ version: 1, name: 'Old games', machine: { version: 1, memoryMiB: 24, drives }, ...more })

/** A folder with a machine in it that a library elsewhere could have. */
async function folderOf(text: string, name = 'games'): Promise<string> {
  const folder = join(root, name)
  await mkdir(join(folder, 'logs'), { recursive: true })
  await writeFile(join(folder, 'vm.json'), text)
  await writeFile(join(folder, 'disk.img'), new Uint8Array(1 << 20).fill(7))
  await writeFile(join(folder, 'logs', 'vm.log'), 'it was there')
  await writeFile(join(folder, '.lock.old'), 'what a run left')
  return folder
}
const DISK = { kind: 'disk', path: 'disk.img' }
const machines = async () =>
  (await readdir(join(library, 'machines'))).filter((id) => !id.startsWith('vitrine'))
const picked = (folder: string) => ({ by: 'place', folder: host.folders.pick(folder) }) as const

describe('the folder of a machine', () => {
  it('is told before anything is done', async () => {
    const folder = await folderOf(record([DISK, { kind: 'floppy', path: '/srv/boot.img' }]))
    expect(await client.call('planFolder', picked(folder))).toEqual({
      name: 'Old games',
      memoryMiB: 24,
      drives: [
        { kind: 'disk', name: 'disk.img' },
        { kind: 'floppy', name: 'boot.img' },
      ],
      place: folder,
      outside: ['/srv/boot.img'],
      mayStay: true,
    })
    expect(await machines()).toEqual([])
  })

  it('is added where it is, forgotten without a file lost, and brought back', async () => {
    const folder = await folderOf(record([DISK]))
    const vm = await client.call('addFolder', { how: 'stay', folder: host.folders.pick(folder) })
    expect(vm).toMatchObject({ id: 'old-games', name: 'Old games', state: 'off', elsewhere: folder })
    const settings = await client.call('settings', { id: vm.id })
    await client.call('change', { id: vm.id, settings: { ...settings, notes: 'changed' } })
    expect(await readFile(join(folder, 'vm.json'), 'utf8')).toContain('changed')
    await client.call('remove', { id: vm.id, files: 'delete' })
    await client.call('putBack', { id: vm.id })
    expect((await client.call('list', undefined)).map(({ id }) => id)).toContain('old-games')
    await client.call('remove', { id: vm.id, files: 'delete' })
    await host.close()
    await openHost() // which deletes for good what was removed
    expect(await readdir(join(library, 'removed'))).toEqual([])
    expect((await readdir(folder)).toSorted()).toEqual(['.lock.old', 'disk.img', 'logs', 'vm.json'])
  })

  it('is listed with the reason while it is not there', async () => {
    const folder = await folderOf(record([DISK]))
    const { id } = await client.call('addFolder', { how: 'stay', folder: host.folders.pick(folder) })
    await rename(folder, `${folder} away`)
    const vm = (await client.call('list', undefined)).find((one) => one.id === id)
    expect(vm).toMatchObject({ state: 'inaccessible', reason: because('folder-gone', { folder }) })
  })

  it('is copied with its files and their times, without what belongs to a run', async () => {
    const folder = await folderOf(record([DISK]))
    const { id } = await client.call('addFolder', { how: 'copy', folder: host.folders.pick(folder) })
    const copy = join(library, 'machines', id)
    expect((await readdir(copy)).toSorted()).toEqual(['disk.img', 'logs', 'vm.json'])
    expect((await readFile(join(copy, 'disk.img'))).equals(await readFile(join(folder, 'disk.img')))).toBe(
      true,
    )
    const [of, from] = await Promise.all([stat(join(copy, 'disk.img')), stat(join(folder, 'disk.img'))])
    expect(Math.round(of.mtimeMs)).toBe(Math.round(from.mtimeMs))
    expect(await readFile(join(copy, 'logs', 'vm.log'), 'utf8')).toContain('it was there')
  })

  it.each([
    ['{"version": 1, "name": ', /vm.json is damaged/],
    ['{"version": 7}', /newer version of Vitrine/],
    [record([{ kind: 'tape', path: null }]), /is not one of floppy, disk, cdrom/],
    [record([{ kind: 'disk', path: '../other/disk.img' }]), /leads out of its folder/],
    [
      record([], {
        snapshots: { generation: '', snapshots: [], current: null, layers: [], discarded: ['/home/thesis'] },
      }),
      /wants \/home\/thesis removed/,
    ],
  ])('with %s is refused, with the reason', async (text, reason) => {
    const source = picked(await folderOf(text))
    await expect(client.call('planFolder', source)).rejects.toThrow(reason)
    await expect(client.call('addFolder', { how: 'stay', folder: source.folder })).rejects.toThrow(reason)
    await expect(client.call('addFolder', { how: 'copy', folder: source.folder })).rejects.toThrow(reason)
    expect(await machines()).toEqual([])
  })

  it('is refused where it is none, holds the library, or is in it already by whatever path', async () => {
    await mkdir(join(root, 'empty'))
    await expect(client.call('planFolder', picked(join(root, 'empty')))).rejects.toThrow(/vm.json is missing/)
    await writeFile(join(root, 'vm.json'), record())
    await expect(client.call('planFolder', picked(root))).rejects.toThrow(/holds the library/)
    const known = { code: 'machine-folder-known', details: { name: 'old-games' } }
    const folder = await folderOf(record([DISK]))
    await client.call('addFolder', { how: 'stay', folder: host.folders.pick(folder) })
    await symlink(folder, join(root, 'other path'))
    for (const path of [folder, join(root, 'other path'), join(library, 'machines', 'old-games')])
      await expect(client.call('planFolder', picked(path))).rejects.toMatchObject(known)
  })

  it('inside of the library can only be copied', async () => {
    const folder = await folderOf(record([DISK]), 'library/media/games')
    expect(await client.call('planFolder', picked(folder))).toMatchObject({ mayStay: false })
    const stays = client.call('addFolder', { how: 'stay', folder: host.folders.pick(folder) })
    await expect(stays).rejects.toMatchObject({ code: 'machine-folder-inside' })
  })
})

describe('a folder whose place a browser does not tell', () => {
  async function send(files: Record<string, string>): Promise<string> {
    const folder = await client.call('beginFolder', undefined)
    for (const [path, text] of Object.entries(files)) {
      const data = Buffer.from(text).toString('base64')
      await client.call('addToFolder', { folder, path: path.split('/'), from: 0, modifiedMs: 1e12, data })
    }
    return folder
  }

  it('is copied from what was sent', async () => {
    const folder = await send({ 'vm.json': record([DISK]), 'disk.img': 'a disk', 'logs/vm.log': 'old' })
    const { id } = await client.call('addFolder', { how: 'sent', folder })
    expect(await readFile(join(library, 'machines', id, 'disk.img'), 'utf8')).toBe('a disk')
    await expect(client.call('addFolder', { how: 'sent', folder })).rejects.toThrow(/no such folder/)
    const again = client.call('planFolder', {
      by: 'record',
      record: await readFile(join(library, 'machines', id, 'vm.json'), 'utf8'),
    })
    await expect(again).rejects.toMatchObject({ code: 'machine-folder-known' })
  })

  it('gets no file of the host by naming it', async () => {
    const stranger = record([{ kind: 'disk', path: '/etc/passwd' }])
    const report = await client.call('planFolder', { by: 'record', record: stranger })
    expect(report).toMatchObject({ place: null, outside: ['/etc/passwd'] })
    const folder = await send({ 'vm.json': stranger })
    await expect(client.call('addFolder', { how: 'sent', folder })).rejects.toMatchObject({
      code: 'machine-folder-outside',
    })
    expect(await machines()).toEqual([])
  })

  it('is added where it is when its very record lies there', async () => {
    const text = record([DISK])
    const folder = await folderOf(text)
    const wrong = { code: 'machine-folder-elsewhere' }
    for (const path of [join(root, 'nowhere'), library, 'games'])
      await expect(client.call('addFolder', { how: 'there', path, record: text })).rejects.toMatchObject(
        wrong,
      )
    const other = client.call('addFolder', { how: 'there', path: folder, record: `${text} ` })
    await expect(other).rejects.toMatchObject(wrong)
    const vm = await client.call('addFolder', { how: 'there', path: folder, record: text })
    expect(vm.elsewhere).toBe(folder)
  })
})
