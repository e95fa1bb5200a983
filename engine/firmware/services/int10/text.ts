import { copy, fill, read, readWord, type Service, writeByte, writeWord } from '../../port/protocol.ts'
import { setCursorPosition } from './cursor.ts'
import { drawGlyph, readGlyph, scrollGraphics } from './graphics.ts'
import type { VideoState } from './video-state.ts'

/** A rectangle of character cells, corners included. */
export interface CellWindow {
  top: number
  left: number
  bottom: number
  right: number
}

const cellOffset = (state: VideoState, page: number, column: number, row: number): number =>
  (state.pageBytes * page + (row * state.columns + column) * 2) & 0x7fff

/**
 * INT 10h/06h and 07h on the displayed page (or `page`, as teletype output needs).
 * @param lines 0 clears the window
 * @param attribute of the cells that appear
 */
export function* scroll(
  state: VideoState,
  window: CellWindow,
  lines: number,
  attribute: number,
  up: boolean,
  page = state.page,
): Service {
  const right = Math.min(window.right, state.columns - 1)
  const bottom = Math.min(window.bottom, Math.max(state.rows, 25) - 1)
  const { top, left } = window
  if (left > right || top > bottom) return
  const height = bottom - top + 1
  const shift = lines === 0 || lines > height ? height : lines
  const mode = state.definition
  if (!mode) return
  if (mode.model !== 'text') {
    yield* scrollGraphics(state, mode, { top, left, bottom, right }, shift, attribute, up)
    return
  }
  const { segment } = mode
  const width = right - left + 1
  const kept = height - shift
  const at = (row: number) => ({ segment, offset: cellOffset(state, page, left, row) })
  const blank = (attribute << 8) | 0x20
  if (width === state.columns) {
    const bytes = kept * width * 2
    if (up) yield* copy(at(top + shift), at(top), bytes)
    else yield* copy(at(top), at(top + shift), bytes, { down: true })
    yield* fill(segment, at(up ? top + kept : top).offset, shift * width, blank)
    return
  }
  for (let index = 0; index < kept; index++) {
    const target = up ? top + index : bottom - index
    yield* copy(at(up ? target + shift : target - shift), at(target), width * 2)
  }
  for (let index = 0; index < shift; index++)
    yield* fill(segment, at(up ? bottom - index : top + index).offset, width, blank)
}

/** INT 10h/08h: character and attribute at the cursor. */
export function* readCell(state: VideoState, page: number): Service<number> {
  const mode = state.definition
  if (!mode) return 0x0720
  const { column, row } = state.cursor(page)
  if (mode.model === 'text') return yield* readWord(mode.segment, cellOffset(state, page, column, row))
  return yield* readGlyph(state, mode, page, column, row)
}

/**
 * INT 10h/09h and 0Ah: the same character `count` times from the cursor on.
 * @param attribute null keeps the attributes (text) or means white on black (graphics)
 */
export function* writeCells(
  state: VideoState,
  page: number,
  character: number,
  attribute: number | null,
  count: number,
): Service {
  const mode = state.definition
  if (!mode || count === 0) return
  const { column, row } = state.cursor(page)
  if (mode.model !== 'text') {
    // Graphics characters do not go past the end of the line.
    const last = Math.min(count, state.columns - column)
    for (let index = 0; index < last; index++)
      yield* drawGlyph(state, mode, page, column + index, row, character, attribute ?? 7)
    return
  }
  const offset = cellOffset(state, page, column, row)
  const cells = Math.min(count, (0x8000 - offset) >> 1)
  if (attribute !== null) {
    if (cells === 1) yield* writeWord(mode.segment, offset, (attribute << 8) | character)
    else yield* fill(mode.segment, offset, cells, (attribute << 8) | character)
  } else {
    for (let index = 0; index < cells; index++) yield* writeByte(mode.segment, offset + 2 * index, character)
  }
}

/** INT 10h/0Eh, and the characters of 13h: moves the cursor on, scrolls at the end of the screen. */
export function* teletype(
  state: VideoState,
  page: number,
  character: number,
  attribute: number | null,
  graphicsColor: number,
): Service {
  let { column, row } = state.cursor(page)
  switch (character) {
    case 7:
      return yield* beep()
    case 8:
      column = Math.max(0, column - 1)
      break
    case 10:
      row++
      break
    case 13:
      column = 0
      break
    default:
      yield* writeCells(state, page, character, state.isText ? attribute : (attribute ?? graphicsColor), 1)
      column++
  }
  if (column >= state.columns) {
    column = 0
    row++
  }
  if (row >= state.rows) {
    row = state.rows - 1
    state.setCursor(page, column, row)
    // New lines take the colour of the character that the cursor stands on, as they always did.
    const color = state.isText ? (yield* readCell(state, page)) >> 8 : 0
    yield* scroll(state, { top: 0, left: 0, bottom: row, right: state.columns - 1 }, 1, color, true, page)
  }
  yield* setCursorPosition(state, page, column, row)
}

/** A short tone would hold the caller up for long; the data area's time-out counts it in a program's place. */
function* beep(): Service {
  // Silent: a service may not wait, and a tone nobody ends is worse than none.
}

/** INT 10h/13h. @param mode bit 0: move the cursor; bit 1: the string holds attributes as well */
export function* writeString(
  state: VideoState,
  {
    page,
    mode,
    attribute,
    row,
    column,
    length,
  }: {
    page: number
    mode: number
    attribute: number
    row: number
    column: number
    length: number
  },
  segment: number,
  offset: number,
): Service {
  const before = state.cursor(page)
  const withAttributes = (mode & 2) !== 0
  const cells = Math.min(length, 0x4000)
  const text = yield* read(segment, offset, withAttributes ? cells * 2 : cells)
  yield* setCursorPosition(state, page, column, row === 0xff ? before.row : row)
  for (let index = 0; index < cells; index++) {
    const character = text[withAttributes ? 2 * index : index]!
    const color = withAttributes ? text[2 * index + 1]! : attribute
    yield* teletype(state, page, character, color, color)
  }
  if (!(mode & 1)) yield* setCursorPosition(state, page, before.column, before.row)
}
