import {
  type Expr,
  I32,
  I64,
  V128,
  add,
  and,
  eqz,
  gtU,
  geU,
  i32,
  load,
  local,
  ltS,
  ltU,
  mul,
  select,
  sub,
  vector,
} from '../wasm/expression.ts'
import { FunctionBuilder, type Label } from '../wasm/function-builder.ts'
import { writeModule } from '../wasm/module-writer.ts'
import { Segment, State } from '../isa/state.ts'
import { findPage } from './memory-access.ts'

/** All repetitions of MOVS or STOS at once, for translated code. Each gives 0 where the interpreter has to do them. */
export interface StringMoves {
  /**
   * @param to EDI or DI
   * @param from ESI or SI
   * @param count repetitions
   * @param size bytes of each
   * @param highest address that the pointers can have: FFFFh or FFFFFFFFh
   * @param toSegment state address of a segment cache; 0 for one that covers all of memory
   */
  readonly moveString: (
    to: number,
    from: number,
    count: number,
    size: number,
    highest: number,
    toSegment: number,
    fromSegment: number,
  ) => number
  /** @param word EAX */
  readonly storeString: (
    to: number,
    word: number,
    count: number,
    size: number,
    highest: number,
    toSegment: number,
  ) => number
}

const PAGE = 0x1000
const BLOCK = 16
/** From here on the host's own is faster. */
const LONG = 256
const SPLAT = { 1: 15, 2: 16, 4: 17 } as const

export function buildStringMoves(memory: WebAssembly.Memory): StringMoves {
  const wasm = writeModule({
    imports: [],
    functions: [moveString(), storeString()],
    exports: new Map([
      ['moveString', 0],
      ['storeString', 1],
    ]),
    memoryPages: [1, 65536],
  })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } })
  return exports as unknown as StringMoves
}

function moveString(): FunctionBuilder {
  const fn = new FunctionBuilder(7, Array<typeof I32>(11).fill(I32))
  const [to, from, count, size, highest, toSegment, fromSegment] = [0, 1, 2, 3, 4, 5, 6].map((i) =>
    local(i),
  ) as [Expr, Expr, Expr, Expr, Expr, Expr, Expr]
  const [BYTES, TARGET, SOURCE, SCRATCH] = [7, 8, 9, 10]
  const [bytes, target, source] = [local(BYTES), local(TARGET), local(SOURCE)]
  const slow = fn.block()
  startString(fn, BYTES, count, size, slow)
  findRun(
    fn,
    { linear: TARGET, entry: SCRATCH },
    { offset: to, segment: toSegment, bytes, size, highest },
    'write',
    slow,
  )
  findRun(
    fn,
    { linear: SOURCE, entry: SCRATCH },
    { offset: from, segment: fromSegment, bytes, size, highest },
    'read',
    slow,
  )
  // What is written would be read again.
  const distance = sub(target, source)
  fn.branchIf(slow, and(ltU(distance, bytes), gtU(distance, i32(0))))
  fn.if(and(ltU(bytes, i32(LONG)), geU(sub(source, target), i32(BLOCK))))
  copyShort(fn, TARGET, SOURCE, BYTES)
  fn.else()
  fn.memoryCopy(target, source, bytes)
  fn.end()
  fn.return(i32(1))
  fn.end()
  fn.push(i32(0))
  return fn
}

function storeString(): FunctionBuilder {
  const fn = new FunctionBuilder(6, [...Array<typeof I32>(9).fill(I32), V128])
  const [to, word, count, size, highest, toSegment] = [0, 1, 2, 3, 4, 5].map((i) => local(i)) as [
    Expr,
    Expr,
    Expr,
    Expr,
    Expr,
    Expr,
  ]
  const [BYTES, TARGET, SCRATCH, PATTERN] = [6, 7, 8, 9]
  const [bytes, target, pattern] = [local(BYTES), local(TARGET), local(PATTERN, V128)]
  const slow = fn.block()
  startString(fn, BYTES, count, size, slow)
  findRun(
    fn,
    { linear: TARGET, entry: SCRATCH },
    { offset: to, segment: toSegment, bytes, size, highest },
    'write',
    slow,
  )
  const splat = (width: 1 | 2 | 4): Expr => vector(SPLAT[width], V128, [word])
  const isOf = (width: number): Expr => eqz(sub(size, i32(width)))
  fn.set(PATTERN, select(isOf(4), splat(4), select(isOf(2), splat(2), splat(1))))
  eachBlock(fn, BYTES, () => {
    fn.store(target, pattern, BLOCK)
    fn.set(TARGET, add(target, i32(BLOCK)))
  })
  // The pattern begins anew at each of these.
  rest(fn, bytes, (width) => {
    fn.store(target, width === 8 ? vector(29, I64, [pattern], 0) : vector(27, I32, [pattern], 0), width)
    fn.set(TARGET, add(target, i32(width)))
  })
  fn.return(i32(1))
  fn.end()
  fn.push(i32(0))
  return fn
}

/** Sets the number of bytes. Backwards, and what is longer than a page, is slow. */
function startString(fn: FunctionBuilder, bytes: number, count: Expr, size: Expr, slow: Label): void {
  fn.branchIf(slow, ltS(load(i32(State.DF), 4), i32(0)))
  fn.if(eqz(count))
  fn.return(i32(1))
  fn.end()
  fn.branchIf(slow, gtU(count, i32(PAGE)))
  fn.set(bytes, mul(count, size))
}

interface Stretch {
  readonly offset: Expr
  readonly segment: Expr
  readonly bytes: Expr
  readonly size: Expr
  readonly highest: Expr
}

/** Sets `linear` to where the bytes lie in linear memory. What is not all in one page, and in the segment, is slow. */
function findRun(
  fn: FunctionBuilder,
  at: { linear: number; entry: number },
  { offset, segment, bytes, size, highest }: Stretch,
  access: 'read' | 'write',
  slow: Label,
): void {
  const [count, permission] =
    access === 'read' ? [Segment.READ_COUNT, State.READ_BIT] : [Segment.WRITE_COUNT, State.WRITE_BIT]
  const [linear, entry] = [local(at.linear), local(at.entry)]
  // Offsets do not wrap between.
  fn.branchIf(slow, gtU(sub(bytes, i32(1)), sub(highest, offset)))
  const last = add(offset, sub(bytes, size))
  findPage(fn, at, { offset, segment, count: load(segment, 4, count), size: bytes, last }, slow)
  fn.branchIf(slow, eqz(and(entry, load(i32(permission), 4))))
  fn.set(at.linear, add(linear, and(entry, i32(-PAGE))))
}

/** Does `body` for each whole block, and leaves the bytes that are over. */
function eachBlock(fn: FunctionBuilder, bytes: number, body: () => void): void {
  const done = fn.block()
  const loop = fn.loop()
  fn.branchIf(done, ltU(local(bytes), i32(BLOCK)))
  body()
  fn.set(bytes, sub(local(bytes), i32(BLOCK)))
  fn.branch(loop)
  fn.end()
  fn.end()
}

/** Fewer bytes than a block, by their bits. */
function rest(fn: FunctionBuilder, bytes: Expr, body: (width: 1 | 2 | 4 | 8) => void): void {
  for (const width of [8, 4, 2, 1] as const) {
    fn.if(and(bytes, i32(width)))
    body(width)
    fn.end()
  }
}

function copyShort(fn: FunctionBuilder, to: number, from: number, bytes: number): void {
  const move = (width: number): void => {
    fn.store(local(to), load(local(from), width), width)
    for (const pointer of [to, from]) fn.set(pointer, add(local(pointer), i32(width)))
  }
  eachBlock(fn, bytes, () => move(BLOCK))
  rest(fn, local(bytes), move)
}
