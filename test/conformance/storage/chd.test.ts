import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { putEcc } from '../../../engine/storage/discs/chd/ecc.ts'
import { openDisc } from '../../../engine/storage/discs/open-disc.ts'
import { HostImageFiles } from '../../../engine/storage/image-files.ts'
import { rawDataSector } from '../../support/storage/discs.ts'
import { Random } from '../../support/storage/random.ts'

const hasChdman = ((): boolean => {
  try {
    execFileSync('chdman', ['help'], { stdio: 'ignore' })
    return true
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
  }
})()
if (!hasChdman) process.stderr.write('skipped: CHD: chdman is not installed (Debian package mame-tools)\n')

const DATA_SECTORS = 203
const SOUND_SECTORS = [301, 77]
const CUE = `FILE "disc.bin" BINARY
  TRACK 01 MODE1/2352
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    PREGAP 00:02:00
    INDEX 01 00:02:53
  TRACK 03 AUDIO
    INDEX 00 00:06:54
    INDEX 01 00:06:64
`

let folder: string
const file = (name: string): string => join(folder, name)

/** Sound as instruments make it, with noise, loud and silent parts: every way in which FLAC predicts. */
function sound(sectors: number, random: Random): Uint8Array {
  const samples = new Int16Array(sectors * 1176)
  for (let at = 0; at < samples.length; at += 2) {
    const part = Math.floor(at / 20_000) % 5
    const wave = Math.sin(at / 60) * 9000 + Math.sin(at / 7) * 800
    const left = part === 0 ? 0 : part === 1 ? 1234 : part === 2 ? random.below(65_536) - 32_768 : wave
    samples[at] = left
    samples[at + 1] = part === 3 ? left : part === 4 ? -left / 2 + random.below(9) : left
  }
  return new Uint8Array(samples.buffer)
}

beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-chd-'))
  const random = new Random(5)
  const data = Array.from({ length: DATA_SECTORS }, (_, sector) => {
    const raw = rawDataSector(sector)
    for (let at = 16; at < 2064; at++) raw[at] = sector % 3 === 0 ? random.below(256) : (at * sector) & 0x3f
    // Of whole parity only what the data say is kept; one sector is damaged, and stays as it is.
    if (sector !== 7) putEcc(raw)
    return raw
  })
  fs.writeFileSync(
    file('disc.bin'),
    Buffer.concat([...data, ...SOUND_SECTORS.map((count) => sound(count, random))]),
  )
  fs.writeFileSync(file('disc.cue'), CUE)
})
afterAll(() => fs.rmSync(folder, { recursive: true }))

/** Two descriptions of one disc. */
function expectSame(chd: string, cue: string): void {
  const files = new HostImageFiles(file('locks'))
  const [made, original] = [openDisc(files, chd)!, openDisc(files, cue)!]
  try {
    expect(made.format).toBe('chd')
    expect(made.tracks).toEqual(original.tracks)
    expect([made.sectorCount, original.sectorCount]).toEqual([731, 731])
    const [one, other] = [new Uint8Array(2352), new Uint8Array(2352)]
    const different: number[] = []
    for (let sector = 0; sector < original.sectorCount; sector++) {
      made.readRaw(sector, one)
      original.readRaw(sector, other)
      if (Buffer.compare(one, other) !== 0) different.push(sector)
    }
    expect(different).toEqual([])
  } finally {
    made.close()
    original.close()
  }
}

describe.skipIf(!hasChdman)('a CHD that chdman made', () => {
  it.each(['cdlz,cdzl,cdfl', 'cdzl', 'cdlz', 'cdfl', 'none', 'zlib', 'lzma', 'huff'])(
    'of a CD, packed by %s, is the disc that it was made of',
    (codecs) => {
      const chd = file(`${codecs}.chd`)
      execFileSync('chdman', ['createcd', '-i', file('disc.cue'), '-o', chd, '-c', codecs], {
        stdio: 'ignore',
      })
      expectSame(chd, file('disc.cue'))
    },
  )

  it.each(['cdlz,cdzl,cdfl', 'none'])(
    'over another one, packed by %s, has what differs from it',
    (codecs) => {
      const make = (packing: string, ...args: string[]): void =>
        void execFileSync('chdman', ['createcd', '-f', '-c', packing, ...args], { stdio: 'ignore' })
      const changed = fs.readFileSync(file('disc.bin'))
      for (const sector of [0, 50, 51, 202, 400])
        changed.fill(sector, sector * 2352 + 100, sector * 2352 + 900)
      fs.writeFileSync(file('second.bin'), changed)
      fs.writeFileSync(file('second.cue'), CUE.replace('disc.bin', 'second.bin'))
      // One that is not packed has no checksum to be known by.
      make('cdzl', '-i', file('disc.cue'), '-o', file('parent.chd'))
      make(codecs, '-i', file('second.cue'), '-op', file('parent.chd'), '-o', file('child.chd'))
      expectSame(file('child.chd'), file('second.cue'))
      // chdman leaves nothing to the other in one that is not packed.
      if (codecs === 'none') return
      // Away from all others, of which some are the same disc.
      const alone = file(join('alone', 'child.chd'))
      fs.mkdirSync(dirname(alone), { recursive: true })
      fs.renameSync(file('child.chd'), alone)
      const files = new HostImageFiles(file('locks'))
      expect(() => openDisc(files, alone)).toThrow(/builds on another CHD \(SHA-1 [0-9a-f]{40}\)/)
      expect(fs.readdirSync(file('locks'))).toEqual([])
    },
  )

  it('of a disk, or packed in a way that is not read, is refused in words', () => {
    const files = new HostImageFiles(file('locks'))
    fs.writeFileSync(file('disk.img'), new Uint8Array(1 << 20).fill(3))
    execFileSync('chdman', ['createhd', '-i', file('disk.img'), '-o', file('disk.chd'), '-c', 'zlib'], {
      stdio: 'ignore',
    })
    expect(() => openDisc(files, file('disk.chd'))).toThrow(/a CHD of no CD/)
    const bytes = fs.readFileSync(file('disk.chd'))
    bytes.write('avhu', 16, 'latin1')
    fs.writeFileSync(file('video.chd'), bytes)
    expect(() => openDisc(files, file('video.chd'))).toThrow(/packed by "avhu", which is not read/)
  })
})
