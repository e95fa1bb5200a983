import { readRuns, writeRuns } from './frame-runs.ts'

/** A rectangle of pixels in a picture. */
export interface FrameRect {
  x: number
  y: number
  width: number
  height: number
}

/**
 * One update of the picture, little-endian: a fixed header, the table of rectangles (x, y, width, height as u16, bytes of
 * its pixels as u32), then the pixels of each rectangle, RGBA, rows packed: as they are, or in runs where those are
 * shorter (frame-runs.ts). A buffer may be longer than its message.
 */
export interface FrameHeader {
  /** Counts from 1; the receiver acknowledges it once drawn. */
  sequence: number
  /** Size of the whole picture; a change of it means that everything follows. */
  width: number
  height: number
  /** Width over height as the monitor shows it. */
  aspectRatio: number
  rects: FrameRect[]
}

const MAGIC = 0x31465256 // "VRF1"
const HEADER_BYTES = 24
const RECT_BYTES = 12
export const MAX_PICTURE_SIDE = 4096
const MAX_RECTS = 64

const area = (rects: readonly FrameRect[]): number =>
  rects.reduce((sum, { width, height }) => sum + width * height, 0)

/** Bytes that a message of these rectangles takes at most. */
export const frameBytes = (rects: readonly FrameRect[]): number =>
  HEADER_BYTES + rects.length * RECT_BYTES + area(rects) * 4

/**
 * Writes a message into `out`, which holds at least `frameBytes(header.rects)` bytes.
 * @param pixels of the whole picture, RGBA
 */
export function writeFrame(out: ArrayBuffer, header: FrameHeader, pixels: Uint8Array): void {
  const view = new DataView(out)
  const words = new Uint32Array(out, 0, out.byteLength >> 2)
  const picture = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length >> 2)
  const { rects, width } = header
  let end = HEADER_BYTES + rects.length * RECT_BYTES
  rects.forEach((rect, index) => {
    const at = HEADER_BYTES + index * RECT_BYTES
    const bytes = 4 * writePixels(words.subarray(end >> 2), rect, picture, width)
    view.setUint16(at, rect.x, true)
    view.setUint16(at + 2, rect.y, true)
    view.setUint16(at + 4, rect.width, true)
    view.setUint16(at + 6, rect.height, true)
    view.setUint32(at + 8, bytes, true)
    end += bytes
  })
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, header.sequence, true)
  view.setUint16(8, width, true)
  view.setUint16(10, header.height, true)
  view.setUint16(12, rects.length, true)
  view.setFloat32(16, header.aspectRatio, true)
  view.setUint32(20, end, true)
}

/** @returns words that were written */
function writePixels(out: Uint32Array, rect: FrameRect, pixels: Uint32Array, width: number): number {
  const written = writeRuns(out, rect, pixels, width)
  if (written > 0) return written
  for (let y = 0; y < rect.height; y++) {
    const from = (rect.y + y) * width + rect.x
    out.set(pixels.subarray(from, from + rect.width), y * rect.width)
  }
  return rect.width * rect.height
}

/** Bytes of the message at the start of a buffer that `writeFrame` filled. */
export const messageBytes = (buffer: ArrayBuffer): number => new DataView(buffer).getUint32(20, true)

export interface ReceivedRect extends FrameRect {
  /** As they are, or in runs when that is shorter: `pixelsOf` tells. */
  packed: Uint32Array<ArrayBuffer>
}

/** Reads a message; null when it is not one, or its parts do not fit together. */
export function readFrame(
  buffer: ArrayBuffer,
): (Omit<FrameHeader, 'rects'> & { rects: ReceivedRect[] }) | null {
  if (buffer.byteLength < HEADER_BYTES) return null
  const view = new DataView(buffer)
  const [width, height] = [view.getUint16(8, true), view.getUint16(10, true)]
  const count = view.getUint16(12, true)
  if (
    view.getUint32(0, true) !== MAGIC ||
    !width ||
    !height ||
    width > MAX_PICTURE_SIDE ||
    height > MAX_PICTURE_SIDE
  )
    return null
  let at = HEADER_BYTES + count * RECT_BYTES
  if (count > MAX_RECTS || at > buffer.byteLength) return null
  const rects: ReceivedRect[] = []
  for (let index = 0; index < count; index++) {
    const entry = HEADER_BYTES + index * RECT_BYTES
    const [x, y] = [view.getUint16(entry, true), view.getUint16(entry + 2, true)]
    const rect = { x, y, width: view.getUint16(entry + 4, true), height: view.getUint16(entry + 6, true) }
    const bytes = view.getUint32(entry + 8, true)
    const whole = rect.width * rect.height * 4
    if (!whole || x + rect.width > width || y + rect.height > height) return null
    if (!bytes || bytes & 3 || bytes > whole || at + bytes > buffer.byteLength) return null
    rects.push({ ...rect, packed: new Uint32Array(buffer, at, bytes >> 2) })
    at += bytes
  }
  return { sequence: view.getUint32(4, true), width, height, aspectRatio: view.getFloat32(16, true), rects }
}

/**
 * The pixels of a rectangle, row by row. They lie in the message itself, or in `room`, which holds as many at least;
 * null for damaged runs.
 */
export function pixelsOf(
  { width, height, packed }: ReceivedRect,
  room: Uint32Array<ArrayBuffer>,
): Uint32Array<ArrayBuffer> | null {
  const count = width * height
  if (packed.length === count) return packed
  const pixels = room.subarray(0, count)
  return readRuns(packed, pixels) ? pixels : null
}

const touches = (a: FrameRect, b: FrameRect): boolean =>
  a.x <= b.x + b.width && b.x <= a.x + a.width && a.y <= b.y + b.height && b.y <= a.y + a.height

export function unite(a: FrameRect, b: FrameRect): FrameRect {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)]
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  }
}

/** Adds what changed to what is still owed. Touching rectangles become one, and never more than 16 are kept. */
export function mergeRects(owed: readonly FrameRect[], added: readonly FrameRect[]): FrameRect[] {
  const merged = [...owed]
  for (let rect of added) {
    for (let at = 0; at < merged.length;) {
      const other = merged[at]!
      if (!touches(rect, other)) {
        at++
        continue
      }
      rect = unite(rect, other)
      merged.splice(at, 1)
      at = 0
    }
    merged.push(rect)
  }
  return merged.length > 16 ? [merged.reduce(unite)] : merged
}
