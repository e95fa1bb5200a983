import { describe, expect, it } from 'vitest'
import { treeOf } from '../../../engine/service/snapshots/tree.ts'
import { createDisk } from '../../../engine/storage/formats/create-disk.ts'
import type { FormatName } from '../../../engine/storage/formats/disk-image.ts'
import { crashPoints } from '../../support/storage/power-loss.ts'
import { Random } from '../../support/storage/random.ts'
import { SimulatedDisk } from '../../support/storage/simulated-disk.ts'
import {
  FOLDER,
  putFile,
  SnapshotMachine,
  type MachineContents,
} from '../../support/storage/snapshot-machine.ts'

/** Points at which the power fails while snapshots are taken, restored, deleted and merged. */
const POINTS = Number(process.env['VITRINE_SNAPSHOT_POINTS'] ?? 1500)
const SEED = Number(process.env['VITRINE_SEED'] ?? 1)
const SECTORS = 1200

interface Step {
  name: string
  /** Operations of the disk that it took: from, to. */
  from: number
  to: number
  before: MachineContents
  after: MachineContents
}

function newMachine(formats: readonly FormatName[]): SimulatedDisk {
  const disk = new SimulatedDisk()
  const drives = formats.map((format, index) => {
    // The second disk lies outside of the machine's folder.
    const path = index === 0 ? `${FOLDER}/disk` : '/elsewhere/disk'
    createDisk(disk, path, format, { sizeBytes: SECTORS * 512 })
    return { kind: 'disk', path: index === 0 ? 'disk' : path, format }
  })
  const record = { version: 1, name: 'Test', machine: { version: 1, drives } }
  putFile(disk, `${FOLDER}/vm.json`, JSON.stringify(record))
  return disk.copy()
}

async function settle(machine: SnapshotMachine): Promise<string[]> {
  const work = machine.store.settle()
  for (let step = await work.next(); ; step = await work.next()) if (step.done) return step.value
}

/** Does one thing, and says what. */
async function doSomething(machine: SnapshotMachine, random: Random, tag: number): Promise<string> {
  const { store } = machine
  const record = machine.record()
  const ids = treeOf(record).snapshots.map(({ id }) => id)
  const wish = { name: `s${tag}`, notes: '' }
  const choice = ids.length === 0 ? random.below(4) : random.below(10)
  if (choice < 3) {
    const drive = random.below(record.machine.drives.length)
    const count = random.pick([1, 8, 200])
    machine.write(drive, random.below(SECTORS - count), count, tag)
    return 'write'
  }
  if (choice === 3 || (choice === 4 && ids.length < 4)) {
    if (random.chance(3)) machine.setSaved(tag)
    await store.take(wish)
    return 'take'
  }
  const id = random.pick(ids)
  if (choice === 5) {
    machine.setSaved(null)
    return 'go on'
  }
  if (choice === 6) {
    await store.restore(id)
    return 'restore'
  }
  if (choice === 7) {
    await store.restore(id, wish)
    return 'save here and go there'
  }
  await store.delete(id)
  if (random.chance(3)) return 'delete'
  expect(await settle(machine)).toEqual([])
  return 'delete and merge'
}

async function runProgram(disk: SimulatedDisk, random: Random, length: number): Promise<Step[]> {
  const machine = new SnapshotMachine(disk)
  const steps: Step[] = []
  for (let tag = 1; tag <= length; tag++) {
    const [from, before] = [disk.log.length, machine.contents()]
    const name = await doSomething(machine, random, tag)
    steps.push({ name, from, to: disk.log.length, before, after: machine.contents() })
  }
  return steps
}

/** Each sector as before or as after; a step that writes to no disk leaves no choice. */
const isMixOf = (found: Uint32Array, before: Uint32Array, after: Uint32Array): boolean =>
  found.every((word, at) => word === before[at] || word === after[at])

/** What is lost, or null. */
function loss(found: MachineContents, { before, after }: Step): string | null {
  for (const [id, snapshot] of found.snapshots) {
    const meant = after.snapshots.get(id) ?? before.snapshots.get(id)
    if (!meant) return `there is a snapshot ${id} that was never taken`
    if (!snapshot.disks.every((words, at) => isMixOf(words, meant.disks[at]!, meant.disks[at]!)))
      return `a disk of snapshot ${id} has changed`
    if (snapshot.state !== meant.state) return `the state of snapshot ${id} is ${snapshot.state}`
  }
  for (const id of before.snapshots.keys())
    if (after.snapshots.has(id) && !found.snapshots.has(id)) return `snapshot ${id} is gone`
  // The tree is the one before or the one after, and what the machine is now goes with it.
  const { generation, now } = found
  const sides = [before, after].filter((side) => side.generation === generation)
  if (sides.length === 0) return `generation ${generation} is neither before nor after`
  const [one, other = one] = sides
  if (!now.disks.every((words, at) => isMixOf(words, one!.now.disks[at]!, other!.now.disks[at]!)))
    return 'a disk of the machine is neither as before nor as after'
  if (![one!.now.state, other!.now.state].includes(now.state)) return `the saved state is ${now.state}`
  return null
}

const KINDS: { title: string; formats: FormatName[] }[] = [
  { title: 'one qcow2 disk', formats: ['qcow2'] },
  { title: 'a raw disk', formats: ['raw'] },
  { title: 'a VDI disk and a raw one elsewhere', formats: ['vdi', 'raw'] },
]

describe('the power fails while snapshots of a machine are worked on', () => {
  it.each(KINDS)(
    '$title: each step has happened or has not, and nothing is lost',
    async ({ title, formats }) => {
      const budget = Math.ceil(POINTS / KINDS.length)
      const tried = new Map<string, number>()
      let points = 0
      for (let program = 0; points < budget; program++) {
        const random = new Random(SEED * 1000 + program)
        const start = newMachine(formats)
        const disk = start.copy()
        const steps = await runProgram(disk, random, 14)
        for (const point of crashPoints(start, disk.log, random, 1)) {
          // All of the last part of a program, a few points of the long stretches before.
          const step = steps.find(({ to }) => point.cut <= to)!
          if (step.name === 'write' && !random.chance(8)) continue
          const at = `seed ${SEED}, program ${program}, ${step.name}, cut ${point.cut}, ${point.survivors}`
          const machine = new SnapshotMachine(point.disk)
          const exact =
            point.cut === step.to && point.survivors === 'none' ? { ...step, before: step.after } : step
          expect([at, loss(machine.contents(), exact)]).toEqual([at, null])
          // Finishing what was begun loses nothing either, and there is nothing left to do the second time.
          expect([at, await settle(machine)]).toEqual([at, []])
          expect([at, loss(machine.contents(), exact)]).toEqual([at, null])
          const settled = point.disk.copy()
          await settle(new SnapshotMachine(settled))
          expect([at, settled.equals(point.disk)]).toEqual([at, true])
          tried.set(step.name, (tried.get(step.name) ?? 0) + 1)
          if (++points >= budget) break
        }
      }
      const counts = [...tried].map(([name, count]) => `${name} ${count}`).join(', ')
      console.log(`${title}: ${points} points, no losses (${counts})`)
    },
  )

  it('and fails again while what was begun is being finished', async () => {
    let points = 0
    for (let program = 0; points < POINTS / 5; program++) {
      const random = new Random(SEED * 7000 + program)
      const start = newMachine(['raw'])
      const disk = start.copy()
      const steps = await runProgram(disk, random, 12)
      for (const point of crashPoints(start, disk.log, random, 1)) {
        const step = steps.find(({ to }) => point.cut <= to)!
        if (!step.name.startsWith('delete') || !random.chance(6)) continue
        const first = point.disk.copy()
        await settle(new SnapshotMachine(first))
        for (const again of crashPoints(point.disk, first.log, random, 1)) {
          if (!random.chance(4)) continue
          const machine = new SnapshotMachine(again.disk)
          expect(loss(machine.contents(), step)).toBeNull()
          await settle(machine)
          expect(loss(machine.contents(), step)).toBeNull()
          points++
        }
      }
    }
    console.log(`in recovery: ${points} points, no losses`)
  })
})
