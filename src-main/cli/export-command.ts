import { Command } from 'commander'
import { asShellCommand, qemuCommand } from '../../engine/service/export/qemu-command.ts'
import { openLibrary, print } from './library.ts'

/** `vitrine export`: a machine for another program. */
export function exportCommand(): Command {
  return new Command('export')
    .summary('print how another program runs a machine')
    .description(
      `Prints the command of qemu-system-i386 that runs a machine on the same images; what QEMU does not have in the same
way is told on standard error. Do not run a machine in two programs at once.`,
    )
    .argument('<id>')
    .option('--json', 'print JSON')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const library = await openLibrary()
      const { name } = await library.get(id)
      const command = qemuCommand(name, await library.machineConfig(id))
      if (json) return print(JSON.stringify(command, null, 2))
      for (const line of command.differences) process.stderr.write(`vitrine: ${line}\n`)
      print(asShellCommand(command.words))
    })
}
