import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDisk } from '../../storage/formats/open-disk.ts'
import { HostImageFiles } from '../../storage/image-files.ts'
import { Media } from './media.ts'

const MIB = 1024 ** 2

let folder: string
let files: HostImageFiles
let media: Media
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-media-'))
  files = new HostImageFiles(join(folder, 'locks'))
  media = new Media(files)
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

const at = (name: string): string => join(folder, name)
const finish = (work: Generator): void => void [...work]
const names = (): string[] =>
  fs
    .readdirSync(folder)
    .filter((name) => name !== 'locks')
    .toSorted()

function write(name: string, sector: number, fill: number, count = 1): void {
  const image = openDisk(files, at(name), { format: 'auto', writable: true })
  image.write(sector, count, new Uint8Array(512 * count).fill(fill))
  image.flush()
  image.close()
}

function read(name: string, sector: number): number {
  const image = openDisk(files, at(name), { format: 'auto', writable: false })
  const bytes = new Uint8Array(512)
  image.read(sector, 1, bytes)
  image.close()
  return bytes[0]!
}

describe('converting', () => {
  beforeEach(() => {
    finish(media.create(at('a.qcow2'), 10 * MIB, { format: 'qcow2' }))
    write('a.qcow2', 3, 3)
    write('a.qcow2', 20000, 7, 400)
  })

  it.each([
    ['raw', undefined],
    ['qcow2', 'v2'],
    ['vdi', 'dynamic'],
    ['vdi', 'fixed'],
    ['vhd', 'dynamic'],
    ['vhd', 'fixed'],
    ['vmdk', 'sparse'],
    ['vmdk', 'flat'],
    ['vmdk', 'split-sparse'],
    ['vmdk', 'split-flat'],
    ['vmdk', 'stream'],
  ] as const)('makes %s %s with the same contents', (format, variant) => {
    finish(media.convert(at('a.qcow2'), at('b'), { format, variant }))
    expect(media.info(at('b'))).toMatchObject({ format, variant: variant ?? 'flat', sizeBytes: 10 * MIB })
    expect([2, 3, 19999, 20000, 20399, 20400].map((sector) => read('b', sector))).toEqual([0, 3, 0, 7, 7, 0])
    expect(names().every((name) => !name.includes('.part'))).toBe(true)
  })

  it('takes in what lies below, or leaves it there', () => {
    finish(media.create(at('over.qcow2'), null, { format: 'qcow2', backing: { path: at('a.qcow2') } }))
    write('over.qcow2', 4, 4)
    finish(media.convert(at('over.qcow2'), at('whole.vdi'), { format: 'vdi' }))
    expect([3, 4, 20001].map((sector) => read('whole.vdi', sector))).toEqual([3, 4, 7])
    const backing = { path: at('a.qcow2') }
    finish(media.convert(at('whole.vdi'), at('again.qcow2'), { format: 'qcow2', backing }))
    expect([3, 4, 20001].map((sector) => read('again.qcow2', sector))).toEqual([3, 4, 7])
    // One cluster and its tables, not the 200 KiB that lie below.
    expect(fs.statSync(at('again.qcow2')).size).toBeLessThan(7 * 65536)
  })

  it('leaves nothing when it is stopped, and does not touch a file that is there', () => {
    const work = media.convert(at('a.qcow2'), at('b.vmdk'), { format: 'vmdk', variant: 'split-flat' })
    work.next()
    expect(names().length).toBeGreaterThan(1)
    work.return()
    expect(names()).toEqual(['a.qcow2'])
    expect(fs.readdirSync(at('locks'))).toEqual([])

    fs.writeFileSync(at('mine'), 'mine')
    expect(() => finish(media.convert(at('a.qcow2'), at('mine'), { format: 'raw' }))).toThrow(/already/)
    expect(fs.readFileSync(at('mine'), 'utf8')).toBe('mine')
    finish(media.convert(at('a.qcow2'), at('mine'), { format: 'raw', replaces: true }))
    expect(read('mine', 3)).toBe(3)
  })

  it('compresses', () => {
    finish(media.convert(at('a.qcow2'), at('c.qcow2'), { format: 'qcow2', compress: true }))
    expect([3, 20001].map((sector) => read('c.qcow2', sector))).toEqual([3, 7])
    expect(fs.statSync(at('c.qcow2')).size).toBeLessThan(fs.statSync(at('a.qcow2')).size - 3 * 65536)
    write('c.qcow2', 20001, 8)
    expect([20000, 20001].map((sector) => read('c.qcow2', sector))).toEqual([7, 8])
    expect(media.check(at('c.qcow2'), false)).toMatchObject({ damage: [], leakedBytes: 0 })
  })
})

describe('resizing', () => {
  it.each(['raw', 'qcow2', 'vdi', 'vhd', 'vmdk'] as const)(
    'makes a %s larger, with zeros behind',
    (format) => {
      finish(media.create(at('a'), 3 * MIB, { format }))
      write('a', 6143, 5)
      finish(media.resize(at('a'), 40 * MIB, false))
      expect(media.info(at('a'))).toMatchObject({ format, sizeBytes: 40 * MIB })
      expect([read('a', 6143), read('a', 6144), read('a', 81919)]).toEqual([5, 0, 0])
      expect(media.check(at('a'), false)).toMatchObject({ damage: [], leakedBytes: 0 })
      expect(() => finish(media.resize(at('a'), 3 * MIB, false))).toThrow(/loses its end/)
      finish(media.resize(at('a'), 3 * MIB, true))
      expect(media.info(at('a')).sizeBytes).toBe(3 * MIB)
      expect(read('a', 6143)).toBe(5)
    },
  )
})

describe('compacting', () => {
  it('gives back zeros, and keeps zeros that hide what lies below', () => {
    finish(media.create(at('base.qcow2'), 10 * MIB, { format: 'qcow2' }))
    write('base.qcow2', 0, 1, 4096)
    finish(media.create(at('over.qcow2'), null, { format: 'qcow2', backing: { path: at('base.qcow2') } }))
    write('over.qcow2', 0, 0, 256) // hides
    write('over.qcow2', 1024, 1, 256) // the same as below
    write('over.qcow2', 8192, 0, 2048) // zeros over zeros
    const before = fs.statSync(at('over.qcow2')).size
    finish(media.compact(at('over.qcow2'), {}))
    expect([0, 255, 256, 1024, 8192].map((sector) => read('over.qcow2', sector))).toEqual([0, 0, 1, 1, 0])
    expect(media.info(at('over.qcow2')).backing?.path).toBe(at('base.qcow2'))
    expect(before - fs.statSync(at('over.qcow2')).size).toBe(MIB + 128 * 1024)
  })

  it('does not touch an image in use or in several files', () => {
    finish(media.create(at('a.vdi'), MIB, { format: 'vdi' }))
    const user = openDisk(files, at('a.vdi'), { format: 'auto', writable: true })
    expect(() => finish(media.compact(at('a.vdi'), {}))).toThrow(/is being written/)
    user.close()
    finish(media.create(at('b.vmdk'), MIB, { format: 'vmdk', variant: 'flat' }))
    expect(() => finish(media.compact(at('b.vmdk'), {}))).toThrow(/several files/)
  })
})

describe('checking', () => {
  it('tells how far it is, and mends nothing when it is stopped on the way', () => {
    finish(media.create(at('a.qcow2'), 64 * MIB, { format: 'qcow2', clusterBytes: 4096 }))
    for (let sector = 0; sector < 60 * 2048; sector += 4096) write('a.qcow2', sector, 1)
    // Not closed properly, as its mark says.
    const file = fs.openSync(at('a.qcow2'), 'r+')
    fs.writeSync(file, Uint8Array.of(1), 0, 1, 79)
    fs.closeSync(file)
    const before = fs.readFileSync(at('a.qcow2'))
    const parts: number[] = []
    const work = media.checking(at('a.qcow2'), true)
    for (let step = work.next(); !step.done && parts.length < 5; step = work.next())
      parts.push(step.value.done / step.value.total)
    work.return({ damage: [], leakedBytes: 0, repaired: false })
    expect(parts).toEqual(parts.toSorted((a, b) => a - b))
    expect(parts.at(-1)).toBeLessThan(1)
    expect(fs.readFileSync(at('a.qcow2'))).toEqual(before)
    expect(media.check(at('a.qcow2'), true)).toMatchObject({
      damage: ['it was not closed properly'],
      repaired: true,
    })
  })
})
