import { expect, it } from 'vitest'
import { technical } from '../protocol/reasons.ts'
import { type BlockImage, DiskError } from './block-image.ts'
import { MemoryImage } from './memory-image.ts'
import { PatientImage } from './patient-image.ts'

/** A medium on a host whose disk has room for so many more sectors. */
class CrampedImage extends MemoryImage implements BlockImage {
  room = Infinity
  tablesFit = true
  flushes = 0

  override write(sector: number, count: number, from: Uint8Array): void {
    if (count > this.room) throw new DiskError('full', this.name, technical('no room is left on its disk'))
    this.room -= count
    super.write(sector, count, from)
  }

  override flush(): void {
    if (!this.tablesFit) throw new DiskError('full', this.name, technical('no room is left on its disk'))
    this.flushes++
  }
}

function setUp(maxOwedBytes?: number) {
  const host = new CrampedImage(new Uint8Array(64 * 512), 512, false, 'a.img')
  const told: string[] = []
  const image = new PatientImage(host, (error) => told.push(error.message), maxOwedBytes)
  return { host, told, image }
}
const sectors = (count: number, value: number) => new Uint8Array(count * 512).fill(value)
const byteAt = (image: BlockImage, sector: number): number => {
  const bytes = new Uint8Array(512)
  image.read(sector, 1, bytes)
  return bytes[0]!
}

it('keeps what the host has no room for, shows it to the guest, and writes it once there is room', () => {
  const { host, told, image } = setUp()
  host.room = 2
  image.write(0, 2, sectors(2, 1))
  image.write(1, 2, sectors(2, 2))
  expect(told).toEqual(['a.img: no room is left on its disk'])
  expect([0, 1, 2].map((sector) => byteAt(image, sector))).toEqual([1, 2, 2])
  expect(byteAt(host, 2)).toBe(0)

  expect(() => image.deliver()).toThrow('no room')
  host.room = Infinity
  image.deliver()

  expect(image.isOwing).toBe(false)
  expect([0, 1, 2].map((sector) => byteAt(host, sector))).toEqual([1, 2, 2])
})

it('writes the newest of what was written to a sector meanwhile', () => {
  const { host, image } = setUp()
  host.room = 0
  image.write(5, 1, sectors(1, 1))
  host.room = 1
  image.write(5, 1, sectors(1, 2))
  image.deliver()
  expect(byteAt(host, 5)).toBe(2)
})

it('takes a flush for done only when it is', () => {
  const { host, told, image } = setUp()
  host.tablesFit = false
  image.flush()
  expect(told).toHaveLength(1)
  expect(image.isOwing).toBe(true)
  host.tablesFit = true
  image.deliver()
  expect(image.isOwing).toBe(false)
  expect(host.flushes).toBe(1)
})

it('fails writes once it holds as much as it may, and never any other failure', () => {
  const { host, image } = setUp(2 * 512)
  host.room = 0
  image.write(0, 2, sectors(2, 1))
  expect(() => image.write(4, 1, sectors(1, 1))).toThrow('no room')
  const { image: other } = setUp()
  expect(() => other.write(64, 1, sectors(1, 1))).toThrow(/sectors/)
})
