/** Files that hold no sectors as they are, by bytes at their start, so that nobody boots their header. */
const SIGNATURES: { name: string; at: number; bytes: number[]; advice: string }[] = [
  { name: 'gzip', at: 0, bytes: [0x1f, 0x8b, 0x08], advice: 'unpack it first' },
  { name: 'xz', at: 0, bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], advice: 'unpack it first' },
  { name: 'bzip2', at: 0, bytes: [0x42, 0x5a, 0x68], advice: 'unpack it first' },
  { name: 'zstd', at: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd], advice: 'unpack it first' },
  { name: '7z', at: 0, bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], advice: 'unpack it first' },
  { name: 'zip', at: 0, bytes: [0x50, 0x4b, 0x03, 0x04], advice: 'unpack it first' },
]

/**
 * Why a file that starts like this is no disk, floppy or CD, or null. Something that ends in a boot signature is
 * taken for a boot sector whatever it starts with.
 */
export function packedFormat(start: Uint8Array): string | null {
  if (start[510] === 0x55 && start[511] === 0xaa) return null
  const found = SIGNATURES.find(({ at, bytes }) => bytes.every((byte, index) => start[at + index] === byte))
  return found ? `it is a ${found.name} file, not an image; ${found.advice}` : null
}
