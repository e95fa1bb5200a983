import { Command } from 'commander'
import { inWords } from '../../engine/protocol/reasons.ts'
import type { SnapshotComparison } from '../../engine/protocol/snapshot-comparison.ts'
import type { SnapshotList, SnapshotSummary } from '../../engine/protocol/snapshot.ts'
import { SnapshotName, SnapshotNotes } from '../../engine/protocol/snapshot.ts'
import { findIssue } from '../../engine/protocol/machine-config.ts'
import { RpcError, type RpcClient } from '../../engine/protocol/rpc.ts'
import { VmName } from '../../engine/protocol/vm.ts'
import { openControl, type ControlContract } from '../host/control-socket.ts'
import type { VmLibrary } from '../host/library.ts'
import { LibrarySnapshots } from '../host/snapshots.ts'
import { asJson } from '../../engine/protocol/as-json.ts'
import { carryOut } from './media-output.ts'
import { openLibrary, print, whileLocked } from './library.ts'
import { UsageError } from './usage-error.ts'

/** `vitrine snapshot …`: the snapshots of a machine, which may run for some of it. */
export function snapshotCommand(): Command {
  const command = new Command('snapshot')
    .summary('take, list, restore, delete and clone snapshots of a machine')
    .description(
      `Works on the snapshots of a machine that is off; those of one that runs are listed, taken and deleted. A snapshot is given
by its name, or by its id where several have the name. Each command happens whole or not at all.`,
    )

  command
    .command('list <vm>')
    .summary('the tree of snapshots')
    .option('--json', 'print JSON')
    .action(async (vm: string, { json }: { json?: boolean }) => {
      const list = await new LibrarySnapshots(await openLibrary()).of(vm).list()
      if (json) print(asJson(list))
      else for (const line of drawn(list)) print(line)
    })

  command
    .command('take <vm> <name>')
    .summary('keep the machine as it is now: settings, disks, and its saved state if it has one')
    .option('--notes <TEXT>', 'notes')
    .option('--json', 'print JSON')
    .action(async (vm: string, name: string, options: { notes?: string; json?: boolean }) => {
      const wish = wishOf(name, options.notes)
      const live = await ofRunning(vm, (control) => control.call('takeSnapshot', wish))
      const { id } = live ?? (await change(vm, (snapshots) => snapshots.of(vm).take(wish)))
      print(options.json ? JSON.stringify({ id }) : id)
    })

  command
    .command('restore <vm> <snapshot>')
    .summary('go back to a snapshot; what the machine is now is lost, but for --save')
    .option('--save <NAME>', 'first keep what is there now: both happen, or neither')
    .action(async (vm: string, snapshot: string, { save }: { save?: string }) => {
      const wish = save === undefined ? null : wishOf(save)
      await change(vm, async (snapshots) =>
        snapshots.of(vm).restore(await idOf(snapshots, vm, snapshot), wish),
      )
    })

  command
    .command('compare <vm> <before> <after>')
    .summary('what differs between two snapshots: settings, files on the disks, pages of memory')
    .option('--json', 'print JSON')
    .action(async (vm: string, before: string, after: string, { json }: { json?: boolean }) => {
      const snapshots = new LibrarySnapshots(await openLibrary())
      const [left, right] = [await idOf(snapshots, vm, before), await idOf(snapshots, vm, after)]
      const found = await carryOut(await snapshots.of(vm).compare(left, right))
      if (json) print(asJson(found))
      else for (const line of comparisonLines(found)) print(line)
    })

  command
    .command('delete <vm> <snapshot>')
    .summary(
      'delete a snapshot; what others build on stays, and is merged, beside the guest of a running machine',
    )
    .action(async (vm: string, snapshot: string) => {
      const id = await idOf(new LibrarySnapshots(await openLibrary()), vm, snapshot)
      const isDone = await ofRunning(vm, async (control) => {
        await control.call('deleteSnapshot', { snapshot: id })
        await merged((progress, signal) => control.call('mergeSnapshots', undefined, { progress, signal }))
        return true
      })
      if (!isDone) await change(vm, (snapshots) => snapshots.of(vm).delete(id))
    })

  command
    .command('edit <vm> <snapshot>')
    .summary('give a snapshot another name or notes')
    .option('--name <NAME>', 'name')
    .option('--notes <TEXT>', 'notes')
    .action(async (vm: string, snapshot: string, { name, notes }: { name?: string; notes?: string }) => {
      await change(vm, async (snapshots) => {
        const id = await idOf(snapshots, vm, snapshot)
        const { snapshots: all } = await snapshots.of(vm).list()
        const old = all.find((one) => one.id === id)!
        await snapshots.of(vm).edit(id, wishOf(name ?? old.name, notes ?? old.notes))
      })
    })

  command
    .command('clone <vm> <snapshot> <name>')
    .summary('a machine as this one was at a snapshot')
    .option('--linked', 'over its disks, which then have to stay')
    .option('--json', 'print JSON')
    .action(
      async (vm: string, snapshot: string, name: string, options: { linked?: boolean; json?: boolean }) => {
        check(VmName, name)
        const kind = options.linked ? 'linked' : 'full'
        const id = await change(vm, async (snapshots) =>
          snapshots.clone(vm, await idOf(snapshots, vm, snapshot), name, kind),
        )
        print(options.json ? JSON.stringify({ id }) : id)
      },
    )

  command
    .command('start-from <vm> <snapshot>')
    .summary('make every start go back to a snapshot; none ends that')
    .action(async (vm: string, snapshot: string) => {
      await change(vm, async (snapshots) => {
        const id = snapshot === 'none' ? null : await idOf(snapshots, vm, snapshot)
        await snapshots.of(vm).startFrom(id)
      })
    })

  return command
}

/** Changes the snapshots of a machine, then finishes what is left to do. */
async function change<T>(vm: string, work: (snapshots: LibrarySnapshots) => Promise<T>): Promise<T> {
  const library: VmLibrary = await openLibrary()
  const snapshots = new LibrarySnapshots(library)
  return whileLocked(library, vm, async () => {
    const result = await work(snapshots)
    const problems = await merged((progress, signal) =>
      snapshots.settle(vm, async (part) => {
        progress(part)
        await new Promise((resolve) => setImmediate(resolve))
        if (signal.aborted) throw new UsageError('stopped; what is left is merged another time')
      }),
    )
    for (const problem of problems) process.stderr.write(`vitrine: not merged: ${problem}\n`)
    return result
  })
}

/** Shows on a terminal how far a merge is; Ctrl+C ends the waiting for it, or the merge where it is our own. */
async function merged<T>(
  work: (progress: (part: number) => void, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const onSignal = (): void => stop.abort()
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  const isTerminal = process.stderr.isTTY === true
  let shown = -1
  try {
    return await work((part) => {
      const percent = Math.floor(part * 100)
      if (isTerminal && percent !== shown) process.stderr.write(`\rmerging: ${percent} %`)
      shown = percent
    }, stop.signal)
  } finally {
    if (isTerminal && shown >= 0) process.stderr.write('\r\x1b[K')
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

/** Asks whoever runs a machine. @returns null when nobody does */
async function ofRunning<T>(
  vm: string,
  ask: (control: RpcClient<ControlContract>) => Promise<T>,
): Promise<T | null> {
  const library = await openLibrary()
  await library.get(vm)
  const control = await openControl(library.folderOf(vm))
  if (!control) return null
  try {
    return await ask(control)
  } finally {
    control.close()
  }
}

/** The snapshot of an id, or the only one of a name. Throws `snapshot-unknown`, `UsageError`. */
async function idOf(snapshots: LibrarySnapshots, vm: string, given: string): Promise<string> {
  const { snapshots: all } = await snapshots.of(vm).list()
  if (all.some(({ id }) => id === given)) return given
  const [found, ...others] = all.filter(({ name }) => name === given)
  if (!found) throw new RpcError('snapshot-unknown', { snapshot: given })
  if (others.length === 0) return found.id
  const ids = [found, ...others].map(({ id }) => id).join(', ')
  throw new UsageError(`several snapshots are called ${given}; give one of ${ids}`)
}

function wishOf(name: string, notes = ''): { name: string; notes: string } {
  check(SnapshotName, name)
  check(SnapshotNotes, notes)
  return { name: name.trim(), notes }
}

function check(schema: typeof SnapshotName | typeof SnapshotNotes, text: string): void {
  const issue = findIssue(schema, text)
  if (issue !== null) throw new UsageError(issue)
}

/** The tree as lines, children below what they came from. */
const MARKS = { added: '+', removed: '-', changed: '~' }

function comparisonLines({ settings, disks, memory }: SnapshotComparison): string[] {
  return [
    ...settings.map(({ name, before, after }) => `${name}: ${before || 'not set'} -> ${after || 'not set'}`),
    ...disks.flatMap(({ drive, partition, files, problem }) => {
      const where = `drive ${drive}${partition > 0 ? `, partition ${partition}` : ''}`
      if (problem !== null) return [`${where}: ${inWords(problem)}`]
      const more = files.more > 0 ? [`${where}: ${files.more} more`] : []
      return [...files.changes.map(({ path, change }) => `${where}: ${MARKS[change]} ${path}`), ...more]
    }),
    ...(memory ? [`memory: ${memory.changed} of ${memory.pages} pages differ`] : []),
  ]
}

function drawn({ snapshots, current, startFrom }: SnapshotList): string[] {
  if (snapshots.length === 0) return ['There are no snapshots.']
  const ids = new Set(snapshots.map(({ id }) => id))
  const isRoot = ({ parent }: SnapshotSummary): boolean => parent === null || !ids.has(parent)
  const lines: string[] = []
  const draw = (snapshot: SnapshotSummary, depth: number): void => {
    const { id, name, takenAtMs, hasState, isAutomatic, problem, warning } = snapshot
    const marks = [
      hasState ? 'with memory' : '',
      isAutomatic ? 'automatic' : '',
      id === current ? 'here now' : '',
      id === startFrom ? 'every start goes back to it' : '',
      problem ? inWords(problem) : '',
      warning ? inWords(warning) : '',
    ].filter(Boolean)
    const when = new Date(takenAtMs).toISOString().slice(0, 16).replace('T', ' ')
    lines.push(`${id}  ${when}  ${'  '.repeat(depth)}${name}${marks.length ? ` (${marks.join('; ')})` : ''}`)
    for (const child of snapshots) if (child.parent === id) draw(child, depth + 1)
  }
  for (const root of snapshots.filter(isRoot)) draw(root, 0)
  return lines
}
