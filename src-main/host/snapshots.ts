import { basename, isAbsolute, join } from 'node:path'
import type { DriveConfig } from '../../engine/protocol/machine-config.ts'
import { RpcError, type CallTask } from '../../engine/protocol/rpc.ts'
import type { VmRecord } from '../../engine/protocol/vm.ts'
import { Keyring, Media } from '../../engine/service/media/media.ts'
import { hostSnapshots } from '../../engine/service/snapshots/host-snapshots.ts'
import type { MergingMachine } from '../../engine/service/snapshots/layer-merges.ts'
import type { SnapshotStore } from '../../engine/service/snapshots/snapshot-store.ts'
import { keptFile, treeOf, withLayer } from '../../engine/service/snapshots/tree.ts'
import type { VmLibrary } from './library.ts'
import { checkWanted, partOf, UNWATCHED } from './task.ts'

/** How a clone gets its disks: copied, or over those of the machine that it is made of. */
export type CloneKind = 'full' | 'linked'

/** The snapshots of the library's machines. Whoever changes them holds the machine's lock. */
export class LibrarySnapshots {
  constructor(private readonly library: VmLibrary) {}

  of(id: string): SnapshotStore {
    const { library } = this
    return hostSnapshots(library.folderOf(id), {
      read: () => library.get(id),
      write: (record) => library.update(id, record),
    })
  }

  /**
   * Finishes what is left to do: merges, removals. The machine is off.
   * @param between called after each piece; what it throws ends the work, and what is left is done another time
   * @returns what could not be merged and why, a line for each
   */
  async settle(
    id: string,
    between: (part: number) => Promise<void> = othersTurn,
    secrets: readonly string[] = [],
  ): Promise<string[]> {
    const store = this.of(id)
    const ids = new Set((await this.library.list()).map((entry) => entry.id))
    await store.keepClones((clone) => ids.has(clone))
    const work = store.settle(secrets.length > 0 ? new Keyring(secrets) : null)
    try {
      for (let step = await work.next(); ; step = await work.next()) {
        if (step.done) return step.value
        await between(step.value.done / step.value.total)
      }
    } finally {
      await work.return([])
    }
  }

  /**
   * The same while the machine runs.
   * @returns what could not be merged and why, a line for each
   */
  async settleBeside(id: string, live: MergingMachine, secrets: readonly string[] = []): Promise<string[]> {
    const store = this.of(id)
    const ids = new Set((await this.library.list()).map((entry) => entry.id))
    await live.exclusively(() => store.keepClones((clone) => ids.has(clone)))
    return store.settleBeside(live, secrets.length > 0 ? new Keyring(secrets) : null)
  }

  /**
   * A machine of its own, as another one was at a snapshot, or is now when that is null. Only what is frozen stays as it is
   * under the disks of a linked one: of a machine as it is now a snapshot is taken for that, called as the copy.
   */
  async clone(
    id: string,
    snapshot: string | null,
    name: string,
    kind: CloneKind,
    task: CallTask = UNWATCHED,
  ): Promise<string> {
    const store = this.of(id)
    const record = await this.library.get(id)
    if (kind === 'linked' && snapshot === null) {
      const { id: taken } = await store.take({ name, notes: '' })
      try {
        return await this.clone(id, taken, name, kind, task)
      } catch (error) {
        await store.delete(taken)
        throw error
      }
    }
    const machine = snapshot === null ? record.machine : await store.machineAt(snapshot)
    const makeDisks = async (
      folder: string,
      drives: DriveConfig[],
      half: CallTask,
    ): Promise<DriveConfig[]> => {
      if (kind === 'linked') await store.addClone(snapshot!, basename(folder))
      const made: DriveConfig[] = []
      for (const [at, drive] of drives.entries()) {
        const target = join(folder, `disk-${at + 1}.qcow2`)
        made.push(await this.#cloneDisk(record, id, drive, target, kind, partOf(half, at, drives.length)))
      }
      return made
    }
    return this.library.clone(id, name, machine, makeDisks, task)
  }

  /**
   * A disk over others or in several files as one file, or over the file that it is; disks that stand alone are the
   * library's to copy.
   */
  async #cloneDisk(
    record: VmRecord,
    id: string,
    drive: DriveConfig,
    target: string,
    kind: CloneKind,
    task: CallTask,
  ): Promise<DriveConfig> {
    const file = keptFile(drive)
    const layer = treeOf(record).layers.find((one) => one.file === file)
    if (drive.kind !== 'disk' || drive.path === null) return drive
    const place = (path: string): string => (isAbsolute(path) ? path : join(this.library.folderOf(id), path))
    const { allowed = [], ...alone } = drive
    const source = { ...drive, path: place(drive.path), allowed: allowed.map(place) }
    const format = drive.format === 'auto' ? undefined : drive.format
    const media = new Media()
    const opening = { format, allowed: source.allowed }
    const isLinked = kind === 'linked' && file !== null
    const isAlone = drive.overlay !== undefined || !media.isInSeveralFiles(source.path, opening)
    if (!isLinked && !layer?.parent && isAlone) return drive
    if (isLinked) {
      const backing = { path: source.path, format }
      await inSteps(
        media.create(target, null, { format: 'qcow2', backing }, { allowed: source.allowed }),
        task,
      )
      return withLayer(source, basename(target))
    }
    await inSteps(media.convert(source.path, target, { format: 'qcow2' }, opening), task)
    return { ...alone, path: basename(target), format: 'qcow2' }
  }

  /** Throws `vm-has-clones` when disks of other machines build on this one's. */
  async checkUnused(id: string): Promise<void> {
    const entry = await this.library.read(id)
    if (!entry || !('record' in entry)) return
    const clones = new Set(treeOf(entry.record).layers.flatMap((layer) => layer.clones))
    const there = (await this.library.list()).filter((one) => clones.has(one.id))
    if (there.length > 0)
      throw new RpcError('vm-has-clones', { id, clones: there.map((one) => one.id).join(', ') })
  }
}

const othersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function inSteps(work: Generator<{ done: number; total: number }>, task: CallTask): Promise<void> {
  for (let step = work.next(); !step.done; step = work.next()) {
    if (task.signal.aborted) work.return(undefined)
    checkWanted(task)
    task.progress(step.value.done / step.value.total)
    await othersTurn() // a large disk must not hold up the windows
  }
}
