import { Command } from 'commander'
import { RpcError, type CallTask } from '../../engine/protocol/rpc.ts'
import { FolderAdding, realFolder } from '../host/folder-adding.ts'
import { outsideFiles } from '../host/machine-record.ts'
import { VmLog } from '../host/vm-log.ts'
import { openLibrary, print } from './library.ts'
import { UsageError } from './usage-error.ts'

interface Options {
  copy?: boolean
  json?: boolean
}

/** `vitrine add`: the folder of a machine, of another library or out of a backup. */
export function addCommand(): Command {
  return new Command('add')
    .summary('add the folder of a machine to the library')
    .description(
      `Adds a folder with a vm.json to the library, where it is: moving or deleting it takes the machine along. With --copy the
library gets a copy of it, and the folder may go.`,
    )
    .argument('<folder>')
    .option('--copy', 'copy the folder into the library')
    .option('--json', 'print JSON')
    .action((folder: string, options: Options) => addFolder(folder, options))
}

async function addFolder(folder: string, { copy, json }: Options): Promise<void> {
  const place = await realFolder(folder)
  const library = await openLibrary()
  const log = new VmLog((id) => library.folderOf(id))
  const adding = new FolderAdding(library, (id, text) => log.note(id, 'info', text))
  const id = copy ? await untilStopped((task) => adding.copy(place, task)) : await adding.addWhereItIs(place)
  await log.flush()
  const record = await library.get(id)
  // Nobody has chosen them here, and they do not move along.
  const outside = outsideFiles(record)
  if (json)
    return print(
      JSON.stringify({ id, name: record.name, folder: copy ? library.folderOf(id) : place, outside }),
    )
  for (const file of outside)
    process.stderr.write(`vitrine: it uses a file that is not in its folder: ${file}\n`)
  print(id)
}

/** Does what may take long, shows on a terminal how far it is, and stops when the user says so. */
async function untilStopped<T>(work: (task: CallTask) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  process.once('SIGINT', abort).once('SIGTERM', abort)
  const isTerminal = process.stderr.isTTY === true
  const progress = (part: number): void => {
    if (isTerminal) process.stderr.write(`\r${Math.floor(part * 100)} %`)
  }
  try {
    return await work({ signal: stop.signal, progress })
  } catch (error) {
    if (error instanceof RpcError && error.code === 'cancelled')
      throw new UsageError('stopped; nothing was added')
    throw error
  } finally {
    if (isTerminal) process.stderr.write('\r     \r')
    process.off('SIGINT', abort).off('SIGTERM', abort)
  }
}
