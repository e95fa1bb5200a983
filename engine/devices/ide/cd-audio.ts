import * as v from 'valibot'
import { type Clock, NS_PER_SECOND } from '../../base/clock.ts'
import { timeNs } from '../../base/saved-state.ts'

const SECTORS_PER_SECOND = 75
const sector = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff))

export const cdAudioSchema = v.strictObject({
  status: v.picklist(['none', 'playing', 'paused', 'completed']),
  /** Where it was when it began or went on; where it is while it does not play. */
  from: sector,
  end: sector,
  sinceNs: timeNs,
})
export type SavedCdAudio = v.InferOutput<typeof cdAudioSchema>

export const SILENT: SavedCdAudio = { status: 'none', from: 0, end: 0, sinceNs: 0 }

/** Audio status as READ SUB-CHANNEL tells it. */
const STATUS_CODES = { none: 0x15, playing: 0x11, paused: 0x12, completed: 0x13 } as const

/** The part of a drive that plays sound: where on the disc it is follows from guest time. */
export class CdAudio {
  #state: SavedCdAudio = SILENT

  constructor(private readonly clock: Clock) {}

  /** @param end the sector before which it ends */
  play(from: number, end: number): void {
    this.#state = { status: 'playing', from, end, sinceNs: this.clock.nowNs }
  }

  /** @returns whether there was something to pause */
  pause(): boolean {
    const { status, end } = this.#now()
    if (status === 'playing') this.#state = { status: 'paused', from: this.position, end, sinceNs: 0 }
    return status === 'playing' || status === 'paused'
  }

  /** @returns whether there was something to go on with */
  resume(): boolean {
    const { status, from, end } = this.#now()
    if (status === 'paused') this.play(from, end)
    return status === 'playing' || status === 'paused'
  }

  stop(): void {
    this.#state = { status: 'none', from: this.position, end: 0, sinceNs: 0 }
  }

  /** Forgets where it was, as a new disc makes it. */
  reset(): void {
    this.#state = SILENT
  }

  /** The sector that is heard, or was last. */
  get position(): number {
    const { status, from } = this.#now()
    return status === 'playing' ? from + this.#played() : from
  }

  /** The code of READ SUB-CHANNEL; that it is over is told once. */
  takeStatus(): number {
    const { status, from } = this.#now()
    if (status === 'completed') this.#state = { status: 'none', from, end: 0, sinceNs: 0 }
    return STATUS_CODES[status]
  }

  save(): SavedCdAudio {
    return { ...this.#state }
  }

  restore(saved: SavedCdAudio): void {
    this.#state = { ...saved }
  }

  #now(): SavedCdAudio {
    const { status, from, end } = this.#state
    if (status === 'playing' && from + this.#played() >= end)
      this.#state = { status: 'completed', from: Math.max(0, end - 1), end, sinceNs: 0 }
    return this.#state
  }

  #played(): number {
    return Math.max(
      0,
      Math.floor(((this.clock.nowNs - this.#state.sinceNs) * SECTORS_PER_SECOND) / NS_PER_SECOND),
    )
  }
}
