import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { EngineError } from '../../../engine/base/errors.ts'
import { DiskError } from '../../../engine/storage/block-image.ts'
import { MemoryImage } from '../../../engine/storage/memory-image.ts'
import { FatVolume } from '../../../engine/storage/volumes/fat/fat-volume.ts'
import { FatWriter } from '../../../engine/storage/volumes/fat/fat-writer.ts'
import { walk } from '../../../engine/storage/volumes/volume.ts'
import { volumesIn } from '../../../engine/storage/volumes/volumes-in.ts'
import { Mutator } from '../../support/storage/mutations.ts'
import { Random } from '../../support/storage/random.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'

/** Damaged file systems to look into, over all kinds. */
const CASES = Number(process.env['VITRINE_VOLUME_CASES'] ?? 1050)
const SEED = Number(process.env['VITRINE_SEED'] ?? 1)
/** A case must not take longer: it would be a way to hang the host. */
const MAX_CASE_MS = 3000
const ENV = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }

/** How each seed is made from a folder: the image's bytes, and the command. */
const SEEDS: [kind: string, bytes: number, command: string][] = [
  ['FAT12', 368_640, 'mkfs.vfat image && mcopy -s -i image tree/* ::'],
  ['FAT16', 6 * 1024 * 1024, 'mkfs.vfat -F 16 -s 1 image && mcopy -s -i image tree/* ::'],
  ['FAT32', 40 * 1024 * 1024, 'mkfs.vfat -F 32 -s 1 image && mcopy -s -i image tree/* ::'],
  ['Joliet', 0, 'genisoimage -quiet -J -R -o image tree'],
  ['ISO 9660', 0, 'genisoimage -quiet -R -o image tree'],
  ['ext2', 1024 * 1024, 'mke2fs -q -t ext2 -b 1024 -d tree image'],
  ['ext4', 1024 * 1024, 'mke2fs -q -t ext4 -O ^has_journal -b 1024 -d tree image'],
]

/** The image of a kind; null where its tools are missing. */
function seedOf(bytes: number, command: string): Uint8Array | null {
  const folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-seed-'))
  try {
    fs.mkdirSync(join(folder, 'tree/a folder/inner'), { recursive: true })
    for (let index = 0; index < 20; index++)
      fs.writeFileSync(join(folder, `tree/a folder/file number ${index}`), 'x'.repeat(index * 300))
    fs.writeFileSync(join(folder, 'tree/README.TXT'), 'hello\n'.repeat(2000))
    fs.writeFileSync(join(folder, 'image'), '')
    fs.truncateSync(join(folder, 'image'), bytes)
    execFileSync('sh', ['-c', command], { cwd: folder, env: ENV, stdio: 'ignore' })
    return fs.readFileSync(join(folder, 'image'))
  } catch {
    return null
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

/** Looks at all that is there, and writes where that can be; anything thrown but what is promised is a failure. */
function use(bytes: Uint8Array): string {
  const image = new MemoryImage(bytes, 512, false, 'image')
  let outcome = 'nothing'
  const tolerant = (action: () => void): void => {
    try {
      action()
    } catch (error) {
      const isPromised =
        error instanceof DiskError || (error instanceof EngineError && error.code === 'file-unusable')
      if (!isPromised || error.message.includes('\n')) throw error
    }
  }
  for (const { volume } of volumesIn(image)) {
    if (!volume) continue
    outcome = 'opened'
    let total = 0
    tolerant(() => {
      for (const { path, entry } of walk('image', volume.root)) {
        expect(path).not.toMatch(/(^|\/)\.\.?(\/|$)/)
        if (entry.kind === 'file')
          tolerant(() => {
            let own = 0
            for (const piece of entry.contents()) {
              expect(piece.length).toBeLessThanOrEqual(1024 * 1024)
              own += piece.length
            }
            expect(own).toBe(entry.bytes)
            total += own
          })
        if (total > 256 * 1024 * 1024) return // many names may share what they hold
      }
      outcome = 'read'
    })
    if (!(volume instanceof FatVolume)) continue
    const writer = new FatWriter(volume)
    const file = { name: 'A new file', bytes: 3000, modifiedMs: 0, contents: [new Uint8Array(3000)] }
    tolerant(() => writer.putFile(volume.root, file, true))
    tolerant(() => writer.putFile(writer.makeFolder(volume.root, 'NEW', 0), file, true))
  }
  return outcome
}

describe('a damaged file system', () => {
  it.for(SEEDS)(
    '(%s) is read or refused in one line, and can do no harm',
    ([kind, bytes, command], { skip }) => {
      const seed = seedOf(bytes, command)
      if (!seed) return skip('its tools are not installed')
      const disk = new SimulatedDisk()
      disk.put('/image', seed)
      const mutator = new Mutator(disk, '/image')
      const random = new Random(SEED * 100 + SEEDS.findIndex(([one]) => one === kind))
      const outcomes: Record<string, number> = {}
      for (let number = 0; number < CASES / SEEDS.length; number++) {
        const caseSeed = random.word()
        const copy = disk.copy()
        mutator.mutate(copy, new Random(caseSeed))
        const began = performance.now()
        try {
          const outcome = use(copy.take('/image'))
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        } catch (error) {
          throw new Error(`case ${number} (seed ${caseSeed}): ${error instanceof Error ? error.stack : ''}`, {
            cause: error,
          })
        }
        expect(performance.now() - began, `case ${number} (seed ${caseSeed})`).toBeLessThan(MAX_CASE_MS)
      }
      console.log(`${kind}: ${JSON.stringify(outcomes)}`)
    },
  )
})
