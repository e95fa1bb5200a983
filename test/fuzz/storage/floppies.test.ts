import { describe, expect, it } from 'vitest'
import { EngineError } from '../../../engine/base/errors.ts'
import { DiskError } from '../../../engine/storage/block-image.ts'
import { readUpTo } from '../../../engine/storage/formats/fields.ts'
import { floppyFormatOf, unpackFloppy } from '../../../engine/storage/formats/floppy-archive.ts'
import { encode86f } from '../../support/storage/floppy-86f.ts'
import { Mutator } from '../../support/storage/mutations.ts'
import { Random } from '../../support/storage/random.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'

/** Damaged archives of floppies to open, over all formats. */
const CASES = Number(process.env['VITRINE_PARSER_CASES'] ?? 200)
const SEED = Number(process.env['VITRINE_SEED'] ?? 1)
const MAX_CASE_MS = 2000

const sectorOf = (cylinder: number, number: number): Uint8Array =>
  new Uint8Array(512).map((_, index) => (index % 2 ? number : cylinder))

const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8]

/** A floppy of 160 KB. */
const SEEDS: { name: string; bytes: () => Uint8Array }[] = [
  {
    name: 'imd',
    bytes: () =>
      Buffer.concat([
        Buffer.from('IMD 1.18: a floppy\x1a', 'latin1'),
        ...Array.from({ length: 40 }, (_, cylinder) =>
          Buffer.concat([
            Uint8Array.of(5, cylinder, 0, 8, 2, ...NUMBERS),
            ...NUMBERS.map((number) => Buffer.concat([Uint8Array.of(1), sectorOf(cylinder, number)])),
          ]),
        ),
      ]),
  },
  {
    name: '86f',
    bytes: () =>
      encode86f({
        tracks: 80,
        sides: 1,
        sectorsOf: (track) =>
          NUMBERS.map((number) => ({ cylinder: track >> 1, number, bytes: sectorOf(track >> 1, number) })),
      }),
  },
]

/** Opens it, reads it and looks for damage; anything thrown but what is promised is a failure. */
function use(disk: SimulatedDisk): string {
  const file = disk.open('/seed/floppy', false)
  try {
    const format = floppyFormatOf(readUpTo(file, 0, 512))
    if (!format) return 'none'
    const floppy = unpackFloppy(file, format)
    floppy.check()
    for (let sector = 0; sector < floppy.sectorCount; sector++)
      try {
        floppy.read(sector, 1, new Uint8Array(512))
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
      }
    return 'opened'
  } catch (error) {
    if (!(error instanceof EngineError && error.code === 'file-unusable')) throw error
    expect(error.message).not.toMatch(/\n/)
    return 'refused'
  } finally {
    file.close()
  }
}

describe('a damaged archive of a floppy', () => {
  it.for(SEEDS)('of $name is opened or refused in one line, and can do no harm', ({ name, bytes }) => {
    const seed = new SimulatedDisk()
    seed.put('/seed/floppy', Buffer.from(bytes()))
    const mutator = new Mutator(seed, '/seed/floppy')
    const random = new Random(SEED * 100 + SEEDS.findIndex((one) => one.name === name))
    const outcomes: Record<string, number> = {}
    for (let number = 0; number < CASES / SEEDS.length; number++) {
      const disk = seed.copy()
      const caseSeed = random.word()
      mutator.mutate(disk, new Random(caseSeed))
      const began = performance.now()
      try {
        const outcome = use(disk)
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
      } catch (error) {
        const text = error instanceof Error ? error.stack : String(error)
        throw new Error(`case ${number} (seed ${caseSeed}): ${text}`, { cause: error })
      }
      expect(performance.now() - began, `case ${number} (seed ${caseSeed})`).toBeLessThan(MAX_CASE_MS)
    }
    console.log(`${name}: ${JSON.stringify(outcomes)}`)
  })
})
