import type { Worker } from 'node:worker_threads'
import { Command } from 'commander'
import { version } from '../host/locations.ts'
import { prepareMachine } from './prepare-machine.ts'
import { runCommand } from './run-command.ts'

/**
 * The whole command line; help, manual page and completion of shells all come from these definitions.
 * @param finish told with which status to exit, when that is not 0
 * @param wanted the command that is to be carried out: `run` starts sooner without the others
 * @param prepare gives the thread of a machine that is run
 */
export async function createProgram(
  finish: (status: number) => void,
  wanted?: string,
  prepare: () => Worker = prepareMachine,
): Promise<Command> {
  const program = new Command('vitrine')
    .description('A glass case for old computers: virtual PCs that run in their own program.')
    .version(version())
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'vitrine: ')) })
  const add = (command: Command) => program.addCommand(command.copyInheritedSettings(program))
  const run = runCommand(finish, prepare)
  add(run)
  if (wanted === run.name()) return program
  const { addLibraryProgram } = await import('./library-program.ts')
  addLibraryProgram(program, add, finish)
  return program
}
