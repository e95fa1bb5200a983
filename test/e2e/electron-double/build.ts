import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

/** Bundles the double. @returns the file to `--import` so that `electron` means the double */
export async function buildElectronDouble(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const source = (name: string) => join(import.meta.dirname, name)
  await build({
    entryPoints: { electron: source('electron.ts'), child: source('child.ts') },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['ws'],
    logLevel: 'error',
  })
  const hook = `
    const double = new URL('electron.mjs', ${JSON.stringify(`file://${folder}/`)}).href
    export const resolve = (name, context, next) => name === 'electron' ? { url: double, shortCircuit: true } : next(name, context)
  `
  const register = join(folder, 'register.mjs')
  await writeFile(
    register,
    `import { register } from 'node:module'\nregister('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}))\n`,
  )
  return register
}
