import { describe, expect, it } from 'vitest'
import { DiskError } from '../../../engine/storage/block-image.ts'
import { createDisk } from '../../../engine/storage/formats/create-disk.ts'
import type { DiskImage, FormatName } from '../../../engine/storage/formats/disk-image.ts'
import { openDisk } from '../../../engine/storage/formats/open-disk.ts'
import { withDataFile } from '../../support/storage/data-file.ts'
import { Random } from '../../support/storage/random.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'

/** Programs of reads and writes, over all formats; RELIABILITY: 10,000 for each format and change. */
const PROGRAMS = Number(process.env['VITRINE_DISK_PROGRAMS'] ?? 700)
const SEED = Number(process.env['VITRINE_SEED'] ?? 1)

const PATH = '/disk/a'
const SECTORS = 5 * 2048 + 1

interface Kind {
  format: FormatName
  variant?: string
  clusterBytes?: number
  backed?: boolean
  /** The contents lie in another file, which is not empty to begin with. */
  dataFile?: boolean
}

const KINDS: Kind[] = [
  { format: 'raw' },
  { format: 'qcow2' },
  { format: 'qcow2', variant: 'v2', clusterBytes: 512 },
  { format: 'qcow2', clusterBytes: 4096, backed: true },
  { format: 'qcow2', clusterBytes: 4096, dataFile: true },
  { format: 'vdi' },
  { format: 'vdi', backed: true },
  { format: 'vdi', variant: 'fixed' },
  { format: 'vhd' },
  { format: 'vhd', backed: true },
  { format: 'vhd', variant: 'fixed' },
  { format: 'vmdk' },
  { format: 'vmdk', backed: true },
  { format: 'vmdk', variant: 'flat' },
  { format: 'vmdk', variant: 'split-sparse' },
]

function newDisk(
  disk: SimulatedDisk,
  { format, variant, clusterBytes, backed, dataFile }: Kind,
  shadow: Uint8Array,
): void {
  const sizeBytes = SECTORS * 512
  if (!backed) createDisk(disk, PATH, format, { sizeBytes, variant, clusterBytes })
  if (dataFile) {
    disk.patch(PATH, 0, withDataFile(disk.peek(PATH, 0, 512), 'data'))
    disk.put('/disk/data', new Uint8Array(sizeBytes).fill(7))
  }
  if (!backed) return
  createDisk(disk, '/disk/base', format, { sizeBytes: sizeBytes - 4096, clusterBytes })
  const base = openDisk(disk, '/disk/base', { format, writable: true })
  for (let sector = 0; sector < base.sectorCount; sector += 3000) {
    const bytes = new Uint8Array(512).fill(sector / 100 + 1)
    base.write(sector, 1, bytes)
    shadow.set(bytes, sector * 512)
  }
  base.flush()
  base.close()
  const image = openDisk(disk, '/disk/base', { format, writable: false })
  createDisk(disk, PATH, format, { sizeBytes, clusterBytes, backing: { name: 'base', format, image } })
}

/** A disk and what it has to hold; after a failed write each of its sectors may be the old one or the new one. */
class Subject {
  readonly shadow = new Uint8Array(SECTORS * 512)
  readonly disk = new SimulatedDisk()
  #image: DiskImage

  constructor(
    private readonly kind: Kind,
    private readonly random: Random,
  ) {
    newDisk(this.disk, kind, this.shadow)
    this.#image = this.#open()
  }

  #open(): DiskImage {
    return openDisk(this.disk, PATH, { format: this.kind.format, writable: true })
  }

  #range(): { sector: number; count: number } {
    const count = this.random.pick([1, 1, 2, 7, 8, 63, 128, 129, 700])
    return { sector: this.random.below(SECTORS - count + 1), count }
  }

  step(): void {
    switch (this.random.below(8)) {
      case 0:
        return this.#flush()
      case 1:
        return this.#reopen()
      case 2:
      case 3:
        return this.#read()
      case 4:
        this.disk.failsAfter = this.random.below(6)
        this.#write()
        this.disk.failsAfter = null
        return
      default:
        return this.#write()
    }
  }

  /** Fails now and then; the next one does what this one could not. */
  #flush(): void {
    if (this.random.chance(2)) this.disk.failsAfter = this.random.below(8)
    try {
      this.#image.flush()
    } catch (error) {
      if (!(error instanceof DiskError && error.kind === 'full')) throw error
    }
    this.disk.failsAfter = null
  }

  #reopen(): void {
    this.#image.flush()
    this.#image.close()
    this.#image = this.#open()
  }

  #read(): void {
    const { sector, count } = this.#range()
    const bytes = new Uint8Array(count * 512)
    this.#image.read(sector, count, bytes)
    expect(Buffer.compare(bytes, this.shadow.subarray(sector * 512, (sector + count) * 512))).toBe(0)
    const { sectors, holds } = this.#image.extentAt(sector, count)
    expect(sectors).toBeGreaterThan(0)
    const part = bytes.subarray(0, sectors * 512)
    if (holds === 'zeros' || (holds === 'nothing' && !this.kind.backed))
      expect(part.every((byte) => byte === 0)).toBe(true)
  }

  #write(): void {
    const { sector, count } = this.#range()
    const bytes = this.random.bytes(count * 512)
    const old = this.shadow.slice(sector * 512, (sector + count) * 512)
    try {
      this.#image.write(sector, count, bytes)
      this.shadow.set(bytes, sector * 512)
    } catch (error) {
      if (!(error instanceof DiskError && error.kind === 'full')) throw error
      const now = new Uint8Array(count * 512)
      this.#image.read(sector, count, now)
      for (let at = 0; at < now.length; at += 512) {
        const isOneOf = [old, bytes].some(
          (one) => Buffer.compare(one.subarray(at, at + 512), now.subarray(at, at + 512)) === 0,
        )
        expect(isOneOf).toBe(true)
      }
      this.shadow.set(now, sector * 512)
    }
  }

  finish(): void {
    this.#reopen()
    const bytes = new Uint8Array(this.shadow.length)
    this.#image.read(0, SECTORS, bytes)
    expect(Buffer.compare(bytes, this.shadow)).toBe(0)
    expect(this.#image.check(false)).toMatchObject({ damage: [] })
    this.#image.close()
  }
}

describe('a disk', () => {
  it.each(KINDS.map((kind) => ({ kind, title: Object.values(kind).join(' ') })))(
    'of $title holds what was written to it, whatever fails',
    ({ kind }) => {
      for (let number = 0; number < PROGRAMS / KINDS.length; number++) {
        const seed = SEED * 1_000_000 + number
        try {
          const random = new Random(seed)
          const subject = new Subject(kind, random)
          for (let steps = 4 + random.below(20); steps > 0; steps--) subject.step()
          subject.finish()
        } catch (error) {
          throw new Error(`program of seed ${seed} failed`, { cause: error })
        }
      }
    },
  )
})
