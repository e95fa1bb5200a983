import { type Expr, I32, add, and, callOf, eqz, geU, i32, load, local, ltU, or } from '../wasm/expression.ts'
import type { FunctionBuilder } from '../wasm/function-builder.ts'
import { BOUNCE_LIMIT, Segment } from '../isa/state.ts'
import { FLAT, Import, Local } from './handler-locals.ts'
import { missesTlb, tlbEntry } from './tlb-look.ts'

/** A memory operand of generated code. */
export interface Access {
  /** State address of the segment cache; null for one that covers all of memory. */
  segment: Expr | null
  /** Effective address. */
  address: Expr
  size: number
  write: boolean
  /** What is written is read first. */
  modify?: boolean
}

/**
 * Emits the look into the TLB for an access; all that it does not answer goes to the host.
 * @param record of the instruction
 * @param fault leaves the function: the access has faulted
 * @returns the address in linear memory
 */
export function emitAccess(fn: FunctionBuilder, access: Access, record: Expr, fault: () => void): Expr {
  const { segment, size, write, modify = false } = access
  const effective = fn.let(access.address)
  const slow = fn.block()
  const fast = fn.block()
  if (segment) {
    fn.branchIf(fast, geU(effective, load(segment, 4, write ? Segment.WRITE_COUNT : Segment.READ_COUNT)))
    fn.set(Local.LINEAR, add(effective, load(segment, 4, Segment.BASE)))
  } else fn.set(Local.LINEAR, effective)
  const [linear, entry, host] = [local(Local.LINEAR), local(Local.ENTRY), local(Local.HOST)]
  fn.set(Local.ENTRY, tlbEntry(linear))
  fn.branchIf(fast, missesTlb(entry, local(write ? Local.WRITE_BIT : Local.READ_BIT), linear, size))
  fn.set(Local.HOST, add(linear, and(entry, i32(-0x1000))))
  fn.branch(slow)
  fn.end()
  fn.set(
    Local.HOST,
    callOf(
      Import.ACCESS,
      I32,
      effective,
      segment ?? i32(FLAT),
      i32(size | (write ? 0x100 : 0) | (modify ? 0x200 : 0)),
      record,
      local(Local.BUDGET),
      local(Local.START),
    ),
  )
  fn.if(eqz(host))
  fault()
  fn.end()
  if (write) fn.set(Local.BOUNCED, or(local(Local.BOUNCED), ltU(host, i32(BOUNCE_LIMIT))))
  fn.end()
  return fn.let(host)
}
