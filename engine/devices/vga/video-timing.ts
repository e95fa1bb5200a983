import { type Clock, NS_PER_SECOND } from '../../base/clock.ts'
import { crtcValues } from './crtc-values.ts'
import type { Dispi } from './dispi.ts'
import { MISC, SR, type VgaRegisters } from './registers.ts'

interface Beam {
  frameNs: number
  lineNs: number
  /** Part of a line that shows picture, in ns from its start. */
  visibleNs: number
  /** Lines that show picture. */
  lines: number
  retraceStart: number
  retraceEnd: number
}

/** The two crystals of the VGA, by clock select; the other inputs are not connected. */
const DOT_CLOCK_HZ = [25_175_000, 28_322_000, 25_175_000, 25_175_000]
/** Frames per second that a monitor of the time could follow; anything else is a mode set in progress. */
const SLOWEST_HZ = 25
const FASTEST_HZ = 200
const VBE_HZ = 60
const HALF_DOT_CLOCK = 8

/** 31.5 kHz lines and 70 frames a second, as in text mode. */
const DEFAULT_BEAM: Beam = beam(31_778, 25_422, {
  total: 449,
  lines: 400,
  retraceStart: 412,
  retraceEnd: 414,
})

/** Bits of input status register 1. */
const STATUS_NOT_DISPLAYING = 0x01
const STATUS_VERTICAL_RETRACE = 0x08

const CURSOR_BLINK_FRAMES = 8
const TEXT_BLINK_FRAMES = 16

/**
 * Where the electron beam is, computed from guest time: nothing runs between two reads.
 * Frames are counted from time 0 of the machine at the rate that the registers give now.
 */
export class VideoTiming {
  #beam = DEFAULT_BEAM
  #registersSeen = -1
  #dispiSeen = -1

  constructor(
    private readonly clock: Clock,
    private readonly registers: VgaRegisters,
    private readonly dispi: Dispi,
  ) {}

  /** Input status register 1: bit 0 outside of the picture, bit 3 in vertical retrace. */
  get status(): number {
    const { frameNs, lineNs, visibleNs, lines, retraceStart, retraceEnd } = this.#current()
    const inFrame = this.clock.nowNs % frameNs
    const line = Math.floor(inFrame / lineNs)
    if (line >= retraceStart && line < retraceEnd) return STATUS_NOT_DISPLAYING | STATUS_VERTICAL_RETRACE
    return line < lines && inFrame - line * lineNs < visibleNs ? 0 : STATUS_NOT_DISPLAYING
  }

  /** Vertical retraces that have begun since time 0. */
  get retraces(): number {
    const { frameNs, lineNs, retraceStart } = this.#current()
    return Math.floor((this.clock.nowNs - retraceStart * lineNs) / frameNs) + 1
  }

  /** The text cursor is on for 8 frames and off for 8. */
  get isCursorPhase(): boolean {
    return !((this.#frames / CURSOR_BLINK_FRAMES) & 1)
  }

  /** Blinking characters are on for 16 frames and off for 16. */
  get isTextPhase(): boolean {
    return !((this.#frames / TEXT_BLINK_FRAMES) & 1)
  }

  get #frames(): number {
    return Math.floor(this.clock.nowNs / this.#current().frameNs)
  }

  #current(): Beam {
    const { registers, dispi } = this
    if (registers.generation !== this.#registersSeen || dispi.generation !== this.#dispiSeen) {
      this.#registersSeen = registers.generation
      this.#dispiSeen = dispi.generation
      this.#beam = dispi.mode ? vbeBeam(dispi.mode.height) : (vgaBeam(registers) ?? DEFAULT_BEAM)
    }
    return this.#beam
  }
}

interface Lines {
  total: number
  lines: number
  retraceStart: number
  retraceEnd: number
}

function beam(lineNs: number, visibleNs: number, { total, lines, retraceStart, retraceEnd }: Lines): Beam {
  return { frameNs: lineNs * total, lineNs, visibleNs, lines, retraceStart, retraceEnd }
}

/** Null when no monitor could show it. */
function vgaBeam(registers: VgaRegisters): Beam | null {
  const crtc = crtcValues(registers)
  const { totalCharacters, characters, totalLines: total, lines, retraceStart, retraceEnd, dots } = crtc
  const clockHz = DOT_CLOCK_HZ[(registers.misc >> MISC.clockShift) & 3]!
  const isHalved = (registers.sequencer[SR.clockingMode]! & HALF_DOT_CLOCK) !== 0
  const characterNs = (dots * NS_PER_SECOND * (isHalved ? 2 : 1)) / clockHz
  const lineNs = totalCharacters * characterNs
  const hz = NS_PER_SECOND / (lineNs * total)
  if (
    hz < SLOWEST_HZ ||
    hz > FASTEST_HZ ||
    retraceStart >= total ||
    lines >= total ||
    characters >= totalCharacters
  )
    return null
  return beam(lineNs, characters * characterNs, { total, lines, retraceStart, retraceEnd })
}

function vbeBeam(height: number): Beam {
  // Blanking of a twentieth, as VESA's timings have it, and a retrace of some lines in it.
  const total = height + Math.max(8, Math.ceil(height / 20))
  const lineNs = NS_PER_SECOND / VBE_HZ / total
  return beam(lineNs, lineNs * 0.8, {
    total,
    lines: height,
    retraceStart: height + 2,
    retraceEnd: height + 6,
  })
}
