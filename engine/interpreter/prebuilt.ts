import { existsSync, readFileSync } from 'node:fs'
import { buildOpcodeTable } from '../isa/encoding.ts'
import type { InstructionSet } from '../isa/description.ts'
import type { CpuModel } from '../vcpu/model.ts'
import { type Interpreter, generateInterpreter } from './generator.ts'

/** Names of the files that the build makes for a CPU model: the module, and its handler numbers by form. */
export const interpreterFiles = (model: string): { wasm: string; handlers: string } => ({
  wasm: `interpreter-${model}.wasm`,
  handlers: `interpreter-${model}.json`,
})

/**
 * The interpreter of a CPU model: as built, or made now where nothing was built (a tenth of a second).
 * @param find path of a built file by its name
 */
export function loadInterpreter(
  isa: InstructionSet,
  model: CpuModel,
  find: (name: string) => string,
): Interpreter {
  const files = interpreterFiles(model.name)
  const [wasm, handlers] = [find(files.wasm), find(files.handlers)]
  if (!existsSync(wasm) || !existsSync(handlers))
    return generateInterpreter(buildOpcodeTable(isa, model.features))
  return {
    wasm: new Uint8Array(readFileSync(wasm)),
    handlers: new Map(JSON.parse(readFileSync(handlers, 'utf8')) as [string, number][]),
  }
}
