// node scripts/assemble.mjs INPUT.asm OUTPUT.bin [assembler's arguments]: assembles one file with our assembler.
import { resolve } from 'node:path'
import { assembleFile } from './lib/assembler.mjs'

const [input, output, ...rest] = process.argv.slice(2)
if (input === undefined || output === undefined) {
  console.error(
    'usage: node scripts/assemble.mjs INPUT.asm OUTPUT.bin [-D NAME=VALUE] [-I FOLDER] [--symbols FILE]',
  )
  process.exitCode = 1
} else {
  process.exitCode = await assembleFile(resolve(input), resolve(output), rest)
}
