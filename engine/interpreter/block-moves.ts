import { I32, V128, add, i32, local, ltU, sub, vector } from '../wasm/expression.ts'
import { FunctionBuilder } from '../wasm/function-builder.ts'
import { writeModule } from '../wasm/module-writer.ts'

/** Copies and fills within linear memory. */
export interface BlockMoves {
  /** As if all bytes were read before the first is written. */
  copy(to: number, from: number, bytes: number): void
  /** Repeats the bytes of a word, lowest first; `bytes` is 16 or more. */
  fill(to: number, word: number, bytes: number): void
}

const BLOCK = 16
const SPLAT_WORD = 17

/**
 * By WebAssembly, since methods of typed arrays take shared memory for something that others look at while they
 * work: `copyWithin` moves it byte by byte where the two sides are not aligned alike, at a tenth of the speed.
 */
export function buildBlockMoves(memory: WebAssembly.Memory): BlockMoves {
  const wasm = writeModule({
    imports: [],
    functions: [copy(), fill()],
    exports: new Map([
      ['copy', 0],
      ['fill', 1],
    ]),
    memoryPages: [1, 65536],
  })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } })
  return exports as unknown as BlockMoves
}

function copy(): FunctionBuilder {
  const fn = new FunctionBuilder(3, [I32, I32, I32], null)
  fn.memoryCopy(local(0), local(1), local(2))
  return fn
}

/** Whole blocks, then one that ends where the last byte is: the pattern's phase is the same there. */
function fill(): FunctionBuilder {
  const [TO, WORD, LAST, PATTERN] = [0, 1, 2, 3]
  const fn = new FunctionBuilder(3, [I32, I32, I32, V128], null)
  const to = local(TO)
  const last = local(LAST)
  fn.set(LAST, sub(add(to, last), i32(BLOCK)))
  fn.set(PATTERN, vector(SPLAT_WORD, V128, [local(WORD)]))
  const pattern = local(PATTERN, V128)
  const done = fn.block()
  const loop = fn.loop()
  fn.branchIf(done, ltU(last, to))
  fn.store(to, pattern, BLOCK)
  fn.set(TO, add(to, i32(BLOCK)))
  fn.branch(loop)
  fn.end()
  fn.end()
  fn.store(last, pattern, BLOCK)
  return fn
}
