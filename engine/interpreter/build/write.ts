import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildOpcodeTable } from '../../isa/encoding.ts'
import { describeAll } from '../../isa/index.ts'
import { CPU_MODELS } from '../../vcpu/model.ts'
import { generateInterpreter } from '../generator.ts'
import { interpreterFiles } from '../prebuilt.ts'

/** Writes the interpreters of all CPU models into a folder. Run at build time. */
export function writeInterpreters(folder: string): void {
  const isa = describeAll()
  for (const model of Object.values(CPU_MODELS)) {
    const { wasm, handlers } = generateInterpreter(buildOpcodeTable(isa, model.features))
    const files = interpreterFiles(model.name)
    writeFileSync(join(folder, files.wasm), wasm)
    writeFileSync(join(folder, files.handlers), JSON.stringify([...handlers]))
  }
}
