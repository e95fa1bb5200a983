import type { Command } from 'commander'
import { addCommand } from './add-command.ts'
import { completionCommand } from './completion.ts'
import { addControlCommands } from './control-commands.ts'
import { exportCommand } from './export-command.ts'
import { importCommand } from './import-command.ts'
import { addLibraryCommands } from './library-commands.ts'
import { manualPage } from './manual.ts'
import { mediaCommand } from './media-command.ts'
import { serveCommand } from './serve-command.ts'
import { snapshotCommand } from './snapshot-command.ts'
import { startCommand } from './start-command.ts'

/** Everything but `run`: what works on the library and on images, and what prints the commands themselves. */
export function addLibraryProgram(
  program: Command,
  add: (command: Command) => void,
  finish: (status: number) => void,
): void {
  add(startCommand(finish))
  addControlCommands(add)
  addLibraryCommands(add)
  add(addCommand())
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
}
