import { EngineError } from '../../base/errors.ts'
import type { LayerMerge } from '../../protocol/machine-config.ts'
import { because } from '../../protocol/reasons.ts'
import { RpcError } from '../../protocol/rpc.ts'
import type { FileStamp } from '../../protocol/snapshot.ts'
import type { VmRecord } from '../../protocol/vm.ts'
import { DiskError } from '../../storage/block-image.ts'
import type { Keyring } from '../../storage/formats/luks/keyring.ts'
import { isEmptyLayer, mergeLayer, rebaseLayer } from '../../storage/formats/merge-layer.ts'
import type { ImageFiles } from '../../storage/image-files.ts'
import type { Progress } from '../media/copy-disk.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { allowedBy, isOwn, nameIn, placeOf } from './tree-files.ts'
import {
  deleted,
  filesInUse,
  isOfTree,
  isUnfinished,
  merged,
  namedFiles,
  nextMerge,
  pictureName,
  savedPictureName,
  savedStateName,
  stateName,
  treeOf,
  type Merge,
} from './tree.ts'

/** A machine that runs while layers of its disks are merged. */
export interface MergingMachine {
  /**
   * Writes a layer down into the one below it beside the guest. When it returns, either of the two has all that was
   * flushed, until `end`. Throws when it fails or is not wanted any more; the disk is then as it was.
   */
  merge(layers: LayerMerge): Promise<void>
  /** @param isMerged the record names the lower layer in the place of the upper one */
  end(isMerged: boolean): Promise<void>
  /** Does what changes the record while nobody else does. */
  exclusively<T>(change: () => Promise<T>): Promise<T>
  /** Called between two pieces of a merge that the machine has no part in. Throws when that is not wanted any more. */
  between(progress: Progress): Promise<void>
}

/** What deleted snapshots have left: layers to be merged, files to be removed. */
export class LayerMerges {
  /** Parameters as those of the `SnapshotStore`. */
  constructor(
    private readonly files: ImageFiles,
    private readonly folder: string,
    private readonly keeper: RecordKeeper,
    private readonly stampOf: (path: string) => FileStamp | null,
  ) {}

  /**
   * Finishes what earlier changes left to do, the machine being off: undoes snapshots whose memory was never written,
   * writes layers that nothing names down into the one below, removes what is not needed. Can stop at any point.
   * Encrypted layers that nothing opens wait for another time.
   * @returns why layers could not be merged, one line for each
   */
  async *settle(keyring: Keyring | null = null): AsyncGenerator<Progress, string[]> {
    const left = new Left()
    await this.#undoIncomplete()
    for (;;) {
      const record = await this.keeper.read()
      const merge = nextMerge(record, left.files)
      if (!merge) break
      try {
        yield* this.#writeDown(record, merge, keyring)
        this.#layOver(merge)
        await this.#replace(merge)
        await this.sweep()
      } catch (error) {
        left.add(merge, error)
      }
    }
    await this.sweep()
    return left.problems
  }

  /**
   * The same while the machine runs, but for snapshots that are incomplete, which may be about to be finished. Layers of
   * its own disks are merged by the machine itself.
   * Throws what `live` throws when it is not wanted any more.
   */
  async settleBeside(live: MergingMachine, keyring: Keyring | null = null): Promise<string[]> {
    const left = new Left()
    await live.exclusively(() => this.#removeDiscarded())
    for (;;) {
      const record = await this.keeper.read()
      const merge = nextMerge(record, left.files)
      if (!merge) return left.problems
      try {
        if (filesInUse(record).has(merge.lower.file)) await this.#mergeInUse(record, merge, live)
        else {
          for (const step of this.#writeDown(record, merge, keyring)) await live.between(step)
          await live.exclusively(() => this.#replaceIfMeant(merge, () => this.#layOver(merge)))
        }
        await live.exclusively(() => this.#removeDiscarded())
      } catch (error) {
        left.add(merge, error)
      }
    }
  }

  async #mergeInUse(record: VmRecord, merge: Merge, live: MergingMachine): Promise<void> {
    const { lower, upper, above } = merge
    await live.merge({
      upper: this.#place(upper.file),
      lower: this.#place(lower.file),
      format: formatOf(merge),
      name: nameIn(this.folder, lower.file),
      above: above.map(({ file }) => this.#place(file)),
      allowed: allowedBy(this.folder, record),
    })
    await live.exclusively(async () => {
      try {
        await this.#replaceIfMeant(merge, () => {})
      } finally {
        // It may be in place although it failed. A record that cannot be read leaves the machine with both layers.
        const { layers } = treeOf(await this.keeper.read())
        await live.end(!layers.some(({ file }) => file === upper.file))
      }
    })
  }

  /** The machine's record may have changed while layers were written down: then nothing happens. */
  async #replaceIfMeant(merge: Merge, prepare: () => void): Promise<void> {
    const record = await this.keeper.read()
    const others = treeOf(record).layers.filter(({ file }) => file !== merge.lower.file)
    const now = nextMerge(record, new Set(others.map(({ file }) => file)))
    if (!now || shapeOf(now) !== shapeOf(merge)) return
    prepare()
    await this.#replace(merge)
  }

  async #undoIncomplete(): Promise<void> {
    const record = await this.keeper.read()
    const incomplete = treeOf(record).snapshots.filter(({ isComplete }) => !isComplete)
    if (incomplete.length > 0)
      await this.keeper.write(incomplete.reduce((now, { id }) => deleted(now, id), record))
  }

  #writeDown(record: VmRecord, merge: Merge, keyring: Keyring | null): Generator<Progress, void> {
    const below = {
      path: this.#place(merge.lower.file),
      format: formatOf(merge),
      confirmed: allowedBy(this.folder, record),
      keyring,
    }
    return mergeLayer(this.files, this.#place(merge.upper.file), below)
  }

  /** What was over the upper layer is over the lower one, which shows the same. */
  #layOver(merge: Merge): void {
    const backing = { name: nameIn(this.folder, merge.lower.file), format: formatOf(merge) }
    for (const { file } of merge.above) rebaseLayer(this.files, this.#place(file), backing)
  }

  async #replace(merge: Merge): Promise<void> {
    const stamp = this.stampOf(this.#place(merge.lower.file))
    await this.keeper.write(merged(await this.keeper.read(), merge, stamp))
  }

  /** Removes the files that the record gave up, and empty layers that no record ever named. */
  async sweep(): Promise<void> {
    await this.#removeDiscarded()
    const record = await this.keeper.read()
    const tree = treeOf(record)
    const known = new Set([
      ...namedFiles(record),
      ...tree.layers.map(({ file }) => file),
      ...tree.snapshots.flatMap(({ id }) => [stateName(id), pictureName(id)]),
      savedStateName(record),
      savedPictureName(record),
    ])
    for (const name of this.files.namesIn(this.folder)) {
      if (isUnfinished(name)) this.files.remove(this.#place(name))
      else if (isOfTree(name) && !known.has(name) && this.#isWorthless(name))
        this.files.remove(this.#place(name))
    }
  }

  async #removeDiscarded(): Promise<void> {
    const record = await this.keeper.read()
    const tree = treeOf(record)
    if (tree.discarded.length === 0) return
    for (const file of tree.discarded) if (isOwn(file)) this.files.remove(this.#place(file))
    await this.keeper.write({ ...record, snapshots: { ...tree, discarded: [] } })
  }

  /** A layer that holds something is left even when no record names it: the record may be an older one put back. */
  #isWorthless(name: string): boolean {
    if (!name.endsWith('.qcow2')) return true
    try {
      return isEmptyLayer(this.files, this.#place(name))
    } catch {
      return false
    }
  }

  #place(file: string): string {
    return placeOf(this.folder, file)
  }
}

/** Merges that failed, and why. */
class Left {
  /** Their lower layers. */
  readonly files = new Set<string>()
  readonly problems: string[] = []

  /** Throws what no file is to blame for. */
  add({ lower }: Merge, error: unknown): void {
    const code = error instanceof EngineError || error instanceof RpcError ? error.code : null
    if (!(error instanceof DiskError) && !OF_FILES.has(code)) throw error
    this.files.add(lower.file)
    if (code !== 'passphrase-missing') this.problems.push((error as Error).message)
  }
}

const OF_FILES: ReadonlySet<string | null> = new Set([
  'file-unusable',
  'passphrase-missing',
  'passphrase-wrong',
  'option-invalid',
])

/** Which layers a merge is of, to see whether another one is the same. */
const shapeOf = ({ lower, upper, above }: Merge): string =>
  JSON.stringify([lower.file, upper.file, above.map(({ file }) => file).toSorted()])

/** Throws `file-unusable` for a layer that the record knows too little of. */
function formatOf({ lower }: Merge): LayerMerge['format'] {
  if (lower.format === 'auto')
    throw new EngineError('file-unusable', { path: lower.file, reason: because('format-unknown') })
  return lower.format
}
