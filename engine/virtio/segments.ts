import type { DmaMemory } from './dma-memory.ts'

/** A stretch of guest-physical memory that a descriptor names; it may reach past what is there. */
export interface Segment {
  address: number
  length: number
}

/** Bytes of guest memory that lie in several places, gone through from the first to the last. */
export class Segments {
  /** Of all segments together. */
  readonly bytes: number
  /** How many were gone through. */
  position = 0
  #index = 0
  #offset = 0

  constructor(
    private readonly memory: DmaMemory,
    private readonly segments: readonly Segment[],
  ) {
    this.bytes = segments.reduce((sum, { length }) => sum + length, 0)
  }

  /** Takes the next bytes; there must be so many. */
  read(into: Uint8Array): void {
    this.#move(into.length, (address, from, to) => this.memory.dmaRead(address, into.subarray(from, to)))
  }

  /** Fills the next bytes; there must be room. */
  write(from: Uint8Array): void {
    this.#move(from.length, (address, start, end) => this.memory.dmaWrite(address, from.subarray(start, end)))
  }

  /** @param position not before the current one */
  skipTo(position: number): void {
    this.#move(position - this.position, () => {})
  }

  #move(bytes: number, part: (address: number, from: number, to: number) => void): void {
    for (let done = 0; done < bytes;) {
      const segment = this.segments[this.#index]
      if (!segment) return
      const count = Math.min(segment.length - this.#offset, bytes - done)
      part((segment.address + this.#offset) >>> 0, done, done + count)
      done += count
      this.position += count
      this.#offset += count
      if (this.#offset < segment.length) continue
      this.#index++
      this.#offset = 0
    }
  }
}
