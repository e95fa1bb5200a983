import { mkdir, mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { because } from '../../engine/protocol/reasons.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { imageOfFolder } from '../../engine/service/media/folder-image.ts'
import { ImageBrowser } from '../../engine/service/media/image-browser.ts'
import { Media } from '../../engine/service/media/media.ts'
import { deleted, keptDisks, layerName, stateName, taken } from '../../engine/service/snapshots/tree.ts'
import { packMemory } from '../../engine/snapshot/packed-memory.ts'
import { writeStateFile } from '../../engine/snapshot/state-file.ts'
import { createDisk } from '../../engine/storage/formats/create-disk.ts'
import { HostImageFiles } from '../../engine/storage/image-files.ts'
import { openDiskImage } from '../../engine/storage/open-image.ts'
import { withDataFile } from '../../test/support/storage/data-file.ts'
import { VmLibrary } from './library.ts'
import { LibrarySnapshots } from './snapshots.ts'

let folder: string
let library: VmLibrary
let snapshots: LibrarySnapshots
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-snapshots-'))
  library = new VmLibrary(folder)
  await library.open()
  snapshots = new LibrarySnapshots(library)
})
afterEach(() => rm(folder, { recursive: true }))

/** A machine whose disk of 1 MiB is all zeros. */
async function newMachine(): Promise<string> {
  const machine = { version: 1, drives: [{ kind: 'disk', path: 'disk.img', format: 'raw' }] }
  return library.create(v.parse(VmRecord, { version: 1, name: 'DOS', machine }), {
    'disk.img': new Uint8Array(1 << 20),
  })
}

/** Writes a byte to the machine's disk as it would itself, or reads it. */
async function disk(id: string, byte?: number): Promise<number> {
  const { drives } = await library.machineConfig(id)
  const { path, format, allowed = [] } = drives[0]!
  const image = openDiskImage(path!, { format, confirmed: allowed })
  const sector = new Uint8Array(512)
  if (byte !== undefined) image.write(7, 1, sector.fill(byte))
  image.flush()
  image.read(7, 1, sector)
  image.close()
  return sector[0]!
}

const names = async (id: string) => (await snapshots.of(id).list()).snapshots.map(({ name }) => name)
const wish = (name: string) => ({ name, notes: '' })

function finish<T>(work: Generator<unknown, T>): T {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}

describe('snapshots of a machine', () => {
  it('go back to what was there, as often as one likes, in branches', async () => {
    const id = await newMachine()
    await disk(id, 1)
    const one = await snapshots.of(id).take(wish('one'))
    await disk(id, 2)
    const two = await snapshots.of(id).take(wish('two'))
    await disk(id, 3)
    await snapshots.of(id).restore(one.id)
    expect(await disk(id)).toBe(1)
    await disk(id, 4)
    await snapshots.of(id).take(wish('branch'))
    await snapshots.of(id).restore(two.id)
    expect(await disk(id)).toBe(2)
    const { snapshots: list, current } = await snapshots.of(id).list()
    expect(list.map(({ name, parent }) => [name, list.find((of) => of.id === parent)?.name])).toEqual([
      ['one', undefined],
      ['two', 'one'],
      ['branch', 'one'],
    ])
    expect(current).toBe(two.id)
  })

  it('keep what is there now and go elsewhere in one', async () => {
    const id = await newMachine()
    const one = await snapshots.of(id).take(wish('one'))
    await disk(id, 9)
    await snapshots.of(id).restore(one.id, wish('before I went'))
    expect(await disk(id)).toBe(0)
    const { snapshots: list } = await snapshots.of(id).list()
    await snapshots.of(id).restore(list[1]!.id)
    expect(await disk(id)).toBe(9)
  })

  it('when one is deleted, merge its files and leave the others alone', async () => {
    const id = await newMachine()
    await disk(id, 1)
    const one = await snapshots.of(id).take(wish('one'))
    await disk(id, 2)
    const two = await snapshots.of(id).take(wish('two'))
    await disk(id, 3)
    await snapshots.of(id).delete(one.id)
    expect(await snapshots.settle(id)).toEqual([])
    expect(await disk(id)).toBe(3)
    await snapshots.of(id).restore(two.id)
    expect(await disk(id)).toBe(2)
    await snapshots.of(id).delete(two.id)
    expect(await snapshots.settle(id)).toEqual([])
    expect(await disk(id)).toBe(2)
    expect((await readdir(library.folderOf(id))).toSorted()).toEqual(['disk.img', 'vm.json'])
    expect((await library.get(id)).machine.drives[0]).toMatchObject({ path: 'disk.img', format: 'raw' })
  })

  it('bring back the hardware and the saved state of then', async () => {
    const id = await newMachine()
    await writeFile(join(library.folderOf(id), 'saved.state'), 'memory')
    const one = await snapshots.of(id).take(wish('one'))
    await unlink(join(library.folderOf(id), 'saved.state'))
    const record = await library.get(id)
    await library.update(id, { ...record, machine: { ...record.machine, memoryMiB: 64 } })
    await snapshots.of(id).restore(one.id)
    const files = await readdir(library.folderOf(id))
    const saved = files.filter((name) => /^saved-.*\.state$/.test(name))
    expect(saved).toHaveLength(1)
    expect(await readFile(join(library.folderOf(id), saved[0]!), 'utf8')).toBe('memory')
    expect((await library.get(id)).machine.memoryMiB).toBe(128)
  })

  it('whose files are missing are named with the reason, and overwrite nothing', async () => {
    const id = await newMachine()
    const one = await snapshots.of(id).take(wish('one'))
    await disk(id, 2)
    const two = await snapshots.of(id).take(wish('two'))
    const lost = two.machine.drives[0]!.path!
    await unlink(join(library.folderOf(id), lost))
    const before = await readdir(library.folderOf(id))
    const { snapshots: list } = await snapshots.of(id).list()
    expect(list.map(({ problem }) => problem)).toEqual([
      null,
      because('snapshot-own-file-missing', { file: lost }),
    ])
    await expect(snapshots.of(id).restore(two.id)).rejects.toMatchObject({ code: 'snapshot-unusable' })
    expect(await readdir(library.folderOf(id))).toEqual(before)
    await snapshots.of(id).restore(one.id)
    expect(await disk(id)).toBe(0)
  })

  it('notice a file that was written behind their back', async () => {
    const id = await newMachine()
    await snapshots.of(id).take(wish('one'))
    await writeFile(join(library.folderOf(id), 'disk.img'), new Uint8Array(1 << 20).fill(1))
    expect((await snapshots.of(id).list()).snapshots[0]).toMatchObject({
      problem: null,
      warning: because('snapshot-own-file-changed', { file: 'disk.img' }),
    })
  })

  it('are taken by themselves for a linked clone of a machine as it is now', async () => {
    const id = await newMachine()
    await disk(id, 3)
    const linked = await snapshots.clone(id, null, 'Linked', 'linked')
    expect((await snapshots.of(id).list()).snapshots).toMatchObject([{ name: 'Linked' }])
    await disk(id, 4)
    expect([await disk(linked), await disk(id)]).toEqual([3, 4])
    await expect(snapshots.checkUnused(id)).rejects.toMatchObject({ code: 'vm-has-clones' })
  })

  it('become machines of their own, with disks of their own or over theirs', async () => {
    const id = await newMachine()
    await disk(id, 1)
    const one = await snapshots.of(id).take(wish('one'))
    await disk(id, 2)
    const full = await snapshots.clone(id, one.id, 'Full', 'full')
    const linked = await snapshots.clone(id, one.id, 'Linked', 'linked')
    const now = await snapshots.clone(id, null, 'Now', 'full')
    expect([await disk(full), await disk(linked), await disk(now)]).toEqual([1, 1, 2])
    await disk(linked, 5)
    expect([await disk(full), await disk(linked), await disk(id)]).toEqual([1, 5, 2])
    // The disk that the linked one is over stays, whatever is deleted.
    await snapshots.of(id).delete(one.id)
    expect(await snapshots.settle(id)).toEqual([])
    expect([await disk(linked), await disk(id)]).toEqual([5, 2])
    await expect(snapshots.checkUnused(id)).rejects.toMatchObject({ code: 'vm-has-clones' })
    await library.remove(linked)
    await snapshots.checkUnused(id)
    expect(await snapshots.settle(id)).toEqual([])
    expect(await disk(id)).toBe(2)
    expect(new Media().check(join(library.folderOf(full), 'disk.img'), false).damage).toEqual([])
  })

  it.each(['a data file', 'extents'] as const)(
    'become machines with disks of their own also where these lie in several files (%s)',
    async (kind) => {
      const id = await newMachine()
      const place = library.folderOf(id)
      const files = new HostImageFiles()
      const format = kind === 'extents' ? 'vmdk' : 'qcow2'
      const path = `disk.${format}`
      const variant = kind === 'extents' ? 'flat' : undefined
      createDisk(files, join(place, path), format, { sizeBytes: 1 << 20, variant })
      if (kind === 'a data file') {
        const bytes = await readFile(join(place, path))
        bytes.set(withDataFile(bytes.subarray(0, 512), 'disk.img'))
        await writeFile(join(place, path), bytes)
      }
      const record = await library.get(id)
      const drives = [{ ...record.machine.drives[0]!, path, format } as const]
      await library.update(id, { ...record, machine: { ...record.machine, drives } })
      await disk(id, 3)
      const one = await snapshots.of(id).take(wish('one'))
      await disk(id, 4)
      const then = await snapshots.clone(id, one.id, 'Then', 'full')
      await snapshots.of(id).delete(one.id)
      expect(await snapshots.settle(id)).toEqual([])
      const now = await snapshots.clone(id, null, 'Now', 'full')
      await disk(now, 5)
      expect([await disk(then), await disk(now), await disk(id)]).toEqual([3, 5, 4])
    },
  )

  it('are compared by their settings, files and memory', async () => {
    const tree = join(folder, 'tree')
    await mkdir(tree)
    await writeFile(join(tree, 'same.txt'), 'same')
    await writeFile(join(tree, 'edited.txt'), 'before')
    const image = join(folder, 'fat.img')
    const made = {
      label: 'C',
      sizeBytes: null,
      leastBytes: 8 << 20,
      format: 'raw',
      replaces: false,
      nowMs: 0,
    } as const
    finish(imageOfFolder(tree, image, made))
    const machine = { version: 1, drives: [{ kind: 'disk', path: 'disk.img', format: 'raw' }] }
    const record = v.parse(VmRecord, { version: 1, name: 'DOS', machine })
    const id = await library.create(record, { 'disk.img': await readFile(image) })
    const one = await snapshots.of(id).take(wish('one'))

    const { drives } = await library.machineConfig(id)
    const { path, format, allowed = [] } = drives[0]!
    await writeFile(join(tree, 'edited.txt'), 'after!')
    await writeFile(join(tree, 'new.txt'), 'new')
    const files = ['edited.txt', 'new.txt'].map((name) => join(tree, name))
    const options = { partition: 1, replaces: true, format: format as 'qcow2', allowed }
    finish(new ImageBrowser().copyIn(path!, files, '', options))
    const changed = await library.get(id)
    await library.update(id, { ...changed, machine: { ...changed.machine, memoryMiB: 64 } })
    const two = await snapshots.of(id).take(wish('two'))

    expect(finish(await snapshots.of(id).compare(one.id, two.id))).toEqual({
      settings: [{ name: 'memoryMiB', before: '128', after: '64' }],
      disks: [
        {
          drive: 0,
          partition: 1,
          files: {
            changes: [
              { path: 'edited.txt', change: 'changed' },
              { path: 'new.txt', change: 'added' },
            ],
            more: 0,
          },
          problem: null,
        },
      ],
      memory: null,
    })

    // Pages that differ, that are new, and that became zeros.
    const memory = (pages: Record<number, number>): Uint8Array => {
      const bytes = new Uint8Array(64 * 4096)
      for (const [page, value] of Object.entries(pages))
        bytes.fill(value, Number(page) * 4096, Number(page) * 4096 + 9)
      const vram = packMemory(new Uint8Array(4096))
      return writeStateFile({ state: {}, ram: packMemory(bytes), vram, writes: [] })
    }
    const place = (of: string): string => join(library.folderOf(id), stateName(of))
    await writeFile(place(one.id), memory({ 1: 1, 2: 2, 3: 3 }))
    await writeFile(place(two.id), memory({ 1: 1, 2: 9, 5: 5 }))
    const now = await library.get(id)
    const withState = now.snapshots!.snapshots.map((snapshot) => ({ ...snapshot, hasState: true }))
    await library.update(id, { ...now, snapshots: { ...now.snapshots!, snapshots: withState } })
    const compared = finish(await snapshots.of(id).compare(one.id, two.id))
    expect(compared.memory).toEqual({
      pages: 4,
      changed: 3,
      ranges: [
        { first: 2, count: 2 },
        { first: 5, count: 1 },
      ],
      more: 0,
    })
    const at = async (page: number) => {
      const { before, after } = await snapshots.of(id).memoryPage(one.id, two.id, page)
      return [before, after].map((bytes) => bytes && [...Buffer.from(bytes, 'base64').subarray(8, 10)])
    }
    expect(await at(2)).toEqual([[2, 0], [9, 0]]) // prettier-ignore
    expect(await at(3)).toEqual([[3, 0], null])
    expect(await at(5)).toEqual([null, [5, 0]])
    expect(await at(1000)).toEqual([null, null])
  })

  it('are not taken where the chain of files could not be opened any more', async () => {
    const id = await newMachine()
    let record = await library.get(id)
    for (let number = 1; number <= 500; number++) {
      const snapshot = number.toString(16).padStart(12, '0')
      const [{ drive, file: below }] = keptDisks(record.machine) as [{ drive: number; file: string }]
      const kept = {
        hasState: false,
        hasPicture: false,
        isAutomatic: true,
        isComplete: true,
        takenAtMs: number,
      }
      record = taken(record, {
        snapshot: { ...wish(`number ${number}`), ...kept, id: snapshot },
        layers: [{ drive, below, file: layerName(snapshot) }],
        stampOf: () => null,
      })
      record = deleted(record, snapshot)
    }
    await library.update(id, record)
    await expect(snapshots.of(id).take(wish('more'))).rejects.toMatchObject({ code: 'snapshot-chain' })
  })

  it('are listed quickly when there are 300 of them in a row', async () => {
    const id = await newMachine()
    const idOf = (number: number): string => number.toString(16).padStart(12, '0')
    let record = await library.get(id)
    for (let number = 1; number <= 300; number++) {
      const [{ drive, file: below }] = keptDisks(record.machine) as [{ drive: number; file: string }]
      const snapshot = { ...wish(`number ${number}`), id: idOf(number), takenAtMs: number }
      record = taken(record, {
        snapshot: { ...snapshot, hasState: false, hasPicture: false, isAutomatic: false, isComplete: true },
        layers: [{ drive, below, file: layerName(idOf(number)) }],
        stampOf: () => null,
      })
      await writeFile(join(library.folderOf(id), layerName(idOf(number))), 'layer')
    }
    await library.update(id, record)
    const before = performance.now()
    expect(await names(id)).toHaveLength(300)
    expect(performance.now() - before).toBeLessThan(1000)
  })
})
