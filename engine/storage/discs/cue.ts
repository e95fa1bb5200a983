import { because, technical } from '../../protocol/reasons.ts'
import type { CdTrack, CdTrackKind } from '../cd-image.ts'
import { childPath } from '../formats/child-path.ts'
import { readUpTo } from '../formats/fields.ts'
import { type HostFile, unusable } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'
import { DiscImage, type DiscPart, layoutBytes, type SectorLayout } from './disc-image.ts'
import { waveData } from './wave.ts'

const MAX_CUE_BYTES = 256 * 1024
const MAX_TRACKS = 99
/** What a disc can have at most, with a margin: 100 minutes. */
const MAX_SECTORS = 100 * 60 * 75
const FRAMES_PER_SECOND = 75

const MODES: Record<string, { kind: CdTrackKind; layout: SectorLayout }> = {
  AUDIO: { kind: 'audio', layout: 'raw' },
  'MODE1/2048': { kind: 'mode1', layout: 'data' },
  'MODE1/2352': { kind: 'mode1', layout: 'raw' },
  'MODE2/2048': { kind: 'mode2', layout: 'data' },
  'MODE2/2336': { kind: 'mode2', layout: 'mode2-body' },
  'MODE2/2352': { kind: 'mode2', layout: 'raw' },
}

interface CueTrack {
  number: number
  kind: CdTrackKind
  layout: SectorLayout
  /** Silence that is in no file, in sectors. */
  pregap: number
  postgap: number
  /** Positions in the file in sectors, by the number of the index. */
  indexes: Map<number, number>
}

interface CueFile {
  name: string
  type: 'BINARY' | 'MOTOROLA' | 'WAVE'
  tracks: CueTrack[]
}

/** Whether a file is a cue sheet by its contents. */
export function isCueSheet(start: Uint8Array): boolean {
  if (start.includes(0)) return false
  const text = Buffer.from(start).toString('latin1')
  return /^\uFEFF?(?:\s*(?:REM|CATALOG|CDTEXTFILE|TITLE|PERFORMER|SONGWRITER|ISRC)\b[^\n]*\n)*\s*FILE\s/.test(
    text.replace(/^\u00EF\u00BB\u00BF/, ''),
  )
}

/**
 * Opens a disc by its cue sheet, with the files that it names under the rule of every image (`childPath`). Throws
 * `file-unusable`, `DiskError`.
 * @see CDRWIN user's guide, appendix A
 */
export function openCue(files: ImageFiles, sheet: HostFile, confirmed: readonly string[]): DiscImage {
  const { path } = sheet
  if (sheet.size > MAX_CUE_BYTES) throw unusable(path, because('cue-too-large', { bytes: sheet.size }))
  const parsed = parseCue(path, Buffer.from(readUpTo(sheet, 0, sheet.size)).toString('utf8'))
  const opened: HostFile[] = [sheet]
  try {
    const [parts, tracks]: [DiscPart[], CdTrack[]] = [[], []]
    let next = 0
    const add = (part: DiscPart): void => {
      if (part.sectors <= 0) return
      next += part.sectors
      if (next > MAX_SECTORS) throw unusable(path, because('disc-too-long'))
      parts.push(part)
    }
    for (const one of parsed) {
      const file = files.open(childPath(files, path, one.name, 'track-file', confirmed), false)
      opened.push(file)
      for (const { track, part, gap } of layOut(path, one, file)) {
        add({ sectors: track.pregap, kind: track.kind, stored: null })
        tracks.push({ number: track.number, kind: track.kind, start: next + gap })
        add(part)
        add({ sectors: track.postgap, kind: track.kind, stored: null })
      }
    }
    return new DiscImage('cue', path, tracks, parts, opened)
  } catch (error) {
    for (const file of opened.slice(1)) file.close()
    throw error
  }
}

/** Where the tracks of a file lie in it; `gap` is what of a track comes before its first index. */
function layOut(
  path: string,
  { name, type, tracks }: CueFile,
  file: HostFile,
): { track: CueTrack; part: DiscPart; gap: number }[] {
  const { start, bytes } = type === 'WAVE' ? waveData(path, file) : { start: 0, bytes: file.size }
  let position = start
  const end = start + bytes
  return tracks.map((track, index) => {
    const { kind } = track
    const layout = type === 'MOTOROLA' && kind === 'audio' ? 'raw-swapped' : track.layout
    const stride = layoutBytes(layout)
    // What comes before the first index of a file belongs to its first track.
    const first = index === 0 ? 0 : firstSector(track)
    const following = tracks[index + 1]
    const left = Math.max(0, end - position)
    // The last sector of sound may be cut short; what is missing is silence.
    const whole = kind === 'audio' ? Math.ceil(left / stride) : Math.floor(left / stride)
    const sectors = following ? firstSector(following) - first : whole
    if (sectors < 0 || (track.indexes.get(1) ?? 0) - first < 0)
      throw unusable(path, because('track-ends-early', { track: track.number }))
    if (sectors > whole) throw unusable(path, because('track-file-cut-short', { name, track: track.number }))
    if (sectors === 0) throw unusable(path, because('track-empty', { track: track.number }))
    const part: DiscPart = {
      sectors,
      kind,
      stored: { source: padded(file, end), layout, position, stride },
    }
    position += sectors * stride
    return { track, part, gap: track.indexes.get(1)! - first }
  })
}

const firstSector = ({ indexes }: CueTrack): number => indexes.get(0) ?? indexes.get(1) ?? 0

/** What is past the end reads as silence. */
const padded = (file: HostFile, end: number) => ({
  readAt(position: number, into: Uint8Array): void {
    const there = Math.max(0, Math.min(into.length, end - position))
    if (there > 0) file.readAt(position, into.subarray(0, there))
    into.fill(0, there)
  },
})

/** The files and tracks of a sheet. Throws `file-unusable` for a line that is not understood. */
export function parseCue(path: string, text: string): CueFile[] {
  const files: CueFile[] = []
  let track: CueTrack | null = null
  let count = 0
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const wrong = (reason: string) =>
      unusable(path, because('cue-line', { line: index + 1, detail: technical(reason) }))
    const [, command = '', rest = ''] = /^\s*(\S*)\s*(.*?)\s*$/.exec(line.slice(0, 4200)) ?? []
    switch (command.toUpperCase()) {
      case 'FILE': {
        const [, quoted, plain, type = ''] = /^(?:"([^"]*)"|(\S+))\s+(\S+)$/.exec(rest) ?? []
        const known = (['BINARY', 'MOTOROLA', 'WAVE'] as const).find((one) => one === type.toUpperCase())
        if (!known)
          throw wrong(`files of type ${type || 'unknown'} are not read; BINARY, MOTOROLA and WAVE are`)
        files.push({ name: quoted ?? plain ?? '', type: known, tracks: [] })
        track = null
        break
      }
      case 'TRACK': {
        const [, number = '', mode = ''] = /^(\d{1,2})\s+(\S+)$/.exec(rest) ?? []
        const known = MODES[mode.toUpperCase()]
        if (!known) throw wrong(`tracks of type ${mode || 'unknown'} are not read`)
        if (files.length === 0) throw wrong('a track before any file')
        if (++count > MAX_TRACKS || Number(number) !== count)
          throw wrong('tracks are not numbered in a row from 1')
        if (files.at(-1)!.type === 'WAVE' && known.kind !== 'audio')
          throw wrong('a track of data in a file of sound')
        track = { number: count, ...known, pregap: 0, postgap: 0, indexes: new Map() }
        files.at(-1)!.tracks.push(track)
        break
      }
      case 'INDEX': {
        const [, number = '', time = ''] = /^(\d{1,2})\s+(\S+)$/.exec(rest) ?? []
        if (!track || number === '') throw wrong('an index of no track')
        track.indexes.set(Number(number), sectorsOf(time) ?? fail(wrong(`${time} is no time`)))
        break
      }
      case 'PREGAP':
      case 'POSTGAP': {
        if (!track) throw wrong('a gap of no track')
        const sectors = sectorsOf(rest) ?? fail(wrong(`${rest} is no time`))
        if (command.toUpperCase() === 'POSTGAP') track.postgap = sectors
        // Before the first track lies what no sector number names.
        else if (track.number > 1) track.pregap = sectors
        break
      }
      case '':
      case 'REM':
      case 'CATALOG':
      case 'CDTEXTFILE':
      case 'FLAGS':
      case 'ISRC':
      case 'TITLE':
      case 'PERFORMER':
      case 'SONGWRITER':
        break
      default:
        throw wrong(`${command.slice(0, 20)} is not understood`)
    }
  }
  const used = files.filter(({ tracks }) => tracks.length > 0)
  if (used.length === 0) throw unusable(path, because('disc-no-track'))
  for (const { tracks } of used)
    for (const { number, indexes } of tracks)
      if (!indexes.has(1)) throw unusable(path, because('track-no-index', { track: number }))
  return used
}

function fail(error: Error): never {
  throw error
}

/** Sectors of minutes, seconds and frames; null for what is no time. */
function sectorsOf(time: string): number | null {
  const [, minutes, seconds, frames] = /^(\d{1,3}):(\d{1,2}):(\d{1,2})$/.exec(time) ?? []
  if (frames === undefined || Number(seconds) > 59 || Number(frames) >= FRAMES_PER_SECOND) return null
  return (Number(minutes) * 60 + Number(seconds)) * FRAMES_PER_SECOND + Number(frames)
}
