import { createHash, randomBytes } from 'node:crypto'
import type { LuksHash } from './header.ts'

/**
 * A key is kept as many stripes that are all needed to have it back, so that overwriting any of them destroys it.
 * Source: LUKS on-disk format 1.2.3, chapter 2.4.
 */
export function splitKey(key: Uint8Array, stripes: number, hash: LuksHash): Uint8Array {
  const split = new Uint8Array(key.length * stripes)
  split.set(randomBytes(split.length - key.length))
  split.set(key, split.length - key.length)
  putOver(split.subarray(split.length - key.length), diffused(split, key.length, stripes, hash))
  return split
}

export function mergeKey(split: Uint8Array, stripes: number, hash: LuksHash): Uint8Array {
  const keyBytes = split.length / stripes
  const key = diffused(split, keyBytes, stripes, hash)
  putOver(key, split.subarray(split.length - keyBytes))
  return key
}

/** All stripes but the last, each put over the hash of those before. */
function diffused(split: Uint8Array, keyBytes: number, stripes: number, hash: LuksHash): Uint8Array {
  const block = new Uint8Array(keyBytes)
  for (let stripe = 0; stripe < stripes - 1; stripe++) {
    putOver(block, split.subarray(stripe * keyBytes, (stripe + 1) * keyBytes))
    hashPieces(block, hash)
  }
  return block
}

/** Each piece as long as a hash becomes the hash of its number and itself, cut to its length. */
function hashPieces(block: Uint8Array, hash: LuksHash): void {
  for (let at = 0, number = 0; at < block.length; number++) {
    const count = new Uint8Array(4)
    new DataView(count.buffer).setUint32(0, number)
    const bytes = HASH_BYTES[hash]
    const piece = block.subarray(at, at + bytes)
    piece.set(createHash(hash).update(count).update(piece).digest().subarray(0, piece.length))
    at += bytes
  }
}

const HASH_BYTES: Record<LuksHash, number> = { sha1: 20, sha256: 32, sha512: 64 }

function putOver(target: Uint8Array, source: Uint8Array): void {
  for (let index = 0; index < target.length; index++) target[index]! ^= source[index]!
}
