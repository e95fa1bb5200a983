import { because, type Reason } from '../protocol/reasons.ts'
/** Files that hold no sectors as they are, by bytes at their start, so that nobody boots their header. */
const SIGNATURES: { name: string; at: number; bytes: number[] }[] = [
  { name: 'gzip', at: 0, bytes: [0x1f, 0x8b, 0x08] },
  { name: 'xz', at: 0, bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { name: 'bzip2', at: 0, bytes: [0x42, 0x5a, 0x68] },
  { name: 'zstd', at: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: '7z', at: 0, bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c] },
  { name: 'zip', at: 0, bytes: [0x50, 0x4b, 0x03, 0x04] },
]

/**
 * Why a file that starts like this is no disk, floppy or CD, or null. Something that ends in a boot signature is
 * taken for a boot sector whatever it starts with.
 */
export function packedFormat(start: Uint8Array): Reason | null {
  if (start[510] === 0x55 && start[511] === 0xaa) return null
  const found = SIGNATURES.find(({ at, bytes }) => bytes.every((byte, index) => start[at + index] === byte))
  return found ? because('packed-file', { format: found.name }) : null
}
