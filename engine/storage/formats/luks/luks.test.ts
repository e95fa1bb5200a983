import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Media } from '../../../service/media/media.ts'
import { SimulatedDisk } from '../../../../test/support/storage/simulated-disk.ts'
import { HostImageFiles } from '../../image-files.ts'
import { createDisk } from '../create-disk.ts'
import type { DiskImage, FormatName } from '../disk-image.ts'
import { mergeLayer, rebaseLayer } from '../merge-layer.ts'
import { openDisk } from '../open-disk.ts'
import { createOverlay } from '../overlay.ts'
import { mergeKey, splitKey } from './anti-forensic.ts'
import { Keyring } from './keyring.ts'
import { isKnownCipher, sectorCipher } from './sector-cipher.ts'

const MIB = 1024 ** 2
const quick = (passphrase: string): Keyring => new Keyring(passphrase, { newIterations: 1000 })

let folder: string
let files: HostImageFiles
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'vitrine-luks-')))
  files = new HostImageFiles(join(folder, 'locks'))
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

const at = (name: string): string => join(folder, name)

function make(name: string, format: FormatName, clusterBytes?: number): void {
  createDisk(files, at(name), format, {
    sizeBytes: MIB,
    clusterBytes,
    encryption: quick('open sesame').newArea(),
  })
}

function open(name: string, passphrase: string | null = 'open sesame', writable = true): DiskImage {
  const keyring = passphrase === null ? null : quick(passphrase)
  return openDisk(files, at(name), { format: 'auto', writable, keyring })
}

function written(name: string, sector: number, bytes: Uint8Array): void {
  const image = open(name)
  image.write(sector, bytes.length / 512, bytes)
  image.flush()
  image.close()
}

function contents(image: DiskImage, sector: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * 512)
  image.read(sector, count, bytes)
  image.close()
  return bytes
}

describe('sectors', () => {
  it.each([32, 64])('are encrypted by AES-XTS with %i bytes of key as OpenSSL does it', (keyBytes) => {
    const key = randomBytes(keyBytes)
    const plain = randomBytes(300 * 512)
    const ours = Buffer.from(plain)
    const first = 2 ** 32 - 100
    sectorCipher('xts-plain64', key).encrypt(ours, first)
    for (let index = 0; index < 300; index++) {
      const tweak = Buffer.alloc(16)
      tweak.writeBigUInt64LE(BigInt(first + index))
      const cipher = createCipheriv(`aes-${keyBytes * 4}-xts`, key, tweak)
      const theirs = cipher.update(plain.subarray(index * 512, (index + 1) * 512))
      expect(Buffer.compare(ours.subarray(index * 512, (index + 1) * 512), theirs)).toBe(0)
    }
    sectorCipher('xts-plain64', key).decrypt(ours, first)
    expect(Buffer.compare(ours, plain)).toBe(0)
  })

  it('are encrypted by AES-CBC with vectors that the hashed key makes', () => {
    const key = randomBytes(32)
    const plain = randomBytes(1024)
    const ours = Buffer.from(plain)
    sectorCipher('cbc-essiv:sha256', key).encrypt(ours, 7)
    const number = Buffer.alloc(16)
    number.writeUInt32LE(8)
    const salt = createHash('sha256').update(key).digest()
    const vector = createCipheriv('aes-256-ecb', salt, null).setAutoPadding(false).update(number)
    const back = createDecipheriv('aes-256-cbc', key, vector).setAutoPadding(false).update(ours.subarray(512))
    expect(Buffer.compare(back, plain.subarray(512))).toBe(0)
    sectorCipher('cbc-essiv:sha256', key).decrypt(ours, 7)
    expect(Buffer.compare(ours, plain)).toBe(0)
  })

  it('are of a cipher that is known', () => {
    expect(isKnownCipher('aes', 'xts-plain64', 64)).toBe(true)
    expect(isKnownCipher('aes', 'cbc-plain', 16)).toBe(true)
    expect(isKnownCipher('aes', 'xts-plain64', 48)).toBe(false)
    expect(isKnownCipher('serpent', 'xts-plain64', 64)).toBe(false)
    expect(isKnownCipher('aes', 'ctr-plain', 32)).toBe(false)
  })
})

it('a key that was split comes back whole, and not without one of its stripes', () => {
  const key = randomBytes(64)
  const split = splitKey(key, 50, 'sha256')
  expect(Buffer.compare(mergeKey(split, 50, 'sha256'), key)).toBe(0)
  split[64 * 17]! ^= 1
  expect(Buffer.compare(mergeKey(split, 50, 'sha256'), key)).not.toBe(0)
})

describe.each(['luks', 'qcow2'] as const)('an encrypted disk (%s)', (format) => {
  it('takes another passphrase, as often as one likes, and keeps what it holds', { timeout: 120_000 }, () => {
    make('disk', format)
    const bytes = randomBytes(512)
    written('disk', 9, bytes)
    for (let round = 0; round < 2; round++) {
      const image = openDisk(files, at('disk'), { format: 'auto', writable: true, isLocked: true })
      const [from, to] = [`${round}`, `${round + 1}`].map((word) =>
        quick(word === '0' ? 'open sesame' : word),
      )
      image.details.encryption!.changePassphrase(from!, to!)
      image.close()
    }
    expect(Buffer.compare(contents(open('disk', '2'), 9, 1), bytes)).toBe(0)
    for (const old of ['open sesame', '1']) expect(() => open('disk', old)).toThrow(/passphrase-wrong/)
  })

  it(
    'is opened by the old passphrase or by both wherever the power fails while it is changed',
    { timeout: 120_000 },
    () => {
      const disk = new SimulatedDisk()
      createDisk(disk, '/disk', format, { sizeBytes: MIB, encryption: quick('open sesame').newArea() })
      const before = disk.copy()
      const image = openDisk(disk, '/disk', { format: 'auto', writable: true, isLocked: true })
      const from = disk.log.length
      image.details.encryption!.changePassphrase(quick('open sesame'), quick('new'))
      image.close()
      const isOpenedBy = (files: SimulatedDisk, word: string): boolean => {
        try {
          openDisk(files, '/disk', { format: 'auto', writable: false, keyring: quick(word) }).close()
          return true
        } catch {
          return false
        }
      }
      for (const [index, operation] of disk.log.slice(from).entries()) {
        before.apply(operation)
        const opened = ['open sesame', 'new'].map((word) => isOpenedBy(before, word))
        expect(opened, `after operation ${index}`).toContain(true)
      }
      expect(['open sesame', 'new'].map((word) => isOpenedBy(before, word))).toEqual([false, true])
    },
  )

  it('keeps its passphrase where the one that is given is wrong', () => {
    make('disk', format)
    const image = openDisk(files, at('disk'), { format: 'auto', writable: true, isLocked: true })
    const { encryption } = image.details
    expect(() => encryption!.changePassphrase(quick('wrong'), quick('new'))).toThrow(/passphrase-wrong/)
    image.close()
    open('disk').close()
  })

  it('holds what was written, and nothing of it lies in the file in clear', () => {
    make('disk', format)
    const secret = Buffer.alloc(3 * 512, 'what nobody may read ')
    written('disk', 100, secret)
    expect(Buffer.compare(contents(open('disk'), 100, 3), secret)).toBe(0)
    expect(fs.readFileSync(at('disk')).includes('what nobody may read')).toBe(false)
  })

  it('is opened by its passphrase alone', () => {
    make('disk', format)
    expect(() => open('disk', 'open barley')).toThrow(`passphrase-wrong: ${at('disk')}`)
    expect(() => open('disk', null)).toThrow(`passphrase-missing: ${at('disk')}`)
    expect(() => open('disk', null, false)).toThrow('passphrase-missing')
  })

  it('tells what it is without it, and nothing of its contents', () => {
    make('disk', format)
    const info = new Media(files).info(at('disk'))
    expect(info).toMatchObject({ format, sizeBytes: MIB, encryption: 'LUKS aes-xts-plain64' })
    written('disk', 0, Buffer.alloc(512, 1))
    const image = openDisk(files, at('disk'), { format: 'auto', writable: false, isLocked: true })
    expect(() => image.read(0, 1, new Uint8Array(512))).toThrow('its passphrase was not given')
    image.close()
    expect(new Media(files).check(at('disk'), true).damage).toEqual([])
  })

  it('is converted from and to others, and to another size', () => {
    const media = new Media(files)
    const bytes = randomBytes(MIB).fill(0, 4096, 600_000)
    fs.writeFileSync(at('plain'), bytes)
    for (const _ of media.convert(at('plain'), at('disk'), { format, keyring: quick('open sesame') }));
    expect(Buffer.compare(contents(open('disk'), 0, MIB / 512), bytes)).toBe(0)
    for (const _ of media.resize(at('disk'), 2 * MIB, false, { keyring: quick('open sesame') }));
    const twice = contents(open('disk'), 0, (2 * MIB) / 512)
    expect(Buffer.compare(twice, Buffer.concat([bytes, Buffer.alloc(MIB)]))).toBe(0)
    const back = media.convert(at('disk'), at('again'), { format: 'raw' }, { keyring: quick('open sesame') })
    for (const _ of back);
    expect(Buffer.compare(fs.readFileSync(at('again')), twice)).toBe(0)
    expect(() => [...media.convert(at('disk'), at('none'), { format: 'raw' })]).toThrow('passphrase-missing')
    expect(fs.existsSync(at('none'))).toBe(false)
  })

  it('has encrypted layers over it, which take its passphrase, also when they are merged and moved', () => {
    make('disk', format)
    written('disk', 0, Buffer.alloc(512, 'below '))
    const below = openDisk(files, at('disk'), { format: 'auto', writable: false, isLocked: true })
    createOverlay(files, below, 'disk', at('one'))
    below.close()
    written('one', 1, Buffer.alloc(512, 'above '))
    expect(fs.readFileSync(at('one')).includes('above above')).toBe(false)
    expect(contents(open('one'), 0, 2).toString('latin1')).toMatch(/^(below )+be(above )+ab$/)

    const one = openDisk(files, at('one'), { format: 'auto', writable: false, isLocked: true })
    createOverlay(files, one, 'one', at('two'))
    one.close()
    const lower = { path: at('disk'), format, keyring: quick('open sesame') }
    expect(() => [...mergeLayer(files, at('one'), { path: at('disk'), format })]).toThrow(
      'passphrase-missing',
    )
    for (const _ of mergeLayer(files, at('one'), lower));
    rebaseLayer(files, at('two'), { name: 'disk', format })
    fs.rmSync(at('one'))
    expect(contents(open('two'), 0, 2).toString('latin1')).toMatch(/^(below )+be(above )+ab$/)
    expect(contents(open('disk'), 1, 1).toString('latin1')).toMatch(/^above/)
  })
})

describe('a header', () => {
  it.each([
    ['another version', 7, 3, /version 3/],
    ['version 2', 7, 2, /version 2/],
    ['an unknown cipher', 8, 0x78, /xes-xts-plain64/],
    ['an unknown mode', 40, 0x0a, /aes-\?ts-plain64/],
    ['an unknown hash', 72, 0x78, /xha256/],
    ['a key of no length', 111, 3, /is not known/],
    ['data beyond the end', 104, 0xff, /cut short/],
    ['a slot of no kind', 208, 1, /neither there nor free/],
    ['other stripes', 208 + 47, 1, /stripes/],
    ['keys among the data', 208 + 41, 0x40, /outside/],
    ['endless iterations', 208 + 4, 0xff, /too long/],
  ])('with %s is refused in one line', (_, where, byte, reason) => {
    make('disk', 'luks')
    const file = fs.openSync(at('disk'), 'r+')
    fs.writeSync(file, Uint8Array.of(byte), 0, 1, where)
    fs.closeSync(file)
    let message = ''
    try {
      open('disk')
    } catch (error) {
      message = String(error)
    }
    expect(message).toMatch(reason)
    expect(message).not.toContain('\n')
  })
})

it('no other format is encrypted, nor is what is compressed', () => {
  const request = { sizeBytes: MIB, encryption: quick('a').newArea() }
  expect(() => createDisk(files, at('disk'), 'vdi', request)).toThrow('take qcow2 or luks')
  fs.writeFileSync(at('plain'), new Uint8Array(MIB))
  const packed = { format: 'qcow2', compress: true, keyring: quick('a') } as const
  expect(() => [...new Media(files).convert(at('plain'), at('disk'), packed)]).toThrow(
    'compressed or encrypted',
  )
  expect(fs.readdirSync(folder).filter((name) => name !== 'locks')).toEqual(['plain'])
})
