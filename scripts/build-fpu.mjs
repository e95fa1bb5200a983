// Builds the FPU module: node scripts/build-fpu.mjs [directory for fpu.wasm, by default out/engine]
import { build } from 'esbuild'
import { copyFileSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Compiles what changed and puts fpu.wasm into a directory. @returns its path */
export async function buildFpu(directory = join(root, 'out/engine')) {
  const cache = join(root, '.cache/fpu')
  mkdirSync(cache, { recursive: true })
  // Node 20 does not read TypeScript: the compile step is bundled first.
  const script = join(cache, `compile-${process.pid}.mjs`)
  await build({
    entryPoints: [join(root, 'engine/fpu/build/compile.ts')],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  })
  const { compileFpu } = await import(pathToFileURL(script).href)
  rmSync(script)
  const compiled = await compileFpu(join(root, 'engine/fpu/assembly'), cache)
  mkdirSync(directory, { recursive: true })
  const target = join(directory, 'fpu.wasm')
  // Other processes may be reading it just now.
  copyFileSync(compiled, `${target}.${process.pid}`)
  renameSync(`${target}.${process.pid}`, target)
  return target
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  console.log(await buildFpu(process.argv[2]))
