import {
  type Expr,
  I32,
  I64,
  add,
  eq64,
  eqz,
  i32,
  i64,
  load,
  local,
  ltS,
  ne,
  or64,
  shl,
  shl64,
  widenU,
} from '../wasm/expression.ts'
import { FunctionBuilder } from '../wasm/function-builder.ts'
import { INDIRECT_TYPE } from '../wasm/module-writer.ts'
import {
  JUMP_CACHE,
  JUMP_ENTRY_BYTES,
  JumpEntry,
  REGION_ENTERED,
  REGION_RETIRED,
  State,
} from '../isa/state.ts'
import { entryWord, jumpCacheSet } from './jump-cache.ts'
import { Handler, Record, Why } from './record.ts'

/**
 * Where a region ends by a jump: (EIP, budget) → why, by a tail call from the region. Goes on in the region there without
 * coming back to the interpreter, so that ways from region to region cost no more than a look into the jump cache. Where
 * there is none, it returns what the region would: Why.NEXT with State.RECORD, or Why.JUMP with State.EIP.
 */
export function chainFunction(): FunctionBuilder {
  const [eip, budget, entry, key, slot, tag] = [
    local(0),
    local(1),
    local(2),
    local(3),
    local(4),
    local(5, I64),
  ]
  const fn = new FunctionBuilder(2, [I32, I32, I32, I32, I32, I64])
  const isEntry = (): Expr => eq64(load(entry, 8, JUMP_CACHE), tag)
  fn.set(3, load(i32(State.JUMP_KEY), 4))
  fn.set(5, or64(shl64(widenU(key), i64(32)), widenU(eip)))
  fn.set(2, jumpCacheSet(eip, key))
  const found = fn.block()
  fn.branchIf(found, isEntry())
  fn.set(2, add(entry, i32(JUMP_ENTRY_BYTES)))
  fn.branchIf(found, isEntry())
  fn.store(i32(State.BUDGET), budget, 4)
  fn.store(i32(State.EIP), eip, 4)
  fn.return(i32(Why.JUMP))
  fn.end()
  fn.store(i32(State.EIP_BASE), entryWord(entry, 'EIP_BASE'), 4)
  fn.store(i32(State.RECORD), entryWord(entry, 'RECORD'), 4)
  const interpreted = fn.block()
  fn.branchIfRarely(interpreted, ltS(budget, i32(0)))
  fn.set(4, entryWord(entry, 'SLOT'))
  fn.ifRarely(eqz(slot))
  const record = key
  fn.set(3, entryWord(entry, 'RECORD'))
  fn.branchIf(interpreted, ne(load(record, 2, Record.HANDLER), i32(Handler.REGION)))
  fn.set(4, load(record, 4, Record.IMMEDIATE))
  fn.store(entry, slot, 4, JUMP_CACHE + JumpEntry.SLOT)
  fn.end()
  noteEntered(fn, slot)
  fn.push(budget)
  fn.push(slot)
  fn.returnCallIndirect(INDIRECT_TYPE)
  fn.end()
  fn.store(i32(State.BUDGET), budget, 4)
  fn.push(i32(Why.NEXT))
  return fn
}

/** What stands in the table where a region was that jump cache entries may still name: the interpreter goes on at its head. */
export function goneFunction(): FunctionBuilder {
  const fn = new FunctionBuilder(1, [I32])
  fn.store(i32(State.BUDGET), local(0), 4)
  fn.push(i32(Why.NEXT))
  return fn
}

/** Keeps when the region of a slot was entered last. */
export function noteEntered(fn: FunctionBuilder, slot: Expr): void {
  fn.store(shl(slot, i32(2)), load(i32(REGION_RETIRED + 2), 4), 4, REGION_ENTERED)
}
