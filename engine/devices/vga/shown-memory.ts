import { SHOWN_BASE, VRAM_BASE } from '../../memory/layout.ts'
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
  sub,
  vector,
} from '../../wasm/expression.ts'
import { FunctionBuilder } from '../../wasm/function-builder.ts'
import { writeModule } from '../../wasm/module-writer.ts'

/** Bytes from where to where something is different, `end` excluded. */
export interface Change {
  start: number
  end: number
}

type Compare = (at: number, shown: number, bytes: number) => number

/**
 * Video memory as it was when it was last shown, in the linear memory at the same offsets. Compares by Wasm, sixteen
 * bytes at a time: a line of 1024 pixels whose memory was written is mostly as it was.
 */
export class ShownMemory {
  readonly #compare: Compare
  readonly #copy: (to: number, from: number, bytes: number) => void

  constructor(memory: WebAssembly.Memory) {
    const wasm = writeModule({
      imports: [],
      functions: [compare(), copy()],
      exports: new Map([
        ['compare', 0],
        ['copy', 1],
      ]),
      memoryPages: [1, 65536],
    })
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } })
    this.#compare = exports['compare'] as Compare
    this.#copy = exports['copy'] as ShownMemory['take']
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

  /** All of a line is shown. */
  take(at: number, bytes: number): void {
    this.#copy(SHOWN_BASE + at, VRAM_BASE + at, bytes)
  }
}

const BLOCK = 16
const ANY_TRUE = 83
const XOR = 81

function copy(): FunctionBuilder {
  const fn = new FunctionBuilder(3, [I32, I32, I32], null)
  fn.memoryCopy(local(0), local(1), local(2))
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
