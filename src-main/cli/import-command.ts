import { Command } from 'commander'
import type { ImportItem } from '../../engine/protocol/media.ts'
import { inWords, type Reason } from '../../engine/protocol/reasons.ts'
import { planImport } from '../../engine/service/import/import-machine.ts'
import { importedMachine } from '../host/imported-machine.ts'
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
      `Reads a configuration of VirtualBox (.vbox), VMware (.vmx), OVF and OVA, libvirt (XML), 86Box (86box.cfg), a bundle of UTM or a
command line of QEMU in a file, says what becomes of every item, and adds a machine to the library. Its images stay where they are;
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
  const plan = planImport(file, { allowed: options.allow })
  const machine = importedMachine(file, plan, options.name ?? plan.name)
  if (typeof machine === 'string') throw new UsageError(`${file}: ${machine}`)
  // The account comes first: what is said of it may be a reason to stop here.
  const account = { ...plan, items: plan.items.map(inEnglish) }
  if (!options.json) for (const item of account.items) print(lineOf(item))
  if (options.report) {
    if (options.json) print(JSON.stringify(account, null, 2))
    return
  }
  const library = await openLibrary()
  const id = await library.create(machine.record, {}, (folder) => carryOut(machine.copies(folder)))
  print(options.json ? JSON.stringify({ id, ...account }, null, 2) : id)
}

/** Empty where there is nothing to say. */
type EnglishItem = Omit<ImportItem, 'becomes' | 'reason'> & { becomes: string; reason: string }

const wordsOf = (reason: Reason | null): string => (reason ? inWords(reason) : '')

function inEnglish({ becomes, reason, ...item }: ImportItem): EnglishItem {
  return { ...item, becomes: wordsOf(becomes), reason: wordsOf(reason) }
}

const MARKS: Record<EnglishItem['outcome'], string> = { mapped: '=', substituted: '~', dropped: '-' }

function lineOf({ item, outcome, becomes, reason }: EnglishItem): string {
  const result = [becomes, reason].filter(Boolean).join('; ')
  return `${MARKS[outcome]} ${item}: ${result}`
}
