import { freemem } from 'node:os'
import type { VmProcess } from './vm-process.ts'

/** Long enough for the machine that took the last one to be up; who goes back to snapshots in a row wants the next one soon. */
const AFTER_MS = 1000
/** A process that waits takes some 90 MiB; a host that has less than this has better use for them. */
const ROOM_BYTES = 1 << 30

/**
 * Keeps one machine's process ready: one that is started when the user asks for it takes a quarter of a second to load
 * what a machine is made of.
 */
export class SpareProcess<P extends VmProcess> {
  #spare: P | null = null
  #timer: NodeJS.Timeout | null = null
  #closed = false

  constructor(private readonly start: () => P) {
    this.#prepareLater()
  }

  /** A process for a machine: the one that waits, or a new one. */
  take = (): P => {
    const process = this.#spare ?? this.start()
    this.#spare = null
    this.#prepareLater()
    return process
  }

  /** Ends the one that waits. */
  close(): void {
    this.#closed = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#spare?.kill()
    this.#spare = null
  }

  #prepareLater(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#prepare(), AFTER_MS).unref()
  }

  #prepare(): void {
    this.#timer = null
    if (this.#closed || this.#spare || freemem() < ROOM_BYTES) return
    const spare = this.start()
    this.#spare = spare
    spare.onExit(() => {
      if (this.#spare === spare) this.#spare = null
    })
  }
}
