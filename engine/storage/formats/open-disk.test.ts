import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostImageFiles } from '../image-files.ts'
import { createDisk } from './create-disk.ts'
import type { DiskImage, FormatName } from './disk-image.ts'
import { encodeHeader } from './qcow2/header.ts'
import { openDisk } from './open-disk.ts'

const MIB = 1024 ** 2

let folder: string
let files: HostImageFiles
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'vitrine-formats-')))
  fs.mkdirSync(join(folder, 'vm'))
  files = new HostImageFiles(join(folder, 'locks'))
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

const at = (name: string): string => join(folder, 'vm', name)

const open = (name: string, writable = false, confirmed: string[] = []): DiskImage =>
  openDisk(files, at(name), { format: 'auto', writable, confirmed })

function create(name: string, format: FormatName, backing?: string): void {
  const image = backing === undefined ? null : open(backing)
  createDisk(files, at(name), format, {
    sizeBytes: 4 * MIB,
    backing: image && backing ? { name: backing, format, image } : undefined,
  })
  image?.close()
}

const sector = (fill: number): Uint8Array => new Uint8Array(512).fill(fill)

function read(image: DiskImage, number: number): number {
  const bytes = new Uint8Array(512)
  image.read(number, 1, bytes)
  return bytes[100]!
}

describe.each(['qcow2', 'vdi', 'vhd', 'vmdk'] as const)('a %s over another image', (format) => {
  beforeEach(() => {
    create('base.img', format)
    const base = open('base.img', true)
    base.write(5, 1, sector(5))
    base.write(8191, 1, sector(9))
    base.flush()
    base.close()
    create('over.img', format, 'base.img')
  })

  it('shows what it holds itself, and what lies below', () => {
    const over = open('over.img', true)
    over.write(6, 1, sector(6))
    expect([read(over, 5), read(over, 6), read(over, 7), read(over, 8191)]).toEqual([5, 6, 0, 9])
    over.flush()
    over.close()
    const again = open('over.img')
    expect([read(again, 5), read(again, 6), read(again, 7), read(again, 8191)]).toEqual([5, 6, 0, 9])
    expect(again.backing?.name).toBe(at('base.img'))
    again.close()
    const base = open('base.img')
    expect([read(base, 5), read(base, 6)]).toEqual([5, 0])
    base.close()
  })

  it('keeps the image below from being written meanwhile', () => {
    const over = open('over.img')
    expect(() => open('base.img', true)).toThrow(/is being read/)
    over.close()
    open('base.img', true).close()
  })

  it('names what lies below when it is missing', () => {
    fs.renameSync(at('base.img'), join(folder, 'elsewhere.img'))
    expect(() => open('over.img')).toThrow(format === 'vdi' ? /parent.*not beside/ : /base\.img.*missing/)
    expect(fs.readdirSync(join(folder, 'locks'))).toEqual([])
  })

  // qcow2 notes nothing of its backing file.
  if (format === 'qcow2') return
  it('names what lies below when it is another one or was changed', () => {
    if (format === 'vhd') {
      fs.rmSync(at('base.img'))
      create('base.img', 'vhd')
    } else {
      const base = open('base.img', true)
      base.write(0, 1, sector(1))
      base.flush()
      base.close()
    }
    expect(() => open('over.img')).toThrow(/"base\.img" (was changed|is another disk)/)
    expect(fs.readdirSync(join(folder, 'locks'))).toEqual([])
  })
})

describe('what an image may name', () => {
  function over(name: string, format = 'raw'): void {
    const header = encodeHeader({
      version: 3,
      clusterBits: 16,
      sizeBytes: MIB,
      l1Entries: 1,
      l1Position: 3 * 65536,
      refcountTablePosition: 65536,
      backing: { name, format },
      encryption: null,
    })
    const bytes = new Uint8Array(4 * 65536)
    bytes.set(header)
    fs.writeFileSync(at('over.img'), bytes)
  }

  beforeEach(() => fs.writeFileSync(join(folder, 'secret'), sector(0x53)))

  it('is no file outside of its folder', () => {
    for (const name of [
      join(folder, 'secret'),
      '../secret',
      'sub/../../secret',
      '/dev/zero',
      '/proc/self/environ',
    ]) {
      over(name)
      expect(() => open('over.img')).toThrow(/not in its folder; confirm/)
    }
  })

  it('is no address', () => {
    for (const name of [
      'https://example.org/a.img',
      'nbd:localhost:1',
      'json:{"file":"x"}',
      'file:/etc/passwd',
    ]) {
      over(name)
      expect(() => open('over.img')).toThrow(/is no file but an address/)
    }
  })

  it('is no link out of its folder', () => {
    fs.symlinkSync(join(folder, 'secret'), at('innocent'))
    over('innocent')
    expect(() => open('over.img')).toThrow(/link out of its folder/)
    fs.mkdirSync(join(folder, 'other'))
    fs.writeFileSync(join(folder, 'other', 'x'), sector(1))
    fs.symlinkSync(join(folder, 'other'), at('sub'))
    over('sub/x')
    expect(() => open('over.img')).toThrow(/link out of its folder/)
  })

  it('is what the user confirmed, and nothing else', () => {
    over('../secret')
    expect(() => open('over.img', false, [join(folder, 'another')])).toThrow(/confirm/)
    const image = open('over.img', false, [join(folder, 'secret')])
    expect(read(image, 0)).toBe(0x53)
    image.close()
  })

  it('is not itself, however long the way', () => {
    over('over.img', 'qcow2')
    expect(() => open('over.img')).toThrow(/its own backing file/)
    fs.renameSync(at('over.img'), at('a.img'))
    over('a.img', 'qcow2')
    fs.renameSync(at('over.img'), at('b.img'))
    over('b.img', 'qcow2')
    fs.renameSync(at('over.img'), at('over.img.tmp'))
    fs.renameSync(at('over.img.tmp'), at('over.img'))
    expect(() => open('over.img')).toThrow(/its own backing file/)
  })
})

describe('a raw disk told by its contents', () => {
  beforeEach(() => create('disk.img', 'raw'))

  const forged = (): Uint8Array =>
    encodeHeader({
      version: 3,
      clusterBits: 9,
      sizeBytes: MIB,
      l1Entries: 32,
      l1Position: 512,
      refcountTablePosition: 1024,
      backing: { name: '/etc/passwd', format: 'raw' },
      encryption: null,
    }).slice(0, 512)

  it('cannot be made another format by what its guest writes', () => {
    const image = open('disk.img', true)
    const two = new Uint8Array(1024)
    two.set(forged())
    expect(() => image.write(0, 2, two)).toThrow(/look like a qcow2 image; give format=raw/)
    const footer = sector(0)
    footer.set(Buffer.from('conectix'))
    expect(() => image.write(8191, 1, footer)).toThrow(/vhd/)
    image.write(1, 2, two) // anywhere else it is data
    image.close()
    expect(fs.readFileSync(at('disk.img')).subarray(0, 512)).toEqual(Buffer.alloc(512))
  })

  it('may hold anything when it was said to be raw', () => {
    const image = openDisk(files, at('disk.img'), { format: 'raw', writable: true })
    image.write(0, 1, forged())
    image.close()
    const again = openDisk(files, at('disk.img'), { format: 'raw', writable: false })
    expect(again.sectorCount).toBe(8192)
    again.close()
  })
})
