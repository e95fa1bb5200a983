import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
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
import { LiveMerging } from './live-merging.ts'
import { Settling, type MergeState } from './settling.ts'
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
  | 'snapshotMemory'
  | 'holdMerge'
  | 'stopMerge'

/** How often whoever waits for a merge is told how far it is. */
const LOOK_MS = 100

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
  /** Tells windows how far the merging of a machine's layers is. */
  merging(id: string, state: MergeState): void
  tellOf(id: string): Promise<VmSummary>
  note(id: string, level: LogEntry['level'], text: string): void
}

/** Answers what windows ask about snapshots, and merges in the background what was deleted. */
export class SnapshotDesk<P extends VmProcess> {
  readonly #snapshots: LibrarySnapshots
  /** What merges the layers of each machine, and when it has ended. */
  #settling = new Map<string, { work: Settling; done: Promise<void> }>()

  constructor(
    private readonly library: VmLibrary,
    private readonly supervisor: Supervisor<P>,
    private readonly host: Host,
  ) {
    this.#snapshots = new LibrarySnapshots(library)
  }

  readonly calls: Pick<CallHandlers<HostContract>, SnapshotCall> = {
    snapshots: ({ id }) => this.#snapshots.of(id).list(),
    takeSnapshot: async ({ id, name, notes }, task) => void (await this.take(id, { name, notes }, task)),
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
      this.#undisturbed(id, async () =>
        inTurns(await this.#snapshots.of(id).compare(before, after), signal, progress),
      ),
    snapshotMemory: ({ id, before, after, page }) => this.#snapshots.of(id).memoryPage(before, after, page),
    holdMerge: ({ id, isHeld }) => this.#settling.get(id)?.work.setHeld(isHeld),
    stopMerge: ({ id }) => this.stopSettling(id),
    snapshotPicture: async ({ id, snapshot }) => {
      const path = join(this.library.folderOf(id), pictureName(snapshot))
      return readFile(path, 'base64').catch(() => null)
    },
  }

  /** @returns its id */
  async take(
    id: string,
    wish: { name: string; notes: string; isAutomatic?: boolean },
    task: CallTask,
  ): Promise<string> {
    const { name } = wish
    if (!this.supervisor.process(id)) {
      const taken = await this.whileOff(id, () => this.#snapshots.of(id).take(wish))
      this.host.note(id, 'info', `snapshot “${name}” is taken`)
      return taken.id
    }
    if (this.host.isDisposable(id)) throw new RpcError('vm-disposable', { id })
    const live = new LiveSnapshot(
      this.supervisor.client(id),
      this.supervisor.status(id).state === 'running',
      task,
    )
    const taken = await this.#undisturbed(id, () =>
      this.host.exclusively(id, () => this.#snapshots.of(id).take(wish, live)),
    )
    this.host.note(id, 'info', `snapshot “${name}” is taken; the guest stood for ${live.stoodMs} ms`)
    await this.host.changed(id)
    return taken.id
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
    const copy = await (isApart
      ? this.#undisturbed(id, () => this.host.exclusively(id, work))
      : this.whileOff(id, work))
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
    if (this.supervisor.process(id)) {
      await this.host.exclusively(id, change)
      await this.host.changed(id)
      this.settle(id)
    } else await this.whileOff(id, change)
  }

  /** Does something with layers while none of them is being merged, whether the machine runs or not. */
  async #undisturbed<T>(id: string, work: () => Promise<T>): Promise<T> {
    await this.stopSettling(id)
    try {
      return await work()
    } finally {
      this.settle(id)
    }
  }

  /** Does something with a machine that is off, and has it to itself meanwhile. Throws `vm-busy`, `vm-locked`. */
  async whileOff<T>(id: string, work: () => Promise<T>): Promise<T> {
    await this.library.get(id)
    if (this.supervisor.process(id))
      throw new RpcError('vm-busy', { id, state: this.supervisor.status(id).state })
    await this.host.lockIsFree(id)
    // Later than that: a machine that has just ended begins to merge what it has.
    await this.stopSettling(id)
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
   * Merges in the background, until it is done or the machine is wanted otherwise.
   * @param secrets for encrypted disks of a machine that is off; what they do not open is merged another time
   */
  settle(id: string, secrets: readonly string[] = this.host.secrets(id)): void {
    const before = this.#settling.get(id)
    const isWanted = before && !before.work.signal.aborted
    const work = isWanted ? before.work : new Settling((state) => this.host.merging(id, state))
    const done = (before?.done ?? Promise.resolve()).then(() => this.#settle(id, work, secrets))
    const settling = { work, done }
    this.#settling.set(id, settling)
    void done.then(() => {
      if (this.#settling.get(id) === settling) this.#settling.delete(id)
    })
  }

  async #settle(id: string, work: Settling, secrets: readonly string[]): Promise<void> {
    if (work.signal.aborted) return
    const began = performance.now()
    try {
      const problems = await (this.supervisor.process(id)
        ? this.#settleBeside(id, work, secrets)
        : this.#settleAlone(id, work, secrets))
      for (const problem of problems) this.host.note(id, 'warning', `not merged: ${problem}`)
      if (!work.hasMerged) return
      const took = Math.round(performance.now() - began)
      this.host.note(id, 'info', `what deleted snapshots left is merged, in ${took} ms`)
      await this.host.changed(id)
    } catch (error) {
      // It is done another time: somebody else has the machine, or it is gone.
      if (!(error instanceof RpcError))
        this.host.note(id, 'warning', `snapshots: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      work.hasMerged = false
      work.tell(null)
    }
  }

  async #settleAlone(id: string, work: Settling, secrets: readonly string[]): Promise<string[]> {
    const lock = await VmLock.take(this.library.folderOf(id), id)
    try {
      return await this.#snapshots.settle(id, (part) => work.between(part), secrets)
    } finally {
      await lock.release()
    }
  }

  async #settleBeside(id: string, work: Settling, secrets: readonly string[]): Promise<string[]> {
    // What a disposable run writes lies over the layers as they are.
    if (this.host.isDisposable(id)) return []
    const exclusively = <T>(change: () => Promise<T>): Promise<T> => this.host.exclusively(id, change)
    const live = new LiveMerging(this.supervisor.client(id), work, exclusively)
    return this.#snapshots.settleBeside(id, live, secrets)
  }

  /** Settles once nothing is being merged any more, or nobody waits for it. */
  async settled(id: string, { signal, progress }: CallTask): Promise<void> {
    for (let now = this.#settling.get(id); now && !signal.aborted; now = this.#settling.get(id)) {
      progress(now.work.part ?? 0)
      await Promise.race([now.done, delay(LOOK_MS)])
    }
  }

  async stopSettling(id: string): Promise<void> {
    const settling = this.#settling.get(id)
    settling?.work.stop()
    await settling?.done
  }

  async close(): Promise<void> {
    await Promise.all([...this.#settling.keys()].map((id) => this.stopSettling(id)))
  }
}
