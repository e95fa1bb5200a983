import type { TextScreen } from '../display.ts'
import { CODE_PAGE_437 } from './code-page-437.ts'
import type { Palette } from './palette.ts'
import { AR, CR, SR, type VgaRegisters } from './registers.ts'
import { planeOffset, type TextBand, type TextLayout } from './scan-layout.ts'
import type { Surface } from './surface.ts'

/** Plane offsets of the eight fonts that the character map select register names. */
const FONT_OFFSETS = [0x0000, 0x4000, 0x8000, 0xc000, 0x2000, 0x6000, 0xa000, 0xe000]
const FONT_CHARACTERS = 256
/** Bytes from one character to the next, however high they are. */
const FONT_STRIDE = 32
const FONT_BYTES = FONT_CHARACTERS * FONT_STRIDE

const LINE_GRAPHICS = 0x04
const BLINK = 0x08
const CURSOR_OFF = 0x20

/** What of a cell is drawn, beside character (bits 0-7) and attribute (bits 8-15). */
const CELL_CURSOR = 1 << 16
const CELL_HIDDEN = 1 << 17
/** First and last scan line of the cursor, 5 bits each, where there is one. */
const CELL_SHAPE_SHIFT = 18
/** No cell: not yet drawn. */
const UNKNOWN = 0xffffffff

interface Cursor {
  /** Address counter of its cell. */
  address: number
  shows: boolean
  firstScan: number
  lastScan: number
}

/** Text modes. Keeps what each cell showed and draws only cells that show something else. */
export class TextPainter {
  #drawn = new Uint32Array(0)
  /** Both fonts in use: map A (attribute bit 3 set) behind map B. */
  #font = new Uint8Array(2 * FONT_BYTES)

  constructor(
    private readonly registers: VgaRegisters,
    private readonly planes: Int32Array,
    private readonly palette: Palette,
    private readonly surface: Surface,
  ) {}

  /**
   * @param full draw every cell
   * @param isCursorPhase the cursor is in the visible half of its blinking
   * @param isTextPhase blinking characters are
   */
  paint(layout: TextLayout, full: boolean, isCursorPhase: boolean, isTextPhase: boolean): void {
    // One more column: what panning moves in from the right.
    const stride = layout.columns + 1
    const cells = stride * layout.bands.length
    if (this.#drawn.length !== cells) this.#drawn = new Uint32Array(cells)
    if (full) this.#drawn.fill(UNKNOWN)
    const cursor = this.#cursor(layout)
    const cursorCell = CELL_CURSOR | ((cursor.firstScan | (cursor.lastScan << 5)) << CELL_SHAPE_SHIFT)
    const canBlink = (this.registers.attribute[AR.modeControl]! & BLINK) !== 0
    const hides = canBlink && !isTextPhase
    const { dots, columns, addressing } = layout
    for (const [row, band] of layout.bands.entries()) {
      let first = -1
      let last = 0
      const count = band.pan ? columns + 1 : columns
      const cursorColumn = cursor.shows && isCursorPhase ? columnOf(band, cursor) : -1
      for (let column = 0, at = row * stride; column < count; column++, at++) {
        let cell = this.planes[planeOffset(addressing, band.address + column)]! & 0xffff
        if (column === cursorColumn) cell |= cursorCell
        if (hides && cell & 0x8000) cell |= CELL_HIDDEN
        if (this.#drawn[at] === cell) continue
        this.#drawn[at] = cell
        this.#draw(layout, band, column, cell, cursor, canBlink)
        if (first < 0) first = column
        last = column
      }
      if (first < 0) continue
      const left = Math.max(0, first * dots - band.pan)
      const right = Math.min(layout.width, (last + 1) * dots - band.pan)
      this.surface.touch(left, band.y, right - left, band.height)
    }
  }

  /** Copies the fonts out of plane 2. @returns true when they differ from before */
  updateFonts(): boolean {
    const map = this.registers.sequencer[SR.characterMap]!
    const fontB = (map & 3) | ((map >> 2) & 4)
    const fontA = ((map >> 2) & 3) | ((map >> 3) & 4)
    const changedB = this.#copyFont(FONT_OFFSETS[fontB]!, 0)
    const changedA = this.#copyFont(FONT_OFFSETS[fontA]!, FONT_BYTES)
    return changedA || changedB
  }

  text(layout: TextLayout): TextScreen {
    const { columns, addressing, bands } = layout
    const lines = bands.map((band) => {
      let line = ''
      for (let column = 0; column < columns; column++)
        line += CODE_PAGE_437[this.planes[planeOffset(addressing, band.address + column)]! & 0xff]
      return line
    })
    const cursor = this.#cursor(layout)
    const row = cursor.shows ? bands.findIndex((band) => columnOf(band, cursor) < columns) : -1
    const at = row < 0 ? null : { column: columnOf(bands[row]!, cursor), row }
    return { columns, rows: bands.length, lines, cursor: at }
  }

  #copyFont(from: number, to: number): boolean {
    let differs = false
    for (let at = 0; at < FONT_BYTES; at++) {
      const bits = (this.planes[from + at]! >> 16) & 0xff
      if (this.#font[to + at] === bits) continue
      this.#font[to + at] = bits
      differs = true
    }
    return differs
  }

  #cursor({ cellHeight }: TextLayout): Cursor {
    const { crtc, cursorLocation } = this.registers
    const start = crtc[CR.cursorStart]!
    const firstScan = start & 31
    const lastScan = Math.min(crtc[CR.cursorEnd]! & 31, cellHeight - 1)
    const skew = (crtc[CR.cursorEnd]! >> 5) & 3
    // Unlike the EGA's, a VGA's cursor whose start lies below its end does not wrap round but disappears.
    const shows = !(start & CURSOR_OFF) && firstScan <= lastScan
    return { address: cursorLocation + skew, shows, firstScan, lastScan }
  }

  #draw(
    layout: TextLayout,
    band: TextBand,
    column: number,
    cell: number,
    cursor: Cursor,
    canBlink: boolean,
  ): void {
    const { dots, width } = layout
    const { pixels } = this.surface
    const { attribute } = this.registers
    const code = cell & 0xff
    const colors = (cell >> 8) & 0xff
    const background = this.palette.attribute[(colors >> 4) & (canBlink ? 7 : 15)]!
    const foreground = this.palette.attribute[colors & 15]!
    const ink = cell & CELL_HIDDEN ? background : foreground
    const glyph = (colors & 8 ? FONT_BYTES : 0) + code * FONT_STRIDE
    // The ninth dot is background, but line drawing characters must meet their neighbours.
    const extends9th = code >= 0xc0 && code <= 0xdf && (attribute[AR.modeControl]! & LINE_GRAPHICS) !== 0
    const underline = (colors & 0x77) === 0x01 ? this.registers.crtc[CR.underlineLocation]! & 31 : -1
    const doubling = layout.isDoubled ? 1 : 0
    const x = column * dots - band.pan
    const from = Math.max(0, -x)
    const to = Math.min(dots, width - x)
    for (let line = 0; line < band.height; line++) {
      const scan = band.firstScan + (line >> doubling)
      let bits = this.#font[glyph + scan]! << 1
      if (extends9th) bits |= (bits >> 1) & 1
      let on = ink
      if (scan === underline) bits = 0x1ff
      if (cell & CELL_CURSOR && scan >= cursor.firstScan && scan <= cursor.lastScan) {
        bits = 0x1ff
        on = foreground
      }
      let at = (band.y + line) * width + x + from
      for (let dot = from; dot < to; dot++) pixels[at++] = bits & (0x100 >> dot) ? on : background
    }
  }
}

/** The column of the cursor if it is in this band; otherwise some number beyond the last one. */
const columnOf = (band: TextBand, cursor: Cursor): number => (cursor.address - band.address) & 0xffff
