import { inflateSync } from 'node:zlib'

export interface Picture {
  width: number
  height: number
  /** RGB, three bytes a pixel. */
  pixels: Uint8Array
}

const SIGNATURE = '89504e470d0a1a0a'
/** Bytes a pixel by PNG colour type. */
const CHANNELS: Readonly<Record<number, number>> = { 2: 3, 6: 4 }

/** Reads the PNG files that screenshots are: 8 bits a channel, RGB or RGBA, not interlaced. */
export function readPng(file: Buffer): Picture {
  if (file.toString('hex', 0, 8) !== SIGNATURE) throw new Error('not a PNG file')
  let width = 0
  let height = 0
  let channels = 0
  const data: Buffer[] = []
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at)
    const kind = file.toString('latin1', at + 4, at + 8)
    const body = file.subarray(at + 8, at + 8 + length)
    if (kind === 'IHDR') {
      width = body.readUInt32BE(0)
      height = body.readUInt32BE(4)
      channels = body[8] === 8 ? (CHANNELS[body[9] ?? 0] ?? 0) : 0
    } else if (kind === 'IDAT') {
      data.push(body)
    }
    at += length + 12
  }
  if (channels === 0) throw new Error('this kind of PNG is not read here')
  const bytes = unfilter(inflateSync(Buffer.concat(data)), width * channels, height, channels)
  return { width, height, pixels: channels === 3 ? bytes : withoutAlpha(bytes) }
}

function withoutAlpha(bytes: Uint8Array): Uint8Array {
  return bytes.filter((_, index) => index % 4 !== 3)
}

/** Undoes the five filters of PNG. @see PNG specification, section 9 */
function unfilter(raw: Uint8Array, stride: number, height: number, channels: number): Uint8Array {
  const out = new Uint8Array(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]
    for (let x = 0; x < stride; x++) {
      const left = x < channels ? 0 : (out[y * stride + x - channels] ?? 0)
      const up = y === 0 ? 0 : (out[(y - 1) * stride + x] ?? 0)
      const corner = x < channels || y === 0 ? 0 : (out[(y - 1) * stride + x - channels] ?? 0)
      const added = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter ?? 0] ?? 0
      out[y * stride + x] = (raw[y * (stride + 1) + 1 + x] ?? 0) + added
    }
  }
  return out
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner
  const byLeft = Math.abs(estimate - left)
  const byUp = Math.abs(estimate - up)
  const byCorner = Math.abs(estimate - corner)
  if (byLeft <= byUp && byLeft <= byCorner) return left
  return byUp <= byCorner ? up : corner
}

/** How many different colours a picture has. */
export function countColours({ pixels }: Picture): number {
  const colours = new Set<number>()
  for (let at = 0; at + 2 < pixels.length; at += 3) {
    colours.add(((pixels[at] ?? 0) << 16) | ((pixels[at + 1] ?? 0) << 8) | (pixels[at + 2] ?? 0))
  }
  return colours.size
}

/** Mean red, green and blue of a rectangle. */
export function meanColour(
  picture: Picture,
  [left, top, width, height]: readonly [number, number, number, number],
): { red: number; green: number; blue: number } {
  const sums = [0, 0, 0]
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) {
      for (let part = 0; part < 3; part++) {
        sums[part] = (sums[part] ?? 0) + (picture.pixels[(y * picture.width + x) * 3 + part] ?? 0)
      }
    }
  }
  const [red, green, blue] = sums.map((sum) => sum / (width * height))
  return { red: red ?? 0, green: green ?? 0, blue: blue ?? 0 }
}
