import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDisc } from '../../../engine/storage/discs/open-disc.ts'
import { CUE, discBin, discMds } from '../../support/storage/discs.ts'
import type { Random } from '../../support/storage/random.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'
import { filesMadeBy, type ParserSubject, runIn, tolerant } from './subject.ts'

const MAX_SECTORS = 100 * 60 * 75

/** The disc as a CHD by MAME's tool. */
const chd = (codecs: string): ParserSubject =>
  discSubject(`${codecs}.chd`, () =>
    filesMadeBy((folder) => {
      writeFileSync(join(folder, 'disc.cue'), CUE)
      writeFileSync(join(folder, 'disc.bin'), discBin())
      runIn(folder, 'chdman', 'createcd', '-i', 'disc.cue', '-o', `${codecs}.chd`, '-c', codecs)
    }),
  )

/** One that holds only what differs from another, which is beside it. */
const childChd = (): ParserSubject =>
  discSubject('child.chd', () =>
    filesMadeBy((folder) => {
      const changed = Buffer.from(discBin()).fill(3, 100, 900)
      writeFileSync(join(folder, 'disc.cue'), CUE)
      writeFileSync(join(folder, 'second.cue'), CUE.replaceAll('disc.bin', 'second.bin'))
      writeFileSync(join(folder, 'disc.bin'), discBin())
      writeFileSync(join(folder, 'second.bin'), changed)
      runIn(folder, 'chdman', 'createcd', '-i', 'disc.cue', '-o', 'parent.chd', '-c', 'cdzl')
      runIn(
        folder,
        'chdman',
        'createcd',
        '-i',
        'second.cue',
        '-op',
        'parent.chd',
        '-o',
        'child.chd',
        '-c',
        'cdzl',
      )
    }),
  )

function filesOf(files: Record<string, Uint8Array>): SimulatedDisk {
  const disk = new SimulatedDisk()
  for (const [name, bytes] of Object.entries(files)) disk.put(`/seed/${name}`, bytes)
  return disk
}

/** All that a drive does with a disc. */
function useDisc(disk: SimulatedDisk, path: string, random: Random): string {
  const disc = tolerant(() => openDisc(disk, path) ?? 'none')
  if (disc === null) return 'refused'
  if (disc === 'none') return disc
  if (disc.sectorCount > MAX_SECTORS) throw new Error(`a disc of ${disc.sectorCount} sectors`)
  if (disc.tracks.length === 0) throw new Error('a disc without tracks')
  const [data, raw] = [new Uint8Array(2048), new Uint8Array(2352)]
  for (let step = 0; step < 8; step++) {
    const sector = step === 0 ? 0 : step === 1 ? disc.sectorCount - 1 : random.below(disc.sectorCount)
    tolerant(() => disc.read(sector, 1, data))
    tolerant(() => disc.readRaw(sector, raw))
  }
  disc.close()
  return 'opened'
}

function discSubject(name: string, seed: () => SimulatedDisk | null): ParserSubject {
  const path = `/seed/${name}`
  return { name, path, seed, use: (disk, random) => useDisc(disk, path, random) }
}

export const DISCS: readonly ParserSubject[] = [
  ...['cdlz,cdzl,cdfl', 'cdfl', 'cdlz', 'huff', 'none'].map(chd),
  childChd(),
  discSubject('disc.cue', () => filesOf({ 'disc.cue': Buffer.from(CUE), 'disc.bin': discBin() })),
  discSubject('disc.mds', () => filesOf({ 'disc.mds': discMds().mds, 'disc.mdf': discMds().mdf })),
]
