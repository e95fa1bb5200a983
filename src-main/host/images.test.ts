import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { because } from '../../engine/protocol/reasons.ts'
import { Images } from './images.ts'
import { RecentMedia } from './recent-media.ts'

let folder: string
let images: Images
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'vitrine-images-')), 'media')
  await mkdir(folder)
  images = await openImages()
})
afterEach(() => rm(dirname(folder), { recursive: true }))
const openImages = async () =>
  new Images(folder, await RecentMedia.open(join(dirname(folder), 'recent-media.json')))

async function file(name: string, bytes: number, signature = ''): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, Buffer.concat([Buffer.alloc(signature ? 32769 : 1), Buffer.from(signature)]))
  await truncate(path, bytes)
  return path
}

describe('images', () => {
  it('are told apart by contents and size', async () => {
    await file('a.img', 1_474_560)
    await file('b.img', 10_485_760)
    await file('c.bin', 10_485_760, 'CD001')
    await file('empty.img', 0)
    const kinds = (await images.list()).map(({ name, kind }) => [name, kind] as const)
    expect(Object.fromEntries(kinds)).toEqual({ 'a.img': 'floppy', 'b.img': 'disk', 'c.bin': 'cdrom' })
  })

  it('are known by ids that lead nowhere else', async () => {
    await file('a.img', 737_280)
    expect((await images.find('media:a.img')).path).toBe(join(folder, 'a.img'))
    for (const id of ['media:../x', 'media:/etc/passwd', 'picked:1', '/etc/passwd', 'media:.part', 'media:'])
      await expect(images.find(id), id).rejects.toMatchObject({
        code: expect.stringMatching(/image-unknown|file-unusable/),
      })
  })

  it('that the user picked are used where they lie', async () => {
    const path = await file('far.img', 737_280)
    const { id } = await images.pick(path)
    expect(id).not.toContain('far')
    expect((await images.find(id)).path).toBe(path)
    await expect(images.pick(join(folder, 'none.img'))).rejects.toMatchObject({ code: 'file-unusable' })
    await expect(images.pick(folder)).rejects.toMatchObject({
      details: { reason: because('file-is-folder') },
    })
  })

  it('that are uploaded keep their name, and never replace another', async () => {
    const first = await images.store('../boot disk.img', Readable.from([Buffer.alloc(512, 1)]))
    const second = await images.store('boot disk.img', Readable.from([Buffer.alloc(512, 2)]))
    expect([first.name, second.name]).toEqual(['boot disk.img', 'boot disk (2).img'])
  })

  it('that are uploaded by half leave nothing', async () => {
    const broken = new Readable({ read: () => void broken.destroy(new Error('cut')) })
    await expect(images.store('x.img', broken)).rejects.toThrow('cut')
    expect(await readdir(folder)).toEqual([])
  })

  it('offers again what was used before, wherever it lies, and says when', async () => {
    const elsewhere = join(dirname(folder), 'elsewhere.img')
    await writeFile(elsewhere, new Uint8Array(1_474_560))
    await writeFile(join(folder, 'here.img'), new Uint8Array(1_474_560))
    const { id } = await images.pick(elsewhere)
    expect((await images.pick(elsewhere)).id).toBe(id) // one image, however often it is picked
    await images.noteUse((await images.find(id)).path)
    const again = await openImages()
    const list = await again.list()
    expect(list.map(({ name, usedMs }) => [name, usedMs === null])).toEqual([
      ['here.img', true],
      ['elsewhere.img', false],
    ])
    expect((await again.find(list[1]!.id)).path).toBe(elsewhere)
  })
})
