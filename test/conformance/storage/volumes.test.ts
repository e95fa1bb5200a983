import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compareFiles } from '../../../engine/service/media/compare-files.ts'
import { imageOfFolder } from '../../../engine/service/media/folder-image.ts'
import { ImageBrowser } from '../../../engine/service/media/image-browser.ts'
import { ByteWindow } from '../../../engine/storage/volumes/byte-window.ts'
import { formatFat } from '../../../engine/storage/volumes/fat/format-fat.ts'
import { openDiskImage } from '../../../engine/storage/open-image.ts'
import { Random } from '../../support/storage/random.ts'

// Against the tools that made or check such file systems everywhere: dosfstools and mtools, e2fsprogs, genisoimage.

const has = (tool: string): boolean => {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { env: ENV })
    return true
  } catch {
    return false
  }
}
const ENV = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: '1' }
const run = (tool: string, ...args: string[]): string =>
  execFileSync(tool, args, { env: ENV, encoding: 'utf8', stdio: 'pipe' })
const MIB = 1024 * 1024

let folder: string
let tree: string
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-volumes-'))
  tree = join(folder, 'tree')
  makeTree()
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

const file = (name: string): string => join(folder, name)
const side = (path: string) => ({ path, partition: null, options: {} })

/** Names long and short, empty and larger files, nesting, a folder of many entries. */
function makeTree(): void {
  const random = new Random(7)
  const put = (path: string, bytes: number): void => {
    const contents = new Uint8Array(bytes)
    for (let at = 0; at < bytes; at++) contents[at] = random.below(256)
    fs.writeFileSync(join(tree, path), contents)
  }
  for (const path of ['', 'DOS', 'A longer name', 'A longer name/inner', 'many'])
    fs.mkdirSync(join(tree, path))
  put('AUTOEXEC.BAT', 321)
  put('empty', 0)
  put('DOS/COMMAND.COM', 54_645)
  put('A longer name/Letter to the editor.text', 4096)
  put('A longer name/inner/data.bin', 300_000)
  for (let index = 0; index < 120; index++) put(`many/entry number ${index}.txt`, index)
}

function blank(name: string, bytes: number): string {
  fs.writeFileSync(file(name), '')
  fs.truncateSync(file(name), bytes)
  return file(name)
}

const WHOLE = { partition: null, replaces: false }

/** Copies all out of an image and expects that it is the tree. */
function expectTree(image: string, partition: number | null = null): void {
  const out = file('out')
  const { left } = finish(new ImageBrowser().copyOut(image, '', out, { ...WHOLE, partition }))
  expect(left).toEqual([])
  fs.rmSync(join(out, 'lost+found'), { recursive: true, force: true })
  expect(run('diff', '-r', tree, out)).toBe('')
  fs.rmSync(out, { recursive: true })
  const large = 'A longer name/inner/data.bin'
  const contents = fs.readFileSync(join(tree, large))
  for (const from of [0, 1, 511, 4095, 4096, 65_537, 299_999, 300_000, 400_000])
    for (const bytes of [1, 5000, 400_000]) {
      const part = new ImageBrowser().read(image, large, from, bytes, { partition })
      expect([from, bytes, Buffer.compare(part, contents.subarray(from, from + bytes))]).toEqual([
        from,
        bytes,
        0,
      ])
    }
}

function finish<T>(work: Generator<unknown, T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}

const FATS = [
  ['12', 1_474_560],
  ['12', 8 * MIB],
  ['16', 32 * MIB],
  ['32', 80 * MIB],
] as const

describe.skipIf(!has('mkfs.vfat') || !has('mcopy'))('a FAT volume', () => {
  it.each(FATS)('of FAT%s that other tools made is read (%i bytes)', (kind, bytes) => {
    const image = blank('a.img', bytes)
    run('mkfs.vfat', '-F', kind, '-n', 'GAMES', image)
    run('mcopy', '-s', '-i', image, ...fs.readdirSync(tree).map((name) => join(tree, name)), '::')
    expect(new ImageBrowser().volumes(image)).toEqual([
      { partition: 0, sizeBytes: bytes, kind: `FAT${kind}`, label: 'GAMES', problem: null },
    ])
    expectTree(image)
  })

  it.each(FATS)(
    'of FAT%s that other tools made is written, and passes their check (%i bytes)',
    (kind, bytes) => {
      const image = blank('a.img', bytes)
      run('mkfs.vfat', '-F', kind, image)
      const browser = new ImageBrowser()
      const sources = fs.readdirSync(tree).map((name) => join(tree, name))
      finish(browser.copyIn(image, sources, '', WHOLE))
      run('fsck.vfat', '-n', image)
      expectTree(image)

      // Again, larger, in place of what is there; and into folders that are made.
      fs.writeFileSync(join(tree, 'AUTOEXEC.BAT'), 'x'.repeat(70_000))
      finish(browser.copyIn(image, [join(tree, 'AUTOEXEC.BAT')], '', { ...WHOLE, replaces: true }))
      fs.mkdirSync(join(tree, 'new/Deeper Folder'), { recursive: true })
      fs.copyFileSync(join(tree, 'empty'), join(tree, 'new/Deeper Folder/empty'))
      finish(browser.copyIn(image, [join(tree, 'empty')], 'new/Deeper Folder', WHOLE))
      run('fsck.vfat', '-n', image)
      expectTree(image)
      run('mcopy', '-s', '-i', image, '::', file('theirs'))
      expect(run('diff', '-r', tree, file('theirs'))).toBe('')
    },
  )

  it.each([368_640, 737_280, 1_228_800, 1_474_560, 2_949_120, 4 * MIB, 40 * MIB, 300 * MIB, 700 * MIB])(
    'that is made anew passes the check of others (%i bytes)',
    (bytes) => {
      const image = blank('a.img', bytes)
      const disk = openDiskImage(image, { format: 'raw', lockFolder: folder })
      formatFat(new ByteWindow(disk), { label: 'SHARED', hiddenSectors: 0, nowMs: Date.UTC(1999, 11, 31) })
      disk.close()
      run('fsck.vfat', '-n', image)
      finish(new ImageBrowser().copyIn(image, [join(tree, 'many')], '', WHOLE))
      run('fsck.vfat', '-n', image)
      expect(new ImageBrowser().volumes(image)[0]).toMatchObject({ label: 'SHARED' })
      expect(run('mdir', '-b', '-i', image, '::/many').trim().split('\n')).toHaveLength(120)
    },
  )

  it('that is full takes nothing more and stays as it was', () => {
    const image = blank('a.img', 368_640)
    run('mkfs.vfat', image)
    const before = fs.readFileSync(image)
    fs.writeFileSync(file('big'), new Uint8Array(400_000))
    expect(() => finish(new ImageBrowser().copyIn(image, [file('big')], '', WHOLE))).toThrow(
      /no room for big/,
    )
    expect(fs.readFileSync(image).equals(before)).toBe(true)
  })

  it('whose root holds all that it can says so', () => {
    const image = blank('a.img', 1_474_560)
    run('mkfs.vfat', '-r', '64', image)
    const names = Array.from({ length: 70 }, (_, index) => file(`F${index}`))
    for (const name of names) fs.writeFileSync(name, 'x')
    expect(() => finish(new ImageBrowser().copyIn(image, names, '', WHOLE))).toThrow(/root folder is full/)
    run('fsck.vfat', '-n', image)
  })

  it('whose root folder lies nowhere is refused', () => {
    const image = blank('a.img', 40 * MIB)
    run('mkfs.vfat', '-F', '32', '-s', '1', image)
    const fd = fs.openSync(image, 'r+')
    fs.writeSync(fd, Uint8Array.of(0xff, 0xff, 0xff, 0x0f), 0, 4, 44)
    fs.closeSync(fd)
    fs.writeFileSync(file('a'), 'x')
    expect(() => finish(new ImageBrowser().copyIn(image, [file('a')], '', WHOLE))).toThrow(
      /it is damaged: a folder of it lies nowhere/,
    )
  })

  it('lies in a partition of a disk in any format', () => {
    const disk = blank('disk.img', 40 * MIB)
    const table = Buffer.alloc(512)
    table.set([0x80, 1, 1, 0, 6, 15, 63, 100], 446)
    table.writeUInt32LE(63, 454)
    table.writeUInt32LE(65_536, 458)
    table.writeUInt16LE(0xaa55, 510)
    const part = blank('part.img', 32 * MIB)
    run('mkfs.vfat', '-F', '16', '-h', '63', part)
    const bytes = fs.openSync(disk, 'r+')
    fs.writeSync(bytes, table, 0, 512, 0)
    fs.writeSync(bytes, fs.readFileSync(part), 0, 32 * MIB, 63 * 512)
    fs.closeSync(bytes)
    const sources = fs.readdirSync(tree).map((name) => join(tree, name))
    finish(new ImageBrowser().copyIn(disk, sources, '', WHOLE))
    expectTree(disk, 1)
    expect(() => new ImageBrowser().list(disk, '', { partition: 3 })).toThrow(/no file system/)
  })
})

describe.skipIf(!has('mke2fs'))('an ext volume', () => {
  it.each([
    ['ext2', 1024],
    ['ext2', 4096],
    ['ext3', 1024],
    ['ext4', 1024],
    ['ext4', 4096],
  ] as const)('of %s with blocks of %i bytes is read', (kind, blockBytes) => {
    const image = blank('a.img', 48 * MIB)
    run('mke2fs', '-q', '-t', kind, '-b', String(blockBytes), '-L', 'root', '-d', tree, image)
    expect(new ImageBrowser().volumes(image)[0]).toMatchObject({ kind, label: 'root' })
    expectTree(image)
  })

  it('shows links without following them, and reads holes as zeros', () => {
    fs.symlinkSync('../../../etc/passwd', join(tree, 'link'))
    fs.writeFileSync(join(tree, 'holes'), '')
    fs.truncateSync(join(tree, 'holes'), 3 * MIB)
    const fd = fs.openSync(join(tree, 'holes'), 'r+')
    fs.writeSync(fd, 'in the middle', MIB + 77)
    fs.closeSync(fd)
    const image = blank('a.img', 48 * MIB)
    run('mke2fs', '-q', '-t', 'ext4', '-d', tree, image)
    const { left } = finish(new ImageBrowser().copyOut(image, '', file('out'), WHOLE))
    expect(left).toEqual(['link'])
    expect(new ImageBrowser().list(image, 'link', WHOLE)).toMatchObject([
      { kind: 'other', target: '../../../etc/passwd' },
    ])
    expect(fs.readFileSync(join(file('out'), 'holes')).equals(fs.readFileSync(join(tree, 'holes')))).toBe(
      true,
    )
  })
})

describe.skipIf(!has('genisoimage'))('a CD', () => {
  it.each([
    ['Joliet', ['-J', '-joliet-long']],
    ['Rock Ridge', ['-R']],
  ] as const)('with %s is read', (kind, options) => {
    run('genisoimage', '-quiet', '-V', 'DISC', ...options, '-o', file('a.iso'), tree)
    expect(new ImageBrowser().volumes(file('a.iso'))[0]).toMatchObject({ kind, label: 'DISC' })
    expectTree(file('a.iso'))
  })

  it('with plain names is read', () => {
    run('genisoimage', '-quiet', '-o', file('a.iso'), tree)
    const browser = new ImageBrowser()
    expect(browser.volumes(file('a.iso'))[0]).toMatchObject({ kind: 'ISO 9660' })
    const entry = browser.list(file('a.iso'), '', WHOLE).find(({ name }) => name.startsWith('AUTOEXEC'))
    expect(entry).toMatchObject({ name: 'AUTOEXEC.BAT', bytes: 321 })
    expect(browser.read(file('a.iso'), 'DOS/COMMAND.COM', 1000, 500, WHOLE)).toEqual(
      fs.readFileSync(join(tree, 'DOS/COMMAND.COM')).subarray(1000, 1500),
    )
  })
})

const FROM_FOLDER = {
  label: 'SHARED',
  sizeBytes: null,
  format: 'raw' as const,
  replaces: false,
  nowMs: Date.UTC(1999, 11, 31),
}

describe('a medium made of a folder', () => {
  it.skipIf(!has('xorriso'))('is a CD that others read with its long names', () => {
    finish(imageOfFolder(tree, file('a.iso'), FROM_FOLDER))
    expectTree(file('a.iso'))
    const extract = ['-osirrox', 'on', '-extract', '/', file('theirs')]
    run('xorriso', '-joliet', 'on', '-read_fs', 'norock', '-indev', file('a.iso'), ...extract)
    run('chmod', '-R', 'u+w', file('theirs'))
    expect(run('diff', '-r', tree, file('theirs'))).toBe('')
  })

  it.skipIf(!has('isoinfo'))('has names for DOS on that CD, each unlike the others', () => {
    finish(imageOfFolder(tree, file('a.iso'), FROM_FOLDER))
    const names = run('isoinfo', '-f', '-i', file('a.iso')).trim().split('\n')
    expect(names).toContain('/AUTOEXEC.BAT;1')
    expect(names.filter((name) => name.startsWith('/MANY/'))).toHaveLength(120)
    for (const name of names) expect(name).toMatch(/^(\/[A-Z0-9_]{1,8}(\.[A-Z0-9_]{0,3};1)?)+$/)
  })

  it.each([
    ['floppy', 1_474_560],
    ['disk', 64 * MIB],
    ['disk', 600 * MIB],
  ] as const)('is a FAT %s of %i bytes', (_, sizeBytes) => {
    finish(imageOfFolder(tree, file('a.img'), { ...FROM_FOLDER, sizeBytes }))
    expect(fs.statSync(file('a.img')).size).toBe(sizeBytes)
    expectTree(file('a.img'))
  })

  it('is as large as it takes, in any format, and nothing when it fails', () => {
    finish(imageOfFolder(tree, file('a.qcow2'), { ...FROM_FOLDER, format: 'qcow2' }))
    expectTree(file('a.qcow2'))
    const tooSmall = { ...FROM_FOLDER, sizeBytes: 368_640 }
    expect(() => finish(imageOfFolder(tree, file('b.img'), tooSmall))).toThrow(/no room/)
    expect(fs.readdirSync(folder).filter((name) => name.includes('b.img'))).toEqual([])
  })

  it('is copied out without touching files of a like name', () => {
    finish(imageOfFolder(tree, file('a.img'), FROM_FOLDER))
    fs.writeFileSync(file('out.part'), 'mine')
    fs.mkdirSync(file('DOS.part'))
    finish(new ImageBrowser().copyOut(file('a.img'), 'AUTOEXEC.BAT', file('out'), WHOLE))
    finish(new ImageBrowser().copyOut(file('a.img'), 'DOS', file('DOS'), WHOLE))
    expect(fs.readFileSync(file('out.part'), 'utf8')).toBe('mine')
    expect(fs.readdirSync(folder).toSorted()).toEqual(['DOS', 'DOS.part', 'a.img', 'out', 'out.part', 'tree'])
  })

  it('is read on from where it is asked, whatever lies before', () => {
    const bytes = 24 * MIB
    fs.writeFileSync(join(tree, 'large'), new Uint8Array(bytes).fill(9))
    finish(imageOfFolder(tree, file('a.img'), FROM_FOLDER))
    const browser = new ImageBrowser()
    const timeOf = (from: number): number => {
      const began = performance.now()
      for (let times = 0; times < 10; times++)
        browser.read(file('a.img'), 'large', from, 4096, { partition: null })
      return performance.now() - began
    }
    timeOf(0)
    // Reading all that comes before took a hundred times as long.
    expect(timeOf(bytes - 4096)).toBeLessThan(10 * timeOf(0) + 20)
  })

  it('tells what a guest changed in it', () => {
    finish(imageOfFolder(tree, file('a.img'), FROM_FOLDER))
    expect(finish(compareFiles(side(tree), side(file('a.img'))))).toEqual([])
    fs.copyFileSync(file('a.img'), file('b.img'))
    fs.writeFileSync(file('new.txt'), 'from the guest')
    fs.writeFileSync(file('AUTOEXEC.BAT'), 'x'.repeat(321))
    finish(new ImageBrowser().copyIn(file('b.img'), [file('new.txt')], 'DOS', WHOLE))
    finish(new ImageBrowser().copyIn(file('b.img'), [file('AUTOEXEC.BAT')], '', { ...WHOLE, replaces: true }))
    const changed = { path: 'AUTOEXEC.BAT', change: 'changed' }
    expect(finish(compareFiles(side(file('a.img')), side(file('b.img'))))).toEqual([
      changed,
      { path: 'DOS/new.txt', change: 'added' },
    ])
    expect(finish(compareFiles(side(file('b.img')), side(tree)))).toEqual([
      changed,
      { path: 'DOS/new.txt', change: 'removed' },
    ])
  })
})
