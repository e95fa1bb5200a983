import { isDeepStrictEqual } from 'node:util'
import type { HostContract } from '../../engine/protocol/host-contract.ts'
import { withFiles } from '../../engine/protocol/machine-config.ts'
import { type CallHandlers, RpcError } from '../../engine/protocol/rpc.ts'
import { type VmChoice, withChoice } from '../../engine/protocol/vm-choice.ts'
import type { VmRecord, VmSettings, VmState, VmSummary } from '../../engine/protocol/vm.ts'
import { changedRecord, hardwareDiffers, makeOverlays, removeEmptyOverlays } from './change-settings.ts'
import type { Images } from './images.ts'
import type { VmLibrary } from './library.ts'
import type { Supervisor } from './supervisor.ts'
import type { VmProcess } from './vm-process.ts'

export type SettingsCall = 'settings' | 'change' | 'choose'

/** What the desk needs of the host that it belongs to. */
interface Host {
  exclusively<T>(id: string, change: () => Promise<T>): Promise<T>
  stopSettling(id: string): Promise<void>
  settle(id: string): void
  changed(id: string): Promise<void>
  tellOf(id: string): Promise<VmSummary>
  /** Plans the automatic snapshots of a machine that runs anew. */
  armSnapshots(id: string): Promise<void>
}

/** Answers windows that change what machines are. */
export class SettingsDesk<P extends VmProcess> {
  constructor(
    private readonly library: VmLibrary,
    private readonly images: Images,
    private readonly supervisor: Supervisor<P>,
    private readonly host: Host,
  ) {}

  readonly calls: Pick<CallHandlers<HostContract>, SettingsCall> = {
    settings: async ({ id }) => {
      const { version: _, snapshots: __, ...settings } = await this.library.get(id)
      return settings
    },
    change: ({ id, settings }) => this.#change(id, settings),
    choose: ({ id, choice }) => this.#choose(id, choice),
  }

  async #change(id: string, wanted: VmSettings): Promise<void> {
    await this.host.stopSettling(id)
    const change = this.host.exclusively(id, async () => {
      const record = await this.library.get(id)
      const names = new Set<string>()
      withFiles(wanted.machine, (path) => {
        names.add(path)
        return path
      })
      const places = await Promise.all(
        [...names].map(async (name) => [name, await this.images.placeOf(name)] as const),
      )
      const found = new Map(places)
      const changed = changedRecord(record, wanted, (name) => found.get(name) ?? null)
      const { state } = await this.host.tellOf(id)
      const isOff = state === 'off' || state === 'aborted'
      if (!isOff && hardwareDiffers(record.machine, changed.machine))
        throw new RpcError('vm-busy', { id, state })
      if (isOff) makeOverlays(this.library.folderOf(id), changed.machine)
      // Its media may have been changed since the window asked; they are changed by `insert` and `eject` only.
      await this.library.update(id, isOff ? changed : { ...changed, machine: record.machine })
      if (isOff) removeEmptyOverlays(this.library.folderOf(id), record, changed)
      await this.host.changed(id)
      if (isLive(state)) {
        await this.#apply(id, record, changed)
        await this.host.armSnapshots(id)
      }
    })
    await change.finally(() => this.host.settle(id))
  }

  #choose(id: string, choice: VmChoice): Promise<void> {
    return this.host.exclusively(id, async () => {
      const record = await this.library.get(id)
      const changed = withChoice(record, choice)
      await this.library.update(id, changed)
      await this.host.changed(id)
      if (isLive(this.supervisor.status(id).state)) await this.#apply(id, record, changed)
    })
  }

  /** Has a machine that runs do what its settings say now. */
  async #apply(id: string, before: VmRecord, after: VmRecord): Promise<void> {
    const client = this.supervisor.client(id)
    if (!isDeepStrictEqual(before.execution, after.execution))
      await client.call('setExecution', after.execution)
    if (before.clipboard.direction !== after.clipboard.direction)
      await client.call('setClipboard', { direction: after.clipboard.direction })
  }
}

const isLive = (state: VmState): boolean => state === 'running' || state === 'paused'
