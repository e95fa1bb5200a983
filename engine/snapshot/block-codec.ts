import {
  type Expr,
  type ValueType,
  I32,
  I64,
  add,
  and,
  ctz64,
  eq,
  eqz,
  eqz64,
  geU,
  gtU,
  i32,
  load,
  local,
  ltU,
  mul,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  wrap,
  xor64,
} from '../wasm/expression.ts'
import { FunctionBuilder } from '../wasm/function-builder.ts'
import { writeModule } from '../wasm/module-writer.ts'

/** What is packed at once, at most, in bytes. */
export const MAX_BLOCK_BYTES = 256 * 1024

const INPUT = 64
/** Blocks are read and written in pieces of 16 bytes, beyond their ends as well. */
const SLACK = 64
const OUTPUT = INPUT + MAX_BLOCK_BYTES + SLACK
/** Where a hash of four bytes was last seen, by the hash. */
const SEEN = OUTPUT + MAX_BLOCK_BYTES + SLACK
const HASH_BITS = 13
const SEEN_BYTES = 4 << HASH_BITS
const MEMORY_PAGES = Math.ceil((SEEN + SEEN_BYTES) / 65536)

const MIN_MATCH = 4
const MAX_DISTANCE = 65535
/** The format ends with so many bytes as they are, and has no match begin in the last `NO_MATCH`. */
const LAST_LITERALS = 5
const NO_MATCH = 12
/** After so many bytes without a match (a power of two), one byte more is passed over each time. */
const PATIENCE_BITS = 6

interface Exports {
  pack(from: number, end: number, to: number, limit: number): number
  unpack(from: number, end: number, to: number, limit: number): number
}

/**
 * Packs blocks of memory in the LZ4 block format (lz4_Block_format.md of the LZ4 project): a quarter of what deflating takes,
 * and a fifth of what inflating does. In WebAssembly of its own memory, which nothing that is damaged leads out of.
 */
export class BlockCodec {
  readonly #exports: Exports
  readonly #bytes: Uint8Array

  constructor() {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES, shared: true })
    const module = writeModule({
      imports: [],
      functions: [packer(), unpacker()],
      exports: new Map([
        ['pack', 0],
        ['unpack', 1],
      ]),
      memoryPages: [MEMORY_PAGES, MEMORY_PAGES],
    })
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory } })
    this.#exports = exports as unknown as Exports
    this.#bytes = new Uint8Array(memory.buffer)
  }

  /** @returns null for what does not become shorter by a sixteenth: it is better kept as it is. @param block up to 256 KiB */
  pack(block: Uint8Array): Uint8Array | null {
    this.#bytes.set(block, INPUT)
    const limit = OUTPUT + block.length - (block.length >>> 4)
    const end = this.#exports.pack(INPUT, INPUT + block.length, OUTPUT, limit)
    return end === 0 ? null : this.#bytes.slice(OUTPUT, end)
  }

  /**
   * @returns what was packed, valid until the next call; null when it is damaged, or no block of so many bytes
   * @param bytes up to 256 KiB, as is what is packed
   */
  unpack(packed: Uint8Array, bytes: number): Uint8Array | null {
    if (packed.length > MAX_BLOCK_BYTES || bytes > MAX_BLOCK_BYTES) return null
    this.#bytes.set(packed, INPUT)
    const end = this.#exports.unpack(INPUT, INPUT + packed.length, OUTPUT, OUTPUT + bytes)
    return end === OUTPUT + bytes ? this.#bytes.subarray(OUTPUT, end) : null
  }
}

/** `condition` and `end()` around statements, which read as a loop so. */
function whileSo(fn: FunctionBuilder, condition: () => Expr, body: () => void): void {
  const done = fn.block()
  const again = fn.loop()
  fn.branchIf(done, eqz(condition()))
  body()
  fn.branch(again)
  fn.end()
  fn.end()
}

/** Copies forward from lower to higher addresses in pieces of 16 bytes, up to 15 too many. */
function copyPieces(fn: FunctionBuilder, to: Expr, from: Expr, bytes: Expr, done: number): void {
  fn.set(done, i32(0))
  whileSo(
    fn,
    () => ltU(local(done), bytes),
    () => {
      fn.store(add(to, local(done)), load(add(from, local(done)), 16), 16)
      fn.set(done, add(local(done), i32(16)))
    },
  )
}

/** unpack(from, end, to, limit): where the output ends, or 0 for what is damaged. */
function unpacker(): FunctionBuilder {
  const [FROM, END, TO, LIMIT, TOKEN, LENGTH, BYTE, DISTANCE, DONE, START] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
  const fn = new FunctionBuilder(4, [I32, I32, I32, I32, I32, I32, I32, I32, I32, I32])
  const [from, end, to, limit] = [local(FROM), local(END), local(TO), local(LIMIT)]
  const [token, length, byte, distance] = [local(TOKEN), local(LENGTH), local(BYTE), local(DISTANCE)]
  const damagedIf = (condition: Expr): void => {
    fn.if(condition)
    fn.return(i32(0))
    fn.end()
  }
  const next = (into: number): void => {
    damagedIf(geU(from, end))
    fn.set(into, load(from, 1))
    fn.set(FROM, add(from, i32(1)))
  }
  /** A length of 15 goes on in bytes, the last of which is not 255. */
  const longer = (): void => {
    fn.if(eq(length, i32(15)))
    const again = fn.loop()
    next(BYTE)
    fn.set(LENGTH, add(length, byte))
    fn.branchIf(again, eq(byte, i32(255)))
    fn.end()
    fn.end()
  }

  fn.set(START, to)
  const sequence = fn.loop()
  next(TOKEN)
  fn.set(LENGTH, shrU(token, i32(4)))
  longer()
  damagedIf(or(gtU(length, sub(end, from)), gtU(length, sub(limit, to))))
  copyPieces(fn, to, from, length, DONE)
  fn.set(FROM, add(from, length))
  fn.set(TO, add(to, length))
  // The last sequence has no match.
  fn.if(eq(from, end))
  fn.return(to)
  fn.end()

  damagedIf(ltU(sub(end, from), i32(2)))
  fn.set(DISTANCE, load(from, 2))
  fn.set(FROM, add(from, i32(2)))
  damagedIf(or(eqz(distance), gtU(distance, sub(to, local(START)))))
  fn.set(LENGTH, and(token, i32(15)))
  longer()
  fn.set(LENGTH, add(length, i32(MIN_MATCH)))
  damagedIf(gtU(length, sub(limit, to)))
  // A match that overlaps itself repeats: byte by byte until its source is far enough for whole pieces.
  whileSo(
    fn,
    () => and(ltU(distance, i32(16)), ne(length, i32(0))),
    () => {
      fn.set(DONE, i32(0))
      whileSo(
        fn,
        () => and(ltU(local(DONE), distance), ne(length, i32(0))),
        () => {
          fn.store(to, load(sub(to, distance), 1), 1)
          fn.set(TO, add(to, i32(1)))
          fn.set(LENGTH, sub(length, i32(1)))
          fn.set(DONE, add(local(DONE), i32(1)))
        },
      )
      fn.set(DISTANCE, shl(distance, i32(1)))
    },
  )
  copyPieces(fn, to, sub(to, distance), length, DONE)
  fn.set(TO, add(to, length))
  fn.branch(sequence)
  fn.end()
  fn.unreachable()
  return fn
}

/** pack(from, end, to, limit): where the output ends, or 0 when there is no room for it. */
function packer(): FunctionBuilder {
  const [FROM, END, TO, LIMIT, AT, ANCHOR, MATCH, NEXT, TRIES, SLOT, LENGTH, DONE, TOKEN] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
  ]
  const WIDE = 13
  const fn = new FunctionBuilder(4, [...Array.from({ length: WIDE }, () => I32 as ValueType), I64])
  const [from, end, to, limit] = [local(FROM), local(END), local(TO), local(LIMIT)]
  const [at, anchor, match, next] = [local(AT), local(ANCHOR), local(MATCH), local(NEXT)]
  const [slot, length, token] = [local(SLOT), local(LENGTH), local(TOKEN)]
  const wide = local(WIDE, I64)
  const slotOf = (word: Expr): Expr => shl(shrU(mul(word, i32(-1640531535)), i32(32 - HASH_BITS)), i32(2)) // 2^32 by the golden ratio
  const put = (byte: Expr): void => {
    fn.store(to, byte, 1)
    fn.set(TO, add(to, i32(1)))
  }
  /** What of a length is above 15. */
  const putRest = (): void => {
    whileSo(
      fn,
      () => geU(length, i32(255)),
      () => {
        put(i32(255))
        fn.set(LENGTH, sub(length, i32(255)))
      },
    )
    put(length)
  }
  /** A sequence's literals, from the anchor to `upTo`; its token stands at TOKEN. */
  const putLiterals = (upTo: Expr): void => {
    fn.set(LENGTH, sub(upTo, anchor))
    fn.if(gtU(add(add(to, length), add(shrU(length, i32(7)), i32(16))), limit))
    fn.return(i32(0))
    fn.end()
    fn.set(TOKEN, to)
    fn.store(to, select(ltU(length, i32(15)), shl(length, i32(4)), i32(0xf0)), 1)
    fn.set(TO, add(to, i32(1)))
    fn.if(geU(length, i32(15)))
    fn.set(LENGTH, sub(length, i32(15)))
    putRest()
    fn.set(LENGTH, sub(upTo, anchor))
    fn.end()
    copyPieces(fn, to, anchor, length, DONE)
    fn.set(TO, add(to, length))
  }

  fn.memoryFill(i32(SEEN), i32(0), i32(SEEN_BYTES))
  fn.set(ANCHOR, from)
  fn.set(AT, from)
  const last = fn.block()
  fn.branchIf(last, ltU(sub(end, from), i32(NO_MATCH + 1)))
  const sequence = fn.loop()

  // Look for four bytes that have been seen before.
  fn.set(NEXT, at)
  fn.set(TRIES, i32(1 << PATIENCE_BITS))
  const found = fn.block()
  const look = fn.loop()
  fn.set(AT, next)
  fn.branchIf(last, gtU(at, sub(end, i32(NO_MATCH))))
  fn.set(NEXT, add(at, shrU(local(TRIES), i32(PATIENCE_BITS))))
  fn.set(TRIES, add(local(TRIES), i32(1)))
  fn.set(SLOT, slotOf(load(at, 4)))
  fn.set(MATCH, load(slot, 4, SEEN))
  fn.store(slot, at, 4, SEEN)
  // Nothing was seen at 0, which is not in the input.
  fn.if(and(ne(match, i32(0)), ltU(sub(at, match), i32(MAX_DISTANCE + 1))))
  fn.branchIf(found, eq(load(match, 4), load(at, 4)))
  fn.end()
  fn.branch(look)
  fn.end()
  fn.end()

  // It may have begun earlier.
  const begun = fn.block()
  const back = fn.loop()
  fn.branchIf(begun, or(eq(at, anchor), eq(match, from)))
  fn.branchIf(begun, ne(load(sub(at, i32(1)), 1), load(sub(match, i32(1)), 1)))
  fn.set(AT, sub(at, i32(1)))
  fn.set(MATCH, sub(match, i32(1)))
  fn.branch(back)
  fn.end()
  fn.end()

  putLiterals(at)
  fn.store(to, sub(at, match), 2)
  fn.set(TO, add(to, i32(2)))

  // How long it is, eight bytes at a time, up to the last literals.
  const most = sub(sub(end, i32(LAST_LITERALS)), at)
  fn.set(LENGTH, i32(MIN_MATCH))
  const ended = fn.block()
  const compare = fn.loop()
  fn.branchIf(ended, geU(length, most))
  fn.set(WIDE, xor64(load(add(at, length), 8), load(add(match, length), 8)))
  fn.if(eqz64(wide))
  fn.set(LENGTH, add(length, i32(8)))
  fn.branch(compare)
  fn.end()
  fn.set(LENGTH, add(length, shrU(wrap(ctz64(wide)), i32(3))))
  fn.end()
  fn.end()
  fn.set(LENGTH, select(ltU(length, most), length, most))
  fn.set(AT, add(at, length))
  fn.set(ANCHOR, at)

  fn.set(LENGTH, sub(length, i32(MIN_MATCH)))
  fn.if(gtU(add(add(to, shrU(length, i32(7))), i32(16)), limit))
  fn.return(i32(0))
  fn.end()
  fn.store(token, or(load(token, 1), select(ltU(length, i32(15)), length, i32(15))), 1)
  fn.if(geU(length, i32(15)))
  fn.set(LENGTH, sub(length, i32(15)))
  putRest()
  fn.end()
  // A place within the match, which the next one often refers to.
  fn.store(slotOf(load(sub(at, i32(2)), 4)), sub(at, i32(2)), 4, SEEN)
  fn.branch(sequence)
  fn.end()
  fn.end()

  putLiterals(end)
  fn.push(to)
  return fn
}
