import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineConfig } from '../../engine/protocol/machine-config.ts'
import { RpcError } from '../../engine/protocol/rpc.ts'
import { savedStateName, treeOf } from '../../engine/service/snapshots/tree.ts'
import { exists } from './exists.ts'
import type { VmLibrary } from './library.ts'
import { LibrarySnapshots } from './snapshots.ts'

/** What a machine starts with. */
export interface PreparedStart {
  config: MachineConfig
  /** File of the saved state to go on from. */
  restore: string | null
  /** The tree says which state goes with which disks; merging writes to them and changes nothing that they show. */
  allowChangedMedia: boolean
}

/** What a machine begins a run with. Its lock is held. */
export class MachineStart {
  /** The saved state that this run goes on from, out of the way of the next one. */
  #used: string | null = null

  constructor(
    private readonly library: VmLibrary,
    private readonly id: string,
  ) {}

  /**
   * The machine with the state to go on from. Where every start is to go back to a snapshot, it does. A disposable run
   * leaves state and disks for the next one.
   */
  async prepare(disposable: boolean): Promise<PreparedStart> {
    const { library, id } = this
    const { startFrom } = treeOf(await library.get(id))
    if (!disposable && startFrom !== null && !(await exists(await this.#savedState())))
      await new LibrarySnapshots(library).of(id).restore(startFrom)
    const saved = await this.#savedState()
    const config = await library.machineConfig(id)
    if (!(await exists(saved)))
      return {
        config: disposable ? withoutWrites(config) : config,
        restore: null,
        allowChangedMedia: false,
      }
    const allowChangedMedia = (await library.get(id)).snapshots !== undefined
    if (disposable) return { config: withoutWrites(config), restore: saved, allowChangedMedia }
    // What the guest writes from now on does not go with that state: no later start may take it.
    this.#used = `${saved}.used`
    await rename(saved, this.#used)
    return { config, restore: this.#used, allowChangedMedia }
  }

  /** The run never began: its state is for the next one. */
  async failed(): Promise<void> {
    if (this.#used !== null) await rename(this.#used, await this.#savedState())
    this.#used = null
  }

  /**
   * The guest runs, or did. Its state is for the next start all the same when it turns out to be damaged, since nothing was
   * written to its disks then; and whoever mends it finds it.
   * @param stateRead settles when the state is needed no more, rejects with `state-invalid`
   */
  async begun(stateRead: Promise<void>): Promise<void> {
    const used = this.#used
    this.#used = null
    if (used === null) return
    const isDamaged = await stateRead.then(
      () => false,
      (error: unknown) => error instanceof RpcError && error.code === 'state-invalid',
    )
    if (isDamaged) await rename(used, await this.#savedState())
    else await rm(used, { force: true })
  }

  async #savedState(): Promise<string> {
    return join(this.library.folderOf(this.id), savedStateName(await this.library.get(this.id)))
  }
}

/** Disks and floppies forget what this run writes. */
function withoutWrites(config: MachineConfig): MachineConfig {
  const drives = config.drives.map((drive): MachineConfig['drives'][number] => {
    if (drive.kind === 'cdrom' || drive.readonly) return drive
    // An overlay that is thrown away would be emptied at the start; what it holds is needed as it is.
    const { overlay, path, ...rest } = drive
    if (overlay === undefined || path === null || drive.ephemeral) return { ...drive, ephemeral: true }
    return {
      ...rest,
      path: overlay,
      format: 'qcow2',
      allowed: [...(drive.allowed ?? []), path],
      ephemeral: true,
    }
  })
  return { ...config, drives }
}
