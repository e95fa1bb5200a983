import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MachineConfig, type MachineConfigInput } from '../protocol/machine-config.ts'
import { createDisk } from '../storage/formats/create-disk.ts'
import { Keyring } from '../storage/formats/luks/keyring.ts'
import { HostImageFiles } from '../storage/image-files.ts'
import { DriveBays } from './drive-bays.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitrine-bays-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function image(name: string, bytes: number): string {
  const path = join(folder, name)
  writeFileSync(path, '')
  truncateSync(path, bytes)
  return path
}

function open(drives: MachineConfigInput['drives'], knobs: MachineConfigInput['knobs'] = {}): DriveBays {
  return new DriveBays(v.parse(MachineConfig, { version: 1, drives, knobs }))
}

it('gives each IDE drive a serial number of its own: Linux takes equal ones for an undecoded slave', () => {
  const disks = [0, 1, 2].map((index) => ({ kind: 'disk' as const, path: image(`${index}`, 1024 * 512) }))
  const bays = open([...disks, { kind: 'cdrom', path: null }])
  const drives = [...bays.ideDrives(0), ...bays.ideDrives(1)]
  expect(drives.map((drive) => drive?.kind)).toEqual(['disk', 'disk', 'disk', 'cdrom'])
  expect(new Set(drives.map((drive) => drive?.identity.serial)).size).toBe(4)
  bays.close()
})

it('puts a CD-ROM on the secondary master, as NeXTSTEP wants it, with the disk on the primary', () => {
  const bays = open([
    { kind: 'cdrom', path: null },
    { kind: 'disk', path: image('disk', 1024 * 512) },
  ])
  expect(bays.status().map(({ id, kind }) => `${id} ${kind}`)).toEqual([
    'floppy0 floppy',
    'ide0-master disk',
    'ide1-master cdrom',
  ])
  bays.close()
})

it('tells the CMOS of the disks on the primary channel only, with what they report', () => {
  const geometry = { cylinders: 615, heads: 4, sectors: 17 }
  const size = 615 * 4 * 17 * 512
  const disks = [0, 1, 2].map((index) => ({ kind: 'disk' as const, path: image(`${index}`, size), geometry }))
  const bays = open([disks[0]!])
  expect(bays.cmosDisks).toEqual([geometry, null])
  bays.close()
  const all = open(disks)
  expect(all.cmosDisks).toEqual([geometry, geometry])
  all.close()
})

it('takes the drive that a floppy belongs into, or the one that is asked for: Xenix goes by the drive', () => {
  const low = image('low', 368_640)
  const floppies = [low, image('high', 1_228_800)].map((path) => ({ kind: 'floppy' as const, path }))
  const bays = open(floppies)
  expect(bays.floppyTypes).toEqual(['360K', '1.2M'])
  bays.close()
  const asked = open([floppies[0]!], { floppyTypes: [1200] })
  expect(asked.floppyTypes).toEqual(['1.2M', 'none'])
  asked.close()
})

/** A new file over a disk of the folder. */
const layerOver = (below: string, file: string) => ({
  below,
  format: 'raw' as const,
  name: 'disk',
  file: join(folder, file),
  allowed: [],
})

it('lays new files over disks that run, which take what is written from then on', () => {
  const disk = image('disk', 1024 * 512)
  const bays = open([{ kind: 'disk', path: disk, format: 'raw' }])
  const [drive] = bays.ideDrives(0)
  if (drive?.kind !== 'disk') throw new Error('there is no disk')
  const sector = (byte: number) => new Uint8Array(512).fill(byte)
  drive.image.write(3, 1, sector(1))
  bays.layers.layOver([layerOver(disk, 'layer')])
  drive.image.write(3, 1, sector(2))
  const found = sector(0)
  drive.image.read(3, 1, found)
  expect(found).toEqual(sector(2))
  bays.close()
  expect(readFileSync(disk).subarray(3 * 512, 4 * 512)).toEqual(Buffer.from(sector(1)))
})

it('leaves every disk as it was when one cannot get a new file, and when they are taken off', () => {
  const [first, second] = [image('disk', 1024 * 512), image('other', 1024 * 512)]
  const bays = open([first, second].map((path) => ({ kind: 'disk' as const, path, format: 'raw' as const })))
  const names = () => bays.status().flatMap(({ kind, medium }) => (kind === 'disk' ? [medium] : []))
  expect(() =>
    bays.layers.layOver([layerOver(first, 'a'), layerOver(second, join('no', 'such', 'folder'))]),
  ).toThrow('file-unusable')
  expect(names()).toEqual([first, second])
  bays.layers.layOver([layerOver(first, 'a'), layerOver(second, 'b')])
  expect(names()).toEqual([join(folder, 'a'), join(folder, 'b')])
  bays.layers.takeOff()
  expect(names()).toEqual([first, second])
  bays.close()
  expect(readdirSync(folder).toSorted()).toEqual(['disk', 'other'])
})

it('asks for the passphrase of an encrypted disk, and lays files over it that the same opens', () => {
  const disk = join(folder, 'disk')
  const keyring = () => new Keyring(['another', 'open sesame'], { newIterations: 1000 })
  const encryption = new Keyring('open sesame', { newIterations: 1000 }).newArea()
  createDisk(new HostImageFiles(), disk, 'qcow2', { sizeBytes: 1024 * 512, encryption })
  const drives = [{ kind: 'disk' as const, path: disk, format: 'qcow2' as const }]
  const config = v.parse(MachineConfig, { version: 1, drives })
  expect(() => open(drives)).toThrow('passphrase-missing')
  expect(() => new DriveBays(config, undefined, { keyring: new Keyring('no') })).toThrow('passphrase-wrong')
  const bays = new DriveBays(config, undefined, { keyring: keyring() })
  const [drive] = bays.ideDrives(0)
  if (drive?.kind !== 'disk') throw new Error('there is no disk')
  const secret = Buffer.alloc(512, 'nobody may read this ')
  bays.layers.layOver([{ ...layerOver(disk, 'layer'), format: 'qcow2' }])
  drive.image.write(3, 1, secret)
  bays.flush()
  const found = new Uint8Array(512)
  drive.image.read(3, 1, found)
  expect(Buffer.compare(found, secret)).toBe(0)
  expect(readFileSync(join(folder, 'layer')).includes('nobody may read')).toBe(false)
  bays.layers.takeOff()
  bays.close()
})
