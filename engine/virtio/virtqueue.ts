import * as v from 'valibot'
import { bits } from '../base/saved-state.ts'
import type { DmaMemory } from './dma-memory.ts'
import { type Segment, Segments } from './segments.ts'

const DESCRIPTOR_BYTES = 16
const DESCRIPTOR = { NEXT: 1, WRITE: 2, INDIRECT: 4 } as const
const AVAILABLE_NO_INTERRUPT = 1
/** Rings begin with flags and index, 16 bits each. */
const RING_HEADER_BYTES = 4
const USED_BYTES = 8
/** How far the used ring is aligned where a driver gives one address for all three (4.1.5.1.3.1, legacy). */
const LEGACY_ALIGNMENT = 4096

/** A request: what the device may read of it, then what it may write. */
export interface Chain {
  /** By which it is given back. */
  head: number
  readable: Segments
  writable: Segments
}

const address = v.strictObject({ low: bits(32), high: bits(32) })
type Address = v.InferOutput<typeof address>

export const queueSchema = v.strictObject({
  size: bits(16),
  isEnabled: v.boolean(),
  descriptors: address,
  available: address,
  used: address,
  nextAvailable: bits(16),
  nextUsed: bits(16),
})
export type QueueState = v.InferOutput<typeof queueSchema>

const nowhere = (): Address => ({ low: 0, high: 0 })

/** A driver has broken the rules of the ring. Nothing but a reset of the device helps. */
export class BrokenQueue extends Error {}

/**
 * A split virtqueue as its device sees it. Everything in the rings is the guest's and may be anything: each field is
 * read once, and what cannot be is a `BrokenQueue`.
 * @see Virtual I/O Device (VIRTIO) Version 1.2, section 2.7
 */
export class Virtqueue {
  state: QueueState
  readonly #buffer = new Uint8Array(DESCRIPTOR_BYTES)
  readonly #view = new DataView(this.#buffer.buffer)

  /** @param maxSize descriptors at the most, a power of two */
  constructor(
    private readonly memory: DmaMemory,
    readonly maxSize: number,
  ) {
    this.state = this.#powerOnState()
  }

  #powerOnState(): QueueState {
    return {
      size: this.maxSize,
      isEnabled: false,
      descriptors: nowhere(),
      available: nowhere(),
      used: nowhere(),
      nextAvailable: 0,
      nextUsed: 0,
    }
  }

  reset(): void {
    this.state = this.#powerOnState()
  }

  /** True when a state of the right shape also fits this queue. */
  accepts({ size }: QueueState): boolean {
    return this.#isSize(size)
  }

  /** A size that cannot be is ignored. */
  setSize(size: number): void {
    if (this.#isSize(size)) this.state.size = size
  }

  #isSize(size: number): boolean {
    return size > 0 && size <= this.maxSize && (size & (size - 1)) === 0
  }

  /** All three parts at one page of guest memory, one behind the other; page 0 takes the queue out of use. */
  placeAtPage(page: number): void {
    this.reset()
    const { state } = this
    const at = page * LEGACY_ALIGNMENT
    const available = at + this.maxSize * DESCRIPTOR_BYTES
    const end = available + RING_HEADER_BYTES + 2 * this.maxSize + 2
    state.descriptors = split(at)
    state.available = split(available)
    state.used = split(Math.ceil(end / LEGACY_ALIGNMENT) * LEGACY_ALIGNMENT)
    state.isEnabled = page !== 0
  }

  get page(): number {
    const { low, high } = this.state.descriptors
    return ((low >>> 12) | (high << 20)) >>> 0
  }

  /** The next request, or null when there is none. Throws `BrokenQueue`. */
  take(): Chain | null {
    const { state } = this
    if (!state.isEnabled) return null
    const available = whole(state.available)
    const waiting = (this.#read16(available + 2) - state.nextAvailable) & 0xffff
    if (waiting === 0) return null
    if (waiting > state.size) throw new BrokenQueue('more requests than the queue has room for')
    const slot = state.nextAvailable & (state.size - 1)
    const head = this.#read16(available + RING_HEADER_BYTES + 2 * slot)
    const chain = this.#follow(head)
    state.nextAvailable = (state.nextAvailable + 1) & 0xffff
    return chain
  }

  /** Gives a request back. @param written bytes of it that the device wrote, from the first on */
  give({ head }: Chain, written: number): void {
    const { state } = this
    const used = whole(state.used)
    const slot = state.nextUsed & (state.size - 1)
    this.#view.setUint32(0, head, true)
    this.#view.setUint32(4, written, true)
    this.#write(used + RING_HEADER_BYTES + USED_BYTES * slot, USED_BYTES)
    state.nextUsed = (state.nextUsed + 1) & 0xffff
    this.#view.setUint16(0, state.nextUsed, true)
    this.#write(used + 2, 2)
  }

  /** Whether the driver wants to be told of what was given back. */
  get wantsInterrupt(): boolean {
    return !(this.#read16(whole(this.state.available)) & AVAILABLE_NO_INTERRUPT)
  }

  #follow(head: number): Chain {
    const readable: Segment[] = []
    const writable: Segment[] = []
    let table = whole(this.state.descriptors)
    let count = this.state.size
    let index = head
    let isIndirect = false
    // No chain is longer than the queue, wherever its descriptors lie; one that is has a loop.
    for (let steps = 0; ; steps++) {
      if (index >= count || steps >= this.state.size) throw new BrokenQueue('a chain that does not end')
      const { segment, flags, next } = this.#descriptor(table, index)
      if (flags & DESCRIPTOR.INDIRECT) {
        if (isIndirect || flags & DESCRIPTOR.NEXT || segment.length % DESCRIPTOR_BYTES !== 0)
          throw new BrokenQueue('a table of descriptors that cannot be')
        isIndirect = true
        table = segment.address
        count = segment.length / DESCRIPTOR_BYTES
        index = 0
        continue
      }
      if (flags & DESCRIPTOR.WRITE) writable.push(segment)
      else if (writable.length > 0) throw new BrokenQueue('something to read behind something to write')
      else readable.push(segment)
      if (!(flags & DESCRIPTOR.NEXT)) break
      index = next
    }
    const { memory } = this
    return { head, readable: new Segments(memory, readable), writable: new Segments(memory, writable) }
  }

  #descriptor(table: number, index: number): { segment: Segment; flags: number; next: number } {
    this.memory.dmaRead((table + index * DESCRIPTOR_BYTES) >>> 0, this.#buffer)
    const view = this.#view
    const segment = {
      address: whole({ low: view.getUint32(0, true), high: view.getUint32(4, true) }),
      length: view.getUint32(8, true),
    }
    return { segment, flags: view.getUint16(12, true), next: view.getUint16(14, true) }
  }

  #read16(at: number): number {
    this.memory.dmaRead(at >>> 0, this.#buffer.subarray(0, 2))
    return this.#view.getUint16(0, true)
  }

  #write(at: number, bytes: number): void {
    this.memory.dmaWrite(at >>> 0, this.#buffer.subarray(0, bytes))
  }
}

const split = (value: number): Address => ({ low: value >>> 0, high: Math.floor(value / 2 ** 32) })

/** Nothing answers from 4 GiB on. Throws `BrokenQueue`. */
function whole({ low, high }: Address): number {
  if (high !== 0) throw new BrokenQueue('an address where there is no memory')
  return low
}
