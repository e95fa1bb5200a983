/** A rectangle of pixels in a picture. */
export interface FrameRect {
  x: number
  y: number
  width: number
  height: number
}

/**
 * One update of the picture, little-endian: a fixed header, the table of rectangles (x, y, width, height as
 * u16), then the pixels of each rectangle, RGBA, rows packed. A buffer may be longer than its message.
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
const RECT_BYTES = 8
export const MAX_PICTURE_SIDE = 4096
const MAX_RECTS = 64

const area = (rects: readonly FrameRect[]): number =>
  rects.reduce((sum, { width, height }) => sum + width * height, 0)

export const frameBytes = (rects: readonly FrameRect[]): number =>
  HEADER_BYTES + rects.length * RECT_BYTES + area(rects) * 4

/** Writes a message into `out`, which holds at least `frameBytes(header.rects)` bytes; `pixels` is the whole picture. */
export function writeFrame(out: ArrayBuffer, header: FrameHeader, pixels: Uint8Array): void {
  const view = new DataView(out)
  const { rects, width } = header
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, header.sequence, true)
  view.setUint16(8, width, true)
  view.setUint16(10, header.height, true)
  view.setUint16(12, rects.length, true)
  view.setFloat32(16, header.aspectRatio, true)
  view.setUint32(20, frameBytes(rects), true)
  rects.forEach((rect, index) => {
    const at = HEADER_BYTES + index * RECT_BYTES
    view.setUint16(at, rect.x, true)
    view.setUint16(at + 2, rect.y, true)
    view.setUint16(at + 4, rect.width, true)
    view.setUint16(at + 6, rect.height, true)
  })
  const bytes = new Uint8Array(out)
  let to = HEADER_BYTES + rects.length * RECT_BYTES
  for (const rect of rects) {
    const rowBytes = rect.width * 4
    for (let y = rect.y; y < rect.y + rect.height; y++, to += rowBytes) {
      const from = (y * width + rect.x) * 4
      bytes.set(pixels.subarray(from, from + rowBytes), to)
    }
  }
}

/** Bytes of the message at the start of a buffer that `writeFrame` filled. */
export const messageBytes = (buffer: ArrayBuffer): number => new DataView(buffer).getUint32(20, true)

export interface ReceivedRect extends FrameRect {
  pixels: Uint8ClampedArray<ArrayBuffer>
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
    const bytes = rect.width * rect.height * 4
    if (!bytes || x + rect.width > width || y + rect.height > height || at + bytes > buffer.byteLength)
      return null
    rects.push({ ...rect, pixels: new Uint8ClampedArray(buffer, at, bytes) })
    at += bytes
  }
  return { sequence: view.getUint32(4, true), width, height, aspectRatio: view.getFloat32(16, true), rects }
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
