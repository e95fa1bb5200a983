import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import { floating } from '../../bus/bus-device.ts'
import { VRAM_BYTES } from '../../memory/layout.ts'
import { BANK_BYTES, type BankedWindow } from './video-memory.ts'

/** Register indices of the Bochs VBE display interface (ports 1CEh/1CFh). */
export const DISPI = {
  id: 0,
  xres: 1,
  yres: 2,
  bpp: 3,
  enable: 4,
  bank: 5,
  virtualWidth: 6,
  virtualHeight: 7,
  xOffset: 8,
  yOffset: 9,
  videoMemory64K: 10,
} as const

export const DISPI_ENABLED = 0x01
const DISPI_GETCAPS = 0x02
const DISPI_8BIT_DAC = 0x20
const DISPI_NOCLEARMEM = 0x80
const ID_NEWEST = 0xb0c5
const ID_OLDEST = 0xb0c0
export const MAX_WIDTH = 2560
export const MAX_HEIGHT = 1600
const MAX_BPP = 32
const DEPTHS = [4, 8, 15, 16, 24, 32] as const
export type Depth = (typeof DEPTHS)[number]

/** The mode on the screen. */
export interface VbeMode {
  width: number
  height: number
  depth: Depth
  /** Bytes of video memory from one line to the next; a 4-bit mode's planes are interleaved in them. */
  pitch: number
  /** Offset in video memory of the first byte shown. */
  start: number
  /** Pixels of a 4-bit mode to skip in the first byte, 0 to 7. */
  pan: number
}

export interface DispiObserver {
  /** A mode was switched on, off or changed, or the bank of the A0000h window. */
  windowChanged(): void
  /** The guest asked for cleared memory up to this offset. */
  clear(bytes: number): void
  /** Components of the palette have 8 bits (or 6). */
  dacWidth(isWide: boolean): void
}

/** What of the interface is saved. */
export interface DispiValues {
  index: number
  id: number
  enable: number
  width: number
  height: number
  depth: number
  bank: number
  virtualWidth: number
  xOffset: number
  yOffset: number
  isShown: boolean
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)

/**
 * Bochs VBE extensions, version B0C5h: modes of 4 to 32 bits with a linear frame buffer.
 * Registers hold only what can be shown: sizes are at least 1 (Windows 98 divides by XRES) and clamped to
 * what exists, as a guest finds out by reading them back.
 *
 * A mode that is switched off stays on the screen until the attribute mode control register is written, the
 * last part of every real mode set. The windowed DOS box of Windows 9x virtualises the VGA's ports but not
 * these two: its BIOS call would take the desktop away and put nothing in its place.
 * @see Bochs, "VBE Display API" (vbe_display_api.txt)
 */
export class Dispi implements BusDevice {
  /** Changes with the mode and with the part of memory shown. */
  generation = 0
  #mode: VbeMode | null = null
  #values: DispiValues = powerOn()

  constructor(private readonly observer: DispiObserver) {}

  /** The mode on the screen, or null while the VGA's own registers decide. */
  get mode(): VbeMode | null {
    return this.#mode
  }

  get window(): BankedWindow | null {
    return this.#mode && { isPlanar: this.#mode.depth === 4, bank: this.#values.bank }
  }

  /** The observer is not told. */
  reset(): void {
    this.#values = powerOn()
    this.#apply()
  }

  /** A legacy mode set has come through: a mode switched off now leaves the screen. */
  commitDisable(): void {
    const values = this.#values
    if (!values.isShown || values.enable & DISPI_ENABLED) return
    values.isShown = false
    this.#apply()
    this.observer.windowChanged()
  }

  /** Offset 0 is the index, 1 the data register; both are 16 bits wide and overlap. */
  read(offset: number, size: AccessSize): number {
    if (offset > 1 || size > 2) return floating(size)
    const value = offset === 0 ? this.#values.index : this.register(this.#values.index)
    return size === 1 ? value & 0xff : value
  }

  write(offset: number, value: number, size: AccessSize): void {
    if (offset > 1 || size > 2) return
    if (offset === 0) this.#values.index = value
    else this.setRegister(this.#values.index, value)
  }

  save(): DispiValues {
    return { ...this.#values }
  }

  /** Takes saved registers, fitting them to each other as if a guest had written them. The observer is not told. */
  load(saved: DispiValues): void {
    this.#values = { ...saved }
    this.#fit()
    this.#apply()
  }

  /** What a register reads as; 0 where there is none. */
  register(index: number): number {
    const values = this.#values
    const asksLimits = (values.enable & DISPI_GETCAPS) !== 0
    switch (index) {
      case DISPI.id:
        return values.id
      case DISPI.xres:
        return asksLimits ? MAX_WIDTH : values.width
      case DISPI.yres:
        return asksLimits ? MAX_HEIGHT : values.height
      case DISPI.bpp:
        return asksLimits ? MAX_BPP : values.depth
      case DISPI.enable:
        return values.enable
      case DISPI.bank:
        return values.bank
      case DISPI.virtualWidth:
        return values.virtualWidth
      case DISPI.virtualHeight:
        return Math.min(0xffff, Math.floor(VRAM_BYTES / pitchOf(values)))
      case DISPI.xOffset:
        return values.xOffset
      case DISPI.yOffset:
        return values.yOffset
      case DISPI.videoMemory64K:
        return VRAM_BYTES / BANK_BYTES
      default:
        return 0
    }
  }

  /** @param value 16 bits, fitted to what can be shown */
  setRegister(index: number, value: number): void {
    const values = this.#values
    switch (index) {
      case DISPI.id:
        if (value >= ID_OLDEST && value <= ID_NEWEST) values.id = value
        return
      case DISPI.enable:
        return this.#enable(value)
      case DISPI.bank:
        if (value * BANK_BYTES >= VRAM_BYTES) return
        values.bank = value
        if (this.#mode) this.observer.windowChanged()
        return
      case DISPI.xres:
        // Zero is no mode: a guest that clears the registers before it sets them keeps what was there.
        if (value !== 0) values.width = value
        break
      case DISPI.yres:
        if (value !== 0) values.height = value
        break
      case DISPI.bpp:
        values.depth = value
        break
      case DISPI.virtualWidth:
        values.virtualWidth = value
        break
      case DISPI.xOffset:
        values.xOffset = value
        break
      case DISPI.yOffset:
        values.yOffset = value
        break
      default:
        return
    }
    this.#fit()
    // While a mode is on its way out, its picture stays and the registers describe the next one.
    if (!(values.enable & DISPI_ENABLED)) return
    this.#apply()
    this.observer.windowChanged()
  }

  #enable(value: number): void {
    const values = this.#values
    const wasEnabled = (values.enable & DISPI_ENABLED) !== 0
    values.enable = value
    this.observer.dacWidth((value & DISPI_8BIT_DAC) !== 0)
    if (!(value & DISPI_ENABLED) || wasEnabled) return
    values.virtualWidth = values.width
    values.xOffset = values.yOffset = values.bank = 0
    values.isShown = true
    this.#fit()
    this.#apply()
    this.observer.windowChanged()
    if (!(value & DISPI_NOCLEARMEM)) this.observer.clear(pitchOf(values) * values.height)
  }

  /** Brings the registers into a state that video memory can hold. */
  #fit(): void {
    const values = this.#values
    if (!isDepth(values.depth)) values.depth = 8
    values.width = clamp(values.width, 1, MAX_WIDTH)
    values.height = clamp(values.height, 1, MAX_HEIGHT)
    values.virtualWidth = Math.max(values.virtualWidth, values.width)
    if (pitchOf(values) * values.height > VRAM_BYTES) values.virtualWidth = values.width
    values.xOffset = Math.min(values.xOffset, values.virtualWidth - values.width)
    values.yOffset = Math.min(values.yOffset, Math.floor(VRAM_BYTES / pitchOf(values)) - values.height)
    if (values.bank * BANK_BYTES >= VRAM_BYTES) values.bank = 0
  }

  #apply(): void {
    this.#mode = this.#values.isShown ? modeOf(this.#values) : null
    this.generation++
  }
}

function powerOn(): DispiValues {
  return {
    index: 0,
    id: ID_NEWEST,
    enable: 0,
    width: 640,
    height: 480,
    depth: 8,
    bank: 0,
    virtualWidth: 640,
    xOffset: 0,
    yOffset: 0,
    isShown: false,
  }
}

const isDepth = (depth: number): depth is Depth => (DEPTHS as readonly number[]).includes(depth)

/** Bytes of video memory per line: four bytes for eight pixels of a planar mode. */
function pitchOf({ depth, virtualWidth }: DispiValues): number {
  return depth === 4 ? Math.ceil(virtualWidth / 8) * 4 : virtualWidth * Math.ceil(depth / 8)
}

function modeOf(values: DispiValues): VbeMode {
  const { width, height, xOffset, yOffset } = values
  const depth = isDepth(values.depth) ? values.depth : 8
  const pitch = pitchOf(values)
  const first = depth === 4 ? (xOffset >> 3) * 4 : xOffset * Math.ceil(depth / 8)
  return { width, height, depth, pitch, start: yOffset * pitch + first, pan: depth === 4 ? xOffset & 7 : 0 }
}
