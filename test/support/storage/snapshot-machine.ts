import * as v from 'valibot'
import { VmRecord } from '../../../engine/protocol/vm.ts'
import type { RecordKeeper } from '../../../engine/service/snapshots/record-keeper.ts'
import { SnapshotStore } from '../../../engine/service/snapshots/snapshot-store.ts'
import { savedStateName, treeOf } from '../../../engine/service/snapshots/tree.ts'
import type { DiskImage } from '../../../engine/storage/formats/disk-image.ts'
import { openDisk } from '../../../engine/storage/formats/open-disk.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

export const FOLDER = '/vm'
const RECORD = `${FOLDER}/vm.json`

/** A machine's folder on a simulated disk: what a snapshot holds, and what the machine has now. */
export class SnapshotMachine<Note = never> {
  readonly store: SnapshotStore

  constructor(readonly disk: SimulatedDisk<Note>) {
    const keeper: RecordKeeper = {
      read: () => Promise.resolve(this.record()),
      write: (record) => Promise.resolve(putFile(disk, RECORD, JSON.stringify(record))),
    }
    const stamp = (path: string) =>
      disk.realPath(path) === null ? null : { bytes: disk.take(path).length, changedMs: 0 }
    this.store = new SnapshotStore(disk, FOLDER, keeper, stamp, () => 0)
  }

  record(): VmRecord {
    return v.parse(VmRecord, JSON.parse(Buffer.from(this.disk.take(RECORD)).toString()))
  }

  /** A drive's disk as the machine opens it. */
  open(drive: VmRecord['machine']['drives'][number], writable: boolean): DiskImage {
    const place = (file: string): string => (file.startsWith('/') ? file : `${FOLDER}/${file}`)
    const confirmed = (drive.allowed ?? []).map(place)
    return openDisk(this.disk, place(drive.path!), { format: drive.format, writable, confirmed })
  }

  write(drive: number, sector: number, count: number, tag: number): void {
    const image = this.open(this.record().machine.drives[drive]!, true)
    image.write(sector, count, new Uint8Array(new Uint32Array(count * 128).fill(tag).buffer))
    image.flush()
    image.close()
  }

  /** Leaves a saved state, or takes it away. */
  setSaved(tag: number | null): void {
    const place = `${FOLDER}/${savedStateName(this.record())}`
    if (tag === null) this.disk.remove(place)
    else putFile(this.disk, place, `state ${tag}`)
  }

  /** All that must not be lost. */
  contents(): MachineContents {
    const record = this.record()
    const tree = treeOf(record)
    const text = (file: string): string | null =>
      this.disk.realPath(`${FOLDER}/${file}`) === null
        ? null
        : Buffer.from(this.disk.take(`${FOLDER}/${file}`)).toString()
    const snapshots = new Map(
      tree.snapshots.map(({ id, machine, hasState }) => [
        id,
        { disks: this.#disks(machine), state: hasState ? text(`snapshot-${id}.state`) : null },
      ]),
    )
    const now = { disks: this.#disks(record.machine), state: text(savedStateName(record)) }
    return { snapshots, now, generation: tree.generation }
  }

  #disks(machine: VmRecord['machine']): Uint32Array[] {
    return machine.drives.map((drive) => {
      const image = this.open(drive, false)
      const bytes = new Uint8Array(image.sectorCount * 512)
      image.read(0, image.sectorCount, bytes)
      image.close()
      const words = new Uint32Array(bytes.buffer)
      return Uint32Array.from({ length: image.sectorCount }, (_, sector) => words[sector * 128]!)
    })
  }
}

interface PointContents {
  /** What the first word of each sector of each disk is. */
  disks: Uint32Array[]
  state: string | null
}

export interface MachineContents {
  snapshots: Map<string, PointContents>
  now: PointContents
  generation: string
}

export function putFile<Note>(disk: SimulatedDisk<Note>, path: string, text: string): void {
  disk.remove(`${path}.part`)
  const file = disk.create(`${path}.part`)
  file.writeAt(0, Buffer.from(text))
  file.sync()
  file.close()
  disk.replace(`${path}.part`, path)
}
