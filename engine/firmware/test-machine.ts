import { silentLog } from '../base/log.ts'
import type { Clock, Timer } from '../base/clock.ts'
import type { FirmwareConfig } from './config.ts'
import type { FirmwareDisk, Geometry } from './disk.ts'
import type { Context } from './services/context.ts'
import { initialState } from './state.ts'

export const GEOMETRY_1440: Geometry = { cylinders: 80, heads: 2, sectors: 18 }

/** A drive in memory, for tests. Each sector starts with its own number. */
export class TestDisk implements FirmwareDisk {
  readonly name = 'test.img'
  readonly sectorBytes: number
  readonly driveType = 4
  readonly: boolean = false
  sectorCount: number
  geometry: Geometry | null
  changed = false
  /** Sectors from here on cannot be read or written. */
  badFrom = Infinity
  readonly written = new Map<number, Uint8Array>()

  constructor(
    readonly kind: FirmwareDisk['kind'],
    geometry: Geometry | null,
    sectorCount = geometry ? geometry.cylinders * geometry.heads * geometry.sectors : 0,
  ) {
    this.geometry = geometry
    this.sectorCount = sectorCount
    this.sectorBytes = kind === 'cdrom' ? 2048 : 512
  }

  takeChanged(): boolean {
    const { changed } = this
    this.changed = false
    return changed
  }

  sector(number: number): Uint8Array {
    const known = this.written.get(number)
    if (known) return known
    const data = new Uint8Array(this.sectorBytes)
    new DataView(data.buffer).setUint32(0, number, true)
    return data
  }

  put(number: number, bytes: ArrayLike<number>, at = 0): this {
    const data = this.sector(number).slice()
    data.set(bytes, at)
    this.written.set(number, data)
    return this
  }

  read(sector: number, count: number, into: Uint8Array): void {
    for (let index = 0; index < count; index++) {
      if (sector + index >= Math.min(this.badFrom, this.sectorCount)) throw new RangeError('bad sector')
      into.set(this.sector(sector + index), index * this.sectorBytes)
    }
  }

  write(sector: number, count: number, from: Uint8Array): void {
    for (let index = 0; index < count; index++) {
      if (sector + index >= this.badFrom) throw new RangeError('bad sector')
      this.written.set(sector + index, from.slice(index * this.sectorBytes, (index + 1) * this.sectorBytes))
    }
  }
}

/** A clock that only a test moves; services set no timers. */
class TestClock implements Clock {
  nowNs = 0
  advance(ns: number): void {
    this.nowNs += ns
  }
  createTimer(): Timer {
    throw new Error('services set no timers')
  }
}

/** What services get, for tests. */
export function testContext(config: Partial<FirmwareConfig> = {}): Context & { clock: TestClock } {
  const clock = new TestClock()
  return {
    clock,
    instructions: () => clock.nowNs / 10,
    log: silentLog,
    state: initialState(),
    placeKernel() {},
    config: {
      ramBytes: 64 << 20,
      cpus: 1,
      serialPorts: 4,
      ps2Mouse: true,
      floppies: [],
      disks: [],
      cdroms: [],
      bootOrder: ['floppy', 'cdrom', 'disk'],
      acpi: true,
      apic: true,
      menuDelayMs: 0,
      ...config,
    },
  }
}
