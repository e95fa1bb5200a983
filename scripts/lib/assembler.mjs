import { build } from 'esbuild'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { at, run } from './steps.mjs'

const BUNDLE = at('node_modules/.cache/vitrine/assembler.mjs')

/** Bundles our assembler, which is TypeScript, for plain Node: some 10 ms. */
const bundle = () =>
  build({
    entryPoints: [at('tools/assembler/main.ts')],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    outfile: BUNDLE,
    logLevel: 'error',
  })

/**
 * Assembles a source file of the project into a flat binary.
 * @param args further arguments of the assembler, such as -D NAME=VALUE
 * @returns exit status
 */
export async function assembleFile(source, output, args = []) {
  await bundle()
  mkdirSync(dirname(output), { recursive: true })
  return run(process.execPath, [BUNDLE, source, '-o', output, ...args])
}
