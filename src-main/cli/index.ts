#!/usr/bin/env node
import { CommanderError } from 'commander'
import { createProgram } from './program.ts'
import { EXIT } from './exit.ts'
import { errorLine } from './usage-error.ts'

/** @returns the exit status */
async function main(argv: string[]): Promise<number> {
  let status: number = EXIT.ok
  try {
    const program = await createProgram((result) => (status = result), argv[2])
    await program.parseAsync(argv)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    process.stderr.write(`vitrine: ${errorLine(error)}\n`)
    return EXIT.usage
  }
  return status
}

// A reader that goes away (vitrine … | head) is no error of ours.
process.stdout.on('error', () => process.exit(EXIT.ok))
process.exitCode = await main(process.argv)
// Sockets and terminals of the run may still be open; what was written to them is out by then.
if (process.stdout.writableLength) process.stdout.once('drain', () => process.exit())
else process.exit()
