import {
  type Expr,
  I32,
  add,
  and,
  callOf,
  eqz,
  geU,
  gtU,
  i32,
  load,
  local,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  xor,
} from '../wasm/expression.ts'
import { FunctionBuilder, type Label } from '../wasm/function-builder.ts'
import { writeModule } from '../wasm/module-writer.ts'
import { Segment, State, TLB_CHECKED_SHIFT } from '../isa/state.ts'
import { CODE_MAP, CODE_MAP_SHIFT } from '../memory/layout.ts'
import { type WalkLocals, emitPageWalk } from './page-walk.ts'
import { tlbEntry } from './tlb-look.ts'

/** What is to be reached: as many bytes from an offset of a segment on, elements of which begin below `count`. */
interface Reached {
  readonly offset: Expr
  /** State address of its cache; 0 for one that covers all of memory. */
  readonly segment: Expr
  readonly count: Expr
  readonly size: Expr
  /** Offset of the last element, where there is more than one. */
  readonly last?: Expr
}

/** What generated code calls for an access that its own look into the TLB does not answer: see Import.ACCESS. */
type Access = (
  offset: number,
  segment: number,
  kind: number,
  record: number,
  budget: number,
  start: number,
) => number

/**
 * (offset, segment, size) → address in linear memory of a write beside decoded code, 0 for what else the look into the TLB
 * does not answer. The segment is 0 for one that covers all of memory.
 */
type Beside = (offset: number, segment: number, size: number) => number

/**
 * (linear address, size, whether it is for writes too) → address in linear memory where the TLB answers for all of the bytes, which
 * may lie in two pages, else 0.
 */
type Reach = (linear: number, size: number, write: number) => number

const PARAMETERS = 6
const WRITE = 0x100

/**
 * The access of generated code, with the commonest of what is left to it done at once: the page walk, and a write to a
 * page that holds decoded code, where it hits none. Programs of DOS have their stack in such a page.
 */
export function buildMemoryAccess(
  memory: WebAssembly.Memory,
  slow: Access,
): { access: Access; beside: Beside; reach: Reach } {
  const types = Array<typeof I32>(PARAMETERS).fill(I32)
  const wasm = writeModule({
    imports: [{ module: 'runtime', name: 'access', parameters: types, result: I32 }],
    functions: [accessFunction(), besideFunction(), reachFunction()],
    exports: new Map([
      ['access', 0],
      ['beside', 1],
      ['reach', 2],
    ]),
    memoryPages: [1, 65536],
  })
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
    env: { memory },
    runtime: { access: slow },
  })
  return instance.exports as { access: Access; beside: Beside; reach: Reach }
}

function reachFunction(): FunctionBuilder {
  const fn = new FunctionBuilder(3, Array<typeof I32>(5).fill(I32))
  const [linear, size, write, entry, last] = [local(0), local(1), local(2), local(3), local(4)]
  const wanted = or(load(i32(State.READ_BIT), 4), select(write, load(i32(State.WRITE_BIT), 4), i32(0)))
  fn.set(3, tlbEntry(linear))
  fn.set(4, tlbEntry(add(linear, sub(size, i32(1)))))
  // Pages in a row may be in a row in the host's memory too: then what differs is at most what is allowed.
  const lacks = or(and(xor(entry, last), i32(-0x1000)), and(xor(and(entry, last), i32(-1)), wanted))
  fn.push(select(lacks, i32(0), add(linear, and(entry, i32(-0x1000)))))
  return fn
}

function besideFunction(): FunctionBuilder {
  const [linear, entry, place] = [3, 4, 5]
  const fn = new FunctionBuilder(3, Array<typeof I32>(6).fill(I32))
  const [segment, size] = [local(1), local(2)]
  const slow = fn.block()
  const count = load(segment, 4, Segment.WRITE_COUNT)
  findPage(fn, { linear, entry }, { offset: local(0), segment, count, size }, slow)
  const checked = shl(load(i32(State.WRITE_BIT), 4), i32(TLB_CHECKED_SHIFT))
  fn.branchIf(slow, eqz(and(local(entry), checked)))
  returnBesideCode(fn, place, add(local(linear), and(local(entry), i32(-0x1000))), size, slow)
  fn.end()
  fn.push(i32(0))
  return fn
}

function accessFunction(): FunctionBuilder {
  const names = 'linear entry wanted write directoryAt directory leafAt leaf page count'.split(' ')
  const at = Object.fromEntries(names.map((name, i) => [name, PARAMETERS + i])) as unknown as WalkLocals
  const fn = new FunctionBuilder(PARAMETERS, Array<typeof I32>(PARAMETERS + names.length).fill(I32))
  const [segment, kind] = [local(1), local(2)]
  const [linear, entry] = [local(at.linear), local(at.entry)]
  const [wanted, write] = [local(at.wanted), local(at.write)]
  const size = and(kind, i32(0xff))
  const slow = fn.block()
  fn.set(at.write, and(kind, i32(WRITE)))
  const count = select(write, load(segment, 4, Segment.WRITE_COUNT), load(segment, 4, Segment.READ_COUNT))
  findPage(fn, at, { offset: local(0), segment, count, size }, slow)
  fn.set(at.wanted, select(write, load(i32(State.WRITE_BIT), 4), load(i32(State.READ_BIT), 4)))
  // While operands are checked for alignment.
  fn.branchIf(slow, eqz(wanted))
  fn.if(and(write, ne(and(entry, shl(wanted, i32(TLB_CHECKED_SHIFT))), i32(0))))
  returnBesideCode(fn, at.page, add(linear, and(entry, i32(-0x1000))), size, slow)
  fn.end()
  emitPageWalk(fn, at, slow)
  fn.end()
  fn.push(callOf(0, I32, ...Array.from({ length: PARAMETERS }, (_, i) => local(i))))
  return fn
}

/**
 * Sets the linear address of an access, and its entry of the TLB. What lies beyond the segment's count, or in two pages, is
 * slow.
 */
export function findPage(
  fn: FunctionBuilder,
  at: Pick<WalkLocals, 'linear' | 'entry'>,
  { offset, segment, count, size, last = offset }: Reached,
  slow: Label,
): void {
  const linear = local(at.linear)
  fn.set(at.linear, offset)
  fn.if(segment)
  fn.branchIf(slow, geU(last, count))
  fn.set(at.linear, add(offset, load(segment, 4, Segment.BASE)))
  fn.end()
  fn.branchIf(slow, gtU(add(and(linear, i32(0xfff)), size), i32(0x1000)))
  fn.set(at.entry, tlbEntry(linear))
}

/** Returns the place of a write, which is known to be allowed, unless it hits decoded code. */
function returnBesideCode(fn: FunctionBuilder, place: number, to: Expr, size: Expr, slow: Label): void {
  const host = local(place)
  fn.set(place, to)
  const page = shl(shrU(host, i32(12)), i32(3))
  // A page that has lost its code is written directly from the next look on.
  fn.branchIf(slow, eqz(or(load(page, 4, CODE_MAP), load(page, 4, CODE_MAP + 4))))
  fn.branchIf(slow, holdsCode(host))
  fn.branchIf(slow, holdsCode(sub(add(host, size), i32(1))))
  fn.return(host)
}

/** The bit of the code map for a linear-memory address. */
function holdsCode(host: Expr): Expr {
  const piece = shrU(host, i32(CODE_MAP_SHIFT))
  return and(shrU(load(shrU(piece, i32(3)), 1, CODE_MAP), and(piece, i32(7))), i32(1))
}
