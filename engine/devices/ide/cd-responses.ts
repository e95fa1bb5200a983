import { type CdTrack, trackAt } from '../../storage/cd-image.ts'
import type { CdMedium } from './cd-medium.ts'

/** Data that packet commands return. Sources: SFF-8020i, MMC-3 (T10/1363D), SPC-2. */

const FRAMES_PER_SECOND = 75
/** A disc's program area starts two seconds in. */
const LEAD_IN_FRAMES = 150
const LEAD_OUT = 0xaa
/** ADR 1 with the kind of the track: two channels of sound, or data, uninterrupted. */
const controlOf = ({ kind }: CdTrack): number => (kind === 'audio' ? 0x10 : 0x14)

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, Math.floor(value / 0x10000) & 0xffff)
  put16(bytes, at + 2, value & 0xffff)
}

/** Minute, second and frame in three bytes. */
export function putMsf(bytes: Uint8Array, at: number, sector: number): void {
  const frames = sector + LEAD_IN_FRAMES
  bytes[at] = Math.floor(frames / (60 * FRAMES_PER_SECOND))
  bytes[at + 1] = Math.floor(frames / FRAMES_PER_SECOND) % 60
  bytes[at + 2] = frames % FRAMES_PER_SECOND
}

export const msfToSector = (minute: number, second: number, frame: number): number =>
  (minute * 60 + second) * FRAMES_PER_SECOND + frame - LEAD_IN_FRAMES

function putAddress(bytes: Uint8Array, at: number, sector: number, msf: boolean): void {
  if (msf) putMsf(bytes, at + 1, sector)
  else put32(bytes, at, sector)
}

function putText(bytes: Uint8Array, at: number, length: number, text: string): void {
  for (let index = 0; index < length; index++) bytes[at + index] = text.padEnd(length).charCodeAt(index)
}

export function inquiryData(model: string): Uint8Array {
  const data = new Uint8Array(36)
  data[0] = 0x05 // CD-ROM
  data[1] = 0x80 // removable
  data[3] = 0x21 // ATAPI 2, response format 1
  data[4] = data.length - 5
  putText(data, 8, 8, 'VITRINE')
  putText(data, 16, 16, model)
  putText(data, 32, 4, '1.0')
  return data
}

export function capacityData({ sectorCount }: CdMedium): Uint8Array {
  const data = new Uint8Array(8)
  put32(data, 0, sectorCount - 1)
  put32(data, 4, 2048)
  return data
}

/** READ TOC format 0: the tracks from one on, and the lead-out. Null when there is no such track. */
export function tocData(medium: CdMedium, msf: boolean, firstTrack: number): Uint8Array | null {
  const { tracks, sectorCount } = medium
  const last = tracks.at(-1)!
  if (firstTrack > last.number && firstTrack !== LEAD_OUT) return null
  const listed = [
    ...tracks.filter(({ number }) => number >= firstTrack),
    { ...last, number: LEAD_OUT, start: sectorCount },
  ]
  const data = new Uint8Array(4 + listed.length * 8)
  put16(data, 0, data.length - 2)
  data[2] = tracks[0]!.number
  data[3] = last.number
  for (const [index, track] of listed.entries()) {
    const at = 4 + index * 8
    data[at + 1] = controlOf(track)
    data[at + 2] = track.number
    putAddress(data, at + 4, track.start, msf)
  }
  return data
}

/** READ TOC format 1: one session, complete. */
export function sessionData({ tracks: [first] }: CdMedium, msf: boolean): Uint8Array {
  const data = new Uint8Array(12)
  put16(data, 0, 10)
  data[2] = 1
  data[3] = 1
  data[5] = controlOf(first!)
  data[6] = first!.number
  putAddress(data, 8, first!.start, msf)
  return data
}

/** READ TOC format 2: the lead-in's Q channel. */
export function fullTocData({ tracks, sectorCount }: CdMedium): Uint8Array {
  const [first, last] = [tracks[0]!, tracks.at(-1)!]
  const discType = tracks.some(({ kind }) => kind === 'mode2') ? 0x20 : 0
  const points: [point: number, track: CdTrack, fill: (bytes: Uint8Array, at: number) => void][] = [
    [0xa0, first, (bytes, at) => bytes.set([first.number, discType], at)],
    [0xa1, last, (bytes, at) => (bytes[at] = last.number)],
    [0xa2, last, (bytes, at) => putMsf(bytes, at, sectorCount)],
    ...tracks.map((track): (typeof points)[number] => [
      track.number,
      track,
      (bytes, at) => putMsf(bytes, at, track.start),
    ]),
  ]
  const data = new Uint8Array(4 + points.length * 11)
  put16(data, 0, data.length - 2)
  data[2] = 1
  data[3] = 1
  for (const [index, [point, track, fill]] of points.entries()) {
    const at = 4 + index * 11
    data[at] = 1
    data[at + 1] = controlOf(track)
    data[at + 3] = point
    fill(data, at + 8)
  }
  return data
}

/**
 * READ SUB-CHANNEL. Null for a format that does not exist.
 * @param status of the sound
 * @param position the sector that is heard, or was last
 */
export function subchannelData(
  { tracks }: CdMedium,
  {
    msf,
    wanted,
    format,
    status,
    position,
  }: {
    msf: boolean
    wanted: boolean
    format: number
    status: number
    position: number
  },
): Uint8Array | null {
  const header = [0, status, 0, 0]
  if (!wanted) return Uint8Array.from(header)
  if (format === 1) {
    const track = trackAt(tracks, position)
    const data = new Uint8Array(16)
    data.set(header)
    put16(data, 2, 12)
    data.set([1, controlOf(track), track.number, 1], 4)
    putAddress(data, 8, position, msf)
    // From the beginning of the track, which is no place on the disc: two seconds are not added.
    const within = Math.max(0, position - track.start)
    if (msf) putMsf(data, 13, within - LEAD_IN_FRAMES)
    else put32(data, 12, within)
    return data
  }
  if (format !== 2 && format !== 3) return null
  const data = new Uint8Array(24) // no catalogue number, no ISRC
  data.set(header)
  put16(data, 2, 20)
  data[4] = format
  return data
}

export function mechanismStatusData({ trayOpen }: CdMedium): Uint8Array {
  const data = new Uint8Array(8)
  data[1] = trayOpen ? 0x10 : 0
  data[5] = 1 // slots
  return data
}

/** READ DISC INFORMATION: one complete session. */
export function discInformationData({ tracks }: CdMedium): Uint8Array {
  const data = new Uint8Array(34)
  put16(data, 0, data.length - 2)
  data[2] = 0x0e // complete, last session complete
  data.set([1, 1, 1, tracks.at(-1)!.number], 3) // first track, sessions, first and last track of the last session
  data[7] = 0x20 // unrestricted use
  data.fill(0xff, 16, 24) // no address of a next session
  return data
}

/** READ TRACK INFORMATION. Null when there is no such track. @param place a sector, or a number when `isNumber` */
export function trackInformationData(
  { tracks, sectorCount }: CdMedium,
  place: number,
  isNumber: boolean,
): Uint8Array | null {
  const track = isNumber ? tracks.find(({ number }) => number === place) : trackAt(tracks, place)
  if (!track || (!isNumber && place >= sectorCount)) return null
  const end = tracks.find(({ number }) => number === track.number + 1)?.start ?? sectorCount
  const data = new Uint8Array(28)
  put16(data, 0, data.length - 2)
  data[2] = track.number
  data[3] = 1 // session
  data[5] = controlOf(track) & 0x0f
  data[6] = track.kind === 'mode2' ? 2 : track.kind === 'mode1' ? 1 : 0x0f
  put32(data, 8, track.start)
  put32(data, 24, end - track.start)
  return data
}

const PROFILE_CD_ROM = 0x0008
const PROFILE_DVD_ROM = 0x0010

/**
 * GET CONFIGURATION.
 * @param requested 0 all features, 1 the current ones, 2 only `first`
 * @param first lowest feature number wanted
 */
export function configurationData(medium: CdMedium, requested: number, first: number): Uint8Array {
  const current = !medium.image ? 0 : medium.isDvd ? PROFILE_DVD_ROM : PROFILE_CD_ROM
  const profile = (number: number) => [number >> 8, number & 0xff, number === current ? 1 : 0, 0]
  // No feature says that media changes are reported: Linux would then rely on it alone.
  const features: { number: number; bytes: number[] }[] = [
    { number: 0, bytes: [0, 0, 0x03, 8, ...profile(PROFILE_DVD_ROM), ...profile(PROFILE_CD_ROM)] },
    { number: 1, bytes: [0, 1, 0x03, 4, 0, 0, 0, 2] }, // core: ATAPI
    { number: 3, bytes: [0, 3, 0x03, 4, 0x29, 0, 0, 0] }, // removable: tray, ejectable, lockable
  ]
  const wanted = features.filter(({ number }) => (requested === 2 ? number === first : number >= first))
  const data = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, ...wanted.flatMap(({ bytes }) => bytes)])
  put32(data, 0, data.length - 4)
  put16(data, 6, current)
  return data
}

/** GET EVENT STATUS NOTIFICATION. Only the media class, 4, exists. */
export function eventData(medium: CdMedium, classes: number): Uint8Array {
  if (!(classes & 0x10)) return Uint8Array.from([0, 2, 0x80, 0x10])
  const code = medium.mediaEvent === 'new-media' ? 2 : medium.mediaEvent === 'media-removal' ? 3 : 0
  medium.mediaEvent = 'none'
  const status = (medium.trayOpen ? 1 : 0) | (medium.image ? 2 : 0)
  return Uint8Array.from([0, 6, 0x04, 0x10, code, status, 0, 0])
}

/** GET PERFORMANCE, nominal: one row for the whole disc, 24× (3600 kB/s of 1000 bytes). */
export function performanceData({ sectorCount }: CdMedium): Uint8Array {
  const data = new Uint8Array(24)
  put32(data, 0, 20)
  put32(data, 12, 3600)
  put32(data, 16, Math.max(0, sectorCount - 1))
  put32(data, 20, 3600)
  return data
}

/** READ DVD STRUCTURE, format 0: the physical format of a single-layer DVD-ROM. */
export function dvdStructureData({ sectorCount }: CdMedium): Uint8Array {
  const data = new Uint8Array(2052)
  put16(data, 0, data.length - 2)
  data[4] = 0x01 // DVD-ROM, version 1
  data[6] = 0x01 // one layer, embossed
  put32(data, 8, 0x30000)
  put32(data, 12, 0x30000 + sectorCount - 1)
  return data
}

const MODE_PAGES: { page: number; bytes: number[] }[] = [
  { page: 0x01, bytes: [0x01, 0x06, 0, 5, 0, 0, 0, 0] }, // error recovery: 5 retries
  { page: 0x0d, bytes: [0x0d, 0x06, 0, 0x0d, 0, 60, 0, 75] }, // seconds a minute, frames a second
  { page: 0x0e, bytes: [0x0e, 0x0e, 0x04, 0, 0, 0, 0, 75, 1, 0xff, 2, 0xff, 0, 0, 0, 0] }, // audio control
  {
    page: 0x2a, // capabilities: sound, also read as data; lock, eject, tray; speeds in kB/s, buffer of 512 KiB
    bytes: [0x2a, 0x12, 0x00, 0, 0x71, 0x63, 0x29, 0, 0x0e, 0x10, 0, 2, 0x02, 0, 0x0e, 0x10, 0, 0, 0, 0],
  },
]

/**
 * Pages of MODE SENSE behind a header of `headerBytes` (4 or 8). Null for a page that does not exist.
 * @param control page control: 0 current, 1 changeable, 2 default
 */
export function modeData(
  medium: CdMedium,
  headerBytes: 4 | 8,
  page: number,
  control: number,
): Uint8Array | null {
  const pages = MODE_PAGES.filter((candidate) => page === 0x3f || candidate.page === page)
  if (pages.length === 0) return null
  const body = pages.flatMap(({ bytes }) => {
    // Nothing is changeable: only the page's code and length are not masked.
    const shown = control === 1 ? bytes.map((byte, index) => (index < 2 ? byte : 0)) : [...bytes]
    if (bytes[0] === 0x2a && control !== 1 && medium.locked) shown[6] = (shown[6] ?? 0) | 0x02
    return shown
  })
  const data = new Uint8Array(headerBytes + body.length)
  data.set(body, headerBytes)
  const type = medium.trayOpen ? 0x71 : medium.image ? 0x01 : 0x70
  if (headerBytes === 8) {
    put16(data, 0, data.length - 2)
    data[2] = type
  } else {
    data[0] = data.length - 1
    data[1] = type
  }
  return data
}
