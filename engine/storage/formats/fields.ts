import { because } from '../../protocol/reasons.ts'
import { type HostFile, unusable } from '../host-file.ts'

/** Fills the buffer from a position on; what is past the end of the file reads as zeros. */
export function readPadded(file: HostFile, position: number, into: Uint8Array): void {
  const stored = Math.max(0, Math.min(into.length, file.size - position))
  if (stored > 0) file.readAt(position, stored === into.length ? into : into.subarray(0, stored))
  if (stored < into.length) into.fill(0, stored)
}

/** The bytes from a position on, cut at the end of the file. */
export function readUpTo(file: HostFile, position: number, bytes: number): Uint8Array {
  const into = new Uint8Array(Math.max(0, Math.min(bytes, file.size - position)))
  if (into.length > 0) file.readAt(position, into)
  return into
}

/** Exactly these bytes. Throws `file-unusable` when the file is too short for the part that they are. */
export function readPart(file: HostFile, position: number, bytes: number, part: string): Uint8Array {
  if (position + bytes > file.size) throw unusable(file.path, because('cut-short-part', { part }))
  return readUpTo(file, position, bytes)
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** A 64-bit field as a number. Throws `file-unusable` when it is more than a file can have. */
export function readU64(
  file: HostFile,
  view: DataView,
  at: number,
  littleEndian: boolean,
  what: string,
): number {
  const value = view.getBigUint64(at, littleEndian)
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw unusable(file.path, because('value-impossible', { what, value: String(value) }))
  return Number(value)
}

export const asciiAt = (bytes: Uint8Array, at: number, length: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.max(0, Math.min(length, bytes.length - at))).toString(
    'latin1',
  )
export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit
const ZEROS = new Uint8Array(64 * 1024)

export function isAllZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length)
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false
  }
  return true
}
