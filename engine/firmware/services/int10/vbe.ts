import { displayIdentification } from '../../../devices/vga/edid.ts'
import {
  in16,
  in32,
  in8,
  out16,
  out32,
  out8,
  outMany,
  read,
  type Service,
  write,
} from '../../port/protocol.ts'
import type { Registers } from '../../port/registers.ts'
import { VIDEO_ROM, VIDEO_SEGMENT } from '../../port/rom-layout.ts'
import { GRAPHICS_MODES } from './modes.ts'
import { saveRestoreVbe } from './save-restore.ts'
import { programMode, setMode } from './set-mode.ts'
import { modeInfoBlock, vbeInfoBlock } from './vbe-info.ts'
import { findVbeMode, type VbeMode, vbeModes } from './vbe-modes.ts'
import { VideoState } from './video-state.ts'

const INDEX = 0x1ce
const DATA = 0x1cf
/** Bochs display interface registers. */
const DISPI = {
  id: 0,
  xres: 1,
  yres: 2,
  bpp: 3,
  enable: 4,
  bank: 5,
  virtWidth: 6,
  virtHeight: 7,
  xOffset: 8,
  yOffset: 9,
  memory64k: 10,
} as const
const ENABLED = 1
const DAC_8BIT = 0x20
const LFB = 0x40
const KEEP_MEMORY = 0x80
const DAC_WRITE_INDEX = 0x3c8
const DAC_DATA = 0x3c9

const OK = 0x004f
const FAILED = 0x014f
const NOT_IN_THIS_MODE = 0x034f

export function* readDispi(index: number): Service<number> {
  yield* out16(INDEX, index)
  return yield* in16(DATA)
}
export function* writeDispi(index: number, value: number): Service {
  yield* out16(INDEX, index)
  yield* out16(DATA, value)
}

/** INT 10h/4Fh. @see VESA BIOS Extension Core Functions Standard 3.0 */
export function* vbe(r: Registers): Service {
  const id = yield* readDispi(DISPI.id)
  if (id < 0xb0c0 || id > 0xb0cf) return // no such adapter: AX stays, which means "not supported"
  const memory = (yield* readDispi(DISPI.memory64k)) * 0x10000
  switch (r.al) {
    case 0x00:
      return yield* controllerInfo(r, memory)
    case 0x01: {
      const mode = findVbeMode(r.cx & 0x1ff, memory)
      r.ax = mode ? OK : FAILED
      if (mode) yield* write(r.es, r.di, modeInfoBlock(mode, memory, yield* frameBuffer()))
      return
    }
    case 0x02:
      r.ax = yield* setVbeMode(r.bx, memory)
      return
    case 0x03:
      r.bx = yield* currentMode(memory)
      r.ax = OK
      return
    case 0x04:
      return yield* saveRestoreVbe(r)
    case 0x05:
      return yield* windowControl(r)
    case 0x06:
      return yield* lineLength(r, memory)
    case 0x07:
      return yield* displayStart(r)
    case 0x08:
      return yield* dacWidth(r)
    case 0x09:
      return yield* paletteData(r)
    case 0x0a:
      r.es = VIDEO_SEGMENT
      r.di = VIDEO_ROM.protectedModeTable
      r.cx = VIDEO_ROM.protectedModeBytes
      r.ax = r.bl === 0 ? OK : FAILED
      return
    case 0x15:
      if (r.bl === 0) {
        r.bx = 0x0102 // one second per block, DDC2
        r.ax = OK
      } else if (r.bl === 1) {
        r.ax = r.dx === 0 ? OK : FAILED
        if (r.dx === 0) yield* write(r.es, r.di, displayIdentification())
      } else r.ax = 0x0100
      return
    default:
      r.ax = 0x0100
  }
}

function* controllerInfo(r: Registers, memory: number): Service {
  const signature = yield* read(r.es, r.di, 4)
  const wants2 = String.fromCharCode(...signature) === 'VBE2'
  const block = vbeInfoBlock(vbeModes(memory), memory, { segment: r.es, offset: r.di })
  yield* write(r.es, r.di, wants2 ? block : block.subarray(0, 256))
  r.ax = OK
}

/** Where PCI has put the frame buffer, 0 when the adapter is not a PCI device. */
function* frameBuffer(): Service<number> {
  for (let device = 0; device < 32; device++) {
    yield* out32(0xcf8, 0x80000000 + device * 0x800)
    if ((yield* in32(0xcfc)) !== 0x11111234) continue
    yield* out32(0xcf8, 0x80000000 + device * 0x800 + 0x10)
    return ((yield* in32(0xcfc)) & 0xfffffff0) >>> 0
  }
  return 0
}

function* setVbeMode(bx: number, memory: number): Service<number> {
  const keep = (bx & 0x8000) !== 0
  const number = bx & 0x1ff
  if (number < 0x100) {
    yield* setMode((number & 0x7f) | (keep ? 0x80 : 0))
    return OK
  }
  const mode = findVbeMode(number, memory)
  if (!mode) return FAILED
  yield* programVbe(mode, keep, (bx & 0x4000) !== 0)
  return OK
}

function* programVbe(mode: VbeMode, keep: boolean, linear: boolean): Service {
  const state = yield* VideoState.load()
  // The VGA registers under an extended mode are those of the standard mode with the same memory model.
  const standard = GRAPHICS_MODES.find(({ number }) => number === (mode.bitsPerPixel === 4 ? 0x12 : 0x13))
  if (standard) yield* programMode(standard, state, true)
  yield* writeDispi(DISPI.enable, 0)
  yield* writeDispi(DISPI.xres, mode.width)
  yield* writeDispi(DISPI.yres, mode.height)
  yield* writeDispi(DISPI.bpp, mode.bitsPerPixel)
  yield* writeDispi(DISPI.bank, 0)
  yield* writeDispi(DISPI.enable, ENABLED | (linear ? LFB : 0) | (keep ? KEEP_MEMORY : 0))
  state.mode = EXTENDED_MODE
  state.columns = mode.width >> 3
  state.rows = Math.min(255, mode.height >> 4)
  state.charHeight = 16
  yield* state.store()
}

/** What AH=0Fh tells while an extended mode is on. */
const EXTENDED_MODE = 0x7f

function* currentMode(memory: number): Service<number> {
  const enable = yield* readDispi(DISPI.enable)
  if (!(enable & ENABLED)) return (yield* VideoState.load()).mode
  const width = yield* readDispi(DISPI.xres)
  const height = yield* readDispi(DISPI.yres)
  const bitsPerPixel = yield* readDispi(DISPI.bpp)
  const mode = vbeModes(memory).find(
    (candidate) =>
      candidate.width === width && candidate.height === height && candidate.bitsPerPixel === bitsPerPixel,
  )
  return (mode?.number ?? 0x1ff) | (enable & LFB ? 0x4000 : 0) | (enable & KEEP_MEMORY ? 0x8000 : 0)
}

function* windowControl(r: Registers): Service {
  if (r.bl !== 0 || r.bh > 1) {
    r.ax = FAILED
    return
  }
  const enable = yield* readDispi(DISPI.enable)
  if (enable & LFB) {
    r.ax = NOT_IN_THIS_MODE
    return
  }
  if (r.bh === 0) {
    yield* writeDispi(DISPI.bank, r.dx)
    r.ax = (yield* readDispi(DISPI.bank)) === r.dx ? OK : FAILED
  } else {
    r.dx = yield* readDispi(DISPI.bank)
    r.ax = OK
  }
}

/** Bytes per line of what is displayed, and per pixel (an eighth with 4 bits). */
function* layout(): Service<{ bytesPerPixel: number; bitsPerPixel: number }> {
  const bitsPerPixel = yield* readDispi(DISPI.bpp)
  return { bitsPerPixel, bytesPerPixel: bitsPerPixel === 4 ? 1 / 8 : (bitsPerPixel + 7) >> 3 }
}

function* lineLength(r: Registers, memory: number): Service {
  if (!((yield* readDispi(DISPI.enable)) & ENABLED)) {
    r.ax = FAILED
    return
  }
  const { bytesPerPixel, bitsPerPixel } = yield* layout()
  const planes = bitsPerPixel === 4 ? 4 : 1
  const width = yield* readDispi(DISPI.xres)
  const height = yield* readDispi(DISPI.yres)
  const widest = Math.min(0x7fff, Math.floor(memory / (height * bytesPerPixel * planes)) & ~7)
  if (r.bl === 0 || r.bl === 2) {
    const pixels = r.bl === 0 ? r.cx : Math.ceil(r.cx / bytesPerPixel)
    if (pixels > widest) {
      r.ax = 0x024f
      return
    }
    yield* writeDispi(DISPI.virtWidth, Math.max(width, pixels))
  } else if (r.bl > 3) {
    r.ax = FAILED
    return
  }
  const pixels = r.bl === 3 ? widest : yield* readDispi(DISPI.virtWidth)
  const bytes = Math.floor(pixels * bytesPerPixel)
  r.bx = Math.min(0xffff, bytes)
  r.cx = pixels
  r.dx = Math.min(0xffff, Math.floor(memory / (bytes * planes || 1)))
  r.ax = OK
}

function* displayStart(r: Registers): Service {
  if (!((yield* readDispi(DISPI.enable)) & ENABLED)) {
    r.ax = NOT_IN_THIS_MODE
    return
  }
  switch (r.bl & 0x7f) {
    case 0:
      yield* writeDispi(DISPI.xOffset, r.cx)
      yield* writeDispi(DISPI.yOffset, r.dx)
      r.ax = OK
      return
    case 1:
      r.cx = yield* readDispi(DISPI.xOffset)
      r.dx = yield* readDispi(DISPI.yOffset)
      r.bh = 0
      r.ax = OK
      return
    default:
      r.ax = FAILED
  }
}

function* dacWidth(r: Registers): Service {
  const enable = yield* readDispi(DISPI.enable)
  if (r.bl > 1) {
    r.ax = FAILED
    return
  }
  if (r.bl === 0) {
    const wide = r.bh >= 8
    // Writing the enable bit again would clear the memory.
    yield* writeDispi(DISPI.enable, (wide ? enable | DAC_8BIT : enable & ~DAC_8BIT) | KEEP_MEMORY)
  }
  r.bh = (yield* readDispi(DISPI.enable)) & DAC_8BIT ? 8 : 6
  r.ax = OK
}

function* paletteData(r: Registers): Service {
  const count = Math.min(r.cx, 256)
  const first = r.dx & 0xff
  if (r.bl === 0 || r.bl === 0x80) {
    const table = yield* read(r.es, r.di, count * 4)
    const writes: [number, number][] = [[DAC_WRITE_INDEX, first]]
    for (let index = 0; index < count; index++)
      for (let channel = 2; channel >= 0; channel--) writes.push([DAC_DATA, table[index * 4 + channel]!])
    yield* outMany(writes)
    r.ax = OK
  } else if (r.bl === 1) {
    const table = new Uint8Array(count * 4)
    yield* out8(0x3c7, first)
    for (let index = 0; index < count; index++)
      for (let channel = 2; channel >= 0; channel--) table[index * 4 + channel] = yield* in8(DAC_DATA)
    yield* write(r.es, r.di, table)
    r.ax = OK
  } else r.ax = FAILED
}
