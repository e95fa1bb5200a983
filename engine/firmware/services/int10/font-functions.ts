import { outMany, out8, in8, read, readDword, type Service, writeDword } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import { VIDEO_ROM, VIDEO_SEGMENT } from '../../port/rom-layout.ts'
import { setCursorShape } from './cursor.ts'
import { FONT_HEIGHT, loadFont, loadGlyphs, type RomFont } from './fonts.ts'
import { heightOf } from './modes.ts'
import type { VideoState } from './video-state.ts'

const ROM_FONTS: Readonly<Record<number, RomFont>> = { 1: 'font14', 2: 'font8', 4: 'font16' }
const far = (font: RomFont): number => ((VIDEO_SEGMENT << 16) | VIDEO_ROM[font]) >>> 0

/** INT 10h/11h: character generator. */
export function* fontFunctions(registers: Registers, state: VideoState): Service {
  const r = registers
  const group = r.al & 0xf0
  const which = r.al & 0x0f
  if (group === 0x00 || group === 0x10) {
    const activate = group === 0x10
    if (which === 0) {
      const count = Math.min(r.cx, 256 - (r.dx & 0xff))
      const glyphs = yield* read(r.es, r.bp, count * r.bh)
      yield* loadGlyphs(glyphs, r.bh, r.dx & 0xff, r.bl & 7)
      if (activate) yield* setCharHeight(state, r.bh)
    } else if (which === 3) {
      yield* outMany([
        [0x3c4, 3],
        [0x3c5, r.bl],
      ])
    } else {
      const font = ROM_FONTS[which]
      if (!font) return
      yield* loadFont(font, r.bl & 7)
      if (activate) yield* setCharHeight(state, FONT_HEIGHT[font])
    }
    return
  }
  if (group === 0x20) {
    switch (which) {
      case 0:
        return yield* writeDword(0, 0x1f * 4, ((r.es << 16) | r.bp) >>> 0)
      case 1:
        yield* writeDword(0, 0x43 * 4, ((r.es << 16) | r.bp) >>> 0)
        return yield* setGraphicsRows(state, r.cx, r.bl, r.dl)
      case 2:
      case 3:
      case 4: {
        const font: RomFont = which === 2 ? 'font14' : which === 3 ? 'font8' : 'font16'
        yield* writeDword(0, 0x43 * 4, far(font))
        return yield* setGraphicsRows(state, FONT_HEIGHT[font], r.bl, r.dl)
      }
      default:
        return
    }
  }
  if (r.al === 0x30) {
    const pointer = yield* fontPointer(r.bh)
    r.es = pointer >>> 16
    r.bp = pointer & 0xffff
    r.cx = state.charHeight
    r.dl = state.rows - 1
  }
}

function* fontPointer(which: number): Service<number> {
  switch (which) {
    case 0:
      return yield* readDword(0, 0x1f * 4)
    case 1:
      return yield* readDword(0, 0x43 * 4)
    case 2:
    case 5:
      return far('font14')
    case 3:
      return far('font8')
    case 4:
      return far('font8') + 128 * 8
    default:
      return far('font16')
  }
}

function* setGraphicsRows(state: VideoState, height: number, selector: number, rows: number): Service {
  state.charHeight = height
  state.rows = selector === 0 ? rows : selector === 1 ? 14 : selector === 3 ? 43 : 25
  yield* state.store()
}

/** Reprograms the CRTC for a text mode with characters of another height, keeping the scan lines. */
function* setCharHeight(state: VideoState, height: number): Service {
  const mode = state.definition
  if (mode?.model !== 'text' || height < 1 || height > 32) return
  const port = state.crtcPort
  yield* out8(port, 9)
  const maximum = yield* in8(port + 1)
  const lines = mode.model === 'text' && state.scanLines === 200 ? 200 : heightOf(mode)
  const rows = Math.floor(lines / height)
  const doubled = state.scanLines === 200 ? 2 : 1
  const last = rows * height * doubled - 1
  yield* outMany([
    [port, 0x11],
    [port + 1, mode.crtc[0x11]! & 0x7f],
    [port, 9],
    [port + 1, (maximum & 0xe0) | (height - 1)],
    [port, 0x12],
    [port + 1, last & 0xff],
    [port, 0x11],
    [port + 1, mode.crtc[0x11]!],
    [port, 0x14],
    [port + 1, (mode.crtc[0x14]! & 0xe0) | Math.min(height - 1, 0x1f)],
  ])
  state.charHeight = height
  state.rows = rows
  state.pageBytes = (rows * state.columns * 2 + 0xff) & ~0xff
  if (rows === 25) state.pageBytes = mode.pageBytes
  yield* setCursorShape(state, 0x0607)
  yield* state.store()
}
