import { resolve } from 'node:path'
import { Command } from 'commander'
import * as v from 'valibot'
import { findIssue, withFiles } from '../../engine/protocol/machine-config.ts'
import { inWords } from '../../engine/protocol/reasons.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'
import type { Preset } from '../../engine/protocol/preset.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'
import { openControl } from '../host/control-socket.ts'
import type { LibraryEntry, VmLibrary } from '../host/library.ts'
import { loadPresets } from '../host/presets.ts'
import { LibrarySnapshots } from '../host/snapshots.ts'
import { VmLock } from '../host/vm-lock.ts'
import { asJson } from '../../engine/protocol/as-json.ts'
import { stateWithoutControl } from './control-commands.ts'
import { openLibrary, print, whileLocked } from './library.ts'
import { inputFiles, planRun, type DriveArgument } from './run-options.ts'
import { checkInputFile } from './input-file.ts'
import { SETTABLE, withSettings } from './set-options.ts'
import { UsageError } from './usage-error.ts'

interface CreateOptions {
  preset?: string
  memory?: string
  floppy?: string
  disk?: string
  cdrom?: string
  json?: boolean
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const library = await openLibrary()
  const entries = await Promise.all(
    (await library.list()).map(async (entry) => ({ ...entry, state: await stateOf(library, entry) })),
  )
  if (json) return print(asJson(entries))
  if (!entries.length) return print('There are no machines in the library.')
  for (const entry of entries)
    print(
      'record' in entry
        ? `${entry.id}\t${entry.record.name}\t${entry.state}`
        : `${entry.id}\t(inaccessible: ${inWords(entry.problem)})`,
    )
}

/** What a machine does, as whoever runs it says. */
async function stateOf(library: VmLibrary, entry: LibraryEntry): Promise<string> {
  if ('problem' in entry) return 'inaccessible'
  const folder = library.folderOf(entry.id)
  const control = await openControl(folder).catch(() => null)
  if (!control) return stateWithoutControl(library, entry.id)
  try {
    return (await control.call('state', undefined)).state
  } catch {
    return stateWithoutControl(library, entry.id) // it has ended meanwhile
  } finally {
    control.close()
  }
}

async function create(name: string, options: CreateOptions): Promise<void> {
  const drives: DriveArgument[] = (['floppy', 'disk', 'cdrom'] as const).flatMap((kind) => {
    const text = options[kind]
    return text === undefined ? [] : [{ kind, text }]
  })
  const plan = planRun({ drives, ...(options.memory !== undefined && { memory: options.memory }) })
  for (const file of inputFiles(plan)) await checkInputFile(file)
  const preset = presetNamed(options.preset)
  if (preset) {
    const { memoryMiB, cpuModel, knobs } = preset
    Object.assign(plan.config, {
      memoryMiB: options.memory === undefined ? memoryMiB : plan.config.memoryMiB,
      cpuModel,
      knobs,
      boot: preset.boot.filter((kind) => kind !== 'disk' || options.disk !== undefined),
    })
  }
  const record = {
    version: 1,
    name,
    icon: preset?.icon ?? 'pc',
    machine: withFiles(plan.config, (path) => resolve(path)),
  }
  const issue = findIssue(VmRecord, record)
  if (issue !== null) throw new UsageError(issue)
  const id = await (await openLibrary()).create(v.parse(VmRecord, record))
  print(options.json ? JSON.stringify({ id }) : id)
}

/** Throws `UsageError` with the presets that there are. */
function presetNamed(id: string | undefined): Preset | null {
  if (id === undefined) return null
  const presets = loadPresets()
  const found = presets.find((preset) => preset.id === id)
  if (!found) throw new UsageError(`--preset ${id}: it is one of ${presets.map((of) => of.id).join(', ')}`)
  return found
}

async function set(id: string, settings: string[], { json }: { json?: boolean }): Promise<void> {
  const library = await openLibrary()
  const record = withSettings(await library.get(id), settings)
  // Who runs it has its settings in hand, and would write over these.
  await whileLocked(library, id, () => library.update(id, record))
  if (json) print(JSON.stringify({ id, ...record }, null, 2))
}

async function clone(
  id: string,
  name: string,
  { linked, json }: { linked?: boolean; json?: boolean },
): Promise<void> {
  const library = await openLibrary()
  const copy = await whileLocked(library, id, () =>
    new LibrarySnapshots(library).clone(id, null, name, linked ? 'linked' : 'full'),
  )
  print(json ? JSON.stringify({ id: copy }) : copy)
}

async function remove(
  id: string,
  { keepFiles, json }: { keepFiles?: boolean; json?: boolean },
): Promise<void> {
  const library = await openLibrary()
  if (!(await library.read(id))) throw new RpcError('vm-unknown', { id })
  await new LibrarySnapshots(library).checkUnused(id)
  await (await VmLock.take(library.folderOf(id), id)).release()
  const place = await library.remove(id, keepFiles ? 'keep' : 'delete')
  if (!keepFiles) await library.purge(id)
  if (json) print(JSON.stringify({ id, folder: keepFiles ? place : null }))
  else if (keepFiles) print(place)
}

async function show(id: string, { json }: { json?: boolean }): Promise<void> {
  const record = await (await openLibrary()).get(id)
  if (json) return print(JSON.stringify({ id, ...record }, null, 2))
  const { name, machine } = record
  print(`${name}\n  memory  ${machine.memoryMiB} MiB\n  CPU     ${machine.cpuModel}`)
  for (const { kind, path, readonly } of machine.drives)
    print(`  ${kind.padEnd(7)} ${path ?? 'empty'}${readonly ? ' (read only)' : ''}`)
}

export function addLibraryCommands(add: (command: Command) => void): void {
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
      .option('--preset <NAME>', 'made for a system, e.g. dos-6 or windows-98; see vitrine presets')
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
    new Command('delete')
      .summary('remove a machine from the library')
      .argument('<id>')
      .option('--keep-files', 'keep its folder, and print where it is')
      .option('--json', 'print JSON')
      .action((id: string, options: { keepFiles?: boolean; json?: boolean }) => remove(id, options)),
  )
  add(
    new Command('set')
      .summary('change settings of a machine that is off')
      .argument('<id>')
      .argument('<NAME=VALUE...>', `NAME is one of ${SETTABLE.join(', ')}; an empty value takes one away`)
      .option('--json', 'print the settings as they are then as JSON')
      .action((id: string, settings: string[], options: { json?: boolean }) => set(id, settings, options)),
  )
  add(
    new Command('clone')
      .summary('copy a machine, with disks of its own')
      .argument('<id>')
      .argument('<name>', 'of the copy')
      .option('--linked', 'over its disks as they are now, which a snapshot keeps')
      .option('--json', 'print JSON')
      .action((id: string, name: string, options: { linked?: boolean; json?: boolean }) =>
        clone(id, name, options),
      ),
  )
  add(
    new Command('presets')
      .summary('list the systems that machines can be made for')
      .option('--json', 'print JSON')
      .action(({ json }: { json?: boolean }) => {
        const presets = loadPresets()
        if (json) return print(JSON.stringify(presets, null, 2))
        for (const { id, name } of presets) print(`${id.padEnd(14)} ${name}`)
      }),
  )
}
