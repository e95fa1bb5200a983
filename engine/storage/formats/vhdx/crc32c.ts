const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** CRC-32C (Castagnoli), where four bytes from `field` on count as zeros. */
export function crc32c(bytes: Uint8Array, field: number): number {
  let crc = 0xffffffff
  for (let at = 0; at < bytes.length; at++) {
    const byte = at >= field && at < field + 4 ? 0 : bytes[at]!
    crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  }
  return ~crc >>> 0
}
