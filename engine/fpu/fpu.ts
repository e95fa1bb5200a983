import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FpuExports } from './fpu-exports.ts'

export type { FpuExports } from './fpu-exports.ts'

/** Beside the bundled engine. */
const builtPath = new URL('./fpu.wasm', import.meta.url)

/**
 * The bytes of the FPU module: the built one, or in a working copy one compiled from the present sources.
 */
export function fpuModuleBytes(): Uint8Array<ArrayBuffer> {
  if (existsSync(builtPath)) return new Uint8Array(readFileSync(builtPath))
  const script = fileURLToPath(new URL('../../scripts/build-fpu.mjs', import.meta.url))
  const directory = fileURLToPath(new URL('../../.cache/fpu/module', import.meta.url))
  mkdirSync(directory, { recursive: true })
  const path = execFileSync(process.execPath, [script, directory], { encoding: 'utf8' }).trim()
  return new Uint8Array(readFileSync(path))
}

/**
 * The FPU and SSE arithmetic of one processor, working on its state in the machine's memory
 * (see isa/state.ts). The exports can be called from here or imported by other WebAssembly.
 * @param memory shared, of at least 256 KiB
 */
export function loadFpu(memory: WebAssembly.Memory, bytes = fpuModuleBytes()): FpuExports {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } })
  return instance.exports as unknown as FpuExports
}
