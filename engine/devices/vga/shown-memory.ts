import { LINE_BASE, LINE_BYTES, SHOWN_BASE, VRAM_BASE } from '../../memory/layout.ts'
import {
  I32,
  V128,
  add,
  i32,
  leU,
  load,
  local,
  ltU,
  ne,
  or,
  shl,
  shuffle,
  sub,
  vector,
  zeroVector,
} from '../../wasm/expression.ts'
import { FunctionBuilder } from '../../wasm/function-builder.ts'
import { writeModule } from '../../wasm/module-writer.ts'

/** Bytes from where to where something is different, `end` excluded. */
export interface Change {
  start: number
  end: number
}

type Move = (to: number, from: number, bytes: number) => void
type Compare = (at: number, shown: number, bytes: number) => number
type Clear = (at: number, bytes: number) => void

/**
 * Video memory as it was when it was last shown, in the linear memory at the same offsets. Compares by Wasm, sixteen
 * bytes at a time: a line of 1024 pixels whose memory was written is mostly as it was.
 */
export class ShownMemory {
  readonly #compare: Compare
  readonly #copy: Move
  readonly #swap: Move
  readonly #clear: Clear
  /** Room for a line, and what the last one took of it. */
  readonly #line: Uint32Array
  #part: Uint32Array

  constructor(memory: WebAssembly.Memory) {
    const wasm = writeModule({
      imports: [],
      functions: [compare(), copy(), swap(), clear()],
      exports: new Map([
        ['compare', 0],
        ['copy', 1],
        ['swap', 2],
        ['clear', 3],
      ]),
      memoryPages: [1, 65536],
    })
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } })
    this.#compare = exports['compare'] as Compare
    this.#copy = exports['copy'] as Move
    this.#swap = exports['swap'] as Move
    this.#clear = exports['clear'] as Clear
    this.#line = new Uint32Array(memory.buffer, LINE_BASE, LINE_BYTES >> 2)
    this.#part = this.#line.subarray(0, 1)
  }

  /**
   * What differs of a line from what was shown of it, which is now shown; null for nothing.
   * @param at offset in video memory
   * @param bytes at most 65535
   */
  takeChange(at: number, bytes: number): Change | null {
    const found = this.#compare(VRAM_BASE + at, SHOWN_BASE + at, bytes)
    return found === 0 ? null : { start: found & 0xffff, end: found >>> 16 }
  }

  /**
   * Pixels of 32 bits as the picture has them.
   * @param at offset in video memory, of as many pixels as go into `out`, at most 8192
   */
  readPixels(at: number, out: Uint32Array): void {
    // Words of shared memory are copied one by one, eight bytes each only where both sides are aligned alike.
    const first = (out.byteOffset >> 2) & 1
    this.#swap(LINE_BASE + 4 * first, VRAM_BASE + at, 4 * out.length)
    if (this.#part.length !== out.length || this.#part.byteOffset !== LINE_BASE + 4 * first)
      this.#part = this.#line.subarray(first, first + out.length)
    out.set(this.#part)
  }

  /** All of a line is shown. */
  take(at: number, bytes: number): void {
    this.#copy(SHOWN_BASE + at, VRAM_BASE + at, bytes)
  }

  /** Zeros from an offset in video memory on; typed arrays would do it element by element. */
  clear(at: number, bytes: number): void {
    this.#clear(VRAM_BASE + at, bytes)
  }
}

const BLOCK = 16
const ANY_TRUE = 83
const XOR = 81
const NOT = 77
/** Red and blue change places, and what is no colour is opaque: from the second vector, all of whose bits are set. */
const RGBA_LANES = [2, 1, 0, 16, 6, 5, 4, 16, 10, 9, 8, 16, 14, 13, 12, 16]

/** Blue, green and red in the low bytes become red, green, blue and opaque; a block of four pixels may be too many. */
function swap(): FunctionBuilder {
  const [TO, FROM, BYTES, AT, ONES] = [0, 1, 2, 3, 4]
  const fn = new FunctionBuilder(3, [I32, I32, I32, I32, V128], null)
  const at = local(AT)
  fn.set(ONES, vector(NOT, V128, [zeroVector]))
  const loop = fn.loop()
  const pixels = load(add(local(FROM), at), BLOCK)
  fn.store(add(local(TO), at), shuffle(pixels, local(ONES, V128), RGBA_LANES), BLOCK)
  fn.set(AT, add(at, i32(BLOCK)))
  fn.branchIf(loop, ltU(at, local(BYTES)))
  fn.end()
  return fn
}

function copy(): FunctionBuilder {
  const fn = new FunctionBuilder(3, [I32, I32, I32], null)
  fn.memoryCopy(local(0), local(1), local(2))
  return fn
}

function clear(): FunctionBuilder {
  const fn = new FunctionBuilder(2, [I32, I32], null)
  fn.memoryFill(local(0), i32(0), local(1))
  return fn
}

/**
 * Goes from both ends inwards, in blocks and then in bytes, copies what lies between, and gives its start with its end
 * in the upper half; 0 when all is alike.
 */
function compare(): FunctionBuilder {
  const [AT, SHOWN, END, START] = [0, 1, 2, 3]
  const fn = new FunctionBuilder(3, [I32, I32, I32, I32])
  const [at, shown, end, start] = [local(AT), local(SHOWN), local(END), local(START)]
  const differ = (offset: typeof at, size: number) => {
    const [now, before] = [load(add(at, offset), size), load(add(shown, offset), size)]
    return size === BLOCK ? vector(ANY_TRUE, I32, [vector(XOR, V128, [now, before])]) : ne(now, before)
  }
  for (const size of [BLOCK, 1]) {
    const stop = fn.block()
    const loop = fn.loop()
    fn.branchIf(stop, ltU(end, add(start, i32(size))))
    fn.branchIf(stop, differ(start, size))
    fn.set(START, add(start, i32(size)))
    fn.branch(loop)
    fn.end()
    fn.end()
  }
  fn.if(leU(end, start))
  fn.return(i32(0))
  fn.end()
  for (const size of [BLOCK, 1]) {
    const stop = fn.block()
    const loop = fn.loop()
    fn.branchIf(stop, ltU(end, add(start, i32(size))))
    fn.branchIf(stop, differ(sub(end, i32(size)), size))
    fn.set(END, sub(end, i32(size)))
    fn.branch(loop)
    fn.end()
    fn.end()
  }
  fn.memoryCopy(add(shown, start), add(at, start), sub(end, start))
  fn.push(or(start, shl(end, i32(16))))
  return fn
}
