import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostContract } from '../../engine/protocol/host-contract.ts'
import { RpcError, type CallHandlers, type CallTask } from '../../engine/protocol/rpc.ts'
import type { LogEntry } from '../../engine/protocol/host-contract.ts'
import type { VmSummary } from '../../engine/protocol/vm.ts'
import { pictureName } from '../../engine/service/snapshots/tree.ts'
import type { AutoPlan } from './auto-snapshots.ts'
import { inTurns } from './in-turns.ts'
import type { VmLibrary } from './library.ts'
import { LiveSnapshot } from './live-snapshot.ts'
import { LibrarySnapshots, type CloneKind } from './snapshots.ts'
import type { Supervisor } from './supervisor.ts'
import { VmLock } from './vm-lock.ts'
import type { VmProcess } from './vm-process.ts'

export type SnapshotCall =
  | 'snapshots'
  | 'takeSnapshot'
  | 'restoreSnapshot'
  | 'deleteSnapshot'
  | 'editSnapshot'
  | 'cloneSnapshot'
  | 'startFrom'
  | 'snapshotPicture'
  | 'compareSnapshots'

/** What the desk needs of the host that it belongs to. */
interface Host {
  /** Does one change of a machine's record after the other. */
  exclusively<T>(id: string, change: () => Promise<T>): Promise<T>
  /** Settles when the lock of a machine that ran has been given back. */
  lockIsFree(id: string): Promise<void>
  start(id: string, secrets: readonly string[]): Promise<void>
  /** Passphrases of a machine that runs. */
  secrets(id: string): readonly string[]
  /** Writes its state and ends it. */
  saveState(id: string): Promise<void>
  /** Whether what it writes is thrown away. */
  isDisposable(id: string): boolean
  changed(id: string): Promise<void>
  tellOf(id: string): Promise<VmSummary>
  note(id: string, level: LogEntry['level'], text: string): void
}

interface Settling {
  stop: boolean
  done: Promise<void>
}

/** Answers what windows ask about snapshots, and merges in the background what was deleted. */
export class SnapshotDesk<P extends VmProcess> {
  readonly #snapshots: LibrarySnapshots
  #settling = new Map<string, Settling>()

  constructor(
    private readonly library: VmLibrary,
    private readonly supervisor: Supervisor<P>,
    private readonly host: Host,
  ) {
    this.#snapshots = new LibrarySnapshots(library)
  }

  readonly calls: Pick<CallHandlers<HostContract>, SnapshotCall> = {
    snapshots: ({ id }) => this.#snapshots.of(id).list(),
    takeSnapshot: ({ id, name, notes }, task) => this.take(id, { name, notes }, task),
    restoreSnapshot: async ({ id, snapshot, saveAs }) => {
      const wish = saveAs === null ? null : { name: saveAs, notes: '' }
      await this.#snapshots.of(id).machineAt(snapshot) // nothing is ended for one that cannot be used
      const secrets = this.host.secrets(id)
      const goesOn = await this.#end(id, wish !== null)
      try {
        await this.whileOff(id, () => this.#snapshots.of(id).restore(snapshot, wish))
      } finally {
        // From there; or, where that failed, from where it was.
        if (goesOn) await this.host.start(id, secrets)
      }
      this.host.note(
        id,
        'info',
        `back at a snapshot${saveAs === null ? '' : `; what was there is “${saveAs}”`}`,
      )
    },
    deleteSnapshot: ({ id, snapshot }) => this.remove(id, snapshot),
    editSnapshot: ({ id, snapshot, name, notes }) =>
      this.#change(id, () => this.#snapshots.of(id).edit(snapshot, { name, notes })),
    cloneSnapshot: ({ id, snapshot, name, linked }, task) =>
      this.clone(id, snapshot, name, linked ? 'linked' : 'full', task),
    startFrom: ({ id, snapshot }) => this.#change(id, () => this.#snapshots.of(id).startFrom(snapshot)),
    compareSnapshots: async ({ id, before, after }, { signal, progress }) =>
      inTurns(await this.#snapshots.of(id).compare(before, after), signal, progress),
    snapshotPicture: async ({ id, snapshot }) => {
      const path = join(this.library.folderOf(id), pictureName(snapshot))
      return readFile(path, 'base64').catch(() => null)
    },
  }

  async take(
    id: string,
    wish: { name: string; notes: string; isAutomatic?: boolean },
    task: CallTask,
  ): Promise<void> {
    const { name } = wish
    if (!this.supervisor.process(id)) {
      await this.whileOff(id, async () => void (await this.#snapshots.of(id).take(wish)))
      return this.host.note(id, 'info', `snapshot “${name}” is taken`)
    }
    if (this.host.isDisposable(id)) throw new RpcError('vm-disposable', { id })
    const live = new LiveSnapshot(
      this.supervisor.client(id),
      this.supervisor.status(id).state === 'running',
      task,
    )
    await this.host.exclusively(id, () => this.#snapshots.of(id).take(wish, live))
    this.host.note(id, 'info', `snapshot “${name}” is taken; the guest stood for ${live.stoodMs} ms`)
    await this.host.changed(id)
  }

  /** What the schedule of a machine goes by. */
  async automatic(id: string): Promise<Pick<AutoPlan, 'taken' | 'needed'>> {
    const { snapshots, startFrom } = await this.#snapshots.of(id).list()
    const taken = snapshots
      .filter(({ isAutomatic }) => isAutomatic)
      .toSorted((a, b) => a.takenAtMs - b.takenAtMs)
    return { taken, needed: startFrom === null ? [] : [startFrom] }
  }

  async remove(id: string, snapshot: string): Promise<void> {
    await this.#change(id, () => this.#snapshots.of(id).delete(snapshot))
    this.host.note(id, 'info', 'a snapshot is deleted')
  }

  async clone(
    id: string,
    snapshot: string | null,
    name: string,
    kind: CloneKind,
    task: CallTask,
  ): Promise<VmSummary> {
    const work = () => this.#snapshots.clone(id, snapshot, name, kind, task)
    // What a snapshot holds stands still, whatever its machine does.
    const isApart = snapshot !== null && this.supervisor.process(id) !== null
    const copy = await (isApart ? this.host.exclusively(id, work) : this.whileOff(id, work))
    this.host.note(copy, 'info', `made as a ${kind === 'linked' ? 'linked ' : ''}copy of ${id}`)
    return this.host.tellOf(copy)
  }

  /** Throws `vm-has-clones`. */
  checkUnused(id: string): Promise<void> {
    return this.#snapshots.checkUnused(id)
  }

  /** Ends a machine that runs. @returns whether one did */
  async #end(id: string, keepsState: boolean): Promise<boolean> {
    if (!this.supervisor.process(id)) return false
    if (keepsState && !this.host.isDisposable(id)) await this.host.saveState(id)
    else await this.supervisor.powerOff(id)
    return true
  }

  /** Changes only the record, which may be done while the machine runs here. */
  async #change(id: string, change: () => Promise<void>): Promise<void> {
    if (this.supervisor.process(id)) await this.host.exclusively(id, change)
    else await this.whileOff(id, change)
    await this.host.changed(id)
  }

  /** Does something with a machine that is off, and has it to itself meanwhile. Throws `vm-busy`, `vm-locked`. */
  async whileOff<T>(id: string, work: () => Promise<T>): Promise<T> {
    await this.library.get(id)
    await this.stopSettling(id)
    if (this.supervisor.process(id))
      throw new RpcError('vm-busy', { id, state: this.supervisor.status(id).state })
    await this.host.lockIsFree(id)
    const result = await this.host.exclusively(id, async () => {
      const lock = await VmLock.take(this.library.folderOf(id), id)
      try {
        return await work()
      } finally {
        await lock.release()
      }
    })
    await this.host.changed(id)
    this.settle(id)
    return result
  }

  /**
   * Merges in the background, until it is done or the machine is wanted.
   * @param secrets for encrypted disks; what they do not open is merged another time
   */
  settle(id: string, secrets: readonly string[] = []): void {
    if (this.#settling.has(id) || this.supervisor.process(id)) return
    const settling: Settling = { stop: false, done: Promise.resolve() }
    settling.done = this.#settle(id, settling, secrets).finally(() => {
      if (this.#settling.get(id) === settling) this.#settling.delete(id)
    })
    this.#settling.set(id, settling)
  }

  async #settle(id: string, settling: Settling, secrets: readonly string[]): Promise<void> {
    try {
      const lock = await VmLock.take(this.library.folderOf(id), id)
      try {
        const problems = await this.#snapshots.settle(id, () => !settling.stop, secrets)
        for (const problem of problems) this.host.note(id, 'warning', `not merged: ${problem}`)
      } finally {
        await lock.release()
      }
    } catch (error) {
      // It is done another time: somebody else has the machine, or it is gone.
      if (!(error instanceof RpcError))
        this.host.note(id, 'warning', `snapshots: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  async stopSettling(id: string): Promise<void> {
    const settling = this.#settling.get(id)
    if (!settling) return
    settling.stop = true
    await settling.done
  }

  async close(): Promise<void> {
    await Promise.all([...this.#settling.keys()].map((id) => this.stopSettling(id)))
  }
}
