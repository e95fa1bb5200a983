import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { EngineError } from '../../../engine/base/errors.ts'
import { DiskError } from '../../../engine/storage/block-image.ts'
import type { DiskImage } from '../../../engine/storage/formats/disk-image.ts'
import { createDisk } from '../../../engine/storage/formats/create-disk.ts'
import { Keyring } from '../../../engine/storage/formats/luks/keyring.ts'
import { openDisk } from '../../../engine/storage/formats/open-disk.ts'
import { Mutator } from '../../support/storage/mutations.ts'
import { qemuImgMissing } from '../../support/storage/qemu-img.ts'
import { Random } from '../../support/storage/random.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'

/** Damaged images to open, over all formats; RELIABILITY: 100,000 for each format and change. */
const CASES = Number(process.env['VITRINE_PARSER_CASES'] ?? 5500)
const SEED = Number(process.env['VITRINE_SEED'] ?? 1)
/** A case must not take longer: it would be a way to hang the host. */
const MAX_CASE_MS = 2000

/** Images by qemu-img: format, options. */
const SEEDS: [format: string, options: string][] = [
  ['qcow2', 'cluster_size=4k'],
  ['qcow2', 'compat=0.10'],
  ['qcow2', 'cluster_size=512,refcount_bits=1'],
  ['vdi', 'static=off'],
  ['vpc', 'force_size=on'],
  ['vpc', 'subformat=fixed,force_size=on'],
  ['vmdk', 'subformat=monolithicSparse'],
  ['vmdk', 'subformat=streamOptimized'],
  ['vmdk', 'subformat=twoGbMaxExtentSparse'],
  ['vhdx', 'block_size=1M'],
  ['parallels', ''],
  ['luks', ''],
  ['qcow2', 'encrypted'],
]

/** What damage may make a passphrase take to try is bounded; the bound is lower here, for the sake of the number of cases. */
const KEYRING = { newIterations: 1000, maxIterations: 100_000 }
const PASSPHRASE = 'a passphrase'

/** An encrypted image; QEMU's own take long to make, and the tests of interchange have shown that they are alike. */
function encryptedSeed(format: 'luks' | 'qcow2'): SimulatedDisk {
  const disk = new SimulatedDisk()
  const keyring = new Keyring(PASSPHRASE, KEYRING)
  createDisk(disk, '/seed/image', format, { sizeBytes: 3 * 1024 ** 2, encryption: keyring.newArea() })
  const image = openDisk(disk, '/seed/image', { format, writable: true, keyring })
  for (const [at, sectors] of [
    [0, 8],
    [2048, 400],
    [5800, 16],
  ] as const)
    image.write(at, sectors, new Uint8Array(sectors * 512).fill(at))
  image.flush()
  image.close()
  return disk
}

/** The disk with one seed's files, some of it written, and a backing file and a snapshot where there can be. */
function seedDisk(format: string, options: string): SimulatedDisk {
  if (format === 'luks' || (format === 'qcow2' && options === 'encrypted')) return encryptedSeed(format)
  const folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-seed-'))
  try {
    const run = (...args: string[]) => execFileSync(args[0]!, args.slice(1), { cwd: folder, stdio: 'ignore' })
    const isStream = options.includes('stream')
    const image = isStream ? 'plain' : 'image'
    const made = isStream ? ['raw', ''] : [format, options]
    const optionArgs = made[1] ? ['-o', made[1]] : []
    if (format === 'qcow2') {
      run('qemu-img', 'create', '-q', '-f', 'raw', 'base', '3M')
      run('qemu-img', 'create', '-q', '-f', 'qcow2', ...optionArgs, '-b', 'base', '-F', 'raw', image, '3M')
    } else run('qemu-img', 'create', '-q', '-f', made[0]!, ...optionArgs, image, '3M')
    const writes = ['write -P 1 0 4k', 'write -P 2 1M 200k', 'write -P 3 2900k 8k']
    run('qemu-io', '-f', made[0]!, ...writes.flatMap((write) => ['-c', write]), image)
    if (format === 'qcow2' && !options.includes('refcount_bits=1')) {
      run('qemu-img', 'snapshot', '-c', 'one', image)
      run('qemu-io', '-f', 'qcow2', '-c', 'write -P 4 1M 8k', image)
    }
    if (isStream) run('qemu-img', 'convert', '-f', 'raw', '-O', format, '-o', options, image, 'image')
    const disk = new SimulatedDisk()
    for (const name of fs.readdirSync(folder)) disk.put(`/seed/${name}`, fs.readFileSync(join(folder, name)))
    return disk
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

/** All that a program does with an image; anything thrown but what is promised is a failure. */
function use(disk: SimulatedDisk, path: string, writable: boolean, random: Random): string {
  let image: DiskImage
  try {
    const keyring = new Keyring(PASSPHRASE, KEYRING)
    image = openDisk(disk, path, { format: 'auto', writable, keyring })
  } catch (error) {
    if (error instanceof EngineError && error.code === 'passphrase-wrong') return 'wrong passphrase'
    if (error instanceof EngineError && error.code === 'file-unusable') {
      expect(error.message).not.toMatch(/\n/)
      return 'refused'
    }
    throw error
  }
  const tolerant = (action: () => void): void => {
    try {
      action()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
    }
  }
  const bytes = new Uint8Array(64 * 512)
  for (let step = 0; step < 6; step++) {
    const sector = step < 2 ? 0 : random.below(Math.min(image.sectorCount, 2 ** 32))
    const count = Math.min(64, image.sectorCount - sector)
    const part = bytes.subarray(0, count * 512)
    tolerant(() => image.read(sector, count, part))
    tolerant(() => void image.extentAt(sector, count))
    if (writable) tolerant(() => image.write(sector, count, part))
  }
  if (writable) tolerant(() => image.flush())
  tolerant(() => void image.check(writable))
  tolerant(() => image.close())
  return 'opened'
}

describe('a damaged image', () => {
  it.for(SEEDS)(
    'of %s (%s) is opened or refused in one line, and can do no harm',
    ([format, options], { skip }) => {
      skip(qemuImgMissing !== '', qemuImgMissing)
      const seed = seedDisk(format, options)
      const random = new Random(
        SEED * 100 + SEEDS.findIndex((one) => one[0] === format && one[1] === options),
      )
      const mutator = new Mutator(seed, '/seed/image')
      const outcomes: Record<string, number> = {}
      for (let number = 0; number < CASES / SEEDS.length; number++) {
        const disk = seed.copy()
        const path = '/seed/image'
        const caseSeed = random.word()
        mutator.mutate(disk, new Random(caseSeed))
        const began = performance.now()
        try {
          const writable = number % 2 === 1 && format !== 'vhdx' && format !== 'parallels'
          const outcome = use(disk, path, writable, new Random(caseSeed))
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        } catch (error) {
          throw new Error(
            `case ${number} (seed ${caseSeed}): ${error instanceof Error ? error.stack : String(error)}`,
            {
              cause: error,
            },
          )
        }
        expect(performance.now() - began, `case ${number} (seed ${caseSeed})`).toBeLessThan(MAX_CASE_MS)
      }
      console.log(`${format} ${options}: ${JSON.stringify(outcomes)}`)
    },
  )
})
