import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VM_PICTURE_SIDE, VmPicture } from '../../engine/protocol/vm-picture.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { encodePng } from '../../engine/service/png.ts'
import { VmLibrary } from './library.ts'
import { pictureStamp, readPicture, writePicture } from './machine-picture.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-picture-'))
})
afterEach(() => rm(folder, { recursive: true }))

const png = (width: number, height = width): Buffer =>
  encodePng(width, height, new Uint8Array(width * height * 4).fill(90))
const PICTURE = png(VM_PICTURE_SIDE).toString('base64')

describe('a picture of a machine', () => {
  it('is kept in its folder until it is taken away', async () => {
    expect(await pictureStamp(folder)).toBeNull()
    await writePicture(folder, PICTURE)
    expect(await readdir(folder)).toEqual(['icon.png'])
    expect(await readPicture(folder)).toBe(PICTURE)
    expect(await pictureStamp(folder)).toMatch(/\d/)
    await writePicture(folder, null)
    expect(await readdir(folder)).toEqual([])
  })

  it('goes with a clone', async () => {
    const library = new VmLibrary(join(folder, 'library'))
    await library.open()
    const machine = { version: 1, drives: [] }
    const id = await library.create(v.parse(VmRecord, { version: 1, name: 'One', machine }))
    await writePicture(library.folderOf(id), PICTURE)
    expect(await readPicture(library.folderOf(await library.clone(id, 'Two')))).toBe(PICTURE)
  })

  it.each([
    ['another size', png(VM_PICTURE_SIDE, 64)],
    ['far more pixels than it shows', png(VM_PICTURE_SIDE).fill(0xff, 16, 24)],
    ['no PNG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['far too large', Buffer.concat([png(VM_PICTURE_SIDE), Buffer.alloc(1 << 20)])],
    ['empty', Buffer.alloc(0)],
  ])('is none when the file is %s', async (_, contents) => {
    await writeFile(join(folder, 'icon.png'), contents)
    expect(await readPicture(folder)).toBeNull()
    expect(v.is(VmPicture, contents.toString('base64'))).toBe(false)
  })

  it('is none behind a link', async () => {
    await writeFile(join(folder, 'elsewhere.png'), Buffer.from(PICTURE, 'base64'))
    await symlink('elsewhere.png', join(folder, 'icon.png'))
    expect([await pictureStamp(folder), await readPicture(folder)]).toEqual([null, null])
  })
})
