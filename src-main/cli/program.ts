import { Command } from 'commander'
import { version } from '../host/locations.ts'
import { addControlCommands } from './control-commands.ts'
import { completionCommand } from './completion.ts'
import { addLibraryCommands } from './library-commands.ts'
import { exportCommand } from './export-command.ts'
import { importCommand } from './import-command.ts'
import { manualPage } from './manual.ts'
import { mediaCommand } from './media-command.ts'
import { runCommand } from './run-command.ts'
import { serveCommand } from './serve-command.ts'
import { snapshotCommand } from './snapshot-command.ts'
import { startCommand } from './start-command.ts'

/**
 * The whole command line; help, manual page and completion of shells all come from these definitions.
 * @param finish told with which status to exit, when that is not 0
 */
export function createProgram(finish: (status: number) => void): Command {
  const program = new Command('vitrine')
    .description('A glass case for old computers: virtual PCs that run in their own program.')
    .version(version())
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'vitrine: ')) })
  const add = (command: Command) => program.addCommand(command.copyInheritedSettings(program))
  add(runCommand(finish))
  add(startCommand(finish))
  addControlCommands(add)
  addLibraryCommands(add)
  add(importCommand())
  add(exportCommand())
  add(mediaCommand(finish))
  add(snapshotCommand())
  add(serveCommand())
  add(completionCommand(program))
  // For the build, which puts the page beside the programs.
  program
    .command('manual', { hidden: true })
    .summary('print the manual page')
    .action(() => void process.stdout.write(manualPage(program)))
  return program
}
