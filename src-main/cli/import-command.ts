import { join } from 'node:path'
import { Command } from 'commander'
import * as v from 'valibot'
import { findIssue } from '../../engine/protocol/machine-config.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { importFiles, type ImportPlan, planImport } from '../../engine/service/import/import-machine.ts'
import type { ImportItem } from '../../engine/service/import/draft.ts'
import { Media } from '../../engine/service/media/media.ts'
import { openLibrary, print } from './library.ts'
import { carryOut } from './media-output.ts'
import { UsageError } from './usage-error.ts'

interface Options {
  name?: string
  allow?: string[]
  report?: boolean
  json?: boolean
}

/** `vitrine import`: machines of other programs. */
export function importCommand(): Command {
  return new Command('import')
    .summary("make a machine after another program's")
    .description(
      `Reads a configuration of VirtualBox (.vbox), VMware (.vmx), OVF and OVA, libvirt (XML), 86Box (86box.cfg) or a command line of
QEMU in a file, says what becomes of every item, and adds a machine to the library. Its images stay where they are;
of formats that can only be read a copy in qcow2 is made.`,
    )
    .argument('<file>')
    .option('--report', 'only say what would become of it; nothing is written')
    .option('--name <NAME>', 'of the machine; as the configuration has it when absent')
    .option(
      '--allow <FILE>',
      'a file outside of its folder that the configuration may name; repeatable',
      collect,
    )
    .option('--json', 'print JSON')
    .action((file: string, options: Options) => importMachine(file, options))
}

const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value]

async function importMachine(file: string, options: Options): Promise<void> {
  const plan = planImport(file, options.allow)
  const record = { version: 1, name: options.name ?? plan.name, notes: plan.notes, machine: plan.machine }
  const issue = findIssue(VmRecord, record)
  if (issue !== null) throw new UsageError(`${file}: ${issue}`)
  // The account comes first: what is said of it may be a reason to stop here.
  if (!options.json) for (const item of plan.items) print(lineOf(item))
  if (options.report) {
    if (options.json) print(JSON.stringify(plan, null, 2))
    return
  }
  const library = await openLibrary()
  const checked = v.parse(VmRecord, withCopies(record, plan))
  const id = await library.create(checked, {}, (folder) => makeCopies(file, plan, folder))
  print(options.json ? JSON.stringify({ id, ...plan }, null, 2) : id)
}

const copyName = (index: number): string => `disk-${index + 1}.qcow2`

function withCopies(record: object, { machine, converted }: ImportPlan): object {
  const drives = machine.drives?.map((drive, index) =>
    converted.includes(index) ? { ...drive, path: copyName(index), format: 'qcow2' } : drive,
  )
  return { ...record, machine: { ...machine, drives } }
}

async function makeCopies(file: string, { machine, converted }: ImportPlan, folder: string): Promise<void> {
  const media = new Media(importFiles(file))
  for (const index of converted)
    await carryOut(
      media.convert(machine.drives![index]!.path!, join(folder, copyName(index)), { format: 'qcow2' }),
    )
}

const MARKS: Record<ImportItem['outcome'], string> = { mapped: '=', substituted: '~', dropped: '-' }

function lineOf({ item, outcome, becomes, reason }: ImportItem): string {
  const result = [becomes, reason].filter(Boolean).join('; ')
  return `${MARKS[outcome]} ${item}: ${result}`
}
