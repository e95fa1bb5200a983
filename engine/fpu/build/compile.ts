/** Compiles the AssemblyScript of the FPU module; used by the build and, on demand, by the loader. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FPU_DATA, State } from '../../isa/state.ts'
import { fpuTables } from './tables.ts'

/** What asc is given: addresses and tables are made from the sources that own them, never written twice. */
function generatedSources(): Record<string, string> {
  const layout = Object.entries(State)
    .map(([name, address]) => `export const ${name}: usize = ${address}`)
    .join('\n')
  return { 'layout.ts': `${layout}\n`, 'tables.ts': fpuTables() }
}

function sources(directory: string): Record<string, string> {
  const files: Record<string, string> = generatedSources()
  for (const name of readdirSync(directory).sort())
    if (name.endsWith('.ts') && !(name in files)) files[name] = readFileSync(join(directory, name), 'utf8')
  return files
}

interface CompilerOutput {
  error: Error | null
  stderr: { toString(): string }
}

/**
 * Compiles `directory` into one module unless `cache` already holds the module of just these sources.
 * @returns the path of the module. Throws with the compiler's messages when it refuses the sources.
 */
export async function compileFpu(directory: string, cache: string): Promise<string> {
  const files = sources(directory)
  const options = [
    'index.ts', '--outFile', 'fpu.wasm', '-O3', '--converge', '--runtime', 'stub', '--importMemory',
    '--sharedMemory', '--initialMemory', '4', '--maximumMemory', '65536', '--memoryBase', String(FPU_DATA),
    '--enable', 'simd', '--enable', 'threads', '--disableWarning',
  ] // prettier-ignore
  const hash = createHash('sha256').update(JSON.stringify([files, options])).digest('hex').slice(0, 16)
  const path = join(cache, `fpu-${hash}.wasm`)
  if (existsSync(path)) return path

  const asc = (await import('assemblyscript/asc')) as {
    main(options: string[], io: Record<string, unknown>): Promise<CompilerOutput>
  }
  let binary: Uint8Array | undefined
  const { error, stderr } = await asc.main(options, {
    readFile: (name: string) => files[name.replace(/^\.\//, '')] ?? null,
    writeFile: (name: string, contents: Uint8Array) => {
      if (name.endsWith('.wasm')) binary = contents
    },
    listFiles: () => [],
  })
  if (error !== null || binary === undefined) throw new Error(`fpu: ${error?.message ?? 'nothing came out'}\n${stderr.toString()}`)
  // Several processes may build at once: each writes its own file and moves it into place.
  mkdirSync(dirname(path), { recursive: true })
  const own = `${path}.${process.pid}`
  writeFileSync(own, binary)
  renameSync(own, path)
  return path
}
