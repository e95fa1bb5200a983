import * as v from 'valibot'
import type { Clock, Timer } from '../base/clock.ts'
import { rearm } from '../base/clock.ts'
import { timeNs } from '../base/saved-state.ts'
import { asDiskError, type BlockImage, type DiskFaultListener } from '../storage/block-image.ts'
import type { Segments } from './segments.ts'
import type { VirtioDevice, VirtioHost } from './virtio-device.ts'
import { BrokenQueue, type Chain } from './virtqueue.ts'

const SECTOR_BYTES = 512
const QUEUE_SIZE = 128
/** A request has a header and a status beside its data. */
const MAX_SEGMENTS = QUEUE_SIZE - 2
const MAX_SEGMENT_BYTES = 65536
const MAX_REQUEST_BYTES = MAX_SEGMENTS * MAX_SEGMENT_BYTES

const FEATURE = { SIZE_MAX: 1, SEG_MAX: 2, GEOMETRY: 4, RO: 5, BLK_SIZE: 6, FLUSH: 9 } as const
const REQUEST = { IN: 0, OUT: 1, FLUSH: 4, GET_ID: 8 } as const
const STATUS = { OK: 0, IOERR: 1, UNSUPP: 2 } as const
const HEADER_BYTES = 16
const ID_BYTES = 20

/** Moved in one go between image and guest. */
const CHUNK_BYTES = 256 * 1024
/** Done without a pause, and what a request counts besides its data: a few milliseconds of the host's time. */
const RUN_BYTES = 2 * 1024 * 1024
const REQUEST_COST_BYTES = 4096
const PAUSE_NS = 1000

const schema = v.strictObject({ deadlineNs: v.nullable(timeNs) })

export interface VirtioBlockOptions {
  /** Shown to the user when the host fails an access. */
  id: string
  image: BlockImage
  /** At most 20 characters. */
  serial: string
  geometry: { cylinders: number; heads: number; sectors: number }
  onFault?: DiskFaultListener
}

/**
 * A hard disk for guests that know it to be virtual: requests of any length, one interrupt for many of them.
 * @see Virtual I/O Device (VIRTIO) Version 1.2, section 5.2
 */
export class VirtioBlock implements VirtioDevice {
  readonly type = 2
  readonly classCode = 0x010000
  readonly features: number
  readonly queueSizes = [QUEUE_SIZE]
  readonly configuration: Uint8Array
  #host: VirtioHost | null = null
  readonly #timer: Timer
  readonly #buffer = new Uint8Array(CHUNK_BYTES)
  readonly #header = new Uint8Array(HEADER_BYTES)

  constructor(
    private readonly clock: Clock,
    private readonly options: VirtioBlockOptions,
  ) {
    const { image, geometry } = options
    this.features = [
      FEATURE.SIZE_MAX,
      FEATURE.SEG_MAX,
      FEATURE.GEOMETRY,
      FEATURE.BLK_SIZE,
      FEATURE.FLUSH,
      ...(image.readonly ? [FEATURE.RO] : []),
    ].reduce((mask, bit) => mask | (1 << bit), 0)
    this.configuration = configurationOf(image.sectorCount, geometry)
    this.#timer = clock.createTimer(() => this.#run())
  }

  attach(host: VirtioHost): void {
    this.#host = host
  }

  notified(): void {
    // What waits for the timer keeps its turn.
    if (this.#timer.deadlineNs === null) this.#run()
  }

  reset(): void {
    this.#timer.cancel()
  }

  save() {
    return { deadlineNs: this.#timer.deadlineNs }
  }

  refuse(saved: unknown): string | null {
    const result = v.safeParse(schema, saved)
    return result.success ? null : result.issues[0].message
  }

  restore(saved: unknown): void {
    rearm(this.#timer, v.parse(schema, saved).deadlineNs)
  }

  /** Serves what waits, up to a certain amount of work. */
  #run(): void {
    const host = this.#host
    const queue = host?.queues[0]
    if (!host?.isReady || !queue) return
    let budget = RUN_BYTES
    let served = 0
    try {
      for (; budget > 0; served++) {
        const chain = queue.take()
        if (!chain) break
        const written = this.#serve(chain)
        queue.give(chain, written)
        budget -= REQUEST_COST_BYTES + chain.readable.bytes + written
      }
      if (served > 0) host.interrupt(queue)
    } catch (error) {
      if (!(error instanceof BrokenQueue)) throw error
      return host.giveUp()
    }
    if (budget <= 0) this.#timer.arm(this.clock.nowNs + PAUSE_NS)
  }

  /** @returns bytes written to the request. Throws `BrokenQueue` where there is no place for an answer. */
  #serve({ readable, writable }: Chain): number {
    const room = writable.bytes - 1
    if (room < 0) throw new BrokenQueue('a request without a place for its status')
    const header = this.#header
    if (readable.bytes < HEADER_BYTES) return this.#answer(writable, 0, STATUS.IOERR)
    readable.read(header)
    const view = new DataView(header.buffer)
    const sector = view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32
    switch (view.getUint32(0, true)) {
      case REQUEST.IN:
        return this.#answer(writable, room, this.#read(sector, writable, room))
      case REQUEST.OUT:
        return this.#answer(writable, 0, this.#write(sector, readable, readable.bytes - HEADER_BYTES))
      case REQUEST.FLUSH:
        return this.#answer(writable, 0, this.#flush())
      case REQUEST.GET_ID:
        return this.#answer(writable, this.#identify(writable, room), STATUS.OK)
      default:
        return this.#answer(writable, 0, STATUS.UNSUPP)
    }
  }

  /** The status is the last byte. */
  #answer(writable: Segments, data: number, status: number): number {
    writable.skipTo(writable.bytes - 1)
    writable.write(Uint8Array.of(status))
    return data + 1
  }

  #read(sector: number, writable: Segments, bytes: number): number {
    if (!this.#exists(sector, bytes)) return STATUS.IOERR
    return this.#guarded('read', (image) => {
      for (const { at, count, part } of this.#chunks(sector, bytes)) {
        image.read(at, count, part)
        writable.write(part)
      }
    })
  }

  #write(sector: number, readable: Segments, bytes: number): number {
    if (!this.#exists(sector, bytes) || this.options.image.readonly) return STATUS.IOERR
    const status = this.#guarded('write', (image) => {
      for (const { at, count, part } of this.#chunks(sector, bytes)) {
        readable.read(part)
        image.write(at, count, part)
      }
    })
    // A driver that knows no flush takes what it has written to be on the disk.
    return status === STATUS.OK && !this.#host?.has(FEATURE.FLUSH) ? this.#flush() : status
  }

  #flush(): number {
    return this.#guarded('flush', (image) => image.flush())
  }

  /** @returns bytes of the name that had room */
  #identify(writable: Segments, room: number): number {
    const id = new Uint8Array(ID_BYTES)
    new TextEncoder().encodeInto(this.options.serial, id)
    writable.write(id.subarray(0, Math.min(room, ID_BYTES)))
    return Math.min(room, ID_BYTES)
  }

  #exists(sector: number, bytes: number): boolean {
    return (
      bytes % SECTOR_BYTES === 0 &&
      bytes <= MAX_REQUEST_BYTES &&
      sector + bytes / SECTOR_BYTES <= this.options.image.sectorCount
    )
  }

  *#chunks(sector: number, bytes: number): Generator<{ at: number; count: number; part: Uint8Array }> {
    for (let done = 0; done < bytes; done += CHUNK_BYTES) {
      const part = this.#buffer.subarray(0, Math.min(CHUNK_BYTES, bytes - done))
      yield { at: sector + done / SECTOR_BYTES, count: part.length / SECTOR_BYTES, part }
    }
  }

  /** What the host failed is the drive's to tell its guest, and the user. */
  #guarded(operation: 'read' | 'write' | 'flush', access: (image: BlockImage) => void): number {
    const { id, image, onFault } = this.options
    try {
      access(image)
      return STATUS.OK
    } catch (error) {
      onFault?.({ drive: id, operation, error: asDiskError(error, image.name) })
      return STATUS.IOERR
    }
  }
}

/** VIRTIO 1.2, 5.2.4. */
function configurationOf(
  sectorCount: number,
  { cylinders, heads, sectors }: VirtioBlockOptions['geometry'],
): Uint8Array {
  const bytes = new Uint8Array(60)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, sectorCount >>> 0, true)
  view.setUint32(4, Math.floor(sectorCount / 2 ** 32), true)
  view.setUint32(8, MAX_SEGMENT_BYTES, true)
  view.setUint32(12, MAX_SEGMENTS, true)
  view.setUint16(16, cylinders, true)
  view.setUint8(18, heads)
  view.setUint8(19, sectors)
  view.setUint32(20, SECTOR_BYTES, true)
  return bytes
}
