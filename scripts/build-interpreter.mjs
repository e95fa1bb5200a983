// Makes the interpreters of all CPU models from the instruction descriptions, and puts the ROM images beside them.
import { build } from 'esbuild'
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { at } from './lib/steps.mjs'

const folder = at('out/engine')
mkdirSync(folder, { recursive: true })
mkdirSync(at('.cache'), { recursive: true })
const script = at('.cache', `interpreter-${process.pid}.mjs`)
await build({
  entryPoints: [at('engine/interpreter/build/write.ts')],
  outfile: script,
  bundle: true,
  platform: 'node',
  format: 'esm',
  logLevel: 'error',
})
const { writeInterpreters } = await import(pathToFileURL(script).href)
rmSync(script)
writeInterpreters(folder)
const roms = at('resources/firmware')
if (existsSync(roms))
  for (const name of readdirSync(roms))
    if (name.endsWith('.bin')) copyFileSync(join(roms, name), join(folder, name))
