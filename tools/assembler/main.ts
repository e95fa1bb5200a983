import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { assemble } from './assemble.ts'
import { hostFiles } from './host-files.ts'
import { AssemblyError } from './lexer.ts'

const USAGE = `usage: assembler INPUT.asm -o OUTPUT.bin [-D NAME=VALUE] [-I FOLDER] [--symbols FILE]`

/** @returns the exit status of the program */
function main(args: string[]): number {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      define: { type: 'string', short: 'D', multiple: true, default: [] },
      include: { type: 'string', short: 'I', multiple: true, default: [] },
      symbols: { type: 'string' },
    },
  })
  const [input] = positionals
  if (input === undefined || values.output === undefined) {
    console.error(USAGE)
    return 1
  }
  const defines = new Map(
    values.define.map((text) => {
      const [name = '', value = '1'] = text.split('=', 2)
      return [name, value] as const
    }),
  )
  const { bytes, symbols } = assemble(input, hostFiles(values.include), defines)
  writeFileSync(values.output, bytes)
  if (values.symbols !== undefined) {
    const lines = [...symbols].map(([name, value]) => `${BigInt.asUintN(32, value).toString(16)} ${name}\n`)
    writeFileSync(values.symbols, lines.join(''))
  }
  return 0
}

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  const known = error instanceof AssemblyError || (error instanceof Error && 'code' in error)
  if (!known) throw error
  console.error(error.message)
  process.exitCode = 1
}
