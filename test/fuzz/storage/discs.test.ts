import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { EngineError } from '../../../engine/base/errors.ts'
import { DiskError } from '../../../engine/storage/block-image.ts'
import { openDisc } from '../../../engine/storage/discs/open-disc.ts'
import { CUE, discBin, discMds } from '../../support/storage/discs.ts'
import { Mutator } from '../../support/storage/mutations.ts'
import { Random } from '../../support/storage/random.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'

/** Damaged descriptions of discs to open, over all formats. */
const CASES = Number(process.env['VITRINE_PARSER_CASES'] ?? 3000)
const SEED = Number(process.env['VITRINE_SEED'] ?? 1)
const MAX_CASE_MS = 2000

/** The disc as a CHD; null without the tool that makes it. */
function discChd(codecs: string): Uint8Array | null {
  const folder = mkdtempSync(join(tmpdir(), 'vitrine-seed-'))
  try {
    writeFileSync(join(folder, 'disc.cue'), CUE)
    writeFileSync(join(folder, 'disc.bin'), discBin())
    execFileSync('chdman', ['createcd', '-i', 'disc.cue', '-o', 'disc.chd', '-c', codecs], {
      cwd: folder,
      stdio: 'ignore',
    })
    return readFileSync(join(folder, 'disc.chd'))
  } catch {
    return null
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const chdSeed = (codecs: string) => ({
  name: `${codecs}.chd`,
  files: (): Record<string, Uint8Array> | null => {
    const chd = discChd(codecs)
    return chd && { [`${codecs}.chd`]: chd }
  },
})

const SEEDS: { name: string; files: () => Record<string, Uint8Array> | null }[] = [
  ...['cdlz,cdzl,cdfl', 'cdfl', 'cdlz', 'none'].map(chdSeed),
  { name: 'disc.cue', files: () => ({ 'disc.cue': Buffer.from(CUE), 'disc.bin': discBin() }) },
  { name: 'disc.mds', files: () => ({ 'disc.mds': discMds().mds, 'disc.mdf': discMds().mdf }) },
]

/** All that a drive does with a disc; anything thrown but what is promised is a failure. */
function use(disk: SimulatedDisk, path: string, random: Random): string {
  const isPromised = (error: unknown): boolean =>
    error instanceof DiskError || (error instanceof EngineError && error.code === 'file-unusable')
  try {
    const disc = openDisc(disk, path)
    if (!disc) return 'none'
    expect(disc.sectorCount).toBeLessThanOrEqual(100 * 60 * 75)
    expect(disc.tracks.length).toBeGreaterThan(0)
    const [data, raw] = [new Uint8Array(2048), new Uint8Array(2352)]
    for (let step = 0; step < 20; step++) {
      const sector = step === 0 ? 0 : step === 1 ? disc.sectorCount - 1 : random.below(disc.sectorCount)
      for (const read of [() => disc.read(sector, 1, data), () => disc.readRaw(sector, raw)])
        try {
          read()
        } catch (error) {
          if (!isPromised(error)) throw error
        }
    }
    disc.close()
    return 'opened'
  } catch (error) {
    if (!isPromised(error)) throw error
    expect((error as Error).message).not.toMatch(/\n/)
    return 'refused'
  }
}

describe('a damaged description of a disc', () => {
  it.for(SEEDS)(
    '($name) is opened or refused in one line, and can do no harm',
    ({ name, files }, { skip }) => {
      const made = files()
      if (!made) return skip('chdman is not installed (Debian package mame-tools)')
      const seed = new SimulatedDisk()
      for (const [file, contents] of Object.entries(made)) seed.put(`/seed/${file}`, contents)
      const mutator = new Mutator(seed, `/seed/${name}`)
      const random = new Random(SEED * 100 + name.length)
      const outcomes: Record<string, number> = {}
      for (let number = 0; number < CASES / SEEDS.length; number++) {
        const disk = seed.copy()
        const caseSeed = random.word()
        mutator.mutate(disk, new Random(caseSeed))
        const began = performance.now()
        try {
          const outcome = use(disk, `/seed/${name}`, new Random(caseSeed))
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        } catch (error) {
          throw new Error(`case ${number} (seed ${caseSeed}): ${error instanceof Error ? error.stack : ''}`, {
            cause: error,
          })
        }
        expect(performance.now() - began, `case ${number} (seed ${caseSeed})`).toBeLessThan(MAX_CASE_MS)
      }
      console.log(`${name}: ${JSON.stringify(outcomes)}`)
    },
  )
})
