import { createHash } from 'node:crypto'
import { EngineError } from '../base/errors.ts'
import { decodeState, encodeState } from './encoding.ts'

/** "VITRINE", then a byte that text transfer would damage. */
const MAGIC = Uint8Array.from([0x56, 0x49, 0x54, 0x52, 0x49, 0x4e, 0x45, 0x1a])
const VERSION = 1
const HEADER_BYTES = 24
const CHECKSUM_BYTES = 32

export interface StateFile {
  /** Everything but memory: plain data, see encoding.ts. */
  state: unknown
  ram: Uint8Array
  vram: Uint8Array
}

const invalid = (reason: string): EngineError =>
  new EngineError('state-invalid', { device: 'state file', reason })

/**
 * The state of a machine as a file: magic, version, lengths of the three parts (u32, little-endian), the parts
 * (state as JSON, packed RAM, packed video memory), SHA-256 of all that comes before it.
 */
export function writeStateFile({ state, ram, vram }: StateFile): Uint8Array {
  const json = Buffer.from(encodeState(state))
  const header = Buffer.alloc(HEADER_BYTES)
  header.set(MAGIC)
  header.writeUInt32LE(VERSION, 8)
  header.writeUInt32LE(json.length, 12)
  header.writeUInt32LE(ram.length, 16)
  header.writeUInt32LE(vram.length, 20)
  const body = Buffer.concat([header, json, ram, vram])
  return Buffer.concat([body, createHash('sha256').update(body).digest()])
}

/** Throws `state-invalid` or `state-too-new`. What is inside the parts is for their owners to check. */
export function readStateFile(bytes: Uint8Array): StateFile {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file.length < HEADER_BYTES + CHECKSUM_BYTES || !MAGIC.every((byte, i) => file[i] === byte))
    throw invalid('it is no saved state of Vitrine')
  const version = file.readUInt32LE(8)
  if (version > VERSION)
    throw new EngineError('state-too-new', { device: 'state file', found: version, supported: VERSION })
  const lengths = [12, 16, 20].map((at) => file.readUInt32LE(at))
  const end = lengths.reduce((sum, length) => sum + length, HEADER_BYTES)
  if (end + CHECKSUM_BYTES !== file.length) throw invalid('it is truncated, or something was added to it')
  const checksum = createHash('sha256').update(file.subarray(0, end)).digest()
  if (!checksum.equals(file.subarray(end))) throw invalid('it is damaged: its checksum is wrong')
  const [jsonEnd, ramEnd] = [HEADER_BYTES + lengths[0]!, HEADER_BYTES + lengths[0]! + lengths[1]!]
  return {
    state: decodeState(file.toString('utf8', HEADER_BYTES, jsonEnd)),
    ram: file.subarray(jsonEnd, ramEnd),
    vram: file.subarray(ramEnd, end),
  }
}
