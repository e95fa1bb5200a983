import * as fs from 'node:fs'
import type { Progress } from '../media/copy-disk.ts'

const BLOCK_BYTES = 512
const PIECE_BYTES = 1024 * 1024
/** The most that eleven octal digits can say. */
const MAX_OCTAL = 8 ** 11 - 1

export interface TarMember {
  /** At most 100 bytes, without folders. */
  name: string
  path: string
}

/**
 * Writes plain files into an archive, in their order. @see POSIX.1-2017, pax, "ustar Interchange Format"
 * @param fd open for writing, empty
 */
export function* writeTar(
  fd: number,
  members: readonly TarMember[],
  modifiedMs: number,
): Generator<Progress> {
  const sizes = members.map(({ path }) => fs.statSync(path).size)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  let done = 0
  for (const [index, { name, path }] of members.entries()) {
    const bytes = sizes[index]!
    fs.writeSync(fd, headerOf(name, bytes, modifiedMs))
    const from = fs.openSync(path, 'r')
    try {
      const piece = new Uint8Array(PIECE_BYTES)
      for (let at = 0; at < bytes;) {
        const count = fs.readSync(from, piece, 0, Math.min(PIECE_BYTES, bytes - at), at)
        if (count === 0) throw new Error(`${path} has become shorter`)
        fs.writeFileSync(fd, piece.subarray(0, count))
        at += count
        done += count
        yield { done, total }
      }
    } finally {
      fs.closeSync(from)
    }
    fs.writeSync(fd, new Uint8Array((BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES))
  }
  fs.writeSync(fd, new Uint8Array(2 * BLOCK_BYTES)) // the end
}

function headerOf(name: string, bytes: number, modifiedMs: number): Uint8Array {
  const header = Buffer.alloc(BLOCK_BYTES)
  const octal = (value: number, at: number, length: number): void =>
    void header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  header.write(name, 0, 100, 'utf8')
  octal(0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  if (bytes <= MAX_OCTAL) octal(bytes, 124, 12)
  else {
    header[124] = 0x80 // a number of eight bytes at the end of the field
    header.writeBigUInt64BE(BigInt(bytes), 128)
  }
  octal(Math.floor(modifiedMs / 1000), 136, 12)
  header.write('0', 156, 'latin1') // a plain file
  header.write('ustar\u000000', 257, 'latin1')
  header.fill(' ', 148, 156) // stands for the sum while it is made
  const sum = header.reduce((before, byte) => before + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
