import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withDataFile } from '../../../../test/support/storage/data-file.ts'
import { Media } from '../../../service/media/media.ts'
import { HostImageFiles } from '../../image-files.ts'
import { createDisk } from '../create-disk.ts'
import type { DiskImage } from '../disk-image.ts'
import { openDisk } from '../open-disk.ts'

const MIB = 1024 ** 2
const SIZE = MIB + 3 * 512

let folder: string
let files: HostImageFiles
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'vitrine-data-file-')))
  fs.mkdirSync(at('vm'))
  files = new HostImageFiles(at('locks'))
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

const at = (name: string): string => join(folder, name)
const image = (): string => at('vm/disk.qcow2')

/** An empty image, which names a file as the one with its data. */
function make(name: string, { isRaw = false, sizeBytes = SIZE } = {}): void {
  createDisk(files, image(), 'qcow2', { sizeBytes })
  const bytes = fs.readFileSync(image())
  bytes.set(withDataFile(bytes.subarray(0, 512), name, isRaw))
  fs.writeFileSync(image(), bytes)
}

const open = (writable: boolean, confirmed: string[] = []): DiskImage =>
  openDisk(files, image(), { format: 'qcow2', writable, confirmed })

function write(disk: DiskImage, sector: number, fill: number): void {
  disk.write(sector, 1, new Uint8Array(512).fill(fill))
}

function read(disk: DiskImage, sector: number): number {
  const bytes = new Uint8Array(512)
  disk.read(sector, 1, bytes)
  return bytes[9]!
}

const finish = (work: Generator): void => void [...work]

describe('a qcow2 with its data in another file', () => {
  it('keeps each sector there at its place, and nothing behind the end of the disk', () => {
    fs.writeFileSync(at('vm/data.img'), new Uint8Array(SIZE))
    make('data.img')
    const disk = open(true)
    write(disk, 0, 1)
    write(disk, SIZE / 512 - 1, 2)
    disk.flush()
    expect(disk.check(false)).toEqual({ damage: [], leakedBytes: 0, repaired: false })
    disk.close()

    const data = fs.readFileSync(at('vm/data.img'))
    expect(data.length).toBe(SIZE)
    expect([data[511], data[512], data[SIZE - 1]]).toEqual([1, 0, 2])
    const again = open(false)
    expect(again.details.files).toEqual([image(), at('vm/data.img')])
    expect([0, 1, SIZE / 512 - 1].map((sector) => read(again, sector))).toEqual([1, 0, 2])
    again.close()
  })

  it('shows zeros, not what the data file happened to have, where nothing was written', () => {
    fs.writeFileSync(at('vm/data.img'), new Uint8Array(SIZE).fill(7))
    make('data.img', { isRaw: true })
    const disk = open(true)
    expect(read(disk, 5)).toBe(0)
    write(disk, 4, 3)
    expect([4, 5].map((sector) => read(disk, sector))).toEqual([3, 0])
    disk.flush()
    disk.close()
    const data = fs.readFileSync(at('vm/data.img'))
    expect([data[4 * 512], data[5 * 512]]).toEqual([3, 0])
    const stays = fs.readFileSync(image())[95]
    expect(stays).toBe(2)
  })

  it.each(['../data.img', '../vm/../data.img'])('does not read or write %s outside of its folder', (name) => {
    const secret = new Uint8Array(SIZE).fill(7)
    fs.writeFileSync(at('data.img'), secret)
    make(name)
    for (const writable of [false, true])
      expect(() => open(writable)).toThrow(/its data file .* is not in its folder; confirm .*\/data\.img/)
    expect(Buffer.compare(fs.readFileSync(at('data.img')), secret)).toBe(0)
    const disk = open(true, [at('data.img')])
    write(disk, 0, 1)
    disk.flush()
    disk.close()
    expect(fs.readFileSync(at('data.img'))[0]).toBe(1)
  })

  it('follows neither links out of its folder, nor absolute names, nor addresses', () => {
    fs.writeFileSync(at('data.img'), new Uint8Array(SIZE))
    fs.symlinkSync(at('data.img'), at('vm/link.img'))
    for (const [name, why] of [
      ['link.img', /its data file "link.img" is a link out of its folder/],
      [at('data.img'), /is not in its folder/],
      ['nbd://somewhere/disk', /is no file but an address/],
      ['gone.img', /its data file "gone.img" is missing: there is no .*gone\.img/],
      ['disk.qcow2', /it names itself as its data file/],
    ] as const) {
      make(name)
      expect(() => open(false)).toThrow(why)
      fs.rmSync(image())
    }
  })

  it('locks both files, and gives both back', () => {
    fs.writeFileSync(at('vm/data.img'), new Uint8Array(SIZE))
    make('data.img')
    const disk = open(true)
    expect(() => files.open(at('vm/data.img'), false)).toThrow(/data\.img/)
    disk.close()
    files.open(at('vm/data.img'), true).close()
    files.open(image(), true).close()
  })

  it('is made larger with zeros, whatever lay behind its end, and not made smaller', () => {
    fs.writeFileSync(at('vm/data.img'), new Uint8Array(2 * MIB).fill(7))
    make('data.img', { isRaw: true })
    const media = new Media(files)
    const first = open(true)
    write(first, SIZE / 512 - 1, 2)
    first.flush()
    first.close()
    finish(media.resize(image(), 4 * MIB, false))
    const disk = open(false)
    const sectors = [SIZE / 512 - 1, SIZE / 512, 4 * 2048 - 1]
    expect(sectors.map((sector) => read(disk, sector))).toEqual([2, 0, 0])
    disk.close()
    const data = fs.readFileSync(at('vm/data.img'))
    expect([data.length, data[SIZE - 1], data[SIZE]]).toEqual([4 * MIB, 2, 0])
    expect(() => finish(media.resize(image(), MIB, true))).toThrow(/several files.*convert it to a new file/)
    expect(() => finish(media.compact(image(), {}))).toThrow(/several files.*convert it to a new file/)
    finish(media.convert(image(), at('vm/new.qcow2'), { format: 'qcow2' }))
    expect(media.info(at('vm/new.qcow2')).files).toEqual([at('vm/new.qcow2')])
  })

  it('is found damaged, and read no further, where an entry leads to another place', () => {
    fs.writeFileSync(at('vm/data.img'), new Uint8Array(SIZE))
    make('data.img')
    const disk = open(true)
    write(disk, 0, 1)
    disk.flush()
    disk.close()
    const bytes = fs.readFileSync(image())
    const l2 = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(40))) & 0xff_ffff_ffff_fe00n)
    bytes.writeBigUInt64BE(0x8000_0000_0001_0000n, l2)
    fs.writeFileSync(image(), bytes)
    const damaged = open(true)
    expect(() => read(damaged, 0)).toThrow(/tables are damaged/)
    expect(() => write(damaged, 0, 1)).toThrow(/tables are damaged/)
    expect(damaged.check(true)).toMatchObject({
      damage: ['1 entries lead to another place of the data file'],
      repaired: false,
    })
    damaged.close()
  })
})
