import { resolve } from 'node:path'
import { Command } from 'commander'
import * as v from 'valibot'
import { findIssue, withFiles } from '../../engine/protocol/machine-config.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { VmLibrary } from '../host/library.ts'
import { libraryFolder } from '../host/locations.ts'
import { serve } from '../web/serve.ts'
import { planRun, type DriveArgument } from './run-options.ts'
import { inputFiles } from './run-options.ts'
import { checkInputFile } from './input-file.ts'
import { run } from './runner.ts'
import { UsageError } from './usage-error.ts'

interface CreateOptions {
  memory?: string
  floppy?: string
  disk?: string
  cdrom?: string
  json?: boolean
}

async function openLibrary(): Promise<VmLibrary> {
  const library = new VmLibrary(libraryFolder())
  await library.open()
  return library
}

const print = (line: string): void => void process.stdout.write(line + '\n')

async function list({ json }: { json?: boolean }): Promise<void> {
  const entries = await (await openLibrary()).list()
  if (json) return print(JSON.stringify(entries, null, 2))
  if (!entries.length) return print('There are no machines in the library.')
  for (const entry of entries)
    print(
      'record' in entry
        ? `${entry.id}\t${entry.record.name}`
        : `${entry.id}\t(inaccessible: ${entry.problem})`,
    )
}

async function create(name: string, options: CreateOptions): Promise<void> {
  const drives: DriveArgument[] = (['floppy', 'disk', 'cdrom'] as const).flatMap((kind) => {
    const text = options[kind]
    return text === undefined ? [] : [{ kind, text }]
  })
  const plan = planRun({ drives, ...(options.memory !== undefined && { memory: options.memory }) })
  for (const file of inputFiles(plan)) await checkInputFile(file)
  const record = { version: 1, name, machine: withFiles(plan.config, (path) => resolve(path)) }
  const issue = findIssue(VmRecord, record)
  if (issue !== null) throw new UsageError(issue)
  const id = await (await openLibrary()).create(v.parse(VmRecord, record))
  print(options.json ? JSON.stringify({ id }) : id)
}

async function show(id: string, { json }: { json?: boolean }): Promise<void> {
  const record = await (await openLibrary()).get(id)
  if (json) return print(JSON.stringify({ id, ...record }, null, 2))
  const { name, machine } = record
  print(`${name}\n  memory  ${machine.memoryMiB} MiB\n  CPU     ${machine.cpuModel}`)
  for (const { kind, path, readonly } of machine.drives)
    print(`  ${kind.padEnd(7)} ${path ?? 'empty'}${readonly ? ' (read only)' : ''}`)
}

async function start(id: string, { display }: { display?: string }): Promise<number> {
  const library = await openLibrary()
  const plan = planRun({ drives: [], display: display ?? 'web' })
  return run({ ...plan, config: await library.machineConfig(id) })
}

export function addLibraryCommands(add: (command: Command) => void, finish: (status: number) => void): void {
  add(
    new Command('serve')
      .summary('offer the library as a web page of this computer')
      .description('Serves the manager as a web page, until it is interrupted.')
      .option('--port <PORT>', 'port to listen on; 0 for a free one', '0')
      .option('--host <ADDRESS>', 'address to listen on', '127.0.0.1')
      .option('--open', 'open the browser')
      .action(async ({ port, host, open }: { port: string; host: string; open?: boolean }) => {
        if (!/^\d{1,5}$/.test(port) || Number(port) > 65535)
          throw new UsageError(`--port ${port}: it is not a port`)
        await serve({ port: Number(port), host, openBrowser: open ?? false })
      }),
  )
  add(
    new Command('list')
      .summary('list the machines of the library')
      .option('--json', 'print JSON')
      .action((options: { json?: boolean }) => list(options)),
  )
  add(
    new Command('create')
      .summary('add a machine to the library')
      .argument('<name>')
      .option('--memory <MIB>', 'guest memory in MiB')
      .option('--floppy <FILE>', 'floppy image')
      .option('--disk <FILE>', 'hard disk image')
      .option('--cdrom <FILE>', 'ISO file')
      .option('--json', 'print JSON')
      .action((name: string, options: CreateOptions) => create(name, options)),
  )
  add(
    new Command('show')
      .summary('show a machine of the library')
      .argument('<id>')
      .option('--json', 'print JSON')
      .action((id: string, options: { json?: boolean }) => show(id, options)),
  )
  add(
    new Command('start')
      .summary('run a machine of the library in this process')
      .argument('<id>')
      .option('--display <KIND>', 'web (default) or none')
      .action(async (id: string, options: { display?: string }) => finish(await start(id, options))),
  )
  add(
    new Command('delete')
      .summary('remove a machine and its folder from the library')
      .argument('<id>')
      .action(async (id: string) => void (await (await openLibrary()).remove(id))),
  )
}
