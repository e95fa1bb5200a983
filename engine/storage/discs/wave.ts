import { because, technical } from '../../protocol/reasons.ts'
import { asciiAt, readPart, viewOf } from '../formats/fields.ts'
import { type HostFile, unusable } from '../host-file.ts'

const MAX_CHUNKS = 1000

/**
 * Where the samples of a wave file lie; they must be those of a CD: 44,100 a second, stereo, 16 bits. Throws
 * `file-unusable`, `DiskError`.
 */
export function waveData(path: string, file: HostFile): { start: number; bytes: number } {
  const wrong = (reason: string) =>
    unusable(path, because('wave-unusable', { path: file.path, detail: technical(reason) }))
  const head = readPart(file, 0, 12, 'header')
  if (asciiAt(head, 0, 4) !== 'RIFF' || asciiAt(head, 8, 4) !== 'WAVE') throw wrong('is no wave file')
  let isCdSound = false
  let at = 12
  for (let chunk = 0; chunk < MAX_CHUNKS && at + 8 <= file.size; chunk++) {
    const header = readPart(file, at, 8, 'chunk')
    const [name, bytes] = [asciiAt(header, 0, 4), viewOf(header).getUint32(4, true)]
    if (name === 'fmt ') {
      const view = viewOf(readPart(file, at + 8, 16, 'format'))
      const [format, channels, rate, bits] = [
        view.getUint16(0, true),
        view.getUint16(2, true),
        view.getUint32(4, true),
        view.getUint16(14, true),
      ]
      isCdSound = (format === 1 || format === 0xfffe) && channels === 2 && rate === 44_100 && bits === 16
    } else if (name === 'data') {
      if (!isCdSound) throw wrong('is not sound of a CD: 44,100 Hz, stereo, 16 bits')
      return { start: at + 8, bytes: Math.min(bytes, file.size - at - 8) }
    }
    at += 8 + bytes + (bytes % 2)
  }
  throw wrong('has no samples')
}
