import { I32, and, eq, geS, i32, load, local } from '../wasm/expression.ts'
import { FunctionBuilder } from '../wasm/function-builder.ts'
import { INDIRECT_TYPE } from '../wasm/module-writer.ts'
import { JUMP_CACHE, State } from '../isa/state.ts'
import { isInJumpCache, jumpCacheEntry } from './jump-cache.ts'
import { Handler, Record, Why } from './record.ts'

/**
 * Where a region ends by a jump: (EIP, budget) → why, by a tail call from the region. Goes on in the region there without
 * coming back to the interpreter, so that ways from region to region cost no more than a look into the jump cache. Where
 * there is none, it returns what the region would: Why.NEXT with State.RECORD, or Why.JUMP with State.EIP.
 */
export function chainFunction(): FunctionBuilder {
  const [eip, budget, entry, key] = [local(0), local(1), local(2), local(3)]
  const fn = new FunctionBuilder(2, [I32, I32, I32, I32])
  fn.set(3, load(i32(State.JUMP_KEY), 4))
  fn.set(2, jumpCacheEntry(eip, key))
  fn.if(isInJumpCache(entry, eip, key))
  fn.store(i32(State.EIP_BASE), load(entry, 4, JUMP_CACHE + 12), 4)
  const record = entry
  fn.set(2, load(entry, 4, JUMP_CACHE + 8))
  fn.store(i32(State.RECORD), record, 4)
  fn.if(and(eq(load(record, 2, Record.HANDLER), i32(Handler.REGION)), geS(budget, i32(0))))
  fn.push(budget)
  fn.push(load(record, 4, Record.IMMEDIATE))
  fn.returnCallIndirect(INDIRECT_TYPE)
  fn.end()
  fn.store(i32(State.BUDGET), budget, 4)
  fn.return(i32(Why.NEXT))
  fn.end()
  fn.store(i32(State.BUDGET), budget, 4)
  fn.store(i32(State.EIP), eip, 4)
  fn.push(i32(Why.JUMP))
  return fn
}
