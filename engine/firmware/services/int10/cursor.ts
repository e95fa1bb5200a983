import { outMany, type Service } from '../../port/protocol.ts'
import type { VideoState } from './video-state.ts'

/** CRTC registers of cursor and start address. */
export const CRTC_CURSOR = {
  start: 0x0a,
  end: 0x0b,
  startHigh: 0x0c,
  startLow: 0x0d,
  locationHigh: 0x0e,
  locationLow: 0x0f,
} as const

/** INT 10h/02h: notes the place, and moves the visible cursor when it is on the displayed page. */
export function* setCursorPosition(state: VideoState, page: number, column: number, row: number): Service {
  state.setCursor(page, column, row)
  if (page !== state.page || !state.isText) return
  const address = (state.pageBytes * page) / 2 + row * state.columns + column
  yield* crtcPair(state, CRTC_CURSOR.locationHigh, address)
}

/** INT 10h/01h. Shapes made for 8 lines are scaled to taller characters unless emulation is off. */
export function* setCursorShape(state: VideoState, shape: number): Service {
  state.cursorShape = shape
  const { start, end } = scaledShape(shape, state.info & 1 ? 8 : state.charHeight)
  const port = state.crtcPort
  yield* outMany([
    [port, CRTC_CURSOR.start],
    [port + 1, start],
    [port, CRTC_CURSOR.end],
    [port + 1, end],
  ])
}

/**
 * Lines of the cursor as the CRTC takes them. A line cursor stays at the foot of the character, one line
 * above the last as a rule; a block stays a block.
 */
export function scaledShape(shape: number, charHeight: number): { start: number; end: number } {
  const start = (shape >> 8) & 0x3f
  const end = shape & 0x1f
  if (charHeight <= 8 || start >= 8 || end >= 8) return { start, end }
  const lastLine = charHeight - 1
  if (end < start) return { start, end }
  if (end - start <= 2 && end >= 6) return { start: lastLine - 1 - (end - start), end: lastLine - 1 }
  const scale = (line: number) => Math.floor((line * charHeight) / 8)
  return { start: scale(start), end: end === 7 ? lastLine : scale(end) }
}

/** INT 10h/05h. */
export function* setPage(state: VideoState, page: number): Service {
  const definition = state.definition
  if (page > 7 || !definition) return
  const start = page * state.pageBytes
  state.page = page
  state.pageStart = start & 0xffff
  yield* crtcPair(state, CRTC_CURSOR.startHigh, definition.model === 'text' ? start / 2 : start)
  const { column, row } = state.cursor(page)
  yield* setCursorPosition(state, page, column, row)
}

/** A 16-bit CRTC register pair, high byte first. */
function* crtcPair(state: VideoState, index: number, value: number): Service {
  const port = state.crtcPort
  yield* outMany([
    [port, index],
    [port + 1, (value >> 8) & 0xff],
    [port, index + 1],
    [port + 1, value & 0xff],
  ])
}
