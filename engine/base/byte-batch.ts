import type { Clock, Timer } from './clock.ts'

/**
 * Collects single bytes that a guest sends, so that whoever listens is called per batch: when the buffer is full,
 * a moment of guest time after the first byte, or when asked. Never holds more than its buffer.
 */
export class ByteBatch {
  #buffer: Uint8Array
  #length = 0
  #timer: Timer
  #listener: ((bytes: Uint8Array) => void) | null = null

  /** @param delayNs longest time that a byte waits @param capacity bytes per batch at most */
  constructor(
    private readonly clock: Clock,
    private readonly delayNs = 2_000_000,
    capacity = 1024,
  ) {
    this.#buffer = new Uint8Array(capacity)
    this.#timer = clock.createTimer(() => this.flush())
  }

  /** Replaces the listener. Bytes sent while there is none are lost. */
  onOutput(listener: (bytes: Uint8Array) => void): void {
    this.#listener = listener
  }

  push(byte: number): void {
    this.#buffer[this.#length++] = byte
    if (this.#length === this.#buffer.length) this.flush()
    else if (this.#length === 1) this.#timer.arm(this.clock.nowNs + this.delayNs)
  }

  /** Delivers what waits, now. */
  flush(): void {
    if (this.#length === 0) return
    this.#timer.cancel()
    const bytes = this.#buffer.slice(0, this.#length)
    this.#length = 0
    this.#listener?.(bytes)
  }
}
