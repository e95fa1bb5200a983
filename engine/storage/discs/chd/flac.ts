import { BitReader } from './bit-reader.ts'

const MAX_BLOCK = 65_536
const FIXED = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]] as const
const SAMPLE_BITS = 16

/**
 * Unpacks frames of FLAC without a header before them, 16 bits in stereo, as CHD has them, into samples whose high byte
 * comes first. @returns how many bytes the frames took; null for damaged ones
 * @see RFC 9639
 */
export function unpackFlac(bytes: Uint8Array, into: Uint8Array): number | null {
  const reader = new BitReader(bytes)
  const total = into.length / 4
  const view = new DataView(into.buffer, into.byteOffset, into.length)
  for (let done = 0; done < total;) {
    const frame = readFrame(reader)
    if (!frame || reader.isPast) return null
    const [left, right] = frame
    const count = Math.min(left.length, total - done)
    for (let index = 0; index < count; index++) {
      view.setInt16((done + index) * 4, left[index]!)
      view.setInt16((done + index) * 4 + 2, right[index]!)
    }
    done += count
  }
  return reader.bytePosition
}

function readFrame(reader: BitReader): [Float64Array, Float64Array] | null {
  if (reader.read(15) !== 0x7ffc) return null
  reader.skip(1) // blocks of one size, or not
  const [sizeCode, rateCode, channels, depth] = [
    reader.read(4),
    reader.read(4),
    reader.read(4),
    reader.read(3),
  ]
  reader.skip(1)
  if (!skipNumber(reader)) return null
  const size = blockSize(reader, sizeCode)
  if (rateCode === 12) reader.skip(8)
  else if (rateCode === 13 || rateCode === 14) reader.skip(16)
  reader.skip(8) // checksum of the header
  if (size === null || size > MAX_BLOCK || (depth !== 4 && depth !== 0)) return null
  // One of two channels may be the difference, which has one bit more.
  const isSide = [channels === 9, channels === 8 || channels === 10]
  if (channels !== 1 && channels !== 8 && channels !== 9 && channels !== 10) return null
  const first = readSubframe(reader, size, SAMPLE_BITS + (isSide[0] ? 1 : 0))
  const second = first && readSubframe(reader, size, SAMPLE_BITS + (isSide[1] ? 1 : 0))
  if (!first || !second) return null
  reader.alignToByte()
  reader.skip(16) // checksum of the frame
  combine(channels, first, second)
  return [first, second]
}

/** Of left and side, side and right, or middle and side, both channels. */
function combine(channels: number, first: Float64Array, second: Float64Array): void {
  for (let index = 0; index < first.length; index++) {
    const [a, b] = [first[index]!, second[index]!]
    if (channels === 8) second[index] = a - b
    else if (channels === 9) first[index] = a + b
    else if (channels === 10) {
      const middle = a * 2 + (Math.abs(b) % 2)
      first[index] = (middle + b) / 2
      second[index] = (middle - b) / 2
    }
  }
}

/** The number of the frame, as UTF-8 writes numbers. */
function skipNumber(reader: BitReader): boolean {
  const first = reader.read(8)
  if (first < 0x80) return true
  const more = Math.clz32(~(first << 24)) - 1
  if (more < 1 || more > 6) return false
  reader.skip(8 * more)
  return true
}

function blockSize(reader: BitReader, code: number): number | null {
  if (code === 0) return null
  if (code === 1) return 192
  if (code <= 5) return 576 << (code - 2)
  if (code === 6) return reader.read(8) + 1
  if (code === 7) return reader.read(16) + 1
  return 256 << (code - 8)
}

function readSubframe(reader: BitReader, size: number, fullBits: number): Float64Array | null {
  reader.skip(1)
  const type = reader.read(6)
  const wasted = reader.read(1) ? reader.readUnary() + 1 : 0
  const bits = fullBits - wasted
  if (bits < 1 || reader.isPast) return null
  const samples = new Float64Array(size)
  if (type === 0) samples.fill(reader.readSigned(bits))
  else if (type === 1) for (let index = 0; index < size; index++) samples[index] = reader.readSigned(bits)
  else if (type >= 8 && type <= 12) {
    if (!predicted(reader, samples, bits, FIXED[type - 8]!, 0)) return null
  } else if (type >= 32) {
    if (!readLinear(reader, samples, bits, type - 31)) return null
  } else return null
  if (wasted > 0) for (let index = 0; index < size; index++) samples[index]! *= 2 ** wasted
  return samples
}

function readLinear(reader: BitReader, samples: Float64Array, bits: number, order: number): boolean {
  if (order > samples.length) return false
  const warm = Array.from({ length: order }, () => reader.readSigned(bits))
  const precision = reader.read(4) + 1
  const shift = reader.readSigned(5)
  if (precision === 16 || shift < 0) return false
  const coefficients = Array.from({ length: order }, () => reader.readSigned(precision))
  samples.set(warm)
  return residual(reader, samples, coefficients, shift)
}

function predicted(
  reader: BitReader,
  samples: Float64Array,
  bits: number,
  coefficients: readonly number[],
  shift: number,
): boolean {
  if (coefficients.length > samples.length) return false
  for (let index = 0; index < coefficients.length; index++) samples[index] = reader.readSigned(bits)
  return residual(reader, samples, coefficients, shift)
}

/** What prediction misses, in partitions of Rice codes; added to what is predicted from the samples before. */
function residual(
  reader: BitReader,
  samples: Float64Array,
  coefficients: readonly number[],
  shift: number,
): boolean {
  const method = reader.read(2)
  if (method > 1) return false
  const [parameterBits, escape] = method === 0 ? [4, 15] : [5, 31]
  const partitions = 1 << reader.read(4)
  const perPartition = samples.length / partitions
  const order = coefficients.length
  if (!Number.isInteger(perPartition) || perPartition < order) return false
  const scale = 2 ** shift
  for (let partition = 0; partition < partitions; partition++) {
    const parameter = reader.read(parameterBits)
    const rawBits = parameter === escape ? reader.read(5) : 0
    const end = (partition + 1) * perPartition
    for (let at = partition === 0 ? order : partition * perPartition; at < end; at++) {
      let missed: number
      if (parameter === escape) missed = reader.readSigned(rawBits)
      else {
        const high = reader.readUnary()
        if (high < 0) return false
        const folded = high * 2 ** parameter + reader.read(parameter)
        missed = folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2
      }
      let sum = 0
      for (let index = 0; index < order; index++) sum += coefficients[index]! * samples[at - 1 - index]!
      samples[at] = Math.floor(sum / scale) + missed
    }
    if (reader.isPast) return false
  }
  return true
}
