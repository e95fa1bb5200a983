import {
  I32,
  V128,
  add,
  and,
  eq,
  eqz,
  gtU,
  i32,
  load,
  local,
  ltU,
  mul,
  ne,
  shrU,
  vector,
} from '../wasm/expression.ts'
import { FunctionBuilder } from '../wasm/function-builder.ts'
import { writeModule } from '../wasm/module-writer.ts'

/** How many of `elements` pass, from the first on, before one ends the search. */
type Search = (at: number, other: number, elements: number) => number

/** By `searchIndex`. */
export interface StringSearch {
  /** SCAS: `other` is the accumulator. */
  scan: readonly Search[]
  /** CMPS: `other` is an address. */
  compare: readonly Search[]
}

/** @param size of an element, 1, 2 or 4 bytes */
export const searchIndex = (size: number, whileEqual: boolean): number =>
  (size >> 1) * 2 + (whileEqual ? 1 : 0)

const BLOCK = 16
/** Lanes of 1, 2 and 4 bytes: splat, eq, all_true. */
const LANES = new Map([
  [1, { splat: 15, eq: 35, allTrue: 99 }],
  [2, { splat: 16, eq: 45, allTrue: 131 }],
  [4, { splat: 17, eq: 55, allTrue: 163 }],
])
const ANY_TRUE = 83

/** The searches of REPE and REPNE SCAS and CMPS over linear memory, sixteen bytes at a time. */
export function buildStringSearch(memory: WebAssembly.Memory): StringSearch {
  const functions: FunctionBuilder[] = []
  for (const compares of [false, true])
    for (const size of LANES.keys())
      for (const whileEqual of [false, true]) functions.push(search(size, whileEqual, compares))
  const exports = new Map(functions.map((_, index) => [`search${index}`, index]))
  const wasm = writeModule({ imports: [], functions, exports, memoryPages: [1, 65536] })
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } })
  const all = functions.map((_, index) => instance.exports[`search${index}`] as Search)
  return { scan: all.slice(0, all.length / 2), compare: all.slice(all.length / 2) }
}

function search(size: number, whileEqual: boolean, compares: boolean): FunctionBuilder {
  const lanes = LANES.get(size)!
  const fn = new FunctionBuilder(3, [I32, I32, I32, I32, I32, V128])
  const [at, other, elements] = [local(0), local(1), local(2)]
  const [done, bytes, pattern] = [local(3), local(4), local(5, V128)]
  fn.set(4, mul(elements, i32(size)))
  if (!compares) fn.set(5, vector(lanes.splat, V128, [other]))
  const found = fn.block()
  const blocks = fn.loop()
  fn.branchIf(found, gtU(add(done, i32(BLOCK)), bytes))
  const right = compares ? load(add(other, done), BLOCK) : pattern
  const equal = vector(lanes.eq, V128, [load(add(at, done), BLOCK), right])
  fn.branchIf(found, whileEqual ? eqz(vector(lanes.allTrue, I32, [equal])) : vector(ANY_TRUE, I32, [equal]))
  fn.set(3, add(done, i32(BLOCK)))
  fn.branch(blocks)
  fn.end()
  fn.end()
  const end = fn.block()
  const single = fn.loop()
  fn.branchIf(end, eqz(ltU(done, bytes)))
  const mask = size === 4 ? -1 : 2 ** (8 * size) - 1
  const one = compares ? load(add(other, done), size) : and(other, i32(mask))
  fn.branchIf(end, (whileEqual ? ne : eq)(load(add(at, done), size), one))
  fn.set(3, add(done, i32(size)))
  fn.branch(single)
  fn.end()
  fn.end()
  fn.push(shrU(done, i32(size >> 1)))
  return fn
}
