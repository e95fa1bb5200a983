import {
  type Expr,
  add,
  and,
  eq,
  eqz,
  geS,
  i32,
  load,
  local,
  ltU,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
} from '../wasm/expression.ts'
import type { FunctionBuilder, Label } from '../wasm/function-builder.ts'
import {
  Attention,
  MAX_FILLED,
  MAX_GLOBALS,
  State,
  TLB,
  TLB_FILLED,
  TLB_GLOBALS,
  Tlb,
  Walk,
} from '../isa/state.ts'
import { CODE_MAP, PAGE_SHIFT, PAGE_SIZE, RAM_BASE, RAM_MAP } from '../memory/layout.ts'
import { CR0, CR4 } from '../vcpu/cpu-state.ts'
import { PageEntry, PageError } from '../vcpu/page-entry.ts'

/** Locals that the walk works in. */
export interface WalkLocals {
  /** Given: the linear address, its entry of the TLB, the permission wanted there, and whether it is for writing. */
  linear: number
  entry: number
  wanted: number
  write: number
  /** Scratch. */
  directoryAt: number
  directory: number
  leafAt: number
  leaf: number
  page: number
  count: number
}

const OFFSET = PAGE_SIZE - 1
const RAM_PAGE = RAM_BASE >>> PAGE_SHIFT

/**
 * The page walk of an access as Mmu does it, for 4 KiB and 4 MiB pages of RAM whose tables lie in RAM: sets accessed and
 * dirty, fills the TLB, and returns the address in linear memory; or 0 with CR2 and Walk.ERROR_CODE set, which is a page
 * fault. Branches to `unusual` for what it leaves to Mmu.
 */
export function emitPageWalk(fn: FunctionBuilder, at: WalkLocals, unusual: Label): void {
  const [linear, entry] = [local(at.linear), local(at.entry)]
  const [wanted, write] = [local(at.wanted), local(at.write)]
  const [directoryAt, directory] = [local(at.directoryAt), local(at.directory)]
  const [leafAt, leaf, page] = [local(at.leafAt), local(at.leaf), local(at.page)]
  const word = (address: number): Expr => load(i32(address), 4)
  const unless = (condition: Expr): void => fn.branchIf(unusual, eqz(condition))
  const user = and(wanted, i32(Tlb.READ_USER | Tlb.WRITE_USER))

  // An instruction that is run by itself goes the long way, so that both ways can be compared.
  fn.branchIf(unusual, or(word(Walk.BLOCKED), and(word(State.ATTENTION), i32(Attention.STEP))))
  // Paging is bit 31.
  fn.branchIf(unusual, geS(word(State.CR0), i32(0)))
  fn.branchIf(unusual, and(word(State.CR4), i32(CR4.PAE)))
  fn.set(at.directoryAt, or(and(word(State.CR3), i32(~OFFSET)), and(shrU(linear, i32(20)), i32(0xffc))))
  unless(isRam(shrU(directoryAt, i32(PAGE_SHIFT))))
  fn.set(at.directory, load(directoryAt, 4, RAM_BASE))
  const faulted = fn.block()
  const denied = fn.block()
  fn.branchIf(faulted, eqz(and(directory, i32(PageEntry.PRESENT))))
  fn.if(and(and(shrU(directory, i32(3)), word(State.CR4)), i32(CR4.PSE)))
  // A reserved bit, or an address above 4 GiB.
  fn.branchIf(unusual, and(directory, i32(0x3fe000)))
  fn.set(at.leafAt, directoryAt)
  fn.set(at.leaf, directory)
  fn.set(
    at.page,
    or(and(shrU(directory, i32(PAGE_SHIFT)), i32(0xffc00)), and(shrU(linear, i32(PAGE_SHIFT)), i32(0x3ff))),
  )
  fn.else()
  fn.set(at.leafAt, or(and(directory, i32(~OFFSET)), and(shrU(linear, i32(10)), i32(0xffc))))
  unless(isRam(shrU(leafAt, i32(PAGE_SHIFT))))
  fn.set(at.leaf, load(leafAt, 4, RAM_BASE))
  fn.branchIf(faulted, eqz(and(leaf, i32(PageEntry.PRESENT))))
  fn.set(at.page, shrU(leaf, i32(PAGE_SHIFT)))
  fn.end()

  const rights = and(directory, leaf)
  fn.if(user)
  fn.branchIf(denied, eqz(and(rights, i32(PageEntry.USER))))
  fn.end()
  fn.if(write)
  fn.if(eqz(and(rights, i32(PageEntry.WRITABLE))))
  fn.branchIf(denied, or(user, and(word(State.CR0), i32(CR0.WP))))
  fn.end()
  fn.end()

  unless(isRam(page))
  fn.set(at.page, add(page, i32(RAM_PAGE)))
  // A page that holds code is written the slow way, which checks what the write hits.
  fn.if(write)
  fn.branchIf(unusual, holdsCode(page))
  fn.end()
  mark(fn, unusual, directoryAt, directory, i32(PageEntry.ACCESSED))
  // Of a large page that was the leaf, which may be dirty besides.
  const dirty = select(write, i32(PageEntry.ACCESSED | PageEntry.DIRTY), i32(PageEntry.ACCESSED))
  mark(fn, unusual, leafAt, leaf, dirty)

  fn.if(eqz(entry))
  remember(fn, at)
  fn.end()
  const delta = sub(shl(page, i32(PAGE_SHIFT)), and(linear, i32(~OFFSET)))
  const known = select(eq(and(entry, i32(~OFFSET)), delta), entry, delta)
  // What may be written may be read, one bit below.
  const granted = or(wanted, select(write, shrU(wanted, i32(1)), i32(0)))
  fn.store(shl(shrU(linear, i32(PAGE_SHIFT)), i32(2)), or(known, granted), 4, TLB)
  countMiss(fn)
  fn.return(or(shl(page, i32(PAGE_SHIFT)), and(linear, i32(OFFSET))))

  fn.end()
  raise(fn, linear, write, user, PageError.PRESENT)
  fn.end()
  raise(fn, linear, write, user, 0)
}

/** The bit of RAM_MAP for a page; a table above 4 GiB cannot be named. */
function isRam(page: Expr): Expr {
  return and(shrU(load(shrU(page, i32(3)), 1, RAM_MAP), and(page, i32(7))), i32(1))
}

/** Non-zero when a page of linear memory holds decoded code. */
function holdsCode(page: Expr): Expr {
  const at = shl(page, i32(3))
  return or(load(at, 4, CODE_MAP), load(at, 4, CODE_MAP + 4))
}

/** Sets bits of a table's entry that are not set yet. */
function mark(fn: FunctionBuilder, unusual: Label, at: Expr, entry: Expr, bits: Expr): void {
  fn.if(ne(or(entry, bits), entry))
  fn.branchIf(unusual, holdsCode(add(shrU(at, i32(PAGE_SHIFT)), i32(RAM_PAGE))))
  fn.store(at, or(entry, bits), 4, RAM_BASE)
  fn.end()
}

/** Lists the page for the next flush, of global pages or of all. */
function remember(fn: FunctionBuilder, at: WalkLocals): void {
  const count = local(at.count)
  const page = shrU(local(at.linear), i32(PAGE_SHIFT))
  const list = (counter: number, entries: number, most: number): void => {
    fn.set(at.count, load(i32(counter), 4))
    fn.if(ltU(count, i32(most)))
    fn.store(shl(count, i32(2)), page, 4, entries)
    fn.store(i32(counter), add(count, i32(1)), 4)
    fn.end()
  }
  const isGlobal = and(and(shrU(local(at.leaf), i32(1)), load(i32(State.CR4), 4)), i32(CR4.PGE))
  fn.if(isGlobal)
  list(Walk.GLOBALS_COUNT, TLB_GLOBALS, MAX_GLOBALS)
  fn.else()
  list(Walk.FILLED_COUNT, TLB_FILLED, MAX_FILLED)
  fn.end()
}

function countMiss(fn: FunctionBuilder): void {
  fn.store(i32(Walk.MISSES), add(load(i32(Walk.MISSES), 4), i32(1)), 4)
}

function raise(fn: FunctionBuilder, linear: Expr, write: Expr, user: Expr, code: number): void {
  fn.store(i32(State.CR2), linear, 4)
  const ways = or(select(write, i32(PageError.WRITE), i32(0)), select(user, i32(PageError.USER), i32(0)))
  fn.store(i32(Walk.ERROR_CODE), or(ways, i32(code)), 4)
  fn.store(i32(Walk.FAULTED), i32(1), 4)
  countMiss(fn)
  fn.return(i32(0))
}
