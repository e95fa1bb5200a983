import {
  copy,
  fill,
  outMany,
  read,
  readByte,
  readDword,
  type Service,
  write,
  writeByte,
} from '../../port/protocol.ts'
import type { VideoMode } from './modes.ts'
import { widthOf } from './modes.ts'
import type { CellWindow } from './text.ts'
import type { VideoState } from './video-state.ts'

const SEQUENCER = 0x3c4
const GRAPHICS = 0x3ce
const XOR_BIT = 0x80

const mapMask = (planes: number) =>
  [
    [SEQUENCER, 2],
    [SEQUENCER + 1, planes],
  ] as const
const graphics = (index: number, value: number) =>
  [
    [GRAPHICS, index],
    [GRAPHICS + 1, value],
  ] as const

/** Even and odd lines of the CGA modes lie 8 KiB apart. */
const cgaLine = (y: number): number => (y & 1) * 0x2000 + (y >> 1) * 80

const lineBytes = (mode: VideoMode): number => (mode.model === 'packed' ? widthOf(mode) : widthOf(mode) / 8)

/** Rows of a character's picture: through INT 43h, and INT 1Fh for the upper half in the CGA modes. */
function* glyphOf(mode: VideoMode, height: number, character: number): Service<Uint8Array> {
  const upper = mode.model === 'cga' && character >= 0x80
  const pointer = yield* readDword(0, (upper ? 0x1f : 0x43) * 4)
  const index = upper ? character - 0x80 : character
  return yield* read(pointer >>> 16, (pointer & 0xffff) + index * height, height)
}

/** Draws a character; bit 7 of the colour combines it with what is there by exclusive or. */
export function* drawGlyph(
  state: VideoState,
  mode: VideoMode,
  page: number,
  column: number,
  row: number,
  character: number,
  color: number,
): Service {
  const height = state.charHeight
  const glyph = yield* glyphOf(mode, height, character)
  if (mode.model === 'cga') yield* drawCga(mode, glyph, column, row * height, color)
  else if (mode.model === 'packed') yield* drawPacked(mode, glyph, column, row * height, color)
  else yield* drawPlanar(mode, glyph, page * state.pageBytes + row * height * lineBytes(mode) + column, color)
}

function* drawCga(mode: VideoMode, glyph: Uint8Array, column: number, y: number, color: number): Service {
  const perPixel = mode.bitsPerPixel
  for (let line = 0; line < glyph.length; line++) {
    const offset = cgaLine(y + line) + column * perPixel
    const bytes = new Uint8Array(perPixel)
    for (let x = 0; x < 8; x++)
      if (glyph[line]! & (0x80 >> x)) {
        const bit = x * perPixel
        const value = perPixel === 1 ? color & 1 : color & 3
        bytes[bit >> 3]! |= value << (8 - perPixel - (bit & 7))
      }
    if (color & XOR_BIT) {
      const old = yield* read(mode.segment, offset, perPixel)
      bytes.forEach((byte, index) => (bytes[index] = byte ^ old[index]!))
    }
    yield* write(mode.segment, offset, bytes)
  }
}

function* drawPacked(mode: VideoMode, glyph: Uint8Array, column: number, y: number, color: number): Service {
  for (let line = 0; line < glyph.length; line++) {
    const bytes = Uint8Array.from({ length: 8 }, (_, x) => (glyph[line]! & (0x80 >> x) ? color : 0))
    yield* write(mode.segment, (y + line) * widthOf(mode) + column * 8, bytes)
  }
}

function* drawPlanar(mode: VideoMode, glyph: Uint8Array, offset: number, color: number): Service {
  const stride = lineBytes(mode)
  const planes = mode.number === 0x11 ? 1 : 0xf
  if (color & XOR_BIT) {
    // Latches hold the old pixels: the function select combines the glyph with those planes the colour has.
    yield* outMany([...mapMask(color & planes), ...graphics(3, 0x18)])
    for (let line = 0; line < glyph.length; line++) {
      yield* readByte(mode.segment, offset + line * stride)
      yield* writeByte(mode.segment, offset + line * stride, glyph[line]!)
    }
    yield* outMany([...graphics(3, 0), ...mapMask(0xf)])
    return
  }
  const lit = color & planes
  if (lit) {
    yield* outMany(mapMask(lit))
    for (let line = 0; line < glyph.length; line++)
      yield* writeByte(mode.segment, offset + line * stride, glyph[line]!)
  }
  if (lit !== 0xf) {
    yield* outMany(mapMask(0xf & ~lit))
    for (let line = 0; line < glyph.length; line++) yield* writeByte(mode.segment, offset + line * stride, 0)
  }
  yield* outMany(mapMask(0xf))
}

/** INT 10h/08h in graphics: compares the cell with every glyph. The attribute is not known: 0. */
export function* readGlyph(
  state: VideoState,
  mode: VideoMode,
  page: number,
  column: number,
  row: number,
): Service<number> {
  const height = state.charHeight
  const rows = new Uint8Array(height)
  for (let line = 0; line < height; line++) {
    const y = row * height + line
    if (mode.model === 'cga') {
      const bytes = yield* read(mode.segment, cgaLine(y) + column * mode.bitsPerPixel, mode.bitsPerPixel)
      for (let x = 0; x < 8; x++) {
        const bit = x * mode.bitsPerPixel
        const value =
          (bytes[bit >> 3]! >> (8 - mode.bitsPerPixel - (bit & 7))) & ((1 << mode.bitsPerPixel) - 1)
        if (value) rows[line]! |= 0x80 >> x
      }
    } else if (mode.model === 'packed') {
      const bytes = yield* read(mode.segment, y * widthOf(mode) + column * 8, 8)
      bytes.forEach((byte, x) => (rows[line]! |= byte ? 0x80 >> x : 0))
    } else {
      const offset = page * state.pageBytes + y * lineBytes(mode) + column
      for (let plane = 0; plane < 4; plane++) {
        yield* outMany(graphics(4, plane))
        rows[line]! |= yield* readByte(mode.segment, offset)
      }
      yield* outMany(graphics(4, 0))
    }
  }
  const low = yield* readDword(0, 0x43 * 4)
  const count = mode.model === 'cga' ? 128 : 256
  const font = yield* read(low >>> 16, low & 0xffff, count * height)
  for (let index = 0; index < count; index++)
    if (rows.every((bits, line) => bits === font[index * height + line])) return index
  return 0
}

/** The graphics half of INT 10h/06h and 07h: windows of character cells, `shift` rows of them. */
export function* scrollGraphics(
  state: VideoState,
  mode: VideoMode,
  { top, left, bottom, right }: CellWindow,
  shift: number,
  color: number,
  up: boolean,
): Service {
  const height = state.charHeight
  const firstLine = top * height
  const lines = (bottom - top + 1) * height
  const moved = lines - shift * height
  if (mode.model === 'cga') {
    const width = (right - left + 1) * mode.bitsPerPixel
    const x = left * mode.bitsPerPixel
    const value = mode.bitsPerPixel === 2 ? (color & 3) * 0x55 : color & 1 ? 0xff : 0
    const place = (line: number) => ({ segment: mode.segment, offset: cgaLine(firstLine + line) + x })
    yield* scrollLines(place, lines, moved, shift * height, width, value, up)
    return
  }
  const unit = mode.model === 'packed' ? 8 : 1
  const stride = lineBytes(mode)
  const base = mode.model === 'packed' ? 0 : state.page * state.pageBytes
  const place = (line: number) => ({
    segment: mode.segment,
    offset: base + (firstLine + line) * stride + left * unit,
  })
  const width = (right - left + 1) * unit
  if (mode.model === 'packed') {
    yield* scrollLines(place, lines, moved, shift * height, width, color, up)
    return
  }
  // Write mode 1 copies all four planes through the latches; set/reset clears in any colour.
  const whole = width === stride
  yield* outMany([...mapMask(0xf), ...graphics(5, 1)])
  if (whole && moved > 0) {
    const bytes = moved * stride
    if (up) yield* copy(place(lines - moved), place(0), bytes, { unit: 1 })
    else yield* copy(place(0), place(lines - moved), bytes, { unit: 1, down: true })
  } else yield* moveLines(place, lines, moved, shift * height, width, up)
  yield* outMany([...graphics(5, 0), ...graphics(0, color & 0xf), ...graphics(1, 0xf)])
  const cleared = up ? moved : 0
  for (let line = 0; line < shift * height; line++) {
    const { segment, offset } = place(cleared + line)
    yield* fill(segment, offset, width, 0, 1)
  }
  yield* outMany([...graphics(0, 0), ...graphics(1, 0)])
}

type Place = (line: number) => { segment: number; offset: number }

function* moveLines(
  place: Place,
  lines: number,
  moved: number,
  shift: number,
  width: number,
  up: boolean,
): Service {
  for (let index = 0; index < moved; index++) {
    const target = up ? index : lines - 1 - index
    yield* copy(place(up ? target + shift : target - shift), place(target), width, { unit: 1 })
  }
}

function* scrollLines(
  place: Place,
  lines: number,
  moved: number,
  shift: number,
  width: number,
  value: number,
  up: boolean,
): Service {
  yield* moveLines(place, lines, moved, shift, width, up)
  for (let index = 0; index < shift; index++) {
    const { segment, offset } = place(up ? moved + index : index)
    yield* fill(segment, offset, width, value, 1)
  }
}

/** INT 10h/0Ch. */
export function* writePixel(state: VideoState, page: number, x: number, y: number, color: number): Service {
  const mode = state.definition
  if (!mode || mode.model === 'text') return
  if (mode.model === 'packed') {
    yield* writeByte(mode.segment, (y * widthOf(mode) + x) & 0xffff, color)
    return
  }
  if (mode.model === 'cga') {
    const bits = mode.bitsPerPixel
    const offset = cgaLine(y) + ((x * bits) >> 3)
    const shift = 8 - bits - ((x * bits) & 7)
    const mask = (1 << bits) - 1
    const old = yield* readByte(mode.segment, offset)
    const value = (color & mask) << shift
    yield* writeByte(mode.segment, offset, color & XOR_BIT ? old ^ value : (old & ~(mask << shift)) | value)
    return
  }
  const offset = (page * state.pageBytes + y * lineBytes(mode) + (x >> 3)) & 0xffff
  yield* outMany([
    ...mapMask(0xf),
    ...graphics(5, 2),
    ...graphics(8, 0x80 >> (x & 7)),
    ...graphics(3, color & XOR_BIT ? 0x18 : 0),
  ])
  yield* readByte(mode.segment, offset)
  yield* writeByte(mode.segment, offset, color & 0xf)
  yield* outMany([...graphics(8, 0xff), ...graphics(5, 0), ...graphics(3, 0)])
}

/** INT 10h/0Dh. */
export function* readPixel(state: VideoState, page: number, x: number, y: number): Service<number> {
  const mode = state.definition
  if (!mode || mode.model === 'text') return 0
  if (mode.model === 'packed') return yield* readByte(mode.segment, (y * widthOf(mode) + x) & 0xffff)
  if (mode.model === 'cga') {
    const bits = mode.bitsPerPixel
    const byte = yield* readByte(mode.segment, cgaLine(y) + ((x * bits) >> 3))
    return (byte >> (8 - bits - ((x * bits) & 7))) & ((1 << bits) - 1)
  }
  const offset = (page * state.pageBytes + y * lineBytes(mode) + (x >> 3)) & 0xffff
  let color = 0
  for (let plane = 0; plane < 4; plane++) {
    yield* outMany(graphics(4, plane))
    const byte = yield* readByte(mode.segment, offset)
    color |= ((byte >> (7 - (x & 7))) & 1) << plane
  }
  yield* outMany(graphics(4, 0))
  return color
}
