import { describe, expect, it } from 'vitest'
import { RpcError } from '../../../engine/protocol/rpc.ts'
import { treeOf } from '../../../engine/service/snapshots/tree.ts'
import { createDisk } from '../../../engine/storage/formats/create-disk.ts'
import type { FormatName } from '../../../engine/storage/formats/disk-image.ts'
import { withDataFile } from '../../support/storage/data-file.ts'
import { crashPoints } from '../../support/storage/power-loss.ts'
import { Random } from '../../support/storage/random.ts'
import { RunningMachine, type GuestNote } from '../../support/storage/running-machine.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'
import {
  FOLDER,
  putFile,
  SnapshotMachine,
  type MachineContents,
} from '../../support/storage/snapshot-machine.ts'

/** Points at which the power fails while layers of a running machine are merged. */
const POINTS = Number(process.env['VITRINE_LIVE_MERGE_POINTS'] ?? 600)
const SEED = Number(process.env['VITRINE_SEED'] ?? 1)
const SECTORS = 1200

interface Kind {
  title: string
  formats: FormatName[]
  /** The first one has its contents in another file. */
  dataFile?: boolean
}

const KINDS: Kind[] = [
  { title: 'one qcow2 disk', formats: ['qcow2'] },
  { title: 'one qcow2 disk with its data in another file', formats: ['qcow2'], dataFile: true },
  { title: 'a raw disk', formats: ['raw'] },
  { title: 'a VDI disk and a raw one elsewhere', formats: ['vdi', 'raw'] },
]

/** A machine with snapshots in branches, some of which have been deleted: the layers that they left are to be merged. */
async function withDeleted({ formats, dataFile }: Kind, random: Random): Promise<SimulatedDisk<GuestNote>> {
  const disk = new SimulatedDisk<GuestNote>()
  const drives = formats.map((format, index) => {
    const path = index === 0 ? `${FOLDER}/disk` : '/elsewhere/disk'
    createDisk(disk, path, format, { sizeBytes: SECTORS * 512 })
    if (dataFile) {
      disk.patch(path, 0, withDataFile(disk.peek(path, 0, 512), 'data'))
      disk.put(`${FOLDER}/data`, new Uint8Array(SECTORS * 512))
    }
    return { kind: 'disk', path: index === 0 ? 'disk' : path, format }
  })
  putFile(
    disk,
    `${FOLDER}/vm.json`,
    JSON.stringify({ version: 1, name: 'Test', machine: { version: 1, drives } }),
  )
  const machine = new SnapshotMachine(disk)
  const ids = (): string[] => treeOf(machine.record()).snapshots.map(({ id }) => id)
  for (let tag = 1; tag <= 8; tag++) {
    const drive = random.below(formats.length)
    const count = random.pick([1, 8, 300])
    machine.write(drive, random.below(SECTORS - count), count, tag)
    if (tag === 1 || random.chance(2)) await machine.store.take({ name: `s${tag}`, notes: '' })
    else if (random.chance(4)) await machine.store.restore(random.pick(ids()))
  }
  const all = ids()
  for (const id of all) if (random.chance(2) || all.length === 1) await machine.store.delete(id)
  return disk.copy()
}

/** What each sector of a drive may hold: what was flushed last, and what was written since. */
class Oracle {
  readonly #values: number[][][]

  constructor({ now }: MachineContents) {
    this.#values = now.disks.map((words) => [...words].map((word) => [word]))
  }

  take(note: GuestNote): void {
    const sectors = this.#values[note.drive]!
    if (note.kind === 'flushed') for (const values of sectors) values.splice(0, values.length - 1)
    else for (let index = 0; index < note.count; index++) sectors[note.sector + index]!.push(note.tag)
  }

  /** What is lost, or null. */
  loss(found: MachineContents, before: MachineContents): string | null {
    for (const [drive, words] of found.now.disks.entries()) {
      const wrong = words.findIndex((word, sector) => !this.#values[drive]![sector]!.includes(word))
      if (wrong >= 0)
        return `drive ${drive}, sector ${wrong}: ${words[wrong]}, not ${this.#values[drive]![wrong]!.join(' or ')}`
    }
    for (const [id, { disks }] of before.snapshots) {
      const now = found.snapshots.get(id)
      if (!now) return `snapshot ${id} is gone`
      const isSame = disks.every((words, at) => words.every((word, index) => word === now.disks[at]![index]))
      if (!isSame) return `a disk of snapshot ${id} has changed`
    }
    return null
  }
}

async function settle(disk: SimulatedDisk<GuestNote>): Promise<string[]> {
  const work = new SnapshotMachine(disk).store.settle()
  for (let step = await work.next(); ; step = await work.next()) if (step.done) return step.value
}

describe('the power fails while a machine runs whose layers are merged', () => {
  it.each(KINDS)('$title: its disks and all snapshots are whole', async (kind) => {
    const budget = Math.ceil(POINTS / KINDS.length)
    let [points, merges, stopped] = [0, 0, 0]
    for (let program = 0; points < budget; program++) {
      const random = new Random(SEED * 1000 + program)
      const start = await withDeleted(kind, random)
      const disk = start.copy()
      const machine = new SnapshotMachine(disk)
      const before = machine.contents()
      const layers = treeOf(machine.record()).layers.length
      const running = new RunningMachine(
        disk,
        machine,
        random,
        random.chance(4) ? random.below(30) : Infinity,
      )
      const isStopped = await machine.store.settleBeside(running).then(
        (problems) => {
          expect(problems).toEqual([])
          return false
        },
        (error: unknown) => {
          expect(error).toBeInstanceOf(RpcError)
          return true
        },
      )
      if (isStopped) stopped++
      running.guest()
      expect([program, running.wrongSector()]).toEqual([program, null])
      running.close()
      merges += layers - treeOf(machine.record()).layers.length
      const oracle = new Oracle(before)
      let seen = 0
      for (const point of crashPoints(start, disk.log, random, 1)) {
        for (; seen < point.cut; seen++) {
          const operation = disk.log[seen]!
          if (operation.kind === 'note') oracle.take(operation.note)
        }
        if (!random.chance(12)) continue
        const at = `seed ${SEED}, program ${program}, cut ${point.cut}, ${point.survivors}`
        const found = () => new SnapshotMachine(point.disk).contents()
        expect([at, oracle.loss(found(), before)]).toEqual([at, null])
        // What was begun is finished at the next start, loses nothing either, and leaves nothing to do.
        expect([at, await settle(point.disk)]).toEqual([at, []])
        expect([at, oracle.loss(found(), before)]).toEqual([at, null])
        const settled = point.disk.copy()
        await settle(settled)
        expect([at, settled.equals(point.disk)]).toEqual([at, true])
        if (++points >= budget) break
      }
    }
    console.log(`${kind.title}: ${points} points, ${merges} layers merged, ${stopped} stopped, no losses`)
  })
})
