import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DiskImage, FormatName } from '../../../engine/storage/formats/disk-image.ts'
import { Media } from '../../../engine/service/media/media.ts'
import { createDisk } from '../../../engine/storage/formats/create-disk.ts'
import { openDisk } from '../../../engine/storage/formats/open-disk.ts'
import { HostImageFiles } from '../../../engine/storage/image-files.ts'
import { qemuCheck, qemuImg, qemuImgMissing, qemuWrite } from '../../support/storage/qemu-img.ts'
import { Random } from '../../support/storage/random.ts'

let folder: string
let files: HostImageFiles
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-interchange-'))
  files = new HostImageFiles(join(folder, 'locks'))
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

interface Kind {
  format: FormatName
  variant?: string
  clusterBytes?: number
  /** How QEMU calls the same. */
  qemu: string
  qemuOptions?: string
  /** The contents lie in another file, which is at all times the disk itself where it is `raw`. */
  dataFile?: 'any' | 'raw'
}

const WRITABLE: Kind[] = [
  { format: 'raw', qemu: 'raw' },
  { format: 'qcow2', qemu: 'qcow2' },
  { format: 'qcow2', variant: 'v2', qemu: 'qcow2', qemuOptions: 'compat=0.10' },
  { format: 'qcow2', clusterBytes: 512, qemu: 'qcow2', qemuOptions: 'cluster_size=512' },
  { format: 'qcow2', clusterBytes: 4096, qemu: 'qcow2', qemuOptions: 'cluster_size=4k,lazy_refcounts=on' },
  { format: 'qcow2', clusterBytes: 2 ** 21, qemu: 'qcow2', qemuOptions: 'cluster_size=2M' },
  { format: 'qcow2', qemu: 'qcow2', qemuOptions: 'refcount_bits=1' },
  { format: 'qcow2', qemu: 'qcow2', qemuOptions: 'refcount_bits=64,preallocation=metadata' },
  { format: 'qcow2', qemu: 'qcow2', qemuOptions: 'refcount_bits=8,preallocation=full,cluster_size=32k' },
  { format: 'vdi', qemu: 'vdi' },
  { format: 'vdi', variant: 'fixed', qemu: 'vdi', qemuOptions: 'static=on' },
  { format: 'vhd', qemu: 'vpc', qemuOptions: 'force_size=on' },
  { format: 'vhd', variant: 'fixed', qemu: 'vpc', qemuOptions: 'subformat=fixed,force_size=on' },
  { format: 'vmdk', qemu: 'vmdk' },
  { format: 'vmdk', variant: 'flat', qemu: 'vmdk', qemuOptions: 'subformat=monolithicFlat' },
  { format: 'vmdk', variant: 'split-sparse', qemu: 'vmdk', qemuOptions: 'subformat=twoGbMaxExtentSparse' },
  { format: 'vmdk', variant: 'split-flat', qemu: 'vmdk', qemuOptions: 'subformat=twoGbMaxExtentFlat' },
  { format: 'vmdk', qemu: 'vmdk', qemuOptions: 'zeroed_grain=on' },
  { format: 'vmdk', qemu: 'vmdk', qemuOptions: 'adapter_type=lsilogic,hwversion=7' },
]

/** What only QEMU makes so, each read and written by us as well. */
const THEIRS: Kind[] = [
  ...['1k', '8k', '16k', '128k', '256k', '512k', '1M'].map((size): Kind => qcow2Of(`cluster_size=${size}`)),
  ...[2, 4, 16, 32].map((bits): Kind => qcow2Of(`refcount_bits=${bits}`)),
  qcow2Of('compat=0.10,cluster_size=4k'),
  qcow2Of('compat=1.1,lazy_refcounts=on'),
  qcow2Of('preallocation=falloc'),
  qcow2Of('extended_l2=on'),
  qcow2Of('extended_l2=on,cluster_size=16k'),
  qcow2Of('extended_l2=on,cluster_size=2M,refcount_bits=1'),
  qcow2Of('extended_l2=on,preallocation=metadata'),
  { ...qcow2Of('cluster_size=64k'), dataFile: 'any' },
  { ...qcow2Of('cluster_size=64k'), dataFile: 'raw' },
  { ...qcow2Of('cluster_size=512'), dataFile: 'any' },
  { ...qcow2Of('cluster_size=2M,lazy_refcounts=on'), dataFile: 'raw' },
  { ...qcow2Of('extended_l2=on'), dataFile: 'any' },
  { ...qcow2Of('extended_l2=on,cluster_size=16k'), dataFile: 'raw' },
  { ...qcow2Of('preallocation=metadata'), dataFile: 'any' },
  { format: 'raw', qemu: 'raw', qemuOptions: 'preallocation=full' },
  // Without `force_size` the disk is as large as whole cylinders are.
  { format: 'vhd', qemu: 'vpc' },
  { format: 'vhd', qemu: 'vpc', qemuOptions: 'subformat=fixed' },
  { format: 'vmdk', qemu: 'vmdk', qemuOptions: 'compat6=on' },
  { format: 'vmdk', qemu: 'vmdk', qemuOptions: 'adapter_type=buslogic' },
  { format: 'vmdk', qemu: 'vmdk', qemuOptions: 'adapter_type=legacyESX,subformat=monolithicFlat' },
  { format: 'vmdk', qemu: 'vmdk', qemuOptions: 'subformat=twoGbMaxExtentSparse,zeroed_grain=on' },
]

function qcow2Of(qemuOptions: string): Kind {
  return { format: 'qcow2', qemu: 'qcow2', qemuOptions }
}

const SIZE = 20 * 1024 ** 2 + 3 * 512

const dataPlace = (): string => join(folder, 'data.img')

function optionsOf({ qemuOptions, dataFile }: Kind): string[] {
  const options = [
    qemuOptions,
    dataFile && `data_file=${dataPlace()}`,
    dataFile === 'raw' && 'data_file_raw=on',
  ].filter(Boolean)
  return options.length > 0 ? ['-o', options.join(',')] : []
}

const makeTheirs = (kind: Kind, path: string): void =>
  void qemuImg('create', '-q', '-f', kind.qemu, ...optionsOf(kind), path, `${SIZE}`)

/** The disk as it has to be, and writes that come to it and to the image. */
class Shadow {
  readonly bytes = new Uint8Array(SIZE)

  constructor(private readonly random: Random) {}

  #extent(unit: number): { at: number; bytes: number } {
    const bytes = Math.min(SIZE, this.random.pick([1, 1, 2, 8, 63, 128, 129, 1024]) * 512 * unit)
    return { at: this.random.below((SIZE - bytes) / 512 + 1) * 512, bytes }
  }

  writeOurs(image: DiskImage, count: number): void {
    for (let done = 0; done < count; done++) {
      const { at, bytes } = this.#extent(1)
      const data = this.random.chance(6) ? new Uint8Array(bytes) : this.random.bytes(bytes)
      image.write(at / 512, bytes / 512, data)
      this.bytes.set(data, at)
      if (this.random.chance(10)) image.flush()
    }
  }

  writeQemu(kind: Kind, path: string, count: number): void {
    const writes = Array.from({ length: count }, () => {
      const pattern = this.random.below(256)
      const extent = this.#extent(1)
      this.bytes.fill(pattern, extent.at, extent.at + extent.bytes)
      return { ...extent, pattern }
    })
    qemuWrite(kind.qemu, path, writes)
  }

  expectIn(image: DiskImage): void {
    const seen = new Uint8Array(SIZE)
    for (let at = 0; at < SIZE;) {
      const bytes = Math.min(SIZE - at, this.random.pick([1, 7, 300, 4096]) * 512)
      image.read(at / 512, bytes / 512, seen.subarray(at, at + bytes))
      at += bytes
    }
    expect(Buffer.compare(seen, this.bytes)).toBe(0)
  }

  expectInQemu(kind: Kind, path: string): void {
    const raw = join(folder, 'shadow.raw')
    fs.writeFileSync(raw, this.bytes)
    qemuCheck(kind.qemu, path)
    expect(qemuImg('compare', '-f', kind.qemu, '-F', 'raw', path, raw)).toContain('identical')
    if (kind.dataFile === 'raw')
      expect(Buffer.compare(fs.readFileSync(dataPlace()).subarray(0, SIZE), this.bytes)).toBe(0)
  }
}

const open = (path: string, format: FormatName, writable = true): DiskImage =>
  openDisk(files, path, { format, writable })

function closed(image: DiskImage): void {
  image.flush()
  image.close()
}

const title = ({ format, variant, clusterBytes, qemuOptions, dataFile }: Kind): string =>
  [
    format,
    variant,
    clusterBytes && `${clusterBytes} byte clusters`,
    qemuOptions,
    dataFile && `with its data in another file (${dataFile})`,
  ]
    .filter(Boolean)
    .join(' ')

describe('images and qemu-img', () => {
  beforeEach(({ skip }) => skip(qemuImgMissing !== '', qemuImgMissing))

  it.each(WRITABLE.map((kind) => [title(kind), kind] as const))(
    '%s: ours are right to QEMU, also after it wrote to them',
    (_, kind) => {
      const path = join(folder, 'ours.img')
      const { variant, clusterBytes } = kind
      createDisk(files, path, kind.format, { sizeBytes: SIZE, variant, clusterBytes })
      const shadow = new Shadow(new Random(1))
      const first = open(path, kind.format)
      shadow.writeOurs(first, 60)
      shadow.expectIn(first)
      closed(first)
      shadow.expectInQemu(kind, path)
      shadow.writeQemu(kind, path, 20)
      const second = open(path, kind.format)
      shadow.expectIn(second)
      shadow.writeOurs(second, 20)
      closed(second)
      shadow.expectInQemu(kind, path)
    },
  )

  it.each([...WRITABLE, ...THEIRS].map((kind) => [title(kind), kind] as const))(
    "%s: QEMU's are right to us, also after we wrote to them",
    (_, kind) => {
      const path = join(folder, 'theirs.img')
      makeTheirs(kind, path)
      const shadow = new Shadow(new Random(2))
      shadow.writeQemu(kind, path, 30)
      const image = open(path, kind.format)
      shadow.expectIn(image)
      shadow.writeOurs(image, 60)
      shadow.expectIn(image)
      closed(image)
      shadow.expectInQemu(kind, path)
      shadow.writeQemu(kind, path, 20)
      const again = open(path, kind.format, false)
      shadow.expectIn(again)
      again.close()
    },
  )

  describe.each([
    { format: 'vhdx', qemu: 'vhdx', qemuOptions: 'subformat=dynamic' },
    { format: 'vhdx', qemu: 'vhdx', qemuOptions: 'subformat=fixed' },
    { format: 'vhdx', qemu: 'vhdx', qemuOptions: 'block_size=1M' },
    { format: 'vhdx', qemu: 'vhdx', qemuOptions: 'block_size=16M,log_size=2M' },
    { format: 'vhdx', qemu: 'vhdx', qemuOptions: 'block_size=1M,block_state_zero=off' },
    { format: 'parallels', qemu: 'parallels' },
    { format: 'parallels', qemu: 'parallels', qemuOptions: 'cluster_size=64k' },
  ] as const)('%s', (kind: Kind) => {
    it(`${title(kind)}: QEMU's are read right by us`, () => {
      const path = join(folder, 'theirs.img')
      makeTheirs(kind, path)
      const shadow = new Shadow(new Random(3))
      shadow.writeQemu(kind, path, 40)
      const image = open(path, kind.format, false)
      shadow.expectIn(image)
      image.close()
      expect(() => open(path, kind.format, true)).toThrow(/can only be read/)
    })
  })

  describe.each([
    { format: 'qcow2', qemu: 'qcow2' },
    { format: 'qcow2', clusterBytes: 4096, qemu: 'qcow2', qemuOptions: 'cluster_size=4k' },
    { format: 'qcow2', qemu: 'qcow2', qemuOptions: 'compat=0.10' },
    { format: 'qcow2', qemu: 'qcow2', qemuOptions: 'extended_l2=on' },
    { format: 'qcow2', qemu: 'qcow2', dataFile: 'any' },
    { format: 'qcow2', qemu: 'qcow2', qemuOptions: 'extended_l2=on', dataFile: 'any' },
    { format: 'vmdk', qemu: 'vmdk' },
  ] as const)('%s', (kind: Kind) => {
    const base = (): string => join(folder, 'base.img')

    it(`${title(kind)}: ours over QEMU's, and the other way round, show the same`, () => {
      const shadow = new Shadow(new Random(4))
      qemuImg('create', '-q', '-f', kind.qemu, base(), `${SIZE}`)
      shadow.writeQemu(kind, base(), 20)
      const below = open(base(), kind.format, false)
      const ours = join(folder, 'ours.img')
      const backing = { name: 'base.img', format: kind.format, image: below }
      createDisk(files, ours, kind.format, { sizeBytes: SIZE, clusterBytes: kind.clusterBytes, backing })
      below.close()
      const over = open(ours, kind.format)
      shadow.expectIn(over)
      shadow.writeOurs(over, 20)
      closed(over)
      shadow.expectInQemu(kind, ours)

      const theirs = join(folder, 'theirs.img')
      qemuImg('create', '-q', '-f', kind.qemu, ...optionsOf(kind), '-b', 'ours.img', '-F', kind.qemu, theirs)
      shadow.writeQemu(kind, theirs, 10)
      const top = open(theirs, kind.format)
      expect(top.backing?.backing?.name).toBe(base())
      shadow.expectIn(top)
      shadow.writeOurs(top, 10)
      closed(top)
      shadow.expectInQemu(kind, theirs)
    })
  })

  it.each(['raw', 'vdi', 'vpc', 'vmdk', 'vhdx', 'parallels'])(
    "a qcow2 of either over QEMU's %s shows what lies below, also where that is smaller",
    (below) => {
      const base = join(folder, 'base.img')
      const shadow = new Shadow(new Random(8))
      const options = below === 'vpc' ? ['-o', 'force_size=on'] : []
      qemuImg('create', '-q', '-f', below, ...options, base, `${2 ** 20}`)
      qemuWrite(below, base, [{ at: 0, bytes: 2 ** 20, pattern: 9 }])
      shadow.bytes.fill(9, 0, 2 ** 20)
      const kind: Kind = { format: 'qcow2', qemu: 'qcow2' }
      const theirs = join(folder, 'theirs.img')
      qemuImg('create', '-q', '-f', 'qcow2', '-b', 'base.img', '-F', below, theirs, `${SIZE}`)
      shadow.writeQemu(kind, theirs, 10)
      const top = open(theirs, 'qcow2')
      shadow.expectIn(top)
      shadow.writeOurs(top, 20)
      closed(top)
      shadow.expectInQemu(kind, theirs)

      const ours = join(folder, 'ours.img')
      const image = open(theirs, 'qcow2', false)
      createDisk(files, ours, 'qcow2', {
        sizeBytes: SIZE,
        backing: { name: 'theirs.img', format: 'qcow2', image },
      })
      closed(image)
      const over = open(ours, 'qcow2')
      shadow.writeOurs(over, 20)
      shadow.expectIn(over)
      closed(over)
      shadow.expectInQemu(kind, ours)
    },
  )

  it.each([
    ['qcow2', 'cluster_size=64k'],
    ['qcow2', 'cluster_size=512'],
    ['qcow2', 'cluster_size=2M'],
    ['qcow2', 'compression_type=zstd'],
    ['qcow2', 'compression_type=zstd,cluster_size=4k'],
    ['qcow2', 'extended_l2=on'],
    ['qcow2', 'extended_l2=on,compression_type=zstd,cluster_size=16k'],
    ['vmdk', 'subformat=streamOptimized'],
  ] as const)('compressed %s images (%s) of either are right to the other', (format, options) => {
    const kind: Kind = { format, qemu: format }
    const shadow = new Shadow(new Random(5))
    const plain = join(folder, 'plain.img')
    createDisk(files, plain, 'raw', { sizeBytes: SIZE })
    const image = open(plain, 'raw')
    shadow.writeOurs(image, 40)
    closed(image)
    shadow.writeQemu({ format: 'raw', qemu: 'raw' }, plain, 20)
    const theirs = join(folder, 'theirs.img')
    const how = format === 'qcow2' ? ['-c'] : []
    qemuImg('convert', '-f', 'raw', '-O', format, ...how, '-o', options, plain, theirs)
    const read = open(theirs, format, false)
    shadow.expectIn(read)
    read.close()

    const ours = join(folder, 'ours.img')
    const clusterBytes = { 'cluster_size=512': 512, 'cluster_size=2M': 2 ** 21 }[options as string]
    const variant = format === 'vmdk' ? 'stream' : undefined
    for (const _ of new Media(files).convert(plain, ours, { format, variant, clusterBytes, compress: true }));
    shadow.expectInQemu(kind, ours)

    if (format === 'vmdk') return
    const written = open(theirs, format)
    shadow.writeOurs(written, 30)
    closed(written)
    shadow.expectInQemu(kind, theirs)
    shadow.writeQemu(kind, theirs, 10)
  })

  it('subclusters of zeros, discarded ones and those that show what lies below are kept apart', () => {
    const kind: Kind = { format: 'qcow2', qemu: 'qcow2' }
    const [base, path] = [join(folder, 'base.img'), join(folder, 'image.qcow2')]
    const shadow = new Shadow(new Random(7))
    qemuImg('create', '-q', '-f', 'raw', base, `${SIZE}`)
    shadow.writeQemu({ format: 'raw', qemu: 'raw' }, base, 20)
    const over = ['-o', 'extended_l2=on', '-b', 'base.img', '-F', 'raw']
    qemuImg('create', '-q', '-f', 'qcow2', ...over, path, `${SIZE}`)
    shadow.writeQemu(kind, path, 10)
    for (let done = 0; done < 20; done++) {
      const at = (done * 1_000_003) & ~511
      const bytes = [512, 2048, 6144, 65_536, 100_352][done % 5]!
      const how = done % 3 === 0 ? 'discard' : 'write -z'
      const io = spawnSync('qemu-io', ['-f', 'qcow2', '-d', 'unmap', '-c', `${how} ${at} ${bytes}`, path])
      expect(io.status).toBe(0)
      // What a discarded piece reads as is QEMU's to say: it may keep it.
      if (how === 'write -z') shadow.bytes.fill(0, at, at + bytes)
      else {
        const raw = join(folder, 'now.raw')
        qemuImg('convert', '-f', 'qcow2', '-O', 'raw', path, raw)
        shadow.bytes.set(fs.readFileSync(raw))
      }
    }
    const image = open(path, 'qcow2')
    shadow.expectIn(image)
    shadow.writeOurs(image, 60)
    shadow.expectIn(image)
    closed(image)
    shadow.expectInQemu(kind, path)
  })

  it.each([
    { ...qcow2Of('cluster_size=64k'), dataFile: 'any' },
    { ...qcow2Of('extended_l2=on'), dataFile: 'raw' },
  ] as const)(
    'one with its data in another file ($dataFile) is made larger by either, and zeros are right to both',
    (kind: Kind) => {
      const path = join(folder, 'image.qcow2')
      const shadow = new Shadow(new Random(9))
      const small = SIZE - 2 ** 20
      qemuImg('create', '-q', '-f', 'qcow2', ...optionsOf(kind), path, `${small - 2 ** 20}`)
      qemuWrite('qcow2', path, [{ at: 0, bytes: small - 2 ** 20, pattern: 3 }])
      shadow.bytes.fill(3, 0, small - 2 ** 20)
      qemuImg('resize', '-q', '-f', 'qcow2', path, `${small}`)
      for (const [mib, how] of [
        [5, 'discard'],
        [7, 'write -z'],
        [9, 'write -z -u'],
      ] as const) {
        const io = spawnSync('qemu-io', ['-f', 'qcow2', '-d', 'unmap', '-c', `${how} ${mib}M 1M`, path])
        expect(io.status).toBe(0)
        shadow.bytes.fill(0, mib * 2 ** 20, (mib + 1) * 2 ** 20)
      }
      for (const _ of new Media(files).resize(path, SIZE, false));
      const image = open(path, 'qcow2')
      shadow.expectIn(image)
      shadow.writeOurs(image, 40)
      shadow.expectIn(image)
      closed(image)
      shadow.expectInQemu(kind, path)
    },
  )

  it.each(['cluster_size=4k', 'extended_l2=on,cluster_size=16k'])(
    'snapshots inside of a qcow2 (%s) are listed and not touched by what is written',
    (options) => {
      const kind: Kind = { format: 'qcow2', qemu: 'qcow2' }
      const path = join(folder, 'image.qcow2')
      const shadow = new Shadow(new Random(6))
      qemuImg('create', '-q', '-f', 'qcow2', '-o', options, path, `${SIZE}`)
      shadow.writeQemu(kind, path, 20)
      const then = new Shadow(new Random(0))
      then.bytes.set(shadow.bytes)
      qemuImg('snapshot', '-c', 'before the storm', path)
      const image = open(path, 'qcow2')
      expect(image.details.snapshots).toMatchObject([{ id: '1', name: 'before the storm' }])
      shadow.writeOurs(image, 40)
      closed(image)
      shadow.expectInQemu(kind, path)
      qemuImg('snapshot', '-a', 'before the storm', path)
      then.expectInQemu(kind, path)
    },
  )

  it.each([
    qcow2Of('lazy_refcounts=on'),
    qcow2Of('lazy_refcounts=on,extended_l2=on'),
    qcow2Of('lazy_refcounts=on,compression_type=zstd'),
    { ...qcow2Of('lazy_refcounts=on'), dataFile: 'any' } as const,
  ])('an image that QEMU did not close is mended when it is written: %o', (kind: Kind) => {
    const path = join(folder, 'image.qcow2')
    makeTheirs(kind, path)
    // As QEMU's own test 039 does it: the process dies before it writes the counts.
    spawnSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 512', '-c', 'flush', '-c', 'sigraise 9', path])
    // Clusters of a data file are not counted: it is dirty, and that is all.
    if (!kind.dataFile) expect(() => qemuCheck('qcow2', path)).toThrow(/refcount/i)
    const shadow = new Shadow(new Random(7))
    shadow.bytes.fill(7, 0, 512)
    const reader = open(path, 'qcow2', false)
    shadow.expectIn(reader)
    reader.close()
    const image = open(path, 'qcow2')
    shadow.writeOurs(image, 10)
    closed(image)
    shadow.expectInQemu(kind, path)
  })
})
