import { type Service, writeDword, writeWord, writeByte } from '../../port/protocol.ts'
import { DONE, type Outcome, type Registers } from '../../port/registers.ts'
import { VIDEO_ROM, VIDEO_SEGMENT } from '../../port/rom-layout.ts'
import { alternateSelect, displayCombination, functionalityState } from './adapter-info.ts'
import { setCursorPosition, setCursorShape, setPage } from './cursor.ts'
import { fontFunctions } from './font-functions.ts'
import { readPixel, writePixel } from './graphics.ts'
import { paletteFunctions } from './palette-functions.ts'
import { saveRestore } from './save-restore.ts'
import { setCgaPalette, setMode } from './set-mode.ts'
import { readCell, scroll, teletype, writeCells, writeString } from './text.ts'
import { vbe } from './vbe.ts'
import { VideoState } from './video-state.ts'

/** INT 10h. @see IBM PS/2 and PC BIOS interface technical reference, "Interrupt 10h" */
export function* int10(r: Registers): Service<Outcome> {
  if (r.ah === 0x00) {
    const number = r.al & 0x7f
    yield* setMode(r.al)
    r.al = number > 7 ? 0x20 : number === 6 ? 0x3f : 0x30
    return DONE
  }
  if (r.ah === 0x4f) {
    yield* vbe(r)
    return DONE
  }
  const state = yield* VideoState.load()
  yield* dispatch(r, state)
  yield* state.store()
  return DONE
}

function* dispatch(r: Registers, state: VideoState): Service {
  switch (r.ah) {
    case 0x01:
      return yield* setCursorShape(state, r.cx)
    case 0x02:
      return yield* setCursorPosition(state, r.bh & 7, r.dl, r.dh)
    case 0x03: {
      const { column, row } = state.cursor(r.bh)
      r.dl = column
      r.dh = row
      r.cx = state.cursorShape
      r.ax = 0
      return
    }
    case 0x04:
      r.ah = 0 // no light pen
      return
    case 0x05:
      return yield* setPage(state, r.al)
    case 0x06:
    case 0x07:
      return yield* scroll(
        state,
        { top: r.ch, left: r.cl, bottom: r.dh, right: r.dl },
        r.al,
        r.bh,
        r.ah === 0x06,
      )
    case 0x08:
      r.ax = yield* readCell(state, r.bh & 7)
      return
    case 0x09:
      return yield* writeCells(state, r.bh & 7, r.al, r.bl, r.cx)
    case 0x0a:
      return yield* writeCells(state, r.bh & 7, r.al, state.isText ? null : r.bl, r.cx)
    case 0x0b:
      return yield* setCgaPalette(state, r.bh, r.bl)
    case 0x0c:
      return yield* writePixel(state, r.bh & 7, r.cx, r.dx, r.al)
    case 0x0d:
      r.al = yield* readPixel(state, r.bh & 7, r.cx, r.dx)
      return
    case 0x0e:
      return yield* teletype(state, state.page, r.al, null, r.bl)
    case 0x0f:
      r.al = state.mode | (state.info & 0x80)
      r.ah = state.columns
      r.bh = state.page
      return
    case 0x10:
      return yield* paletteFunctions(r, state)
    case 0x11:
      return yield* fontFunctions(r, state)
    case 0x12:
      return yield* alternateSelect(r, state)
    case 0x13:
      return yield* writeString(
        state,
        { page: r.bh & 7, mode: r.al & 3, attribute: r.bl, row: r.dh, column: r.dl, length: r.cx },
        r.es,
        r.bp,
      )
    case 0x1a:
      return displayCombination(r, state)
    case 0x1b:
      return yield* functionalityState(r, state)
    case 0x1c:
      return yield* saveRestore(r)
    default:
  }
}

/** The video ROM's initialisation: vectors, data area and the first text mode. */
export function* initializeVideo(): Service<Outcome> {
  const far = (offset: number) => ((VIDEO_SEGMENT << 16) | offset) >>> 0
  yield* writeDword(0, 0x10 * 4, far(VIDEO_ROM.int10))
  yield* writeDword(0, 0x6d * 4, far(VIDEO_ROM.int10))
  yield* writeDword(0, 0x1f * 4, far(VIDEO_ROM.font8 + 128 * 8))
  yield* writeDword(0, 0x43 * 4, far(VIDEO_ROM.font16))
  yield* writeDword(0x40, 0xa8, far(VIDEO_ROM.savePointers))
  yield* writeByte(0x40, 0x87, 0x60)
  yield* writeByte(0x40, 0x88, 0xf9)
  yield* writeByte(0x40, 0x89, 0x51)
  yield* writeByte(0x40, 0x8a, 0x08)
  yield* writeWord(0x40, 0x63, 0x3d4)
  yield* setMode(3)
  return DONE
}
