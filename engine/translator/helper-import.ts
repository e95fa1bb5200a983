import { F32, F64, I32, I64, V128, type ValueType } from '../wasm/expression.ts'
import type { FunctionImport } from '../wasm/module-writer.ts'

const LETTERS: readonly [letter: string, type: ValueType][] = [
  ['i', I32],
  ['l', I64],
  ['f', F32],
  ['d', F64],
  ['v', V128],
]
const letterOf = (type: ValueType): string => LETTERS.find((entry) => entry[1] === type)![0]
const typeOf = (letter: string): ValueType => LETTERS.find((entry) => entry[0] === letter)![1]

/** A function of the FPU module with its types: "addDouble/lil/l". */
export const signed = (name: string, parameters: readonly ValueType[], result: ValueType): string =>
  `${name}/${parameters.map(letterOf).join('')}/${letterOf(result)}`

/** Where a region goes when it is left by a jump (interpreter/chain.ts). */
export const CHAIN = signed('chain', [I32, I32], I32)
/** Where it writes beside code (interpreter/memory-access.ts). */
export const BESIDE = signed('beside', [I32, I32, I32], I32)

/** The look into the TLB by itself (interpreter/memory-access.ts). */
export const REACH = signed('reach', [I32, I32, I32], I32)
/** Repeated MOVS and STOS (interpreter/string-moves.ts). */
export const MOVE_STRING = signed('moveString', Array<ValueType>(7).fill(I32), I32)
export const STORE_STRING = signed('storeString', Array<ValueType>(6).fill(I32), I32)
/** Ports and the time-stamp counter (interpreter/runtime-calls.ts). */
export const READ_PORT = signed('readPort', [I32, I32], I32)
export const WRITE_PORT = signed('writePort', [I32, I32, I32], I32)
export const TIME_STAMP = signed('timeStamp', [], I32)

/** Of the interpreter; all others are the FPU module's. */
const INTERPRETERS: ReadonlySet<string> = new Set([
  CHAIN,
  BESIDE,
  REACH,
  MOVE_STRING,
  STORE_STRING,
  READ_PORT,
  WRITE_PORT,
  TIME_STAMP,
])

/** The import of such a function. */
export function helperImport(signature: string): FunctionImport {
  const [name, parameters, result] = signature.split('/')
  return {
    module: INTERPRETERS.has(signature) ? 'interpreter' : 'fpu',
    name: name!,
    parameters: [...parameters!].map(typeOf),
    result: typeOf(result!),
  }
}
