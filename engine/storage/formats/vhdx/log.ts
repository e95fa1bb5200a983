import { because, technical } from '../../../protocol/reasons.ts'
import { type HostFile, unusable, damagedImage } from '../../host-file.ts'
import { asciiAt, readPart, readU64, viewOf } from '../fields.ts'
import { crc32c } from './crc32c.ts'
import { ReplayedFile, UPDATE_BYTES } from './replayed-file.ts'

const SECTOR = 4096
const ENTRY_HEADER_BYTES = 64
const DESCRIPTOR_BYTES = 32
/** Programs write logs of 1 MiB. */
const MAX_LOG_BYTES = 64 * 1024 ** 2
/** Of what claims to be an entry, as much is summed up as this many logs have: whole entries do not overlap. */
const MAX_PASSES = 4

/** Where a header says that the log is. */
export interface LogPlace {
  /** 32 hexadecimal digits, of the bytes in their order. */
  guid: string
  position: number
  bytes: number
}

/** An entry that is whole. */
interface LogEntry {
  bytes: Uint8Array
  view: DataView
  sequence: bigint
  /** Offset in the log of the first entry that has to be replayed with this one. */
  tail: number
}

/**
 * The file as it is once its log is replayed, in memory. Throws `file-unusable`.
 * @see [MS-VHDX] 2.3, "Log"
 */
export function replayLog(file: HostFile, place: LogPlace): HostFile {
  const wrong = (reason: string) => unusable(file.path, because('log-damaged', { detail: technical(reason) }))
  const { position, bytes } = place
  if (bytes === 0 || bytes % 2 ** 20 !== 0 || position % 2 ** 20 !== 0 || bytes > MAX_LOG_BYTES)
    throw wrong(`cannot be: ${bytes} bytes at ${position}`)
  const log = readPart(file, position, bytes, 'log')
  const active = activeSequence(log, place.guid)
  const head = active.at(-1)
  if (!head) throw wrong('has no whole entry')
  const flushed = readU64(file, head.view, 48, true, 'the size that its log tells')
  if (flushed > file.size) throw wrong(`tells of ${flushed} bytes, but it has ${file.size}`)
  const replayed = new ReplayedFile(file, readU64(file, head.view, 56, true, 'the size that its log tells'))
  for (const entry of active) replay(file, entry, replayed)
  return replayed
}

/** The entries to be replayed, in their order: those of the newest sequence that is there from its first one on. */
function activeSequence(log: Uint8Array, guid: string): LogEntry[] {
  const budget = { left: log.length * MAX_PASSES }
  const entries = new Map<number, LogEntry>()
  for (let at = 0; at < log.length; at += SECTOR) {
    const entry = entryAt(log, at, guid, budget)
    if (entry) entries.set(at, entry)
  }
  let newest: LogEntry[] = []
  for (const start of entries.keys()) {
    const sequence: LogEntry[] = []
    for (let at = start, used = 0; ;) {
      const entry = entries.get(at)
      const before = sequence.at(-1)
      if (!entry || (before && entry.sequence !== before.sequence + 1n)) break
      used += entry.bytes.length
      if (used > log.length) break
      sequence.push(entry)
      at = (at + entry.bytes.length) % log.length
    }
    const head = sequence.at(-1)!
    const isNewer = newest.length === 0 || head.sequence > newest.at(-1)!.sequence
    if (head.tail === start && isNewer) newest = sequence
  }
  return newest
}

/** Null for what is no whole entry of this log. */
function entryAt(log: Uint8Array, at: number, guid: string, budget: { left: number }): LogEntry | null {
  if (asciiAt(log, at, 4) !== 'loge') return null
  const start = viewOf(log.subarray(at, at + ENTRY_HEADER_BYTES))
  const length = start.getUint32(8, true)
  if (length === 0 || length % SECTOR !== 0 || length > Math.min(log.length, budget.left)) return null
  if (Buffer.from(log.subarray(at + 32, at + 48)).toString('hex') !== guid) return null
  budget.left -= length
  // It may go on at the beginning of the log.
  const bytes = new Uint8Array(length)
  const first = Math.min(length, log.length - at)
  bytes.set(log.subarray(at, at + first))
  bytes.set(log.subarray(0, length - first), first)
  const view = viewOf(bytes)
  if (view.getUint32(4, true) !== crc32c(bytes, 4)) return null
  return { bytes, view, sequence: view.getBigUint64(16, true), tail: view.getUint32(12, true) }
}

function replay(file: HostFile, { bytes, view, sequence }: LogEntry, into: ReplayedFile): void {
  const damaged = () =>
    damagedImage(file.path, 'VHDX', 'it was not closed properly, and an entry of its log is damaged')
  const count = view.getUint32(24, true)
  let data = Math.ceil((ENTRY_HEADER_BYTES + count * DESCRIPTOR_BYTES) / SECTOR) * SECTOR
  if (data > bytes.length) throw damaged()
  for (let index = 0; index < count; index++) {
    const at = ENTRY_HEADER_BYTES + index * DESCRIPTOR_BYTES
    const position = readU64(file, view, at + 16, true, 'a place that its log tells')
    if (position % UPDATE_BYTES !== 0 || view.getBigUint64(at + 24, true) !== sequence) throw damaged()
    const kind = asciiAt(bytes, at, 4)
    if (kind === 'zero') {
      const length = readU64(file, view, at + 8, true, 'a length that its log tells')
      if (length % UPDATE_BYTES !== 0) throw damaged()
      into.zero(position, length)
    } else if (kind === 'desc') {
      const isWhole =
        data + SECTOR <= bytes.length &&
        asciiAt(bytes, data, 4) === 'data' &&
        view.getUint32(data + 4, true) === Number(sequence >> 32n) &&
        view.getUint32(data + SECTOR - 4, true) === Number(sequence & 0xffff_ffffn)
      if (!isWhole) throw damaged()
      // Its first eight and last four bytes are where the sector of the log has its own.
      const update = bytes.slice(data, data + SECTOR)
      update.set(bytes.subarray(at + 8, at + 16), 0)
      update.set(bytes.subarray(at + 4, at + 8), SECTOR - 4)
      into.put(position, update)
      data += SECTOR
    } else throw damaged()
  }
}
