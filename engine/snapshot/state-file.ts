import { createHash, webcrypto } from 'node:crypto'
import { EngineError } from '../base/errors.ts'
import { decodeState, encodeState } from './encoding.ts'

/** "VITRINE", then a byte that text transfer would damage. */
const MAGIC = Uint8Array.from([0x56, 0x49, 0x54, 0x52, 0x49, 0x4e, 0x45, 0x1a])
/** 1 had neither media nor their writes. */
const VERSION = 2
const COUNT_AT = 12
const LENGTHS_AT = 16
const CHECKSUM_BYTES = 32
/** State, memory, and the writes of some drives. */
const MAX_PARTS = 32
/** What lengths of 32 bits and one buffer of Node hold. */
const MAX_FILE_BYTES = 0xffff_0000

export interface StateFile {
  /** Everything but bytes in bulk: plain data, see encoding.ts. */
  state: unknown
  /** Packed memory and writes, in the order that `state` implies. */
  parts: Uint8Array[]
}

const invalid = (reason: string): EngineError =>
  new EngineError('state-invalid', { device: 'state file', reason })

/**
 * The state of a machine as a file: magic, version, number of parts (u32, little-endian), length of each part (u32),
 * the parts (state as JSON, then what is in bulk), SHA-256 of all that comes before it. Throws `state-invalid` when it
 * would be longer than 4 GiB.
 */
export function writeStateFile({ state, parts }: StateFile): Uint8Array {
  const all = [Buffer.from(encodeState(state)), ...parts]
  const header = Buffer.alloc(LENGTHS_AT + 4 * all.length)
  const bytes = all.reduce((sum, { length }) => sum + length, header.length + CHECKSUM_BYTES)
  if (bytes > MAX_FILE_BYTES)
    throw invalid(`it would take ${Math.ceil(bytes / 2 ** 20)} MiB, and 4095 MiB is the most`)
  header.set(MAGIC)
  header.writeUInt32LE(VERSION, 8)
  header.writeUInt32LE(all.length, COUNT_AT)
  all.forEach(({ length }, index) => header.writeUInt32LE(length, LENGTHS_AT + 4 * index))
  const checksum = createHash('sha256').update(header)
  for (const part of all) checksum.update(part)
  return Buffer.concat([header, ...all, checksum.digest()])
}

/** Throws `state-invalid` or `state-too-new`. What is inside the parts is for their owners to check. */
export function readStateFile(bytes: Uint8Array): StateFile {
  const { covered, checksum, read } = openStateFile(bytes)
  checkSum(createHash('sha256').update(covered).digest(), checksum)
  return read()
}

/**
 * The same for a large file, whose checksum is computed beside everything else.
 * @returns `isWhole` rejects with `state-invalid` for a file that is damaged: nothing that comes of it may be used then
 */
export function readStateFileAside(bytes: Uint8Array): StateFile & { isWhole: Promise<void> } {
  const { covered, checksum, read } = openStateFile(bytes)
  const isWhole = webcrypto.subtle
    .digest('SHA-256', covered)
    .then((found) => checkSum(new Uint8Array(found), checksum))
  isWhole.catch(() => {}) // whoever goes by it hears of it
  return { ...read(), isWhole }
}

function checkSum(found: Uint8Array, meant: Uint8Array): void {
  if (Buffer.compare(found, meant) !== 0) throw invalid('it is damaged: its checksum is wrong')
}

function openStateFile(bytes: Uint8Array): {
  /** What the checksum is of. */
  covered: Uint8Array
  checksum: Uint8Array
  read: () => StateFile
} {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file.length < LENGTHS_AT + CHECKSUM_BYTES || !MAGIC.every((byte, i) => file[i] === byte))
    throw invalid('it is no saved state of Vitrine')
  const version = file.readUInt32LE(8)
  if (version > VERSION)
    throw new EngineError('state-too-new', { device: 'state file', found: version, supported: VERSION })
  if (version < VERSION) throw invalid('it was made by an older version, which noted too little of its media')
  const truncated = () => invalid('it is truncated, or something was added to it')
  const count = file.readUInt32LE(COUNT_AT)
  const headerBytes = LENGTHS_AT + 4 * count
  if (count === 0 || count > MAX_PARTS || headerBytes + CHECKSUM_BYTES > file.length) throw truncated()
  let end = headerBytes
  const parts = Array.from({ length: count }, (_, index) => {
    const start = end
    end += file.readUInt32LE(LENGTHS_AT + 4 * index)
    return file.subarray(start, end)
  })
  if (end + CHECKSUM_BYTES !== file.length) throw truncated()
  const [state, ...bulk] = parts
  return {
    covered: file.subarray(0, end),
    checksum: file.subarray(end),
    read: () => ({ state: decodeState(state!.toString('utf8')), parts: bulk }),
  }
}
