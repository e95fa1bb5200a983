import { in8, Packer, read, readByte, type Service, write } from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import { VIDEO_ROM, VIDEO_SEGMENT } from '../../port/rom-layout.ts'
import { outMany } from '../../port/protocol.ts'
import type { VideoState } from './video-state.ts'

/** INT 10h/12h: alternate select, told apart by BL. */
export function* alternateSelect(r: Registers, state: VideoState): Service {
  switch (r.bl) {
    case 0x10:
      r.bh = state.crtcPort === 0x3b4 ? 1 : 0
      r.bl = 3 // 256 KiB
      r.ch = state.switches >> 4
      r.cl = state.switches & 0xf
      return
    case 0x30: {
      const bits = [0x80, 0x00, 0x10][r.al]
      if (bits === undefined) return
      state.options = (state.options & ~0x90) | bits
      state.switches = (state.switches & 0xf0) | (r.al === 0 ? 8 : 9)
      break
    }
    case 0x31:
      state.options = (state.options & ~8) | (r.al & 1 ? 8 : 0)
      break
    case 0x32: {
      const misc = yield* in8(0x3cc)
      yield* outMany([[0x3c2, r.al & 1 ? misc & ~2 : misc | 2]])
      break
    }
    case 0x33:
      state.options = (state.options & ~2) | (r.al & 1 ? 0 : 2)
      break
    case 0x34:
      state.info = (state.info & ~1) | (r.al & 1)
      break
    case 0x36: {
      yield* outMany([[0x3c4, 1]])
      const clocking = yield* in8(0x3c5)
      yield* outMany([[0x3c5, r.al & 1 ? clocking | 0x20 : clocking & ~0x20]])
      break
    }
    default:
      return
  }
  r.al = 0x12
  yield* state.store()
}

const VGA_COLOR = 8
const VGA_MONO = 7

/** INT 10h/1Ah: which displays are there. */
export function displayCombination(r: Registers, state: VideoState): void {
  if (r.al === 0) {
    r.bl = state.crtcPort === 0x3b4 ? VGA_MONO : VGA_COLOR
    r.bh = 0
  }
  r.al = 0x1a
}

/** INT 10h/1Bh: 64 bytes of state, exactly packed, at ES:DI. */
export function* functionalityState(r: Registers, state: VideoState): Service {
  if (r.bx !== 0) return
  const bda = yield* read(0x40, 0x49, 0x1e)
  const mode = state.definition
  yield* outMany([[0x3c4, 3]])
  const blocks = yield* in8(0x3c5)
  const colors =
    mode?.model === 'packed'
      ? 256
      : mode?.model === 'cga'
        ? 1 << mode.bitsPerPixel
        : mode?.palette === 'mono'
          ? 0
          : 16
  const pages = mode
    ? Math.max(
        1,
        Math.min(8, Math.floor((mode.model === 'text' ? 0x8000 : 0x40000 / 4) / (mode.pageBytes || 1))),
      )
    : 1
  const lines = mode
    ? mode.model === 'text'
      ? { 200: 0, 350: 1, 400: 2 }[state.scanLines]
      : mode.charHeight * mode.rows === 480
        ? 3
        : mode.charHeight === 14
          ? 1
          : 0
    : 2
  const block = new Packer().far(VIDEO_SEGMENT, VIDEO_ROM.staticFunctions)
  for (const byte of bda) block.u8(byte) // 04h-21h: mode to colour select, as in the data area
  block
    .u8(state.rows)
    .u16(state.charHeight)
    .u8(state.crtcPort === 0x3b4 ? VGA_MONO : VGA_COLOR)
    .u8(0)
    .u16(colors)
    .u8(pages)
    .u8(lines)
    .u8((blocks & 3) | ((blocks >> 2) & 4))
    .u8(((blocks >> 2) & 3) | ((blocks >> 3) & 4))
    .u8((state.options & 2) | ((state.options & 8) >> 0) | 1 | ((yield* readByte(0x40, 0x65)) & 0x20))
    .u8(0)
    .u8(0)
    .u8(0)
    .u8(3) // 256 KiB
    .u8(0) // save pointer state
  const bytes = new Uint8Array(64)
  bytes.set(block.bytes.subarray(0, 64))
  yield* write(r.es, r.di, bytes)
  r.al = 0x1b
}
