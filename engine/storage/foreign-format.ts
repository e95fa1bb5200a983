/** Formats that are no raw sectors, by bytes at their start, so that nobody boots the header of a container. */
const SIGNATURES: { name: string; at: number; bytes: number[]; advice: string }[] = [
  {
    name: 'qcow2',
    at: 0,
    bytes: [0x51, 0x46, 0x49, 0xfb],
    advice: 'convert it with qemu-img convert -O raw',
  },
  { name: 'VMDK', at: 0, bytes: [0x4b, 0x44, 0x4d, 0x56], advice: 'convert it with qemu-img convert -O raw' },
  {
    name: 'VDI',
    at: 0x40,
    bytes: [0x7f, 0x10, 0xda, 0xbe],
    advice: 'convert it with qemu-img convert -O raw',
  },
  {
    name: 'dynamic VHD',
    at: 0,
    bytes: [...'conectix'].map((c) => c.charCodeAt(0)),
    advice: 'convert it with qemu-img convert -O raw',
  },
  {
    name: 'VHDX',
    at: 0,
    bytes: [...'vhdxfile'].map((c) => c.charCodeAt(0)),
    advice: 'convert it with qemu-img convert -O raw',
  },
  { name: 'gzip', at: 0, bytes: [0x1f, 0x8b, 0x08], advice: 'unpack it first' },
  { name: 'xz', at: 0, bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], advice: 'unpack it first' },
  { name: 'bzip2', at: 0, bytes: [0x42, 0x5a, 0x68], advice: 'unpack it first' },
  { name: 'zstd', at: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd], advice: 'unpack it first' },
  { name: '7z', at: 0, bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], advice: 'unpack it first' },
  { name: 'zip', at: 0, bytes: [0x50, 0x4b, 0x03, 0x04], advice: 'unpack it first' },
]

/** Bytes at the start of a file that `foreignFormat` looks at. */
export const SIGNATURE_BYTES = 512

/**
 * Why a file that starts like this cannot be taken as raw sectors, or null. Something that ends in a boot
 * signature is taken for a boot sector whatever it starts with.
 */
export function foreignFormat(start: Uint8Array): string | null {
  if (start[510] === 0x55 && start[511] === 0xaa) return null
  const found = SIGNATURES.find(({ at, bytes }) => bytes.every((byte, index) => start[at + index] === byte))
  return found ? `it is a ${found.name} file, not a raw image; ${found.advice}` : null
}
