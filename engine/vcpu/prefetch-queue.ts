import * as v from 'valibot'

/** The longest queue of any processor. */
const MAX_BYTES = 32
const word = v.pipe(v.number(), v.integer())

export const SAVED_QUEUE = v.object({
  /** Linear addresses: of the first byte, of the instruction under way and of the next. */
  start: word,
  last: word,
  next: word,
  bytes: v.pipe(v.instance(Uint8Array), v.maxLength(MAX_BYTES)),
})
export type SavedQueue = v.InferOutput<typeof SAVED_QUEUE>

/**
 * What the 386 and the 486 have fetched already when an instruction changes how addresses are translated: it runs as
 * it was, up to the first jump. Later processors fetch anew.
 */
export class PrefetchQueue {
  #queue: SavedQueue | null = null

  get isEmpty(): boolean {
    return this.#queue === null
  }

  /** @param start linear address of the bytes, where the next instruction begins */
  fill(start: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#queue = { start, last: start, next: start, bytes }
  }

  clear(): void {
    this.#queue = null
  }

  /** How many bytes wait for the instruction at a linear address. Whatever leads elsewhere empties the queue. */
  waiting(linear: number): number {
    const queue = this.#queue
    if (!queue) return 0
    const count = queue.start + queue.bytes.length - linear
    if ((linear === queue.next || linear === queue.last) && count > 0) return count
    this.#queue = null
    return 0
  }

  /** Copies bytes that wait. */
  read(linear: number, into: Uint8Array, count: number): void {
    const { start, bytes } = this.#queue!
    into.set(bytes.subarray(linear - start, linear - start + count))
  }

  /** An instruction of that length begins at a linear address. */
  take(linear: number, length: number): void {
    if (!this.#queue) return
    this.#queue.last = linear
    this.#queue.next = linear + length
  }

  save(): SavedQueue | null {
    return structuredClone(this.#queue)
  }

  restore(saved: SavedQueue | null): void {
    this.#queue = structuredClone(saved)
  }
}
