import { type Expr, and, i32, shl, shrU, xor } from '../wasm/expression.ts'
import { JUMP_CACHE_ENTRIES, JUMP_CACHE_KEY_SHIFT } from '../isa/state.ts'

/** Offset of an EIP's entry in the jump cache under a JUMP_KEY, in bytes, for generated code. */
export function jumpCacheEntry(eip: Expr, key: Expr): Expr {
  const hash = xor(xor(eip, shrU(eip, i32(12))), shl(key, i32(JUMP_CACHE_KEY_SHIFT)))
  return shl(and(hash, i32(JUMP_CACHE_ENTRIES - 1)), i32(4))
}

/** The same as the index of the entry's first word. */
export function jumpCacheIndex(eip: number, key: number): number {
  return ((eip ^ (eip >>> 12) ^ (key << JUMP_CACHE_KEY_SHIFT)) & (JUMP_CACHE_ENTRIES - 1)) * 4
}
