import { inflateRawSync } from 'node:zlib'
import { unpackZstd } from '../../zstd/zstd.ts'
import { BitReader } from './bit-reader.ts'
import { putEcc } from './ecc.ts'
import { unpackFlac } from './flac.ts'
import { HuffmanDecoder } from './huffman.ts'
import { unpackLzma } from './lzma.ts'

const SECTOR_BYTES = 2352
const SUBCODE_BYTES = 96
/** A sector with its sub-channels, as CHD keeps CDs. */
export const CD_FRAME_BYTES = SECTOR_BYTES + SUBCODE_BYTES

/** Unpacks a piece. @returns false for a damaged one */
export type Codec = (packed: Uint8Array, into: Uint8Array) => boolean

/** Those that are read, by their four letters. */
export const CODECS: Readonly<Record<string, Codec>> = {
  zlib: unpackDeflate,
  lzma: unpackLzma,
  huff: unpackHuffman,
  zstd: unpackWholeZstd,
  cdzl: (packed, into) => unpackCd(packed, into, unpackDeflate, unpackDeflate),
  cdlz: (packed, into) => unpackCd(packed, into, unpackLzma, unpackDeflate),
  cdzs: (packed, into) => unpackCd(packed, into, unpackWholeZstd, unpackWholeZstd),
  cdfl: unpackCdFlac,
}

function unpackDeflate(packed: Uint8Array, into: Uint8Array): boolean {
  try {
    const bytes = inflateRawSync(packed, { maxOutputLength: into.length })
    into.set(bytes)
    return bytes.length === into.length
  } catch {
    return false // whatever zlib has against it, the piece is damaged
  }
}

function unpackWholeZstd(packed: Uint8Array, into: Uint8Array): boolean {
  return unpackZstd(packed, into) === into.length
}

/** Each byte by a code that comes first. */
function unpackHuffman(packed: Uint8Array, into: Uint8Array): boolean {
  const reader = new BitReader(packed)
  const code = HuffmanDecoder.readPacked(reader)
  if (!code) return false
  for (let at = 0; at < into.length; at++) {
    const byte = code.read(reader)
    if (byte === null || reader.isPast) return false
    into[at] = byte
  }
  return true
}

/** Bits that say of which sectors the parity is left out, the length of the sectors, the sectors, their sub-channels. */
function unpackCd(packed: Uint8Array, into: Uint8Array, unpack: Codec, unpackSubcodes: Codec): boolean {
  const frames = into.length / CD_FRAME_BYTES
  if (!Number.isInteger(frames)) return false
  const lengthBytes = into.length < 65_536 ? 2 : 3
  const flagBytes = Math.ceil(frames / 8)
  const start = flagBytes + lengthBytes
  const length = packed.subarray(flagBytes, start).reduce((sum, byte) => sum * 256 + byte, 0)
  if (packed.length < start + length) return false
  const sectors = new Uint8Array(frames * SECTOR_BYTES)
  const subcodes = new Uint8Array(frames * SUBCODE_BYTES)
  if (!unpack(packed.subarray(start, start + length), sectors)) return false
  if (!unpackSubcodes(packed.subarray(start + length), subcodes)) return false
  join(sectors, subcodes, into)
  for (let frame = 0; frame < frames; frame++) {
    if (!(packed[frame >> 3]! & (1 << (frame & 7)))) continue
    const sector = into.subarray(frame * CD_FRAME_BYTES, frame * CD_FRAME_BYTES + SECTOR_BYTES)
    sector.fill(0xff, 1, 11)
    sector[0] = sector[11] = 0
    putEcc(sector)
  }
  return true
}

/** Sound as FLAC, then the sub-channels. */
function unpackCdFlac(packed: Uint8Array, into: Uint8Array): boolean {
  const frames = into.length / CD_FRAME_BYTES
  if (!Number.isInteger(frames)) return false
  const sectors = new Uint8Array(frames * SECTOR_BYTES)
  const subcodes = new Uint8Array(frames * SUBCODE_BYTES)
  const taken = unpackFlac(packed, sectors)
  if (taken === null || !unpackDeflate(packed.subarray(taken), subcodes)) return false
  join(sectors, subcodes, into)
  return true
}

function join(sectors: Uint8Array, subcodes: Uint8Array, into: Uint8Array): void {
  for (let frame = 0; frame * CD_FRAME_BYTES < into.length; frame++) {
    const at = frame * CD_FRAME_BYTES
    into.set(sectors.subarray(frame * SECTOR_BYTES, (frame + 1) * SECTOR_BYTES), at)
    into.set(subcodes.subarray(frame * SUBCODE_BYTES, (frame + 1) * SUBCODE_BYTES), at + SECTOR_BYTES)
  }
}
