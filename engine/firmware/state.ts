import * as v from 'valibot'
import { bits, timeNs } from '../base/saved-state.ts'
import type { Emulation } from './services/int13/emulation.ts'

/** Volatile state of the firmware that no guest program expects in memory. */
export interface FirmwareState {
  /** How a CD was booted, null when it was not. */
  emulation: Emulation | null
  boot: BootState
  /** End of the wait of INT 15h/86h, in ns of guest time; null when none runs. */
  waitUntilNs: number | null
  apm: ApmState
  pointing: PointingState
  polls: PollState
}

export interface BootState {
  /** Index of the boot source that is tried or was tried last. */
  attempt: number
  phase: 'start' | 'hint' | 'menu' | 'failed'
  untilNs: number
  /** Index of the boot menu's chosen entry while the menu is shown. */
  choice: number
}

export interface ApmState {
  connected: boolean
  /** As the operating system asked for it: 0100h to 0102h. */
  version: number
  enabled: boolean
}

/** Questions for a key that find none and follow each other closely. */
export interface PollState {
  /** Guest time of the first of them, in ns. */
  sinceNs: number
  /** Instructions up to the end of the last one. */
  lastAt: number
  /** The one under way has had its halt, and is to be answered. */
  rested: boolean
}

/** PS/2 mouse, INT 15h/C2h. */
export interface PointingState {
  handlerSegment: number
  handlerOffset: number
  packetBytes: number
  /** Bytes of a packet so far. */
  packet: number[]
}

const noPolls = (): PollState => ({ sinceNs: 0, lastAt: -1e9, rested: false })

export const initialState = (): FirmwareState => ({
  emulation: null,
  boot: { attempt: 0, phase: 'start', untilNs: 0, choice: 0 },
  waitUntilNs: null,
  apm: { connected: false, version: 0x0102, enabled: true },
  pointing: { handlerSegment: 0, handlerOffset: 0, packetBytes: 3, packet: [] },
  polls: noPolls(),
})

const emulationSchema = v.object({
  drive: bits(8),
  media: v.picklist(['none', 'floppy', 'disk']),
  mediaType: bits(8),
  cd: bits(3),
  start: bits(32),
  loadSegment: bits(16),
  loadSectors: bits(16),
  cylinders: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1024)),
  heads: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256)),
  sectors: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(63)),
})

const changes = v.pipe(v.array(v.boolean()), v.maxLength(4))

export const stateSchema = v.object({
  version: v.literal(1),
  /** Of each drive with removable media: its medium was changed and no program has noticed. */
  changed: v.object({ floppies: changes, cdroms: changes }),
  emulation: v.nullable(emulationSchema),
  boot: v.object({
    attempt: bits(8),
    phase: v.picklist(['start', 'hint', 'menu', 'failed']),
    untilNs: timeNs,
    choice: bits(8),
  }),
  waitUntilNs: v.nullable(timeNs),
  apm: v.object({ connected: v.boolean(), version: bits(16), enabled: v.boolean() }),
  pointing: v.object({
    handlerSegment: bits(16),
    handlerOffset: bits(16),
    packetBytes: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(8)),
    packet: v.pipe(v.array(bits(8)), v.maxLength(8)),
  }),
  /** Instructions before now, so negative. Missing in states of earlier builds, or positive, which is as good as long ago. */
  polls: v.optional(v.object({ sinceNs: timeNs, lastAt: timeNs, rested: v.boolean() }), noPolls),
})
