import { crc32, deflateSync } from 'node:zlib'
import type { Picture } from './png-reader.ts'

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
const COLOURS = 256

/** Colours that are near each other, which become one: five bits of each channel tell them apart. */
interface Shade {
  key: number
  count: number
  red: number
  green: number
  blue: number
}
const keyOf = (red: number, green: number, blue: number): number =>
  ((red >> 3) << 10) | ((green >> 3) << 5) | (blue >> 3)

/** A PNG of 256 colours, which is a third of the size of one in all of them: for pictures of windows. */
export function palettePng({ width, height, pixels }: Picture): Buffer {
  const shades = shadesOf(pixels)
  const boxes = cut(shades)
  const palette = Buffer.alloc(boxes.length * 3)
  const indexOf = new Uint8Array(1 << 15)
  for (const [index, box] of boxes.entries()) {
    palette.set(mean(box), index * 3)
    for (const { key } of box) indexOf[key] = index
  }
  const rows = Buffer.alloc((width + 1) * height)
  for (let y = 0, from = 0; y < height; y++)
    for (let x = 0; x < width; x++, from += 3)
      rows[y * (width + 1) + 1 + x] = indexOf[keyOf(pixels[from]!, pixels[from + 1]!, pixels[from + 2]!)]!
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3], 8) // 8 bits, palette
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', palette),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** Pictures of one height beside each other. */
export function besides(pictures: readonly Picture[]): Picture {
  const height = pictures[0]!.height
  const width = pictures.reduce((sum, picture) => sum + picture.width, 0)
  const pixels = new Uint8Array(width * height * 3)
  let left = 0
  for (const picture of pictures) {
    const rowBytes = picture.width * 3
    for (let y = 0; y < height; y++)
      pixels.set(picture.pixels.subarray(y * rowBytes, (y + 1) * rowBytes), (y * width + left) * 3)
    left += picture.width
  }
  return { width, height, pixels }
}

function shadesOf(pixels: Uint8Array): Shade[] {
  const shades = new Map<number, Shade>()
  for (let at = 0; at < pixels.length; at += 3) {
    const [red, green, blue] = [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!]
    const key = keyOf(red, green, blue)
    const shade = shades.get(key)
    if (!shade) shades.set(key, { key, count: 1, red, green, blue })
    else {
      shade.count++
      shade.red += red
      shade.green += green
      shade.blue += blue
    }
  }
  return [...shades.values()]
}

const channels = ['red', 'green', 'blue'] as const
const level = (shade: Shade, channel: (typeof channels)[number]): number => shade[channel] / shade.count
const weight = (box: readonly Shade[]): number => box.reduce((sum, { count }) => sum + count, 0)
const mean = (box: readonly Shade[]): number[] =>
  channels.map((channel) => Math.round(box.reduce((sum, shade) => sum + shade[channel], 0) / weight(box)))

/** Median cut: the box that spreads most, counted by the root of its pixels, is halved until there are enough. */
function cut(shades: Shade[]): Shade[][] {
  const boxes = [{ shades, ...spread(shades) }]
  while (boxes.length < COLOURS) {
    const widest = boxes.reduce((best, box) => (box.cost > best.cost ? box : best))
    if (widest.cost === 0) break
    const { channel } = widest
    const sorted = widest.shades.toSorted((a, b) => level(a, channel) - level(b, channel))
    const half = sorted.length >> 1
    boxes.splice(boxes.indexOf(widest), 1)
    for (const part of [sorted.slice(0, half), sorted.slice(half)])
      boxes.push({ shades: part, ...spread(part) })
  }
  return boxes.map((box) => box.shades)
}

function spread(box: readonly Shade[]): { channel: (typeof channels)[number]; cost: number } {
  const spreads = channels.map((channel) => {
    const levels = box.map((shade) => level(shade, channel))
    return { channel, width: Math.max(...levels) - Math.min(...levels) }
  })
  const widest = spreads.reduce((best, one) => (one.width > best.width ? one : best))
  return { channel: widest.channel, cost: box.length < 2 ? 0 : widest.width * Math.sqrt(weight(box)) }
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const out = Buffer.alloc(8 + body.length)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body) >>> 0, out.length - 4)
  return out
}
