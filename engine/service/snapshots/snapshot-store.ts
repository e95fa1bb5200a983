import { randomBytes } from 'node:crypto'
import { isAbsolute } from 'node:path'
import type { DiskLayer, DriveConfig, MachineConfig } from '../../protocol/machine-config.ts'
import { RpcError } from '../../protocol/rpc.ts'
import {
  MAX_SNAPSHOTS,
  type FileStamp,
  type Snapshot,
  type SnapshotList,
  type SnapshotTree,
} from '../../protocol/snapshot.ts'
import type { MemoryPage, SnapshotComparison } from '../../protocol/snapshot-comparison.ts'
import type { VmRecord } from '../../protocol/vm.ts'
import type { Keyring } from '../../storage/formats/luks/keyring.ts'
import { makeLayer } from '../../storage/formats/merge-layer.ts'
import type { ImageFiles } from '../../storage/image-files.ts'
import type { Progress } from '../media/copy-disk.ts'
import { memoryPage } from './compare-memory.ts'
import { compareSnapshots } from './compare-snapshots.ts'
import { LayerMerges, type MergingMachine } from './layer-merges.ts'
import { listed } from './listed.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { nameIn, placeOf } from './tree-files.ts'
import {
  chainLength,
  deleted,
  keptDisks,
  layerName,
  pictureName,
  restored,
  savedPictureName,
  savedStateName,
  stateName,
  taken,
  treeOf,
  type NewLayer,
} from './tree.ts'

/** A machine that runs while its snapshot is taken. */
export interface LiveMachine {
  /** Stops the guest, notes its memory, flushes its disks and lays new files over them; it stays stopped. */
  freeze(layers: DiskLayer[]): Promise<void>
  /** Takes the layers off again. */
  thaw(): Promise<void>
  /** Lets the guest go on. */
  resume(): Promise<void>
  /** Writes what was noted to a file, whole. */
  keepState(path: string): Promise<void>
  /** A small picture of its screen as PNG. */
  picture(): Promise<Uint8Array>
}

interface SnapshotWish {
  name: string
  notes: string
  /** Taken by schedule. */
  isAutomatic?: boolean
}

const newId = (): string => randomBytes(6).toString('hex')

/**
 * The snapshots of one machine. Every change makes its new files first, whole and synced, then replaces the record,
 * and only then removes what nothing names any more: a power failure leaves the state before or the one after.
 */
export class SnapshotStore {
  readonly #merges: LayerMerges

  /**
   * @param folder of the machine
   * @param stampOf size and time of change of a file, null when there is none
   */
  constructor(
    private readonly files: ImageFiles,
    private readonly folder: string,
    private readonly keeper: RecordKeeper,
    private readonly stampOf: (path: string) => FileStamp | null,
    private readonly nowMs: () => number = Date.now,
  ) {
    this.#merges = new LayerMerges(files, folder, keeper, stampOf)
  }

  async list(): Promise<SnapshotList> {
    return listed(await this.keeper.read(), (file) => this.stampOf(this.#place(file)))
  }

  /**
   * Takes a snapshot: of a machine that is off, with its saved state when it has one, or of one that runs.
   * Throws `snapshot-limit`, `snapshot-chain`, `file-unusable`, leaving everything as it was.
   */
  async take(wish: SnapshotWish, live: LiveMachine | null = null): Promise<Snapshot> {
    const record = await this.keeper.read()
    if (treeOf(record).snapshots.length >= MAX_SNAPSHOTS)
      throw new RpcError('snapshot-limit', { limit: MAX_SNAPSHOTS })
    const id = newId()
    const made: string[] = []
    const layers = this.#layersOver(record.machine)
    // What deleted snapshots leave is merged when the machine is off; until then a chain only grows.
    if (layers.some(({ below }) => chainLength(treeOf(record), below) >= MAX_SNAPSHOTS))
      throw new RpcError('snapshot-chain', { limit: MAX_SNAPSHOTS })
    if (live) this.#put(pictureName(id), await live.picture(), made)
    try {
      // The guest stands from here until the record is written.
      if (live) await live.freeze(layers.map((layer) => this.#layer(record.machine, layer)))
    } catch (error) {
      this.#removeAll(made)
      throw error
    }
    try {
      if (!live) this.#make(record.machine, layers, made)
      const holds = live ? { hasState: true, hasPicture: true } : this.#linkSaved(record, id, made)
      const snapshot = {
        isAutomatic: false,
        ...wish,
        ...holds,
        id,
        takenAtMs: this.nowMs(),
        isComplete: live === null,
      }
      await this.keeper.write(taken(record, { snapshot, layers, stampOf: (file) => this.#stamp(file) }))
    } catch (error) {
      if (!(await this.#stands((tree) => tree.snapshots.some((one) => one.id === id)))) {
        this.#removeAll(made)
        await live?.thaw()
      }
      throw error
    } finally {
      await live?.resume()
    }
    if (live) await this.#complete(id, live)
    return this.#find(await this.keeper.read(), id)
  }

  /** Once its memory is on the disk, the snapshot is there for good; without it, there is none. */
  async #complete(id: string, live: LiveMachine): Promise<void> {
    try {
      await live.keepState(this.#place(stateName(id)))
    } catch (error) {
      await this.keeper.write(deleted(await this.keeper.read(), id))
      throw error
    }
    const record = await this.keeper.read()
    const tree = treeOf(record)
    const snapshots = tree.snapshots.map((one) => (one.id === id ? { ...one, isComplete: true } : one))
    await this.keeper.write({ ...record, snapshots: { ...tree, snapshots } })
  }

  /**
   * Goes back to a snapshot; with a wish, what is there now becomes one first, and both happen or neither does. The
   * machine is off. Throws `snapshot-unknown`, `snapshot-unusable`, `file-unusable`.
   */
  async restore(id: string, wish: SnapshotWish | null = null): Promise<void> {
    const record = await this.keeper.read()
    const target = this.#find(record, id)
    this.#checkUsable(record, id)
    const layers = this.#layersOver(target.machine)
    const generation = newId()
    const made: string[] = []
    try {
      this.#make(target.machine, layers, made)
      const before = wish ? this.#savedHere(record, wish, made) : record
      const after = restored(before, target, layers, generation)
      if (target.hasState) {
        this.#link(stateName(id), savedStateName(after), made)
        if (target.hasPicture) this.#link(pictureName(id), savedPictureName(after), made)
      }
      await this.keeper.write(after)
    } catch (error) {
      if (!(await this.#stands((tree) => tree.generation === generation))) this.#removeAll(made)
      throw error
    }
    await this.#merges.sweep()
  }

  /** Whether a record was put in place all the same: the failure may have come after that. */
  async #stands(isNew: (tree: SnapshotTree) => boolean): Promise<boolean> {
    return isNew(treeOf(await this.keeper.read()))
  }

  /** The record with what is there now as a snapshot. */
  #savedHere(record: VmRecord, wish: SnapshotWish, made: string[]): VmRecord {
    const id = newId()
    const snapshot = {
      isAutomatic: false,
      ...wish,
      ...this.#linkSaved(record, id, made),
      id,
      takenAtMs: this.nowMs(),
      isComplete: true,
    }
    return taken(record, {
      snapshot,
      layers: this.#layersOver(record.machine),
      stampOf: (file) => this.#stamp(file),
    })
  }

  /**
   * Deletes a snapshot; what others build on stays. Its memory and its picture go at once, its disks when the machine
   * is off. Throws `snapshot-unknown`.
   */
  async delete(id: string): Promise<void> {
    const record = await this.keeper.read()
    this.#find(record, id)
    await this.keeper.write(deleted(record, id))
    for (const file of [stateName(id), pictureName(id)])
      try {
        this.files.remove(this.#place(file))
      } catch {
        // Somebody has it open: the record knows that it is to go, and it goes with the rest.
      }
  }

  /** Throws `snapshot-unknown`. */
  async edit(id: string, wish: SnapshotWish): Promise<void> {
    const record = await this.keeper.read()
    this.#find(record, id)
    const tree = treeOf(record)
    const snapshots = tree.snapshots.map((one) => (one.id === id ? { ...one, ...wish } : one))
    await this.keeper.write({ ...record, snapshots: { ...tree, snapshots } })
  }

  /** Makes every start go back to a snapshot; null ends that. Throws `snapshot-unknown`. */
  async startFrom(id: string | null): Promise<void> {
    const record = await this.keeper.read()
    if (id !== null) this.#find(record, id)
    await this.keeper.write({ ...record, snapshots: { ...treeOf(record), startFrom: id } })
  }

  /** What the machine was at a snapshot, its files with absolute names. Throws as `restore` does. */
  async machineAt(id: string): Promise<MachineConfig> {
    const record = await this.keeper.read()
    this.#checkUsable(record, id)
    return this.#find(record, id).machine
  }

  /** What differs between two snapshots. Throws as `restore` does, `state-invalid`. */
  async compare(before: string, after: string): Promise<Generator<Progress, SnapshotComparison>> {
    const record = await this.keeper.read()
    for (const id of [before, after]) this.#checkUsable(record, id)
    return compareSnapshots(this.folder, this.#find(record, before), this.#find(record, after))
  }

  /** A page of the memory of two snapshots that have memory. Throws `snapshot-unknown`, `file-unusable`, `state-invalid`. */
  async memoryPage(before: string, after: string, page: number): Promise<MemoryPage> {
    const record = await this.keeper.read()
    const [left, right] = [before, after].map((id) => {
      this.#find(record, id)
      return this.#place(stateName(id))
    })
    return memoryPage(left!, right!, page)
  }

  /** Notes that a machine's disks build on a snapshot's, so that they stay. Throws `snapshot-unknown`. */
  async addClone(id: string, clone: string): Promise<void> {
    const record = await this.keeper.read()
    const kept = new Set(keptDisks(this.#find(record, id).machine).map(({ file }) => file))
    const tree = treeOf(record)
    const layers = tree.layers.map((layer) =>
      kept.has(layer.file) ? { ...layer, clones: [...layer.clones, clone] } : layer,
    )
    await this.keeper.write({ ...record, snapshots: { ...tree, layers } })
  }

  /** Forgets clones that are gone. */
  async keepClones(isThere: (clone: string) => boolean): Promise<void> {
    const record = await this.keeper.read()
    const tree = treeOf(record)
    if (tree.layers.every(({ clones }) => clones.every(isThere))) return
    const layers = tree.layers.map((layer) => ({ ...layer, clones: layer.clones.filter(isThere) }))
    await this.keeper.write({ ...record, snapshots: { ...tree, layers } })
  }

  /** Finishes what earlier changes left to do, the machine being off; see `LayerMerges`. */
  settle(keyring: Keyring | null = null): AsyncGenerator<Progress, string[]> {
    return this.#merges.settle(keyring)
  }

  /** The same while the machine runs. */
  settleBeside(live: MergingMachine, keyring: Keyring | null = null): Promise<string[]> {
    return this.#merges.settleBeside(live, keyring)
  }

  // Files.

  #place(file: string): string {
    return placeOf(this.folder, file)
  }

  #stamp(file: string): FileStamp | null {
    return this.stampOf(this.#place(file))
  }

  #layersOver(machine: MachineConfig): NewLayer[] {
    return keptDisks(machine).map(({ drive, file }) => ({ drive, below: file, file: layerName(newId()) }))
  }

  #make(machine: MachineConfig, layers: readonly NewLayer[], made: string[]): void {
    for (const { drive, below, file } of layers) {
      const layer = this.#layer(machine, { drive, below, file })
      makeLayer(this.files, { ...layer, path: layer.below }, layer.file)
      made.push(file)
    }
  }

  /** How the written file of a drive is opened. */
  #openable({ overlay, path, format, allowed = [] }: DriveConfig): {
    format: DriveConfig['format']
    allowed: string[]
  } {
    const more = overlay === undefined || path === null ? [] : [path]
    return {
      format: overlay === undefined ? format : 'qcow2',
      allowed: [...allowed, ...more].map((file) => this.#place(file)),
    }
  }

  #layer(machine: MachineConfig, { drive, below, file }: NewLayer): DiskLayer {
    const place = this.#place(below)
    const { format, allowed } = this.#openable(machine.drives[drive]!)
    return {
      below: place,
      format,
      name: nameIn(this.folder, below),
      file: this.#place(file),
      allowed: isAbsolute(below) ? [...allowed, place] : allowed,
    }
  }

  #link(from: string, to: string, made: string[]): void {
    if (this.files.realPath(this.#place(from)) === null) return
    this.files.link(this.#place(from), this.#place(to))
    made.push(to)
  }

  /** The saved state of now for a snapshot, as far as there is one. */
  #linkSaved(record: VmRecord, id: string, made: string[]): { hasState: boolean; hasPicture: boolean } {
    this.#link(savedStateName(record), stateName(id), made)
    const hasState = made.includes(stateName(id))
    if (hasState) this.#link(savedPictureName(record), pictureName(id), made)
    return { hasState, hasPicture: made.includes(pictureName(id)) }
  }

  #removeAll(made: readonly string[]): void {
    for (const file of made) this.files.remove(this.#place(file))
  }

  #put(name: string, bytes: Uint8Array, made: string[]): void {
    const place = this.#place(name)
    const file = this.files.create(`${place}.part`)
    try {
      file.writeAt(0, bytes)
      file.sync()
    } finally {
      file.close()
    }
    this.files.replace(`${place}.part`, place)
    made.push(name)
  }

  #find(record: VmRecord, id: string): Snapshot {
    const found = treeOf(record).snapshots.find((snapshot) => snapshot.id === id)
    if (!found) throw new RpcError('snapshot-unknown', { snapshot: id })
    return found
  }

  #checkUsable(record: VmRecord, id: string): void {
    const { snapshots } = listed(record, (file) => this.stampOf(this.#place(file)))
    const found = snapshots.find((snapshot) => snapshot.id === id)
    if (!found) throw new RpcError('snapshot-unknown', { snapshot: id })
    if (found.problem !== null)
      throw new RpcError('snapshot-unusable', { name: found.name, reason: found.problem })
  }
}
