import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { channelPair } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract } from '../../engine/protocol/host-contract.ts'
import { RpcClient } from '../../engine/protocol/rpc.ts'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { ImageBrowser } from '../../engine/service/media/image-browser.ts'
import { HostService } from './host-service.ts'
import type { VmProcess } from './vm-process.ts'

let folder: string
let host: HostService<VmProcess>
let client: RpcClient<HostContract>
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-desks-'))
  host = await HostService.open(folder, () => {
    throw new Error('no machine is started here')
  })
  const [near, far] = channelPair()
  host.serve(far)
  client = new RpcClient<HostContract>(hostContract, near)
})
afterEach(async () => {
  await host.close()
  await rm(folder, { recursive: true })
})
const media = (name: string) => join(folder, 'media', name)
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('a machine of another program', () => {
  const source = (given: { name: string; image: string }[] = []) => ({ image: 'media:vm.xml', given })
  beforeEach(async () => {
    await writeFile(
      media('vm.xml'),
      `<domain><name>Old</name><memory unit="MiB">32</memory><devices>
        <disk device="disk"><source file="/elsewhere/hd.img"/><target dev="hda" bus="ide"/></disk>
        <disk device="floppy"><source file="boot.img"/><target dev="fda" bus="fdc"/></disk>
      </devices></domain>`,
    )
    await writeFile(media('boot.img'), new Uint8Array(1_474_560))
    await writeFile(media('hd.img'), new Uint8Array(2 ** 20))
  })

  it('is accounted for before anything is written, and is no medium', async () => {
    const report = await client.call('planImport', source())
    expect(report).toMatchObject({
      kind: 'libvirt',
      name: 'Old',
      memoryMiB: 32,
      drives: [{ kind: 'floppy', name: 'boot.img', isCopied: false }],
      missing: ['/elsewhere/hd.img'],
    })
    expect((await readdir(join(folder, 'machines'))).filter((name) => !name.startsWith('vitrine'))).toEqual(
      [],
    )
    expect((await client.call('images', undefined)).map(({ name }) => name)).toEqual(['boot.img', 'hd.img'])
  })

  it('becomes one, with the images that were given for what it lacks', async () => {
    const given = [{ name: '/elsewhere/hd.img', image: 'media:hd.img' }]
    const { id } = await client.call('importMachine', { source: source(given), name: 'New name' })
    const text = await readFile(join(folder, 'machines', id, 'vm.json'), 'utf8')
    const record = JSON.parse(text) as VmRecord
    expect(record.name).toBe('New name')
    expect(record.machine.drives.map(({ path }) => path)).toEqual([media('hd.img'), media('boot.img')])
  })

  it('names no image that the host did not give out', async () => {
    const stranger = [{ name: '/elsewhere/hd.img', image: '/etc/hostname' }]
    await expect(client.call('planImport', source(stranger))).rejects.toMatchObject({ code: 'image-unknown' })
  })
})

describe('a folder', () => {
  async function send(path: string[], text: string): Promise<string> {
    const id = await client.call('beginFolder', undefined)
    const piece = { folder: id, path, modifiedMs: 1_000_000_000_000 }
    await client.call('addToFolder', { ...piece, from: 0, data: base64(text.slice(0, 3)) })
    await client.call('addToFolder', { ...piece, from: 3, data: base64(text.slice(3)) })
    return id
  }

  it.each(['cdrom', 'floppy', 'disk'] as const)('becomes a %s', async (kind) => {
    const sent = await send(['sub', 'a.txt'], 'hello there')
    const wish = { folder: sent, kind, name: 'My folder!', label: 'My folder!', sizeMiB: null }
    const image = await client.call('mediumOfFolder', wish)
    expect(image.kind).toBe(kind)
    expect(image.name).toBe(`My_folder.${kind === 'cdrom' ? 'iso' : 'img'}`)
    const bytes = new ImageBrowser().read(media(image.name), 'sub/a.txt', 6, 100, { partition: null })
    expect(Buffer.from(bytes).toString()).toBe('there')
    await expect(client.call('mediumOfFolder', wish)).rejects.toMatchObject({ code: 'bad-request' })
  })

  it.each([[['..', 'x']], [['a/b']], [['.']], [[]], [['a\0b']]])('takes no name like %j', async (path) => {
    await expect(send(path, 'hello')).rejects.toMatchObject({ code: 'bad-request' })
  })

  it('is refused where a piece is missing', async () => {
    const id = await client.call('beginFolder', undefined)
    const piece = { folder: id, path: ['a'], modifiedMs: 0, data: base64('x') }
    await expect(client.call('addToFolder', { ...piece, from: 5 })).rejects.toThrow(/missing/)
    await client.call('dropFolder', { folder: id })
    await expect(client.call('addToFolder', { ...piece, from: 0 })).rejects.toThrow(/no such folder/)
  })
})

describe('a medium of a folder', () => {
  const review = (image: string) => client.call('reviewFolder', { image })

  /** A floppy of a folder, in which a guest then changed a file and added another. */
  async function changedFloppy(): Promise<string> {
    const sent = await client.call('beginFolder', undefined)
    for (const path of ['kept.txt', 'changed.txt'])
      await client.call('addToFolder', {
        folder: sent,
        path: [path],
        from: 0,
        modifiedMs: 0,
        data: base64(path),
      })
    const wish = { folder: sent, kind: 'floppy', name: 'shared', label: 'given', sizeMiB: null } as const
    const image = await client.call('mediumOfFolder', wish)
    const guest = join(folder, 'guest')
    await mkdir(guest)
    for (const name of ['changed.txt', 'added.txt'])
      await writeFile(join(guest, name), `by the guest: ${name}`)
    const options = { partition: null, replaces: true }
    const sources = ['changed.txt', 'added.txt'].map((name) => join(guest, name))
    for (const _ of new ImageBrowser().copyIn(media(image.name), sources, '', options));
    return image.id
  }

  it('tells what a guest changed, gives it out, and says it once', async () => {
    const image = await changedFloppy()
    expect(await client.call('shelf', undefined)).toMatchObject([{ id: image, madeOf: 'shared' }])
    expect(await review(image)).toMatchObject({
      folder: 'shared',
      changes: [
        { path: 'added.txt', change: 'added', kind: 'file', bytes: 23 },
        { path: 'changed.txt', change: 'changed', kind: 'file', bytes: 25 },
      ],
      more: 0,
    })
    const piece = await client.call('reviewedFile', { image, path: 'added.txt', from: 14 })
    expect(Buffer.from(piece, 'base64').toString()).toBe('added.txt')
    await client.call('endReview', { image })
    expect(await review(image)).toMatchObject({ changes: [] })
  })

  it('gives nothing that is not a change, and nothing into a folder that nobody chose', async () => {
    const image = await changedFloppy()
    const asked = client.call('reviewedFile', { image, path: 'added.txt', from: 0 })
    await expect(asked).rejects.toMatchObject({ code: 'bad-request' })
    await review(image)
    const other = client.call('reviewedFile', { image, path: 'kept.txt', from: 0 })
    await expect(other).rejects.toMatchObject({ code: 'bad-request' })
    const wish = { image, folder: `folder:${'0'.repeat(24)}`, paths: ['added.txt'], replaces: false }
    await expect(client.call('takeChanges', wish)).rejects.toMatchObject({ code: 'image-unknown' })
  })
})

describe('two media', () => {
  it('are compared file by file', async () => {
    const images: string[] = []
    for (const text of ['before', 'after!']) {
      const sent = await client.call('beginFolder', undefined)
      const piece = { folder: sent, from: 0, modifiedMs: 0 }
      await client.call('addToFolder', { ...piece, path: ['same.txt'], data: base64('same') })
      await client.call('addToFolder', { ...piece, path: ['changed.txt'], data: base64(text) })
      await client.call('addToFolder', { ...piece, path: [`${text.slice(0, 5)}.txt`], data: base64('x') })
      const wish = { folder: sent, kind: 'floppy', name: 'x', label: 'x', sizeMiB: null } as const
      images.push((await client.call('mediumOfFolder', wish)).id)
    }
    const [before, after] = images.map((image) => ({ of: 'image', image }) as const)
    const wish = { before: before!, after: after!, partition: null }
    expect(await client.call('compareMedia', wish)).toEqual({
      changes: [
        { path: 'after.txt', change: 'added' },
        { path: 'befor.txt', change: 'removed' },
        { path: 'changed.txt', change: 'changed' },
      ],
      more: 0,
    })
  })
})
