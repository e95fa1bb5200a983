import { describe, expect, it } from 'vitest'
import { SimulatedDisk } from '../../../../test/support/storage/simulated-disk.ts'
import { createDisk } from '../create-disk.ts'
import { viewOf } from '../fields.ts'
import { openDisk } from '../open-disk.ts'

describe('a qcow2 image', () => {
  it('is written over an entry of zeros that points into the middle of a cluster', () => {
    const disk = new SimulatedDisk()
    createDisk(disk, '/image', 'qcow2', { sizeBytes: 1024 ** 2, clusterBytes: 4096 })
    const write = (fill: number): void => {
      const image = openDisk(disk, '/image', { format: 'qcow2', writable: true })
      image.write(0, 8, new Uint8Array(4096).fill(fill))
      image.flush()
      image.close()
    }
    write(1)
    const pointer = (at: number): number =>
      Number(viewOf(disk.peek('/image', at, 8)).getBigUint64(0) & 0xff_ffff_ffff_fe00n)
    const l2 = pointer(pointer(40))
    const damaged = new Uint8Array(8)
    viewOf(damaged).setBigUint64(0, 0x8000_0000_0000_1201n)
    disk.patch('/image', l2, damaged)

    write(2)

    const image = openDisk(disk, '/image', { format: 'qcow2', writable: false })
    const bytes = new Uint8Array(4096)
    image.read(0, 8, bytes)
    expect(bytes.every((byte) => byte === 2)).toBe(true)
  })

  it('is refused where one of its tables would lie behind the end of its file', () => {
    for (const at of [40, 48]) {
      const disk = new SimulatedDisk()
      createDisk(disk, '/image', 'qcow2', { sizeBytes: 1024 ** 2, clusterBytes: 4096 })
      disk.patch('/image', at, Uint8Array.of(0, 0, 1, 0xff))
      expect(() => openDisk(disk, '/image', { format: 'qcow2', writable: true })).toThrow(
        /table behind the end of the file/,
      )
    }
  })

  it('whose entry says two things of a subcluster is damaged, and is not written over', () => {
    const disk = new SimulatedDisk()
    createDisk(disk, '/image', 'qcow2', { sizeBytes: 1024 ** 2, clusterBytes: 16_384 })
    disk.patch('/image', 79, Uint8Array.of(16)) // extended L2 entries
    const open = () => openDisk(disk, '/image', { format: 'qcow2', writable: true })
    const first = open()
    first.write(1, 1, new Uint8Array(512).fill(1))
    first.flush()
    first.close()
    const l2 = Number(viewOf(disk.peek('/image', 3 * 16_384, 8)).getBigUint64(0) & 0xff_ffff_ffff_fe00n)
    expect(viewOf(disk.peek('/image', l2 + 8, 8)).getBigUint64(0)).toBe(2n)
    disk.patch('/image', l2 + 11, Uint8Array.of(2))

    const image = open()
    expect(() => image.read(1, 1, new Uint8Array(512))).toThrow(/tables are damaged/)
    expect(() => image.write(0, 1, new Uint8Array(512))).toThrow(/tables are damaged/)
    expect(image.check(true)).toMatchObject({ damage: ['1 entries contradict themselves'], repaired: false })
    image.close()
  })

  it('of no sectors is refused', () => {
    const disk = new SimulatedDisk()
    createDisk(disk, '/image', 'qcow2', { sizeBytes: 1024 ** 2, clusterBytes: 4096 })
    // Neither sectors nor a table that would have them.
    disk.patch('/image', 24, new Uint8Array(8))
    disk.patch('/image', 36, new Uint8Array(4))
    expect(() => openDisk(disk, '/image', { format: 'qcow2', writable: false })).toThrow(/no sectors/)
  })
})
