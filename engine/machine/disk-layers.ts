import { EngineError } from '../base/errors.ts'
import type { DiskLayer, LayerMerge } from '../protocol/machine-config.ts'
import { because } from '../protocol/reasons.ts'
import type { BlockImage } from '../storage/block-image.ts'
import { type DiskImage, isDiskImage } from '../storage/formats/disk-image.ts'
import { LiveMerge } from '../storage/formats/live-merge.ts'
import type { Keyring } from '../storage/formats/luks/keyring.ts'
import { makeLayer, type MergeProgress } from '../storage/formats/merge-layer.ts'
import { HostImageFiles } from '../storage/image-files.ts'
import { openDiskImage } from '../storage/open-image.ts'
import type { LoadedMedium } from './loaded-medium.ts'

const MERGING = { option: 'merge', reason: because('merge-going-on') }

/** Lays files over the disks of a machine while it runs, and merges such layers. */
export class DiskLayers {
  /** What was laid over disks last. */
  #laid: { medium: LoadedMedium; layer: DiskLayer }[] = []
  /** Two layers of a disk that are being merged. */
  #merge: { medium: LoadedMedium; work: LiveMerge } | null = null

  /** @param media those in the drives, as they are by now */
  constructor(
    private readonly media: () => LoadedMedium[],
    private readonly keyring: Keyring | undefined,
  ) {}

  /** Lays new files over disks, all or none. Throws `file-unusable`, `option-invalid`, `DiskError`. */
  layOver(layers: readonly DiskLayer[]): void {
    if (this.#merge) throw new EngineError('option-invalid', MERGING)
    this.#laid = []
    try {
      for (const layer of layers) {
        const medium = this.media().find(({ image }) => image.name === layer.below)
        if (!medium)
          throw new EngineError('option-invalid', {
            option: layer.below,
            reason: because('no-drive-has-it'),
          })
        medium.flush()
        medium.image.close()
        try {
          makeLayer(new HostImageFiles(), { ...layer, path: layer.below }, layer.file)
          medium.goOnWith(this.#open(layer.file, 'qcow2', layer.allowed))
        } catch (error) {
          this.#goBack(medium, layer)
          throw error
        }
        this.#laid.push({ medium, layer })
      }
    } catch (error) {
      this.takeOff()
      throw error
    }
  }

  /** Takes off what was laid over last; nothing has been written to it. */
  takeOff(): void {
    for (const { medium, layer } of this.#laid.toReversed()) {
      medium.image.close()
      this.#goBack(medium, layer)
    }
    this.#laid = []
  }

  /**
   * Begins to merge two layers of a disk, one merge at a time: `mergeStep` writes the upper one down into the lower one
   * piece by piece while the disk is used, `settleMerge` brings it to the host's disk, `endMerge` ends it.
   * Throws `file-unusable`, `option-invalid`, `DiskError`, leaving every disk as it was.
   * @returns the files that the merge writes to
   */
  beginMerge({ allowed, ...pair }: LayerMerge): readonly string[] {
    if (this.#merge) throw new EngineError('option-invalid', MERGING)
    const files = new HostImageFiles(undefined, true)
    const place = files.realPath(pair.upper)
    const isOver = (image: DiskImage | null): boolean =>
      image !== null && (files.realPath(image.name) === place || isOver(image.backing))
    for (const medium of this.media()) {
      const { opened } = medium
      if (!isDiskImage(opened) || !isOver(opened)) continue
      medium.deliver()
      const work = new LiveMerge(files, opened, pair, { confirmed: allowed, keyring: this.keyring ?? null })
      medium.show(work.shown)
      this.#merge = { medium, work }
      return work.written
    }
    throw new EngineError('option-invalid', { option: pair.upper, reason: because('no-drive-has-it') })
  }

  /** Writes one piece down. Throws `file-unusable`. @returns how far it is; null when all is written */
  mergeStep(): MergeProgress | null {
    return this.#merging.work.step()
  }

  /** Brings what was written down to the host's disk. Throws `file-unusable`. */
  settleMerge(): void {
    this.#merging.work.settle()
  }

  /** @param isMerged the lower layer is the disk from now on; else all is as it was before the merge */
  endMerge(isMerged: boolean): void {
    const { medium, work } = this.#merging
    medium.showOpened(work.end(isMerged))
    this.#merge = null
  }

  get #merging(): { medium: LoadedMedium; work: LiveMerge } {
    if (!this.#merge)
      throw new EngineError('option-invalid', { option: 'merge', reason: because('no-merge-begun') })
    return this.#merge
  }

  #goBack(medium: LoadedMedium, { below, format, file, allowed }: DiskLayer): void {
    medium.goOnWith(this.#open(below, format, allowed))
    new HostImageFiles().remove(file)
  }

  #open(path: string, format: DiskLayer['format'], confirmed: readonly string[]): BlockImage {
    return openDiskImage(path, { format, confirmed, keyring: this.keyring })
  }
}
