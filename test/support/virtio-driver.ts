import type { MemoryMap } from '../../engine/bus/memory-map.ts'

/** Where the test's driver has its queue of eight descriptors. */
const TABLE = 0x2000
const AVAILABLE = 0x2100
const USED = 0x2200
const SIZE = 8
/** Where it puts headers and statuses. */
const HEADER = 0x3000
const STATUS = 0x3100

const NEXT = 1
const WRITE = 2
const INDIRECT = 4

export const IN = 0
export const OUT = 1
export const FLUSH = 4
export const GET_ID = 8

/** A piece of a request: guest memory that the device reads, or writes. */
export interface Piece {
  at: number
  length: number
  isWritable?: boolean
}

/** What a guest's driver for a virtio disk does, by the interface of version 1. */
export class VirtioDriver {
  #available = 0

  /** @param window guest-physical address of the device's memory window */
  constructor(
    private readonly memory: MemoryMap,
    private readonly window: number,
  ) {}

  get status(): number {
    return this.memory.read(this.window + 0x14, 1)
  }

  set status(value: number) {
    this.memory.write(this.window + 0x14, value, 1)
  }

  features(half: 0 | 1): number {
    this.memory.write(this.window, half, 4)
    return this.memory.read(this.window + 4, 4)
  }

  /** What has happened; reading it takes the interrupt back. */
  get isr(): number {
    return this.memory.read(this.window + 0x100, 1)
  }

  configuration(offset: number, size: 1 | 2 | 4): number {
    return this.memory.read(this.window + 0x200 + offset, size)
  }

  /** From reset to ready. @param features of the device's own */
  start(features = this.features(0)): void {
    const { memory, window } = this
    this.status = 0
    this.status = 3
    for (const [half, bits] of [features, 1].entries()) {
      memory.write(window + 8, half, 4)
      memory.write(window + 12, bits, 4)
    }
    this.status = 11
    memory.write(window + 0x16, 0, 2)
    memory.write(window + 0x18, SIZE, 2)
    for (const [register, at] of [TABLE, AVAILABLE, USED].entries()) {
      memory.write(window + 0x20 + 8 * register, at, 4)
      memory.write(window + 0x24 + 8 * register, 0, 4)
    }
    memory.write(window + 0x1c, 1, 2)
    this.status = 15
    memory.dmaWrite(AVAILABLE, new Uint8Array(0x300))
    this.#available = 0
  }

  /** Descriptors of a chain, wherever they are to lie. */
  describe(table: number, pieces: readonly Piece[]): void {
    for (const [index, { at, length, isWritable }] of pieces.entries()) {
      const isLast = index === pieces.length - 1
      this.descriptor(table, index, at, length, (isWritable ? WRITE : 0) | (isLast ? 0 : NEXT), index + 1)
    }
  }

  descriptor(table: number, index: number, at: number, length: number, flags: number, next: number): void {
    const place = table + 16 * index
    this.memory.write(place, at, 4)
    this.memory.write(place + 4, 0, 4)
    this.memory.write(place + 8, length, 4)
    this.memory.write(place + 12, flags, 2)
    this.memory.write(place + 14, next, 2)
  }

  /** Makes the chain at descriptor 0 available, so many times, and notifies the device. */
  submit(times = 1): void {
    for (let count = 0; count < times; count++, this.#available++)
      this.memory.write(AVAILABLE + 4 + 2 * (this.#available % SIZE), 0, 2)
    this.memory.write(AVAILABLE + 2, this.#available & 0xffff, 2)
    this.memory.write(this.window + 0x300, 0, 2)
  }

  /** Asks not to be interrupted. */
  setQuiet(isQuiet: boolean): void {
    this.memory.write(AVAILABLE, isQuiet ? 1 : 0, 2)
  }

  /** How many requests came back. */
  get used(): number {
    return this.memory.read(USED + 2, 2)
  }

  /** Bytes written to the request that came back last. */
  get lastWritten(): number {
    return this.memory.read(USED + 4 + 8 * ((this.used - 1) % SIZE) + 4, 4)
  }

  /** A whole request; the status with which it came back, or null when it did not. */
  request(
    type: number,
    sector: number,
    data: readonly Piece[],
    { indirect = false, times = 1 } = {},
  ): number | null {
    const { memory } = this
    const before = this.used
    for (const [index, word] of [type, 0, sector >>> 0, Math.floor(sector / 2 ** 32)].entries())
      memory.write(HEADER + 4 * index, word, 4)
    memory.write(STATUS, 0xee, 1)
    const pieces = [{ at: HEADER, length: 16 }, ...data, { at: STATUS, length: 1, isWritable: true }]
    if (indirect) {
      this.describe(0x4000, pieces)
      this.descriptor(TABLE, 0, 0x4000, 16 * pieces.length, INDIRECT, 0)
    } else this.describe(TABLE, pieces)
    this.submit(times)
    return this.used === before ? null : memory.read(STATUS, 1)
  }

  /** Chains that are no requests, for what a driver must not do. */
  readonly table = TABLE
}
