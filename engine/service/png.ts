import { crc32 as zlibCrc32, deflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** CRC-32 of ISO 3309, as PNG asks; node:zlib has it from Node 20.15 on. */
const crc32 = (data: Buffer): number => zlibCrc32(data) >>> 0

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const out = Buffer.alloc(8 + body.length)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), out.length - 4)
  return out
}

/** An RGB PNG of a picture. @param pixels width × height RGBA bytes; alpha is left out, a screen has none */
export function encodePng(width: number, height: number, pixels: Uint8Array): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8) // 8 bits a channel, RGB, deflate, adaptive filters, no interlace
  const rowBytes = 1 + width * 3
  const rows = Buffer.alloc(rowBytes * height)
  for (let y = 0, from = 0; y < height; y++) {
    let to = y * rowBytes + 1 // filter type 0 before it
    for (let x = 0; x < width; x++, from += 4, to += 3) {
      rows[to] = pixels[from]!
      rows[to + 1] = pixels[from + 1]!
      rows[to + 2] = pixels[from + 2]!
    }
  }
  const data = deflateSync(rows, { level: 6 })
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
