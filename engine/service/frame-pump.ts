import type { Frame } from '../devices/display.ts'
import { frameBytes, mergeRects, messageBytes, writeFrame, type FrameRect } from '../protocol/frame.ts'

/** Frames that may be on the way to one receiver: one that waits, and two that it draws before it says so. */
const CREDIT = 3
const POOLED_BUFFERS = 6
/** Frames up to this many bytes are given away in buffers of their own, which nobody gives back. */
export const GIVEN_BYTES = 16384

/** Reuses frame buffers: a fresh allocation of a whole picture costs more than copying it. */
export class BufferPool {
  #free: ArrayBuffer[] = []

  /** A buffer of at least `bytes`, and not much more, since a message port copies all of it. */
  take(bytes: number): ArrayBuffer {
    const at = this.#free.findIndex(
      ({ byteLength }) => byteLength >= bytes && byteLength <= bytes * 1.25 + 4096,
    )
    return at < 0 ? new ArrayBuffer(bytes) : this.#free.splice(at, 1)[0]!
  }

  give(buffer: ArrayBuffer): void {
    if (this.#free.length >= POOLED_BUFFERS) this.#free.shift()
    this.#free.push(buffer)
  }
}

/**
 * Feeds one receiver of the picture: only what changed, only while it has credit, merging what it could not
 * be given. Credit comes back when the receiver has drawn a frame.
 */
export class FramePump {
  #owed: FrameRect[] = []
  #sent = 0
  #acknowledged = 0
  #width = 0
  #height = 0

  constructor(private readonly pool: BufferPool) {}

  /** @param sequence that of the last frame drawn; others than those on the way are ignored. */
  acknowledge(sequence: number): void {
    if (sequence > this.#acknowledged && sequence <= this.#sent) this.#acknowledged = sequence
  }

  get hasCredit(): boolean {
    return this.#sent - this.#acknowledged < CREDIT
  }

  /** Notes what changed; a new size makes everything new. */
  note({ width, height, dirty }: Frame): void {
    if (width !== this.#width || height !== this.#height) {
      this.#width = width
      this.#height = height
      this.#owed = [{ x: 0, y: 0, width, height }]
    } else if (dirty.length) this.#owed = mergeRects(this.#owed, dirty)
  }

  /** The next message, or null when nothing is owed or there is no credit. */
  next({ width, height, pixels, aspectRatio }: Frame): ArrayBuffer | null {
    if (!this.#owed.length || !this.hasCredit) return null
    const rects = this.#owed
    this.#owed = []
    const out = this.pool.take(frameBytes(rects))
    writeFrame(out, { sequence: ++this.#sent, width, height, aspectRatio, rects }, pixels)
    const bytes = messageBytes(out)
    if (bytes > GIVEN_BYTES) return out
    this.pool.give(out)
    return out.slice(0, bytes)
  }
}
