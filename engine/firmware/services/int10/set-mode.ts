import { fill, in8, out16, outMany, read, type Service, writeDword } from '../../port/protocol.ts'
import { VIDEO_ROM, VIDEO_SEGMENT } from '../../port/rom-layout.ts'
import { CRTC_CURSOR, setCursorPosition, setCursorShape } from './cursor.ts'
import { loadFont, type RomFont } from './fonts.ts'
import { findMode, type VideoMode } from './modes.ts'
import { defaultPalette } from './palettes.ts'
import { VideoState } from './video-state.ts'

const ATTRIBUTE = 0x3c0
const SEQUENCER = 0x3c4
const DAC_WRITE_INDEX = 0x3c8
const GRAPHICS = 0x3ce
const DISPI_INDEX = 0x1ce
const DISPI_ENABLE = 4

/** CGA mode control and colour select registers as programs expect to find them in the data area. */
const CGA_CONTROL: Readonly<Record<number, readonly [control: number, palette: number]>> = {
  0: [0x2c, 0x30],
  1: [0x28, 0x30],
  2: [0x2d, 0x30],
  3: [0x29, 0x30],
  4: [0x2a, 0x30],
  5: [0x2e, 0x30],
  6: [0x1e, 0x3f],
  7: [0x29, 0x30],
}

/** INT 10h/00h. Bit 7 of `al` keeps the video memory. */
export function* setMode(al: number): Service {
  const state = yield* VideoState.load()
  const keep = (al & 0x80) !== 0
  let number = al & 0x7f
  // On a machine set to a monochrome display the colour text modes are the monochrome one.
  if (number < 7 && (yield* read(0x40, 0x10, 1))[0]! >> 4 === 3 && state.options & 4) number = 7
  const mode = findMode(number, state.scanLines)
  if (!mode) return
  yield* programMode(mode, state, keep)
}

/** Programs the registers of a mode, loads its colours and font, and describes it in the data area. */
export function* programMode(mode: VideoMode, state: VideoState, keep: boolean): Service {
  yield* out16(DISPI_INDEX, DISPI_ENABLE)
  yield* out16(DISPI_INDEX + 1, 0)
  yield* writeRegisters(mode)
  if (!(state.options & 8)) yield* loadPalette(mode, (state.options & 2) !== 0)
  if (!keep) yield* clearMemory(mode)

  const crtcPort = mode.misc & 1 ? 0x3d4 : 0x3b4
  state.mode = mode.number
  state.columns = mode.columns
  state.rows = mode.rows
  state.charHeight = mode.charHeight
  state.pageBytes = mode.pageBytes
  state.pageStart = 0
  state.page = 0
  state.crtcPort = crtcPort
  for (let page = 0; page < 8; page++) state.setCursor(page, 0, 0)
  state.info = (state.info & 0x7f) | (keep ? 0x80 : 0)
  const [control, palette] = CGA_CONTROL[mode.number] ?? [0x29, 0x30]
  state.modeControl = control
  state.cgaPalette = palette

  if (mode.model === 'text') {
    const font = fontOfHeight(mode.charHeight)
    yield* loadFont(font, 0)
    yield* writeDword(0, 0x43 * 4, far(VIDEO_ROM[font]))
    yield* setCursorShape(state, 0x0607)
  } else {
    yield* writeDword(0, 0x43 * 4, far(VIDEO_ROM[fontOfHeight(mode.charHeight)]))
  }
  yield* setCursorPosition(state, 0, 0, 0)
  yield* state.store()
}

const far = (offset: number): number => ((VIDEO_SEGMENT << 16) | offset) >>> 0

export const fontOfHeight = (height: number): RomFont =>
  height <= 8 ? 'font8' : height <= 14 ? 'font14' : 'font16'

function* writeRegisters(mode: VideoMode): Service {
  const crtcPort = mode.misc & 1 ? 0x3d4 : 0x3b4
  const status = crtcPort + 6
  const indexed = (port: number, index: number, value: number) =>
    [
      [port, index],
      [port + 1, value],
    ] as const
  yield* in8(status)
  yield* outMany([
    [ATTRIBUTE, 0], // picture off while the registers change
    ...indexed(SEQUENCER, 0, 1),
    ...mode.sequencer.flatMap((value, index) =>
      index === 0 ? indexed(SEQUENCER, 1, value | 0x20) : indexed(SEQUENCER, index + 1, value),
    ),
    [0x3c2, mode.misc],
    ...indexed(SEQUENCER, 0, 3),
    ...indexed(crtcPort, 0x11, 0), // unprotect 0-7
    ...mode.crtc.flatMap((value, index) => indexed(crtcPort, index, value)),
    ...mode.graphics.flatMap((value, index) => indexed(GRAPHICS, index, value)),
    [0x3c6, 0xff],
    ...indexed(crtcPort, CRTC_CURSOR.locationHigh, 0),
  ])
  // A monochrome mode moves the status register that resets the attribute flip-flop.
  yield* in8(status)
  yield* outMany([
    ...mode.attribute.flatMap(
      (value, index) =>
        [
          [ATTRIBUTE, index],
          [ATTRIBUTE, value],
        ] as const,
    ),
    [ATTRIBUTE, 0x14],
    [ATTRIBUTE, 0],
    [ATTRIBUTE, 0x20],
    ...indexed(SEQUENCER, 1, mode.sequencer[0]!),
  ])
}

/** Loads a mode's default DAC colours; those that no pixel of the mode can have stay as they are. */
export function* loadPalette(mode: VideoMode, summed: boolean): Service {
  const colors = defaultPalette(mode.palette, summed)
  yield* outMany([
    [DAC_WRITE_INDEX, 0],
    ...colors.flatMap((color) => color.map((value) => [DAC_WRITE_INDEX + 1, value] as const)),
  ])
}

function* clearMemory(mode: VideoMode): Service {
  if (mode.model === 'text') yield* fill(mode.segment, 0, 0x4000, 0x0720)
  else if (mode.model === 'cga') yield* fill(mode.segment, 0, 0x4000, 0)
  else yield* fill(mode.segment, 0, 0x8000, 0)
}

/** INT 10h/0Bh: border, and the palette of the four-colour modes. */
export function* setCgaPalette(state: VideoState, bh: number, bl: number): Service {
  const crtcPort = state.crtcPort
  yield* in8(crtcPort + 6)
  if (bh === 0) {
    state.cgaPalette = (state.cgaPalette & 0xe0) | (bl & 0x1f)
    const color = (bl & 7) | (bl & 8 ? 0x10 : 0)
    if (state.mode >= 4 && state.mode <= 6)
      yield* outMany([
        [ATTRIBUTE, 0],
        [ATTRIBUTE, color],
      ])
    yield* outMany([
      [ATTRIBUTE, 0x11],
      [ATTRIBUTE, color],
    ])
  } else if (state.mode === 4 || state.mode === 5) {
    state.cgaPalette = (state.cgaPalette & 0xdf) | (bl & 1 ? 0x20 : 0)
  }
  if (state.mode === 4 || state.mode === 5) {
    const bright = state.cgaPalette & 0x10
    const odd = state.cgaPalette & 0x20 ? 1 : 0
    for (let index = 1; index < 4; index++)
      yield* outMany([
        [ATTRIBUTE, index],
        [ATTRIBUTE, bright | (index * 2 + odd)],
      ])
  }
  yield* outMany([[ATTRIBUTE, 0x20]])
  yield* state.store()
}
