import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { FLUSH, GET_ID, IN, OUT, VirtioDriver } from '../../test/support/virtio-driver.ts'
import { MemoryMap } from '../bus/memory-map.ts'
import { PortMap } from '../bus/port-map.ts'
import { GuestMemory } from '../memory/guest-memory.ts'
import { MIB, RAM_BASE } from '../memory/layout.ts'
import { technical } from '../protocol/reasons.ts'
import { type BlockImage, DiskError, type DiskFault } from '../storage/block-image.ts'
import { MemoryImage } from '../storage/memory-image.ts'
import { VirtioBlock } from './virtio-block.ts'
import { VirtioPci } from './virtio-pci.ts'

const WINDOW = 0xe0000000
const PORTS = 0xc000
const SECTORS = 4096
const FLUSH_FEATURE = 1 << 9

/** A disk of sectors that hold their number, and whose flushes are counted. */
class Platter extends MemoryImage {
  flushes = 0
  fails = false

  constructor(isReadonly = false) {
    super(
      new Uint8Array(SECTORS * 512).map((_, at) => (at >> 9) & 0xff),
      512,
      isReadonly,
      'disk.img',
    )
  }

  override read(...args: Parameters<BlockImage['read']>): void {
    if (this.fails) throw new DiskError('io', this.name, technical('it cannot be read (EIO)'))
    super.read(...args)
  }

  override flush(): void {
    this.flushes++
  }
}

function powerOn(image = new Platter()) {
  const clock = new ManualClock()
  const ports = new PortMap()
  const memory = new MemoryMap(new GuestMemory(1))
  const ram = { offset: RAM_BASE }
  memory.map({ name: 'ram', base: 0, length: MIB, read: ram, write: ram, priority: 0 })
  const faults: DiskFault[] = []
  const disk = new VirtioBlock(clock, {
    id: 'virtio0',
    image,
    serial: 'VTV0',
    geometry: { cylinders: 4, heads: 16, sectors: 63 },
    onFault: (fault) => faults.push(fault),
  })
  const card = new VirtioPci({ id: 'virtio0', ports, memory }, disk)
  let line = false
  card.pci.connect({ set: (high) => (line = high) })
  card.reset()
  card.pci.write(0x10, PORTS, 4)
  card.pci.write(0x14, WINDOW, 4)
  card.pci.write(0x04, 7, 2)
  const driver = new VirtioDriver(memory, WINDOW)
  const bytes = (at: number, length: number): Uint8Array => {
    const found = new Uint8Array(length)
    memory.dmaRead(at, found)
    return found
  }
  return { clock, ports, memory, card, driver, image, faults, bytes, interrupt: () => line }
}

let rig = powerOn()
beforeEach(() => {
  rig = powerOn()
})
const into = (at: number, length: number) => ({ at, length, isWritable: true })

describe('a virtio disk', () => {
  it('tells its size, what requests may be, and that it is a hard disk of PCI class 1', () => {
    const { driver, card } = rig
    expect([0, 4, 8, 12].map((offset) => driver.configuration(offset, 4))).toEqual([SECTORS, 0, 65536, 126])
    expect([driver.configuration(16, 2), driver.configuration(18, 1), driver.configuration(19, 1)]).toEqual([
      4, 16, 63,
    ])
    expect(card.pci.read(0, 4)).toBe(0x10011af4)
    expect(card.pci.read(0x2c, 4)).toBe(0x00021af4)
    expect(card.pci.read(0x0a, 2)).toBe(0x0100)
  })

  it('reads sectors into several places, and interrupts', () => {
    const { driver, bytes, interrupt } = rig
    driver.start()
    expect(driver.request(IN, 7, [into(0x10000, 300), into(0x20000, 724)])).toBe(0)
    expect(driver.lastWritten).toBe(1025)
    expect(bytes(0x10000, 300)).toEqual(new Uint8Array(300).fill(7))
    expect([...bytes(0x20000, 724)].filter((byte) => byte === 7)).toHaveLength(212)
    expect(bytes(0x20000 + 212, 512)).toEqual(new Uint8Array(512).fill(8))
    expect(interrupt()).toBe(true)
    expect(driver.isr).toBe(1)
    expect(interrupt()).toBe(false)
  })

  it('writes sectors, and flushes when asked', () => {
    const { driver, memory, image } = rig
    driver.start()
    memory.dmaWrite(0x10000, new Uint8Array(1024).fill(0xa5))
    expect(driver.request(OUT, 9, [{ at: 0x10000, length: 1024 }])).toBe(0)
    const found = new Uint8Array(1536)
    image.read(9, 3, found)
    expect(found.subarray(0, 1024)).toEqual(new Uint8Array(1024).fill(0xa5))
    expect(found[1024]).toBe(11)
    expect(image.flushes).toBe(0)
    expect(driver.request(FLUSH, 0, [])).toBe(0)
    expect(image.flushes).toBe(1)
  })

  it('keeps what is written when the driver knows no flush', () => {
    const { driver, image } = rig
    driver.start(driver.features(0) & ~FLUSH_FEATURE)
    expect(driver.request(OUT, 9, [{ at: 0x10000, length: 512 }])).toBe(0)
    expect(image.flushes).toBe(1)
  })

  it('takes descriptors from a table of their own', () => {
    const { driver, bytes } = rig
    driver.start()
    expect(driver.request(IN, 3, [into(0x10000, 512)], { indirect: true })).toBe(0)
    expect(bytes(0x10000, 512)).toEqual(new Uint8Array(512).fill(3))
  })

  it('serves all requests of a notification before it interrupts, and does not where that is not wanted', () => {
    const { driver, interrupt } = rig
    driver.start()
    driver.setQuiet(true)
    expect(driver.request(IN, 3, [into(0x10000, 512)], { times: 5 })).toBe(0)
    expect(driver.used).toBe(5)
    expect(interrupt()).toBe(false)
  })

  it('leaves the processor time between requests of many megabytes', () => {
    const { driver, clock } = rig
    driver.start()
    const whole = [into(0x10000, 65536), into(0x10000, 65536), into(0x10000, 65536), into(0x10000, 65536)]
    driver.request(IN, 0, [...whole, into(0x10000, 65536)], { times: 8 })
    expect(driver.used).toBe(7)
    clock.advance(1000)
    expect(driver.used).toBe(8)
  })

  it('gives its serial number, as far as there is room', () => {
    const { driver, bytes } = rig
    driver.start()
    expect(driver.request(GET_ID, 0, [into(0x10000, 20)])).toBe(0)
    expect(new TextDecoder().decode(bytes(0x10000, 20)).replaceAll('\0', '')).toBe('VTV0')
    expect(driver.request(GET_ID, 0, [into(0x10100, 2)])).toBe(0)
    expect(bytes(0x10100, 3)).toEqual(Uint8Array.of(0x56, 0x54, 0))
  })

  it.each([
    ['past the end', IN, SECTORS, 512],
    ['that begin on the disk and end past it', IN, SECTORS - 1, 1024],
    ['far past 2 TiB', IN, 2 ** 40, 512],
    ['of half a sector', IN, 0, 256],
  ])('refuses sectors %s', (_, type, sector, length) => {
    const { driver } = rig
    driver.start()
    expect(driver.request(type, sector, [into(0x10000, length)])).toBe(1)
    expect(driver.request(IN, 0, [into(0x10000, 512)])).toBe(0)
  })

  it('does not know what is not asked of disks', () => {
    const { driver } = rig
    driver.start()
    expect(driver.request(77, 0, [])).toBe(2)
  })

  it('says that it is read-only, and is', () => {
    rig = powerOn(new Platter(true))
    const { driver } = rig
    expect(driver.features(0) & (1 << 5)).not.toBe(0)
    driver.start()
    expect(driver.request(OUT, 0, [{ at: 0x10000, length: 512 }])).toBe(1)
  })

  it('tells guest and user what the host failed', () => {
    const { driver, image, faults } = rig
    driver.start()
    image.fails = true
    expect(driver.request(IN, 0, [into(0x10000, 512)])).toBe(1)
    expect(faults[0]).toMatchObject({ drive: 'virtio0', operation: 'read', error: { kind: 'io' } })
  })
})

describe('a driver that breaks the rules', () => {
  const ways: [string, (driver: VirtioDriver) => void][] = [
    ['links a chain to itself', (driver) => driver.descriptor(driver.table, 0, 0x10000, 16, 1, 0)],
    [
      'names a descriptor that is not there',
      (driver) => driver.descriptor(driver.table, 0, 0x10000, 16, 1, 8),
    ],
    ['has no place for the status', (driver) => driver.descriptor(driver.table, 0, 0x10000, 16, 0, 0)],
    ['gives an empty table', (driver) => driver.descriptor(driver.table, 0, 0x4000, 0, 4, 0)],
    [
      'gives a table in a table',
      (driver) => {
        driver.descriptor(driver.table, 0, 0x4000, 16, 4, 0)
        driver.descriptor(0x4000, 0, 0x4000, 16, 4, 0)
      },
    ],
    [
      'has something to read behind something to write',
      (driver) => driver.describe(driver.table, [into(0x10000, 16), { at: 0x10000, length: 16 }]),
    ],
  ]

  it.each(ways)('and %s has to reset the device', (_, breakRules) => {
    const { driver, interrupt } = rig
    driver.start()
    breakRules(driver)
    driver.submit()
    expect(driver.used).toBe(0)
    expect(driver.status & 0x40).toBe(0x40)
    expect(interrupt()).toBe(true)
    expect(driver.isr).toBe(2)
    driver.start()
    expect(driver.request(IN, 0, [into(0x10000, 512)])).toBe(0)
  })
})

describe('the interface of version 1', () => {
  it('is found by the capabilities of the function', () => {
    const { pci } = rig.card
    expect(pci.read(0x06, 2) & 0x10).toBe(0x10)
    const found: number[][] = []
    for (let at = pci.read(0x34, 1); at !== 0; at = pci.read(at + 1, 1))
      found.push([pci.read(at, 1), pci.read(at + 3, 1), pci.read(at + 4, 1), pci.read(at + 8, 4)])
    expect(found).toEqual([
      [9, 1, 1, 0x000],
      [9, 3, 1, 0x100],
      [9, 4, 1, 0x200],
      [9, 2, 1, 0x300],
      [9, 5, 0, 0],
    ])
  })

  it('is reached through configuration space as well', () => {
    const { pci } = rig.card
    let access = pci.read(0x34, 1)
    while (pci.read(access + 3, 1) !== 5) access = pci.read(access + 1, 1)
    pci.write(access + 4, 1, 1)
    pci.write(access + 8, 0x200, 4)
    pci.write(access + 12, 4, 4)
    expect(pci.read(access + 16, 4)).toBe(SECTORS)
    pci.write(access + 8, 0x14, 4)
    pci.write(access + 12, 1, 4)
    pci.write(access + 16, 3, 4)
    expect(rig.driver.status).toBe(3)
  })

  it('agrees to no feature that was not offered, and to none without that of version 1', () => {
    const { driver, memory } = rig
    const agree = (low: number, high: number): boolean => {
      driver.status = 0
      driver.status = 3
      for (const [half, bits] of [low, high].entries()) {
        memory.write(WINDOW + 8, half, 4)
        memory.write(WINDOW + 12, bits, 4)
      }
      driver.status = 11
      return (driver.status & 8) !== 0
    }
    expect(agree(0, 1)).toBe(true)
    expect(agree(1, 1)).toBe(false)
    expect(agree(0, 0)).toBe(false)
  })

  it('does nothing before the driver is ready, nor without bus mastering', () => {
    const { driver, card } = rig
    driver.start()
    driver.status = 11
    expect(driver.request(IN, 0, [into(0x10000, 512)])).toBeNull()
    driver.start()
    card.pci.write(0x04, 3, 2)
    expect(driver.request(IN, 0, [into(0x10000, 512)])).toBeNull()
  })
})

it('serves drivers from before version 1 by ports, with all rings at one page', () => {
  const { ports, memory, bytes, interrupt } = rig
  expect(ports.read(PORTS + 20, 4)).toBe(SECTORS)
  ports.write(PORTS + 18, 3, 1)
  ports.write(PORTS + 4, ports.read(PORTS, 4), 4)
  ports.write(PORTS + 14, 0, 2)
  expect(ports.read(PORTS + 12, 2)).toBe(128)
  ports.write(PORTS + 8, 0x30, 4)
  const [table, available, used] = [0x30000, 0x30800, 0x31000]
  const driver = new VirtioDriver(memory, WINDOW)
  memory.dmaWrite(0x10000, new Uint8Array(16))
  memory.write(0x10008, 5, 4)
  driver.describe(table, [{ at: 0x10000, length: 16 }, into(0x11000, 512), into(0x12000, 1)])
  memory.write(available + 4, 0, 2)
  memory.write(available + 2, 1, 2)
  ports.write(PORTS + 16, 0, 2)
  expect(memory.read(used + 2, 2)).toBe(1)
  expect(bytes(0x11000, 512)).toEqual(new Uint8Array(512).fill(5))
  expect(interrupt()).toBe(true)
  expect(ports.read(PORTS + 19, 1)).toBe(1)
  expect(interrupt()).toBe(false)
})

it('restores what it saved, requests that wait for their turn included', () => {
  const { driver, card, clock } = rig
  driver.start()
  const large = [0, 1, 2, 3, 4].map(() => into(0x10000, 65536))
  driver.request(IN, 0, large, { times: 8 })
  const saved = structuredClone(card.save())
  clock.advance(1000)
  driver.status = 0
  card.restore(saved)
  expect(card.save()).toEqual(saved)
  clock.advance(1000)
  expect(driver.used).toBe(8)
})

it('refuses a state that another device saved', () => {
  const { card } = rig
  const saved = structuredClone(card.save())
  const queue = saved.queues[0]!
  for (const wrong of [
    { ...saved, queues: [] },
    { ...saved, queues: [{ ...queue, size: 3 }] },
    { ...saved, queues: [{ ...queue, size: 256 }] },
    { ...saved, device: null },
  ])
    expect(() => card.restore(wrong)).toThrow('state-invalid')
  expect(card.save()).toEqual(saved)
})
