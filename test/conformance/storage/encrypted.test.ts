import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Media } from '../../../engine/service/media/media.ts'
import { createDisk } from '../../../engine/storage/formats/create-disk.ts'
import type { DiskImage } from '../../../engine/storage/formats/disk-image.ts'
import { Keyring } from '../../../engine/storage/formats/luks/keyring.ts'
import { openDisk } from '../../../engine/storage/formats/open-disk.ts'
import { createOverlay } from '../../../engine/storage/formats/overlay.ts'
import { HostImageFiles } from '../../../engine/storage/image-files.ts'
import {
  type Encrypted,
  qemuCompareEncrypted,
  qemuCreateEncrypted,
  qemuImgMissing,
  qemuWriteEncrypted,
} from '../../support/storage/qemu-img.ts'
import { Random } from '../../support/storage/random.ts'

const SIZE = 6 * 1024 ** 2 + 3 * 512
const PASSPHRASE = 'correct horse, bättery staple'

let folder: string
let files: HostImageFiles
let secretFile: string
beforeEach(({ skip }) => {
  skip(qemuImgMissing !== '', qemuImgMissing)
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-encrypted-'))
  files = new HostImageFiles(join(folder, 'locks'))
  secretFile = join(folder, 'secret')
  fs.writeFileSync(secretFile, PASSPHRASE)
})
afterEach(() => folder && fs.rmSync(folder, { recursive: true }))

const keyring = (): Keyring => new Keyring(PASSPHRASE, { newIterations: 1000 })

const open = (path: string, writable = true): DiskImage =>
  openDisk(files, path, { format: 'auto', writable, keyring: keyring() })

/** What the disk has to hold, whoever wrote it. */
class Shadow {
  readonly bytes = new Uint8Array(SIZE)

  constructor(private readonly random: Random) {}

  #extent(): { at: number; bytes: number } {
    const bytes = this.random.pick([1, 1, 2, 8, 63, 128, 129, 1024]) * 512
    return { at: this.random.below((SIZE - bytes) / 512 + 1) * 512, bytes }
  }

  writeOurs(path: string, count: number): void {
    const image = open(path)
    for (let done = 0; done < count; done++) {
      const { at, bytes } = this.#extent()
      const data = this.random.bytes(bytes)
      image.write(at / 512, bytes / 512, data)
      this.bytes.set(data, at)
      if (this.random.chance(10)) image.flush()
    }
    image.flush()
    image.close()
  }

  writeQemu(image: Encrypted, count: number): void {
    const writes = Array.from({ length: count }, () => {
      const pattern = this.random.below(256)
      const extent = this.#extent()
      this.bytes.fill(pattern, extent.at, extent.at + extent.bytes)
      return { ...extent, pattern }
    })
    qemuWriteEncrypted(image, writes)
  }

  expectIn(path: string): void {
    const image = open(path, false)
    const seen = new Uint8Array(SIZE)
    image.read(0, SIZE / 512, seen)
    image.close()
    expect(Buffer.compare(seen, this.bytes)).toBe(0)
  }

  expectInQemu(image: Encrypted): void {
    const raw = join(folder, 'shadow.raw')
    fs.writeFileSync(raw, this.bytes)
    expect(qemuCompareEncrypted(image, raw)).toContain('identical')
  }

  /** Where nothing was written, a volume holds noise. */
  fill(path: string): void {
    const image = open(path)
    image.write(0, SIZE / 512, this.bytes)
    image.flush()
    image.close()
  }
}

const encrypted = (format: Encrypted['format'], name: string): Encrypted => ({
  format,
  path: join(folder, name),
  secretFile,
})

describe('encrypted images and qemu-img', () => {
  it.each([
    ['luks', undefined, undefined],
    ['qcow2', undefined, undefined],
    ['qcow2', 'v2', undefined],
    ['qcow2', undefined, 4096],
    ['qcow2', undefined, 512],
    ['qcow2', undefined, 2 ** 21],
  ] as const)(
    'ours (%s %s, clusters %s) are right to QEMU, also after it wrote',
    (format, variant, cluster) => {
      const image = encrypted(format, 'ours')
      const encryption = keyring().newArea()
      createDisk(files, image.path, format, { sizeBytes: SIZE, variant, clusterBytes: cluster, encryption })
      const shadow = new Shadow(new Random(11))
      if (format === 'luks') shadow.fill(image.path)
      shadow.writeOurs(image.path, 40)
      shadow.expectIn(image.path)
      shadow.expectInQemu(image)
      shadow.writeQemu(image, 20)
      shadow.expectIn(image.path)
      shadow.writeOurs(image.path, 20)
      shadow.expectInQemu(image)
    },
  )

  it.each([
    ['luks', ''],
    ['luks', 'cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha256,hash-alg=sha1'],
    ['luks', 'cipher-alg=aes-128,hash-alg=sha512'],
    ['luks', 'cipher-mode=cbc,ivgen-alg=plain64'],
    ['qcow2', ''],
    ['qcow2', 'cluster_size=4k'],
    ['qcow2', 'extended_l2=on'],
    ['qcow2', 'data_file=DATA'],
    ['qcow2', 'encrypt.cipher-alg=aes-256,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=plain64'],
    [
      'qcow2',
      'encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,encrypt.ivgen-hash-alg=sha256',
    ],
  ] as const)("QEMU's (%s %s) are right to us, also after we wrote", (format, options) => {
    const image = encrypted(format, 'theirs')
    const given = options.replace('DATA', join(folder, 'data'))
    qemuCreateEncrypted(image, given ? [given] : [], SIZE)
    const shadow = new Shadow(new Random(12))
    if (format === 'luks') shadow.fill(image.path)
    shadow.writeQemu(image, 20)
    shadow.expectIn(image.path)
    shadow.writeOurs(image.path, 40)
    shadow.expectIn(image.path)
    shadow.expectInQemu(image)
    shadow.writeQemu(image, 10)
    shadow.expectIn(image.path)
  })

  it.each(['luks', 'qcow2'] as const)(
    'a new passphrase of one of QEMU (%s) opens it there, the old one no more',
    (format) => {
      const image = encrypted(format, 'theirs')
      qemuCreateEncrypted(image, [], SIZE)
      const shadow = new Shadow(new Random(15))
      if (format === 'luks') shadow.fill(image.path)
      shadow.writeQemu(image, 5)
      const other = new Keyring('another one', { newIterations: 1000 })
      new Media(files).changePassphrase(image.path, keyring(), other)
      expect(() => shadow.expectInQemu(image)).toThrow(/[Ii]nvalid password/)
      fs.writeFileSync(secretFile, 'another one')
      shadow.expectInQemu(image)
    },
  )

  it('what is converted is right to QEMU, and a layer over it opens by the same passphrase', () => {
    const plain = join(folder, 'plain')
    const shadow = new Shadow(new Random(13))
    shadow.bytes.set(new Random(14).bytes(2 * 1024 ** 2), 1024 ** 2)
    fs.writeFileSync(plain, shadow.bytes)
    const image = encrypted('qcow2', 'ours')
    for (const _ of new Media(files).convert(plain, image.path, { format: 'qcow2', keyring: keyring() }));
    shadow.expectInQemu(image)
    const below = openDisk(files, image.path, { format: 'auto', writable: false, isLocked: true })
    const layer = encrypted('qcow2', 'layer')
    createOverlay(files, below, 'ours', layer.path)
    below.close()
    shadow.writeOurs(layer.path, 20)
    shadow.expectIn(layer.path)
    shadow.expectInQemu({ ...layer, over: true })
  })
})
