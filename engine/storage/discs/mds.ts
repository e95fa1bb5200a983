import { basename } from 'node:path'
import { because, technical } from '../../protocol/reasons.ts'
import type { CdTrack, CdTrackKind } from '../cd-image.ts'
import { childPath } from '../formats/child-path.ts'
import { asciiAt, readUpTo, viewOf } from '../formats/fields.ts'
import { type HostFile, unusable, damagedImage } from '../host-file.ts'
import type { ImageFiles } from '../image-files.ts'
import { DiscImage, type DiscPart, layoutBytes, type SectorLayout } from './disc-image.ts'

const MAGIC = 'MEDIA DESCRIPTOR'
const MAX_MDS_BYTES = 1024 * 1024
const MAX_SESSIONS = 99
const MAX_SECTORS = 100 * 60 * 75
const SESSION_BYTES = 24
const TRACK_BYTES = 80
const MODES: Record<number, { kind: CdTrackKind; layouts: SectorLayout[] }> = {
  1: { kind: 'audio', layouts: ['raw'] },
  2: { kind: 'mode1', layouts: ['data', 'raw'] },
  3: { kind: 'mode2', layouts: ['mode2-body', 'raw', 'data'] },
  4: { kind: 'mode2', layouts: ['data', 'mode2-body', 'raw'] },
  5: { kind: 'mode2', layouts: ['mode2-body', 'raw'] },
}

export const isMds = (start: Uint8Array): boolean => asciiAt(start, 0, MAGIC.length) === MAGIC

interface MdsTrack {
  number: number
  kind: CdTrackKind
  layout: SectorLayout
  stride: number
  start: number
  sectors: number
  position: number
}

/**
 * Opens a disc by its media descriptor, version 1; its sectors lie in one .mdf beside it. Throws `file-unusable`,
 * `DiskError`.
 * @see libmirage, images/image-mds/parser.h (layout of the structures)
 */
export function openMds(files: ImageFiles, descriptor: HostFile, confirmed: readonly string[]): DiscImage {
  const { path } = descriptor
  if (descriptor.size > MAX_MDS_BYTES)
    throw unusable(path, because('mds-too-large', { bytes: descriptor.size }))
  const bytes = readUpTo(descriptor, 0, descriptor.size)
  const name = nameOf(bytes, path)
  const file = files.open(childPath(files, path, name, 'sector-file', confirmed), false)
  try {
    const [parts, tracks]: [DiscPart[], CdTrack[]] = [[], []]
    let next = 0
    for (const track of tracksIn(bytes, path)) {
      if (track.number !== tracks.length + 1 || track.start < next)
        throw damagedImage(path, 'MDS', 'its tracks are not in a row')
      if (track.start + track.sectors > MAX_SECTORS) throw unusable(path, because('disc-too-long'))
      if (track.position + track.sectors * track.stride > file.size)
        throw unusable(path, because('track-file-cut-short', { name: file.path, track: track.number }))
      const { kind, start, sectors, layout, position, stride } = track
      if (start > next) parts.push({ sectors: start - next, kind, stored: null })
      parts.push({ sectors, kind, stored: { source: file, layout, position, stride } })
      tracks.push({ number: track.number, kind, start })
      next = start + sectors
    }
    if (tracks.length === 0) throw unusable(path, because('disc-no-track'))
    return new DiscImage('mds', path, tracks, parts, [descriptor, file])
  } catch (error) {
    file.close()
    throw error
  }
}

function tracksIn(bytes: Uint8Array, path: string): MdsTrack[] {
  const damaged = (what: string) =>
    unusable(path, because('disc-descriptor-damaged', { detail: technical(what) }))
  const view = viewOf(bytes)
  const within = (at: number, length: number, what: string): number => {
    if (at < 0 || at + length > bytes.length) throw damaged(what)
    return at
  }
  within(0, 88, 'its header')
  if (bytes[16] !== 1) throw unusable(path, because('mds-version', { version: bytes[16] ?? 0 }))
  if (view.getUint16(18, true) >= 0x10) throw unusable(path, because('mds-dvd'))
  const sessions = Math.min(view.getUint16(20, true), MAX_SESSIONS)
  const found: MdsTrack[] = []
  for (let session = 0; session < sessions; session++) {
    const at = within(view.getUint32(80, true) + session * SESSION_BYTES, SESSION_BYTES, 'a session')
    const first = view.getUint32(at + 20, true)
    for (let block = 0; block < bytes[at + 10]!; block++) {
      const track = within(first + block * TRACK_BYTES, TRACK_BYTES, 'a track')
      const number = bytes[track + 4]!
      if (number === 0 || number > 99) continue // what the lead-in says of the session
      const mode = MODES[bytes[track]! & 7]
      if (!mode) throw unusable(path, because('track-mode-unknown', { track: number }))
      const extra = within(view.getUint32(track + 12, true), 8, `the length of track ${number}`)
      const stride = view.getUint16(track + 16, true)
      // Sub-channels of 96 bytes may follow each sector.
      const plain = bytes[track + 1]! !== 0 ? stride - 96 : stride
      const layout = mode.layouts.find((one) => layoutBytes(one) === plain)
      if (!layout) throw unusable(path, because('track-sector-size', { track: number, bytes: stride }))
      found.push({
        number,
        kind: mode.kind,
        layout,
        stride,
        start: view.getUint32(track + 36, true),
        sectors: view.getUint32(extra + 4, true),
        position: Number(view.getBigUint64(track + 40, true)),
      })
    }
  }
  return found
}

/** `*.mdf` stands for the descriptor's own name. */
function nameOf(bytes: Uint8Array, path: string): string {
  const view = viewOf(bytes)
  const own = `${basename(path).replace(/\.mds$/i, '')}.mdf`
  if (bytes.length < 88) return own
  const session = view.getUint32(80, true)
  if (session + SESSION_BYTES > bytes.length) return own
  const first = view.getUint32(session + 20, true)
  const blocks = bytes[session + 10]!
  for (let block = 0; block < blocks; block++) {
    const footer = first + block * TRACK_BYTES + 52
    if (footer + 4 > bytes.length) break
    const at = view.getUint32(footer, true)
    if (at === 0 || at + 8 > bytes.length) continue
    const start = view.getUint32(at, true)
    const isWide = bytes[at + 4] === 1
    if (start === 0 || start >= bytes.length) continue
    const text = Buffer.from(bytes.subarray(start, start + 4096)).toString(isWide ? 'utf16le' : 'latin1')
    const [name = ''] = text.split('\0')
    if (name === '*.mdf') return own
    // Programs of Windows note whole paths; the file is beside its descriptor.
    return name.split(/[\\/]/).at(-1) || own
  }
  return own
}
