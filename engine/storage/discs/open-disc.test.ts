import { describe, expect, it } from 'vitest'
import {
  CUE,
  DISC,
  discBin,
  discMds,
  rawDataSector,
  soundSector,
} from '../../../test/support/storage/discs.ts'
import { SimulatedDisk } from '../../../test/support/storage/simulated-disk.ts'
import { trackAt } from '../cd-image.ts'
import type { DiscImage } from './disc-image.ts'
import { openDisc } from './open-disc.ts'

function diskOf(files: Record<string, Uint8Array | string>): SimulatedDisk {
  const disk = new SimulatedDisk()
  for (const [name, contents] of Object.entries(files))
    disk.put(`/cd/${name}`, typeof contents === 'string' ? Buffer.from(contents) : contents)
  return disk
}
const open = (files: Record<string, Uint8Array | string>, name: string): DiscImage =>
  openDisc(diskOf(files), `/cd/${name}`)!
const cue = (text: string, more: Record<string, Uint8Array> = { 'disc.bin': discBin() }): DiscImage =>
  open({ 'a.cue': text, ...more }, 'a.cue')

function raw(disc: DiscImage, sector: number): Uint8Array {
  const into = new Uint8Array(2352)
  disc.readRaw(sector, into)
  return into
}
function data(disc: DiscImage, sector: number, count = 1): Uint8Array {
  const into = new Uint8Array(count * 2048).fill(0xee)
  disc.read(sector, count, into)
  return into
}

/** What every description of the same disc gives. */
function expectDisc(disc: DiscImage): void {
  expect(disc.tracks).toEqual([
    { number: 1, kind: 'mode1', start: 0 },
    { number: 2, kind: 'audio', start: 40 },
    { number: 3, kind: 'audio', start: 220 },
  ])
  expect(disc.sectorCount).toBe(240)
  expect(data(disc, 39)[2047]).toBe(39)
  expect(raw(disc, 5)).toEqual(rawDataSector(5))
  expect(raw(disc, 41)).toEqual(soundSector(1))
  expect(raw(disc, 100)).toEqual(new Uint8Array(2352))
  expect(raw(disc, 239)).toEqual(soundSector(100 + DISC.secondSoundSectors - 1))
  // Sound is no data.
  expect(data(disc, 39, 3).subarray(2048)).toEqual(new Uint8Array(4096))
  expect(trackAt(disc.tracks, 219).number).toBe(2)
}

describe('a disc', () => {
  it('by a cue sheet has its tracks, gaps and sound', () => expectDisc(cue(CUE)))

  it('by a media descriptor is the same', () => {
    const { mds, mdf } = discMds()
    expectDisc(open({ 'a.mds': mds, 'a.mdf': mdf }, 'a.mds'))
  })

  it('whose name of its sectors would break a line is refused in one', () => {
    const { mds, mdf } = discMds()
    const name = Buffer.from(mds).indexOf('*.mdf')
    mds[name] = 10
    expect(() => open({ 'a.mds': mds, 'a.mdf': mdf }, 'a.mds')).toThrow(
      /the name of its sector file is damaged$/,
    )
  })

  it('may have a file for each track, as wave, in either order of bytes, and gaps in no file', () => {
    const sound = Buffer.concat([soundSector(1), soundSector(2)])
    const wave = Buffer.alloc(44 + sound.length)
    wave.write('RIFF', 0)
    wave.write('WAVEfmt ', 8)
    wave.writeUInt32LE(16, 16)
    wave.writeUInt16LE(1, 20)
    wave.writeUInt16LE(2, 22)
    wave.writeUInt32LE(44_100, 24)
    wave.writeUInt16LE(16, 34)
    wave.write('data', 36)
    wave.writeUInt32LE(sound.length, 40)
    sound.copy(wave, 44)
    const text = `FILE a.iso BINARY
  TRACK 01 MODE1/2048
    INDEX 01 00:00:00
    POSTGAP 00:00:02
FILE "b c.wav" WAVE
  TRACK 02 AUDIO
    PREGAP 00:00:03
    INDEX 01 00:00:00
FILE d.bin MOTOROLA
  TRACK 03 AUDIO
    INDEX 01 00:00:00`
    const files = {
      'a.iso': new Uint8Array(3 * 2048).fill(9),
      'b c.wav': wave,
      'd.bin': Buffer.from(soundSector(7)).swap16(),
    }
    const disc = cue(text, files)
    expect(disc.tracks.map(({ start }) => start)).toEqual([0, 8, 10])
    expect(disc.sectorCount).toBe(11)
    expect(data(disc, 2)[100]).toBe(9)
    expect(raw(disc, 2).subarray(0, 17)).toEqual(
      Uint8Array.from([0, ...new Array<number>(10).fill(0xff), 0, 0, 2, 2, 1, 9]),
    )
    expect(raw(disc, 6)).toEqual(new Uint8Array(2352))
    expect([raw(disc, 8), raw(disc, 9), raw(disc, 10)]).toEqual([
      soundSector(1),
      soundSector(2),
      soundSector(7),
    ])
  })

  it('of mode 2 gives the data of form 1', () => {
    const bytes = Buffer.concat([rawDataSector(3, 2), rawDataSector(4, 2)])
    const sheet = 'FILE disc.bin BINARY\nTRACK 01 MODE2/2352\nINDEX 01 00:00:00\n'
    expect(data(cue(sheet, { 'disc.bin': bytes }), 1)[0]).toBe(4)
    const bodies = Buffer.concat([bytes.subarray(16, 2352), bytes.subarray(2352 + 16)])
    const body = cue(sheet.replace('2352', '2336'), { 'disc.bin': bodies })
    expect([data(body, 1)[0], raw(body, 1)[15], raw(body, 1)[24]]).toEqual([4, 2, 4])
  })

  it('of raw sectors alone is one track', () => {
    const disc = open({ 'x.bin': Buffer.concat([rawDataSector(1), rawDataSector(2)]) }, 'x.bin')
    expect(disc.tracks).toEqual([{ number: 1, kind: 'mode1', start: 0 }])
    expect(data(disc, 1)[5]).toBe(2)
  })

  it('is none where neither describes it', () => {
    expect(openDisc(diskOf({ 'a.iso': new Uint8Array(4096) }), '/cd/a.iso')).toBeNull()
    expect(openDisc(diskOf({ 'a.txt': 'Dear Sir, FILE this' }), '/cd/a.txt')).toBeNull()
  })

  it.each([
    ['FILE "../disc.bin" BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00:00', /not in its folder/],
    ['FILE "go\tne.bin" BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00:00', /the name of its track file is damaged/],
    ['FILE "gone.bin" BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00:00', /is missing/],
    ['FILE "disc.bin" MP3\nTRACK 01 AUDIO\nINDEX 01 00:00:00', /line 1: files of type MP3/],
    ['FILE "disc.bin" BINARY\nTRACK 01 CDG\nINDEX 01 00:00:00', /line 2: tracks of type CDG/],
    ['FILE "disc.bin" BINARY\nTRACK 02 AUDIO\nINDEX 01 00:00:00', /numbered in a row/],
    ['FILE "disc.bin" BINARY\nTRACK 01 AUDIO\nINDEX 01 00:61:00', /is no time/],
    ['FILE "disc.bin" BINARY\nTRACK 01 AUDIO\nINDEX 00 00:00:00', /no index 1/],
    [
      'FILE "disc.bin" BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nINDEX 01 90:00:00',
      /cut short/,
    ],
    [
      'FILE "disc.bin" BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nINDEX 01 00:01:00\nTRACK 03 AUDIO\nINDEX 01 00:00:20',
      /ends before it begins/,
    ],
    ['FILE "disc.bin" BINARY\n', /has no track/],
    [
      'FILE "disc.bin" BINARY\nTRACK 01 AUDIO\nPREGAP 999:00:00\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nPREGAP 999:00:00\nINDEX 01 00:00:10',
      /longer than a disc/,
    ],
  ])('by a sheet that cannot be is refused in words (%#)', (text, reason) => {
    expect(() => cue(text)).toThrow(reason)
  })

  it('gives all its files back', () => {
    const disk = diskOf({ 'a.cue': CUE, 'disc.bin': discBin() })
    openDisc(disk, '/cd/a.cue')!.close()
    disk.open('/cd/disc.bin', true).close()
  })
})
