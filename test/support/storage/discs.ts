/** A disc for tests: 40 sectors of data in mode 1, then two tracks of sound with a gap of two seconds before the second. */
export const DISC = {
  dataSectors: 40,
  firstSound: 40,
  firstSoundSectors: 30,
  gap: 150,
  secondSoundSectors: 20,
}

/** A raw sector of data whose bytes are its number. */
export function rawDataSector(sector: number, mode: 1 | 2 = 1): Uint8Array {
  const raw = new Uint8Array(2352)
  raw.fill(0xff, 1, 11)
  raw[15] = mode
  raw.fill(sector & 0xff, mode === 2 ? 24 : 16, (mode === 2 ? 24 : 16) + 2048)
  return raw
}

/** 1/75 s of sound: samples that tell where they are from. */
export function soundSector(number: number): Uint8Array {
  const raw = new Uint8Array(2352)
  for (let at = 0; at < raw.length; at += 2) {
    raw[at] = number & 0xff
    raw[at + 1] = at & 0x7f
  }
  return raw
}

export const CUE = `REM made for a test
FILE "disc.bin" BINARY
  TRACK 01 MODE1/2352
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    INDEX 01 00:00:40
  TRACK 03 AUDIO
    FLAGS DCP
    INDEX 00 00:00:70
    INDEX 01 00:02:70
`

/** The sectors that `CUE` describes. */
export function discBin(): Uint8Array {
  const { dataSectors, firstSoundSectors, gap, secondSoundSectors } = DISC
  return Buffer.concat([
    ...Array.from({ length: dataSectors }, (_, sector) => rawDataSector(sector)),
    ...Array.from({ length: firstSoundSectors }, (_, number) => soundSector(number)),
    new Uint8Array(gap * 2352),
    ...Array.from({ length: secondSoundSectors }, (_, number) => soundSector(100 + number)),
  ])
}

/** The same disc as a media descriptor with its sectors. */
export function discMds(): { mds: Uint8Array; mdf: Uint8Array } {
  const tracks = [
    { mode: 0xaa, start: 0, sectors: DISC.dataSectors },
    { mode: 0xa9, start: DISC.firstSound, sectors: DISC.firstSoundSectors },
    { mode: 0xa9, start: 220, sectors: DISC.secondSoundSectors },
  ]
  const bytes = Buffer.alloc(88 + 24 + 80 * 3 + 8 * 3 + 16 + 16)
  bytes.write('MEDIA DESCRIPTOR', 0, 'latin1')
  bytes[16] = 1
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt32LE(88, 80)
  const blocks = 88 + 24
  const extras = blocks + 80 * 3
  const footer = extras + 8 * 3
  bytes.writeUInt16LE(1, 88 + 8)
  bytes[88 + 10] = 3
  bytes.writeUInt32LE(blocks, 88 + 20)
  let position = 0
  for (const [index, { mode, start, sectors }] of tracks.entries()) {
    const at = blocks + index * 80
    bytes[at] = mode
    bytes[at + 4] = index + 1
    bytes.writeUInt32LE(extras + index * 8, at + 12)
    bytes.writeUInt16LE(2352, at + 16)
    bytes.writeUInt32LE(start, at + 36)
    bytes.writeBigUInt64LE(BigInt(position), at + 40)
    bytes.writeUInt32LE(1, at + 48)
    bytes.writeUInt32LE(footer, at + 52)
    bytes.writeUInt32LE(sectors, extras + index * 8 + 4)
    position += sectors * 2352
  }
  bytes.writeUInt32LE(footer + 16, footer)
  bytes.write('*.mdf\0', footer + 16, 'latin1')
  const { dataSectors, firstSoundSectors, secondSoundSectors } = DISC
  const mdf = Buffer.concat([
    ...Array.from({ length: dataSectors }, (_, sector) => rawDataSector(sector)),
    ...Array.from({ length: firstSoundSectors }, (_, number) => soundSector(number)),
    ...Array.from({ length: secondSoundSectors }, (_, number) => soundSector(100 + number)),
  ])
  return { mds: bytes, mdf }
}
