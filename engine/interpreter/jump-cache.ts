import { type Expr, add, and, eq, i32, load, local, shl, shrU, xor } from '../wasm/expression.ts'
import type { FunctionBuilder } from '../wasm/function-builder.ts'
import {
  CODE_KEYS,
  JUMP_CACHE,
  JUMP_CACHE_KEY_SHIFT,
  JUMP_CACHE_SETS,
  JUMP_ENTRY_BYTES,
  JUMP_ENTRY_SHIFT,
  JUMP_SET_SHIFT,
  JumpEntry,
} from '../isa/state.ts'

/** Offset of an EIP's set in the jump cache under a JUMP_KEY, which is that of its first way, in bytes, for generated code. */
export function jumpCacheSet(eip: Expr, key: Expr): Expr {
  const hash = xor(xor(eip, shrU(eip, i32(12))), shl(key, i32(JUMP_CACHE_KEY_SHIFT)))
  return shl(and(hash, i32(JUMP_CACHE_SETS - 1)), i32(JUMP_SET_SHIFT))
}

/** The same as the index of its first word. */
export function jumpCacheIndex(eip: number, key: number): number {
  const hash = eip ^ (eip >>> 12) ^ (key << JUMP_CACHE_KEY_SHIFT)
  return ((hash & (JUMP_CACHE_SETS - 1)) << JUMP_SET_SHIFT) / 4
}

/** Sets a local to the offset of the way that would hold an EIP under a key; the condition that it does. */
export function lookIntoJumpCache(fn: FunctionBuilder, at: number, eip: Expr, key: Expr): Expr {
  const entry = local(at)
  const isIn = (offset: number): Expr =>
    and(
      eq(load(entry, 4, JUMP_CACHE + offset + JumpEntry.EIP), eip),
      eq(load(entry, 4, JUMP_CACHE + offset + JumpEntry.KEY), key),
    )
  fn.set(at, jumpCacheSet(eip, key))
  fn.set(at, add(entry, shl(isIn(JUMP_ENTRY_BYTES), i32(JUMP_ENTRY_SHIFT))))
  return isIn(0)
}

/** A word of an entry. */
export const entryWord = (entry: Expr, word: keyof typeof JumpEntry): Expr =>
  load(entry, 4, JUMP_CACHE + JumpEntry[word])

/** Address of a code segment's entry in CODE_KEYS, by its base, for generated code. */
export const codeKeyEntry = (base: Expr): Expr =>
  add(
    shl(and(xor(shrU(base, i32(4)), shrU(base, i32(9))), i32(CODE_KEYS.COUNT - 1)), i32(4)),
    i32(CODE_KEYS.ENTRIES),
  )

/** Whether an entry of CODE_KEYS holds for a base. */
export const isCodeKey = (entry: Expr, base: Expr): Expr =>
  and(eq(load(entry, 4), base), eq(load(entry, 4, 4), load(i32(CODE_KEYS.STAMP), 4)))

/** The same as an address. */
export const codeKeyAddress = (base: number): number =>
  CODE_KEYS.ENTRIES + (((base >>> 4) ^ (base >>> 9)) & (CODE_KEYS.COUNT - 1)) * CODE_KEYS.BYTES
