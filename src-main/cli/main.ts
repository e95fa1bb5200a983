import type { Worker } from 'node:worker_threads'
import { CommanderError } from 'commander'
import { EXIT } from './exit.ts'
import { createProgram } from './program.ts'
import { errorLine } from './usage-error.ts'

/**
 * Carries a command out.
 * @param prepare gives the thread of a machine that is run
 * @returns the exit status
 */
export async function main(argv: string[], prepare?: () => Worker): Promise<number> {
  let status: number = EXIT.ok
  try {
    const program = await createProgram((result) => (status = result), argv[2], prepare)
    await program.parseAsync(argv)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    process.stderr.write(`vitrine: ${errorLine(error)}\n`)
    return EXIT.usage
  }
  return status
}
