import type { LayerMerge } from '../../../engine/protocol/machine-config.ts'
import { RpcError } from '../../../engine/protocol/rpc.ts'
import type { MergingMachine } from '../../../engine/service/snapshots/layer-merges.ts'
import type { BlockImage } from '../../../engine/storage/block-image.ts'
import type { DiskImage } from '../../../engine/storage/formats/disk-image.ts'
import { LiveMerge } from '../../../engine/storage/formats/live-merge.ts'
import type { Random } from './random.ts'
import type { SimulatedDisk } from './simulated-disk.ts'
import type { SnapshotMachine } from './snapshot-machine.ts'

/** What the guest of a running machine does to a drive, as the record of the simulated disk has it. */
export type GuestNote =
  | { kind: 'write'; drive: number; sector: number; count: number; tag: number }
  | { kind: 'flushed'; drive: number }

interface Drive {
  image: DiskImage
  /** What the guest reads and writes through. */
  shown: BlockImage
  /** What each sector has to be read as. */
  words: Uint32Array
}

/** A machine whose guest writes to its disks whenever it gets a turn, while their layers are merged. */
export class RunningMachine implements MergingMachine {
  readonly drives: Drive[]
  #merge: { work: LiveMerge; drive: Drive } | null = null
  #tag = 0x10000

  /** @param stopsAfter pieces of merges after which nobody wants them any more */
  constructor(
    private readonly disk: SimulatedDisk<GuestNote>,
    machine: SnapshotMachine<GuestNote>,
    private readonly random: Random,
    private stopsAfter: number,
  ) {
    const now = machine.contents().now.disks
    this.drives = machine.record().machine.drives.map((drive, index) => {
      const image = machine.open(drive, true)
      return { image, shown: image, words: now[index]!.slice() }
    })
  }

  /** The guest's turn: a few writes, sometimes a flush; what it reads is what it wrote. */
  guest(): void {
    const { random, disk } = this
    for (let turns = random.below(3); turns > 0; turns--) {
      const drive = random.below(this.drives.length)
      const { shown, words } = this.drives[drive]!
      const count = random.pick([1, 1, 8, 130])
      const sector = random.below(shown.sectorCount - count)
      const tag = this.#tag++
      disk.note({ kind: 'write', drive, sector, count, tag })
      shown.write(sector, count, new Uint8Array(new Uint32Array(count * 128).fill(tag).buffer))
      words.fill(tag, sector, sector + count)
      if (random.chance(3)) this.flush(drive)
    }
  }

  flush(drive: number): void {
    this.drives[drive]!.shown.flush()
    this.disk.note({ kind: 'flushed', drive })
  }

  /** The first sector of a drive that is not read as it was written, or null. */
  wrongSector(): string | null {
    for (const [drive, { shown, words }] of this.drives.entries()) {
      const bytes = new Uint8Array(shown.sectorCount * 512)
      shown.read(0, shown.sectorCount, bytes)
      const found = new Uint32Array(bytes.buffer)
      const wrong = words.findIndex((word, sector) => found[sector * 128] !== word)
      if (wrong >= 0) return `drive ${drive}, sector ${wrong}: ${found[wrong * 128]}, not ${words[wrong]}`
    }
    return null
  }

  merge(layers: LayerMerge): Promise<void> {
    const isOver = (image: DiskImage | null): boolean =>
      image !== null && (image.name === layers.upper || isOver(image.backing))
    const drive = this.drives.find(({ image }) => isOver(image))!
    const work = new LiveMerge(this.disk, drive.image, layers, { confirmed: layers.allowed, keyring: null })
    drive.shown = work.shown
    this.#merge = { work, drive }
    for (let step = work.step(); step; step = work.step()) {
      this.guest()
      if (this.stopsAfter-- === 0) {
        void this.end(false)
        return Promise.reject(new RpcError('cancelled'))
      }
    }
    this.guest()
    work.settle()
    this.guest()
    return Promise.resolve()
  }

  end(isMerged: boolean): Promise<void> {
    this.guest()
    const { work, drive } = this.#merge!
    drive.image = drive.shown = work.end(isMerged)
    this.#merge = null
    this.guest()
    return Promise.resolve()
  }

  async exclusively<T>(change: () => Promise<T>): Promise<T> {
    this.guest()
    return change()
  }

  between(): Promise<void> {
    this.guest()
    return Promise.resolve()
  }

  close(): void {
    for (const [drive, { shown }] of this.drives.entries()) {
      this.flush(drive)
      shown.close()
    }
  }
}
