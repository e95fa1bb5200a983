import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { RpcError, type RpcClient } from '../../engine/protocol/rpc.ts'
import { openControl, type ControlContract } from '../host/control-socket.ts'
import { isLocked } from '../host/vm-lock.ts'
import { savedStateName } from '../../engine/service/snapshots/tree.ts'
import type { VmLibrary } from '../host/library.ts'
import { openLibrary, print } from './library.ts'
import { UsageError } from './usage-error.ts'

interface Json {
  json?: boolean
}

/** How often it is looked whether a machine has ended. */
const POLL_MS = 50
/** How long a machine whose plug is pulled, or whose state is saved, may take to end. */
const END_MS = 60_000
const STOP_SECONDS = 60

type Control = RpcClient<ControlContract>

/** Throws `vm-unknown`, or `vm-busy` when no program runs the machine. */
async function withControl(
  id: string,
  use: (control: Control, folder: string) => Promise<string>,
): Promise<string> {
  const library = await openLibrary()
  await library.get(id)
  const folder = library.folderOf(id)
  const control = await openControl(folder)
  if (!control) throw new RpcError('vm-busy', { id, state: await stateWithoutControl(library, id) })
  try {
    return await use(control, folder)
  } finally {
    control.close()
  }
}

/** What a machine is that cannot be reached. */
export async function stateWithoutControl(library: VmLibrary, id: string): Promise<string> {
  const folder = library.folderOf(id)
  if (await isLocked(folder)) return 'run by a program that cannot be reached'
  const isSaved = await access(join(folder, savedStateName(await library.get(id)))).then(
    () => true,
    () => false,
  )
  return isSaved ? 'saved' : 'off'
}

/** A call after which the machine ends: whoever ran it may be gone before it answers. */
async function lastCall(control: Control, name: 'powerOff' | 'saveState'): Promise<void> {
  await control.call(name, undefined).catch((error: unknown) => {
    if (!(error instanceof RpcError && error.code === 'disconnected')) throw error
  })
}

/** @returns whether it ended in time */
async function ended(folder: string, withinMs: number): Promise<boolean> {
  const untilMs = performance.now() + withinMs
  while (await isLocked(folder)) {
    if (performance.now() > untilMs) return false
    await delay(POLL_MS)
  }
  return true
}

async function stop(id: string, now: boolean, seconds: number): Promise<string> {
  return withControl(id, async (control, folder) => {
    if (now) await lastCall(control, 'powerOff')
    else {
      const { state } = await control.call('state', undefined)
      if (state === 'paused') await control.call('resume', undefined)
      await control.call('powerButton', undefined)
    }
    if (await ended(folder, now ? END_MS : seconds * 1000)) return 'off'
    throw new UsageError(
      now
        ? `${id}: it does not end`
        : `${id}: the guest did not shut down within ${seconds} seconds; vitrine stop --now ${id} pulls the plug`,
    )
  })
}

async function save(id: string): Promise<string> {
  return withControl(id, async (control, folder) => {
    await lastCall(control, 'saveState')
    if (!(await ended(folder, END_MS))) throw new UsageError(`${id}: its state is saved, but it does not end`)
    return 'saved'
  })
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (!Number.isFinite(seconds) || seconds <= 0)
    throw new UsageError(`--timeout ${text}: it is a number of seconds`)
  return seconds
}

/** Commands for machines that the desktop application, the web host or `vitrine start` runs. */
export function addControlCommands(add: (command: Command) => void): void {
  const command = (name: string, summary: string): Command =>
    new Command(name).summary(summary).argument('<id>', 'of the machine').option('--json', 'print JSON')
  const say = (id: string, state: string, { json }: Json) => {
    if (json) print(JSON.stringify({ id, state }))
  }
  add(
    command('stop', 'ask a running guest to shut down, or pull its plug')
      .description(
        'Presses the power button of a running machine and waits until the guest has shut down. A guest without ACPI, such as DOS, is switched off at once, as on a PC; one that does not answer needs --now.',
      )
      .option('--now', 'pull the plug: what the guest has not saved is lost')
      .option('--timeout <SECONDS>', 'how long the guest has to shut down', String(STOP_SECONDS))
      .action(async (id: string, options: Json & { now?: boolean; timeout: string }) =>
        say(id, await stop(id, options.now ?? false, secondsOf(options.timeout)), options),
      ),
  )
  const simple = (name: 'pause' | 'resume' | 'reset', summary: string, state: string) =>
    add(
      command(name, summary).action(async (id: string, options: Json) => {
        const after = await withControl(id, async (control) => {
          await control.call(name, undefined)
          return state
        })
        say(id, after, options)
      }),
    )
  simple('pause', 'halt a running machine', 'paused')
  simple('resume', 'let a paused machine go on', 'running')
  simple('reset', 'restart a running machine, as by the button on its case', 'running')
  add(
    command('save', 'save the state of a running machine and end it')
      .description(
        'Saves the whole state of a running machine and ends it; its next start goes on from there.',
      )
      .action(async (id: string, options: Json) => say(id, await save(id), options)),
  )
}
