import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { channelPair } from '../../engine/protocol/channel.ts'
import { hostContract, type HostContract } from '../../engine/protocol/host-contract.ts'
import { RpcClient } from '../../engine/protocol/rpc.ts'
import { VmRecord } from '../../engine/protocol/vm.ts'
import { Media } from '../../engine/service/media/media.ts'
import { openDiskImage } from '../../engine/storage/open-image.ts'
import { HostService } from '../../src-main/host/host-service.ts'
import { VmLibrary } from '../../src-main/host/library.ts'
import { ForkedVmProcesses, type ForkedVmProcess } from '../../src-main/host/vm-process.ts'
import { PASS_SECTORS, passGuest } from '../support/pass-guest.ts'

const SCRIPT = join(import.meta.dirname, '../../out/main/vm-process.js')
const DISK_MIB = 64

let home: string
let host: HostService<ForkedVmProcess>
let client: RpcClient<HostContract>
let processes: ForkedVmProcesses
let running: ForkedVmProcess
let id: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'vitrine-live-merge-'))
  const floppy = await passGuest(home)
  const disk = join(home, 'disk.qcow2')
  for (const _ of new Media().create(disk, DISK_MIB * 2 ** 20, { format: 'qcow2' }));
  const library = new VmLibrary(home)
  await library.open()
  const machine = {
    version: 1,
    memoryMiB: 4,
    boot: ['floppy'],
    drives: [
      { kind: 'floppy', path: floppy, ephemeral: true },
      { kind: 'disk', path: 'disk.qcow2', format: 'qcow2' },
    ],
  }
  const serial = [{ kind: 'file', name: 'serial.txt' }]
  const record = v.parse(VmRecord, { version: 1, name: 'Passes', machine, serial })
  id = await library.create(record, { 'disk.qcow2': await readFile(disk) })
  processes = new ForkedVmProcesses(SCRIPT)
  host = await HostService.open(home, () => (running = processes.start()))
  const [near, far] = channelPair()
  host.serve(far)
  client = new RpcClient<HostContract>(hostContract, near)
})
afterEach(async () => {
  await host.close()
  processes.close()
  await rm(home, { recursive: true })
})

const place = (name: string) => join(home, 'machines', id, name)
const said = () => readFile(place('serial.txt'), 'latin1').catch(() => '')
const layers = async () => (await readdir(place(''))).filter((name) => name.endsWith('.qcow2'))
const log = async () => (await client.call('log', { id })).map(({ text }) => text)

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await isSo()); waited++) {
    if (waited > 1200) throw new Error(`${what}: it says ${await said()}, ${(await log()).join('; ')}`)
    await delay(50)
  }
}

/** Waits until the guest has written its disk once more, and has read what it wrote. */
async function pass(): Promise<void> {
  const { length } = await said()
  await until('the guest to pass', async () => (await said()).length > length + 1)
  expect(await said()).toMatch(/^\.+$/)
}

async function take(name: string): Promise<string> {
  await client.call('takeSnapshot', { id, name })
  await pass()
  return (await client.call('snapshots', { id })).current!
}

/** What each sector of the disk holds once the machine is off: its number and that of the pass. */
async function expectWhole(): Promise<void> {
  const library = new VmLibrary(home)
  const { drives } = await library.machineConfig(id)
  const { path, allowed = [] } = drives[1]!
  const image = openDiskImage(path!, { format: 'qcow2', confirmed: allowed, readonly: true })
  const bytes = new Uint8Array(PASS_SECTORS * 512)
  image.read(0, PASS_SECTORS, bytes)
  image.close()
  const words = new Uint16Array(bytes.buffer)
  const passes = new Set<number>()
  for (let sector = 0; sector < PASS_SECTORS; sector++) {
    const part = words.subarray(sector * 256, (sector + 1) * 256)
    expect(new Set(part).size).toBe(1)
    passes.add(part[0]! - sector)
  }
  // The last pass may have been cut off in the middle.
  expect(Math.max(...passes) - Math.min(...passes)).toBeLessThanOrEqual(1)
}

describe('snapshots of a machine that runs are deleted', () => {
  it('and their layers are merged while its guest goes on writing; the room comes back', async () => {
    await client.call('start', { id })
    await pass()
    const first = await take('first')
    const second = await take('second')
    const third = await take('third')
    const bytes = async () => {
      const sizes = await Promise.all((await layers()).map(async (name) => (await stat(place(name))).size))
      return sizes.reduce((sum, size) => sum + size, 0)
    }
    expect(await layers()).toHaveLength(4)
    const before = await bytes()
    // A layer between two frozen ones first, then the one that the guest writes.
    await client.call('deleteSnapshot', { id, snapshot: second })
    await until('a layer to be merged', async () => (await layers()).length === 3)
    await pass()
    await client.call('deleteSnapshot', { id, snapshot: third })
    await client.call('deleteSnapshot', { id, snapshot: first })
    await until('all layers to be merged', async () => (await layers()).length === 1)
    expect(await layers()).toEqual(['disk.qcow2'])
    expect(await bytes()).toBeLessThan(before / 2)
    await pass()
    expect((await log()).filter((line) => line.startsWith('not merged'))).toEqual([])
    // It can be taken anew on what has been merged.
    const again = await take('again')
    await client.call('powerOff', { id })
    await expectWhole()
    await client.call('deleteSnapshot', { id, snapshot: again })
    await until('the rest to be merged', async () => (await layers()).length === 1)
    await expectWhole()
  })

  it('and the process is killed in the middle: the disk is whole, and merged at the next start', async () => {
    await client.call('start', { id })
    await pass()
    const only = await take('only')
    const parts: (number | null)[] = []
    client.on('merging', ({ part }) => void parts.push(part))
    await client.call('deleteSnapshot', { id, snapshot: only })
    await client.call('holdMerge', { id, isHeld: true })
    await pass()
    running.kill()
    await until(
      'the machine to be gone',
      async () => (await client.call('list', undefined))[0]!.state === 'aborted',
    )
    await client.call('stopMerge', { id })
    await expectWhole()
    await client.call('start', { id })
    await until('the layers to be merged', async () => (await layers()).length === 1)
    await pass()
    await client.call('powerOff', { id })
    await expectWhole()
    expect(parts.at(-1)).toBeNull()
  })
})
