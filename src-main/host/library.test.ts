import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inWords } from '../../engine/protocol/reasons.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { safeFileName, VmLibrary } from './library.ts'
import { libraryFolder } from './locations.ts'

let folder: string
let library: VmLibrary
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-library-'))
  library = new VmLibrary(folder)
  await library.open()
})
afterEach(() => rm(folder, { recursive: true }))

const record = (name: string, path: string | null = 'a.img') =>
  v.parse(VmRecord, { version: 1, name, machine: { version: 1, drives: [{ kind: 'floppy', path }] } })

describe('library', () => {
  it('knows when it is new', async () => {
    const fresh = new VmLibrary(join(folder, 'deeper', 'library'))
    expect(await fresh.open()).toBe(true)
    expect(await fresh.open()).toBe(false)
  })

  it('gives a machine a folder that reads like its name, with its files and its record', async () => {
    const id = await library.create(record('Café Noir 3.1'), { 'a.img': Uint8Array.of(1, 2) })
    expect(id).toBe('cafe-noir-3-1')
    expect(await readdir(join(folder, 'machines', id))).toEqual(['a.img', 'vm.json'])
    expect(await library.get(id)).toEqual(record('Café Noir 3.1'))
  })

  it('notes what a disk is before a guest can make it look like something else', async () => {
    const machine = { version: 1, drives: [{ kind: 'disk', path: 'c.img' }] }
    const id = await library.create(v.parse(VmRecord, { version: 1, name: 'DOS', machine }), {
      'c.img': new Uint8Array(1024),
    })
    expect((await library.get(id)).machine.drives[0]!.format).toBe('raw')
  })

  it('keeps machines of one name apart, and names without a letter possible', async () => {
    const ids = [
      await library.create(record('DOS')),
      await library.create(record('DOS')),
      await library.create(record('日本')),
    ]
    expect(new Set(ids).size).toBe(3)
    expect(await library.list()).toHaveLength(3)
  })

  it('finds files beside the record, and leaves absolute paths alone', async () => {
    const near = await library.create(record('near'))
    expect((await library.machineConfig(near)).drives[0]!.path).toBe(join(folder, 'machines', near, 'a.img'))
    const far = await library.create(record('far', '/images/b.img'))
    expect((await library.machineConfig(far)).drives[0]!.path).toBe('/images/b.img')
  })

  it('lists damaged machines with the reason and never overwrites them', async () => {
    const damages: Record<string, string> = {
      cut: '{"version": 1, "na',
      newer: JSON.stringify({ ...record('x'), version: 2 }),
      extra: JSON.stringify({ ...record('x'), colour: 'red' }),
      binary: '\0\0\0',
    }
    for (const [id, text] of Object.entries(damages)) {
      await mkdir(join(folder, 'machines', id))
      await writeFile(join(folder, 'machines', id, 'vm.json'), text)
    }
    await mkdir(join(folder, 'machines', 'empty'))
    const entries = await library.list()
    expect(entries).toHaveLength(5)
    for (const entry of entries) expect('problem' in entry && inWords(entry.problem)).toContain('vm.json')
    for (const [id, text] of Object.entries(damages)) {
      await expect(library.update(id, record('repaired'))).rejects.toMatchObject({ code: 'vm-inaccessible' })
      expect(await readFile(join(folder, 'machines', id, 'vm.json'), 'utf8')).toBe(text)
    }
  })

  it('leaves nothing behind when creating fails', async () => {
    await expect(library.create(record('broken'), { 'no/such/folder': new Uint8Array(1) })).rejects.toThrow(
      'ENOENT',
    )
    expect(await readdir(join(folder, 'machines'))).toEqual([])
  })

  it('refuses ids that lead elsewhere', async () => {
    for (const id of ['..', '../..', 'a/b', '', '.hidden', 'A'])
      await expect(library.remove(id)).rejects.toMatchObject({ code: 'vm-unknown' })
  })

  it('removes a machine with its folder', async () => {
    const id = await library.create(record('gone'))
    await library.remove(id)
    expect(await library.list()).toEqual([])
  })
})

it('makes file names of uploads harmless', () => {
  expect(safeFileName('../../etc/passwd')).toBe('passwd')
  expect(safeFileName('C:\\dos\\boot disk.IMG')).toBe('boot disk.IMG')
  expect(safeFileName('.hidden')).toBe('hidden')
  expect(safeFileName('a\0b<c>.iso')).toBe('a_b_c_.iso')
  expect(safeFileName('..')).toBe('image')
})

it('finds the library where the platform keeps data', () => {
  expect(libraryFolder({ VITRINE_HOME: '/x/y' }, 'linux')).toBe('/x/y')
  expect(libraryFolder({ XDG_DATA_HOME: '/data' }, 'linux')).toBe('/data/vitrine')
  expect(libraryFolder({ XDG_DATA_HOME: 'relative' }, 'linux')).toMatch(/\.local\/share\/vitrine$/)
})
