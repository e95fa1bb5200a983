import type { Clock } from '../../base/clock.ts'
import type { Display, Frame, TextScreen } from '../display.ts'
import type { Dac } from './dac.ts'
import type { Dispi } from './dispi.ts'
import { GraphicsPainter } from './graphics-painter.ts'
import { Palette } from './palette.ts'
import { AR, type VgaRegisters } from './registers.ts'
import { type GraphicsLayout, graphicsLayout, type TextLayout, textLayout } from './scan-layout.ts'
import { Surface } from './surface.ts'
import { TextPainter } from './text-painter.ts'
import { VbePainter } from './vbe-painter.ts'
import type { VideoMemory } from './video-memory.ts'
import type { VideoTiming } from './video-timing.ts'

const LEGACY_ASPECT_RATIO = 4 / 3
/**
 * Programs switch the screen off for the moment in which they change palette or mode. A monitor hardly shows
 * that, but a picture taken just then would; so the screen goes dark only when it stays off this long.
 */
const DARK_AFTER_NS = 40_000_000
const GRAPHICS_BLINK = 0x08

type Layout =
  | { kind: 'text'; text: TextLayout }
  | { kind: 'graphics'; graphics: GraphicsLayout }
  | { kind: 'vbe' }

/** Draws what registers, palette and video memory describe, doing only what has changed since the last time. */
export class Screen implements Display {
  #surface = new Surface()
  #palette = new Palette()
  #text: TextPainter
  #graphics: GraphicsPainter
  #vbe: VbePainter
  #layout: Layout | null = null
  #aspectRatio = LEGACY_ASPECT_RATIO
  #isDark = false
  #offSinceNs: number | null = null
  /** What of the inputs the picture shows. */
  #registersSeen = -1
  #dispiSeen = -1
  #dacSeen = -1
  #startSeen = -1
  #phaseSeen = false
  /** Draw everything at the next chance. */
  #isStale = true

  /** @param startAddress gives the start address in force */
  constructor(
    private readonly clock: Clock,
    private readonly registers: VgaRegisters,
    private readonly dac: Dac,
    private readonly dispi: Dispi,
    private readonly memory: VideoMemory,
    private readonly timing: VideoTiming,
    private readonly startAddress: () => number,
  ) {
    this.#text = new TextPainter(registers, memory.planes, this.#palette, this.#surface)
    this.#graphics = new GraphicsPainter(memory.planes, memory.dirtyPages, this.#palette, this.#surface)
    this.#vbe = new VbePainter(memory.bytes, memory.shown, memory.dirtyPages, this.#palette, this.#surface)
  }

  /** After a reset or restore: nothing that is on the surface counts. */
  invalidate(): void {
    this.#isStale = true
    this.#offSinceNs = null
  }

  update(): Frame {
    this.memory.collect()
    if (!this.registers.showsPicture) this.#goDark()
    else this.#paint()
    const { width, height, bytes } = this.#surface
    return { width, height, pixels: bytes, dirty: this.#surface.takeDirty(), aspectRatio: this.#aspectRatio }
  }

  text(): TextScreen | null {
    if (this.dispi.mode || this.registers.isGraphics) return null
    this.memory.collect()
    // The registers as they stand, not as the last retrace took them: a reader wants what was written.
    return this.#text.text(textLayout(this.registers, this.registers.startAddress))
  }

  #goDark(): void {
    this.#offSinceNs ??= this.clock.nowNs
    const isFirst = this.#surface.width === 0
    if (!isFirst && (this.#isDark || this.clock.nowNs - this.#offSinceNs < DARK_AFTER_NS)) return
    if (isFirst) this.#surface.resize(640, 480)
    this.#palette.update(this.registers, this.dac, false)
    this.#surface.fill(this.dispi.mode ? this.#palette.dac[0]! | 0xff000000 : this.#palette.border)
    this.#isDark = true
  }

  #paint(): void {
    const hasNewPalette = this.#updatePalette()
    const hasNewLayout = this.#updateLayout()
    const layout = this.#layout!
    let full = this.#isStale || this.#isDark || hasNewPalette || hasNewLayout
    this.#isStale = this.#isDark = false
    this.#offSinceNs = null
    const { dirtyPages } = this.memory
    const wasWritten = dirtyPages.includes(1)
    switch (layout.kind) {
      case 'text':
        if (full || wasWritten) full = this.#text.updateFonts() || full
        if (full) this.#surface.touchAll()
        this.#text.paint(layout.text, full, this.timing.isCursorPhase, this.timing.isTextPhase)
        break
      case 'graphics':
        if (full || wasWritten) this.#graphics.paint(layout.graphics, full)
        break
      case 'vbe':
        if (full || wasWritten) this.#vbe.paint(this.dispi.mode!, full)
    }
    if (wasWritten) dirtyPages.fill(0)
  }

  /** @returns true when a colour changed */
  #updatePalette(): boolean {
    const { registers, dac, dispi } = this
    const blinks =
      !dispi.mode && registers.isGraphics && (registers.attribute[AR.modeControl]! & GRAPHICS_BLINK) !== 0
    const isSecondPhase = blinks && !this.timing.isTextPhase
    const isKnown =
      registers.generation === this.#registersSeen &&
      dac.generation === this.#dacSeen &&
      isSecondPhase === this.#phaseSeen &&
      dispi.generation === this.#dispiSeen
    if (isKnown) return false
    this.#dacSeen = dac.generation
    this.#phaseSeen = isSecondPhase
    return this.#palette.update(registers, dac, isSecondPhase)
  }

  /** @returns true when everything may have moved */
  #updateLayout(): boolean {
    const { registers, dispi } = this
    const start = this.startAddress()
    const isSameMode =
      this.#layout !== null &&
      registers.generation === this.#registersSeen &&
      dispi.generation === this.#dispiSeen
    const isSame = isSameMode && start === this.#startSeen
    if (isSame) return false
    this.#registersSeen = registers.generation
    this.#dispiSeen = dispi.generation
    this.#startSeen = start
    if (dispi.mode) {
      // The VGA's own start address means nothing to a VBE mode.
      if (isSameMode) return false
      const { width, height } = dispi.mode
      this.#layout = { kind: 'vbe' }
      this.#resize(width, height, width / height)
    } else if (registers.isGraphics) {
      const graphics = graphicsLayout(registers, start)
      this.#layout = { kind: 'graphics', graphics }
      this.#resize(graphics.width, graphics.height, LEGACY_ASPECT_RATIO)
    } else {
      const text = textLayout(registers, start)
      this.#layout = { kind: 'text', text }
      this.#resize(text.width, text.height, LEGACY_ASPECT_RATIO)
      // Cells remember what they show, so a moved start address needs no more than the usual comparison.
      return !isSameMode
    }
    return true
  }

  #resize(width: number, height: number, aspectRatio: number): void {
    this.#surface.resize(width, height)
    this.#aspectRatio = aspectRatio
  }
}
