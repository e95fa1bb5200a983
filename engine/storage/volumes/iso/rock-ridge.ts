const CONTINUES = 1

/**
 * The name that the system use field of a directory record gives, or null. Names that go on in another sector are taken
 * as far as they stand here.
 * @see IEEE P1282 (Rock Ridge Interchange Protocol 1.12), 4.1.4 NM
 */
export function rockRidgeName(systemUse: Uint8Array): string | null {
  const parts: Uint8Array[] = []
  for (let at = 0; at + 4 <= systemUse.length;) {
    const length = systemUse[at + 2]!
    if (length < 4 || at + length > systemUse.length) break
    const isName = systemUse[at] === 0x4e && systemUse[at + 1] === 0x4d
    if (isName && length > 5) {
      parts.push(systemUse.subarray(at + 5, at + length))
      if (!(systemUse[at + 4]! & CONTINUES)) break
    }
    at += length
  }
  return parts.length === 0 ? null : Buffer.concat(parts).toString('utf8')
}
