import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { channelPair } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract } from '../../engine/protocol/host-contract.ts'
import { RpcClient } from '../../engine/protocol/rpc.ts'
import type { ShelfImage } from '../../engine/protocol/shelf.ts'
import { imageOfFolder } from '../../engine/service/media/folder-image.ts'
import { ImageBrowser } from '../../engine/service/media/image-browser.ts'
import { Media } from '../../engine/service/media/media.ts'
import { openDisk } from '../../engine/storage/formats/open-disk.ts'
import { HostImageFiles } from '../../engine/storage/image-files.ts'
import { withDataFile } from '../../test/support/storage/data-file.ts'
import { HostService } from './host-service.ts'
import type { VmProcess } from './vm-process.ts'

let folder: string
let host: HostService<VmProcess>
let client: RpcClient<HostContract>
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-shelf-'))
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

async function shelf(): Promise<Map<string, ShelfImage>> {
  return new Map((await client.call('shelf', undefined)).map((image) => [image.name, image]))
}

const make = (name: string, wish: object = {}) =>
  client.call('makeImage', { name, format: 'qcow2', sizeMiB: 8, newSecret: null, ...wish })

const machineOn = (image: string) =>
  client.call('create', { name: 'Office', preset: null, memoryMiB: 16, images: [image], disk: null })

describe('the shelf', () => {
  it('has every image with what it builds on and who uses it', async () => {
    await make('base')
    await make('over', { sizeMiB: null, below: 'media:base.qcow2' })
    await writeFile(media('torn.qcow2'), 'QFI\xfb but no more')
    const { id } = await machineOn('media:over.qcow2')
    const images = await shelf()
    expect(images.get('over.qcow2')).toMatchObject({
      below: 'media:base.qcow2',
      users: [{ id, name: 'Office' }],
      fixed: null,
      details: { format: 'qcow2', sizeBytes: 8 * 2 ** 20, isEncrypted: false },
    })
    expect(images.get('base.qcow2')).toMatchObject({ fixed: 'below', users: [{ id }] })
    expect(images.get('torn.qcow2')).toMatchObject({ details: null, problem: { key: expect.any(String) } })
  })

  it('keeps the file with the data of an image, and tells who uses it', async () => {
    await make('disk')
    await make('data', { format: 'raw' })
    const bytes = await readFile(media('disk.qcow2'))
    bytes.set(withDataFile(bytes.subarray(0, 512), 'data.img'))
    await writeFile(media('disk.qcow2'), bytes)
    const { id } = await machineOn('media:disk.qcow2')
    const images = await shelf()
    expect(images.get('disk.qcow2')).toMatchObject({ problem: null, fixed: null })
    expect(images.get('data.img')).toMatchObject({ users: [{ id }], fixed: 'below' })
    for (const image of ['media:data.img', 'media:disk.qcow2'])
      await expect(client.call('removeImage', { image })).rejects.toMatchObject({ code: 'image-fixed' })
  })

  it('has no configurations of other programs, and removes one when it is asked to', async () => {
    await writeFile(media('old.vmx'), '.encoding = "UTF-8"\nconfig.version = "8"\nmemsize = "16"\n')
    expect((await shelf()).has('old.vmx')).toBe(false)
    await client.call('removeImage', { image: 'media:old.vmx' })
    expect(existsSync(media('old.vmx'))).toBe(false)
    await expect(client.call('removeImage', { image: 'media:old.vmx' })).rejects.toMatchObject({
      code: 'image-unknown',
    })
  })

  it('has the overlay that a machine has left, and removes it; an empty one goes with the change', async () => {
    await make('base')
    const { id } = await machineOn('media:base.qcow2')
    const own = (name: string) => join(folder, 'machines', id, name)
    const setOverlay = async (overlay?: string): Promise<void> => {
      const settings = await client.call('settings', { id })
      const drives = settings.machine.drives.map((drive) => {
        const without = { ...drive }
        delete without.overlay
        return drive.kind === 'disk' && overlay !== undefined ? { ...without, overlay } : without
      })
      await client.call('change', { id, settings: { ...settings, machine: { ...settings.machine, drives } } })
    }
    const [empty, written] = ['overlay-00000000000a.qcow2', 'overlay-00000000000b.qcow2'] as const
    await setOverlay(empty)
    expect(existsSync(own(empty))).toBe(true)
    await setOverlay(written)
    expect(existsSync(own(empty))).toBe(false)
    const files = new HostImageFiles(join(folder, 'locks'))
    const image = openDisk(files, own(written), {
      format: 'qcow2',
      writable: true,
      confirmed: [media('base.qcow2')],
    })
    image.write(9, 1, new Uint8Array(512).fill(1))
    image.flush()
    image.close()
    expect((await shelf()).get(written)).toMatchObject({ isLoose: false, users: [{ id }] })
    await setOverlay()
    const left = (await shelf()).get(written)!
    expect(left).toMatchObject({ isLoose: true, users: [], fixed: null, problem: null })
    expect((await shelf()).get('base.qcow2')).toMatchObject({ fixed: 'below' })
    await client.call('removeImage', { image: left.id })
    expect(existsSync(own(written))).toBe(false)
    expect((await shelf()).get('base.qcow2')).toMatchObject({ fixed: null })
  })

  it('shows the disks of machines and what snapshots hold', async () => {
    const { id } = await client.call('create', {
      name: 'Office',
      preset: null,
      memoryMiB: 16,
      images: [],
      disk: { sizeMiB: 4, format: 'vdi' },
    })
    await client.call('takeSnapshot', { id, name: 'one' })
    const disk = (await shelf()).get('disk.vdi')!
    expect(disk).toMatchObject({ fixed: 'below', isLoose: false, heldBy: ['one'] })
    const wish = { image: disk.id, sizeMiB: 8, mayCut: false }
    await expect(client.call('resizeImage', wish)).rejects.toMatchObject({ code: 'image-fixed' })
    await client.call('convertImage', { image: disk.id, name: 'copy', format: 'raw' })
    expect((await stat(media('copy.img'))).size).toBe(4 * 2 ** 20)
  })

  it('changes images in place, and not those that others need', async () => {
    await make('a')
    await make('b', { sizeMiB: null, below: 'media:a.qcow2' })
    const change = (image: string) => client.call('resizeImage', { image, sizeMiB: 16, mayCut: false })
    await expect(change('media:a.qcow2')).rejects.toMatchObject({
      code: 'image-fixed',
      details: { why: 'below', by: 'b.qcow2' },
    })
    await change('media:b.qcow2')
    expect((await shelf()).get('b.qcow2')!.details!.sizeBytes).toBe(16 * 2 ** 20)
    expect(await client.call('checkImage', { image: 'media:b.qcow2', repair: true })).toMatchObject({
      damage: [],
    })
    await expect(client.call('removeImage', { image: 'media:a.qcow2' })).rejects.toMatchObject({
      code: 'image-fixed',
    })
    await client.call('removeImage', { image: 'media:b.qcow2' })
    expect(existsSync(media('b.qcow2'))).toBe(false)
    await client.call('removeImage', { image: 'media:a.qcow2' })
    expect(await client.call('shelf', undefined)).not.toContainEqual(
      expect.objectContaining({ name: 'a.qcow2' }),
    )
  })

  it('leaves alone what a machine uses with a saved state, and what was never put on it', async () => {
    await expect(
      client.call('checkImage', { image: 'media:../recent-media.json', repair: true }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/image-unknown|file-unusable/) })
    await make('used')
    const { id } = await machineOn('media:used.qcow2')
    await writeFile(join(folder, 'machines', id, 'saved.state'), 'state')
    const wish = { image: 'media:used.qcow2', free: false }
    await expect(client.call('compactImage', wish)).rejects.toMatchObject({
      code: 'vm-busy',
      details: { state: 'saved' },
    })
    await expect(client.call('removeImage', { image: 'media:used.qcow2' })).rejects.toMatchObject({
      code: 'image-fixed',
      details: { by: 'Office' },
    })
  })
})

it('compacting gives back what a FAT volume does not use, and keeps its files', async () => {
  const tree = join(folder, 'tree')
  await mkdir(tree)
  await writeFile(join(tree, 'KEPT.TXT'), 'kept'.repeat(1000))
  const options = {
    label: 'DISK',
    sizeBytes: 16 * 2 ** 20,
    format: 'qcow2',
    replaces: false,
    nowMs: 0,
  } as const
  for (const _ of imageOfFolder(tree, media('fat.qcow2'), options));
  const browse = { partition: null }
  const browser = new ImageBrowser()
  // A file that a guest writes and deletes again leaves its data behind.
  const image = media('fat.qcow2')
  const disk = openDisk(new HostImageFiles(join(folder, 'locks')), image, { format: 'auto', writable: true })
  disk.write(16_384, 8192, new Uint8Array(8192 * 512).fill(0xdb))
  disk.flush()
  disk.close()

  const usual = await client.call('compactImage', { image: 'media:fat.qcow2', free: false })
  expect(usual.after).toBeGreaterThan(4 * 2 ** 20)
  const freed = await client.call('compactImage', { image: 'media:fat.qcow2', free: true })
  expect(freed.after).toBeLessThan(2 * 2 ** 20)
  const kept = browser.read(image, 'KEPT.TXT', 0, 5000, browse)
  expect(Buffer.from(kept).toString()).toBe('kept'.repeat(1000))
  expect(new Media().check(image, false).damage).toEqual([])
})
