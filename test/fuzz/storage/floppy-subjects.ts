import { readUpTo } from '../../../engine/storage/formats/fields.ts'
import { floppyFormatOf, unpackFloppy } from '../../../engine/storage/formats/floppy-archive.ts'
import { encode86f } from '../../support/storage/floppy-86f.ts'
import {
  copyQmFile,
  floppySector,
  imdFile,
  packedTeledisk,
  plainRecord,
  teledisk,
} from '../../support/storage/floppy-archives.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'
import { type ParserSubject, tolerant } from './subject.ts'

const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8]

/** The floppy as a surface: ten tracks of it, as finding the sectors of one takes most of a case. */
const surface = (): Uint8Array =>
  encode86f({
    tracks: 10,
    sides: 1,
    sectorsOf: (track) =>
      NUMBERS.map((number) => ({ cylinder: track >> 1, number, bytes: floppySector(track >> 1, number) })),
  })

/** Opens it, reads it and looks for damage. */
function useFloppy(disk: SimulatedDisk): string {
  const file = disk.open('/seed/floppy', false)
  const format = tolerant(() => floppyFormatOf(readUpTo(file, 0, 512)) ?? 'none')
  if (format === null) return 'refused'
  if (format === 'none') return format
  const floppy = tolerant(() => unpackFloppy(file, format))
  if (!floppy) return 'refused'
  floppy.check()
  const sector = new Uint8Array(512)
  for (let number = 0; number < floppy.sectorCount; number++) tolerant(() => floppy.read(number, 1, sector))
  file.close()
  return 'opened'
}

const floppySubject = (name: string, bytes: () => Uint8Array): ParserSubject => ({
  name,
  path: '/seed/floppy',
  seed() {
    const disk = new SimulatedDisk()
    disk.put('/seed/floppy', Buffer.from(bytes()))
    return disk
  },
  use: useFloppy,
})

export const FLOPPIES: readonly ParserSubject[] = [
  floppySubject('imd', () => imdFile(plainRecord)),
  floppySubject('copyqm', copyQmFile),
  floppySubject('td0', teledisk),
  floppySubject('td0 packed', packedTeledisk),
  floppySubject('86f', surface),
]
