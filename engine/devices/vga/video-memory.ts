import type { MemoryMap, RegionHandle } from '../../bus/memory-map.ts'
import { KIB, PAGE_SHIFT, PAGE_SIZE, VRAM_BASE, VRAM_BYTES } from '../../memory/layout.ts'
import { PlanarMemory } from './planar-memory.ts'
import { GR, SR, type VgaRegisters } from './registers.ts'
import { ShownMemory } from './shown-memory.ts'

export const BANK_BYTES = 64 * KIB

const LEGACY_BASE = 0xa0000
const LEGACY_BYTES = 128 * KIB
const PLANE_BYTES = 64 * KIB
const TEXT_BYTES = 32 * KIB
/** Pages of video memory that the four planes fill. */
const PLANE_PAGES = (4 * PLANE_BYTES) / PAGE_SIZE

/** How a VBE mode shows its memory at A0000h: as bytes, or as four planes. */
export interface BankedWindow {
  isPlanar: boolean
  /** In steps of 64 KiB: of bytes, or of plane offsets. */
  bank: number
}

/**
 * Video memory and the ways the processor reaches it. Through the graphics controller every access costs a
 * call, and under KVM a whole exit, so two common cases are mapped directly and only their dirty pages noted:
 *
 * - chain-4 with plain writes (mode 13h) and the banks of VBE modes, whose bytes lie in order anyway;
 * - text (and CGA graphics), where even addresses are plane 0 and odd ones plane 1. These lie apart, so the
 *   window is a copy: filled when a mode becomes text, written back to the planes before anything looks there.
 *
 * Direct reads leave the latches alone. Programs that use latches read through a planar mode.
 */
export class VideoMemory {
  readonly bytes: Uint8Array
  /** One element for each offset of the four interleaved planes. */
  readonly planes: Int32Array
  /** One flag for each page written since the picture was last drawn. */
  readonly dirtyPages = new Uint8Array(VRAM_BYTES >> PAGE_SHIFT)
  readonly planar: PlanarMemory
  readonly shown: ShownMemory
  #text: Uint16Array
  #linearWindow: RegionHandle
  #textWindow: RegionHandle
  #frameBuffer: RegionHandle
  #frameBufferBase: number | null = null
  /** Offset of what the direct A0000h window shows, or null while it is hidden. */
  #linearOffset: number | null = null
  /** Guest-physical base of the direct text window, or null while it is hidden. */
  #textBase: number | null = null
  /** All of the text window may be newer than the planes: its dirty pages were lost with a restore. */
  #textIsNewer = false

  constructor(map: MemoryMap) {
    const { vram, wasm } = map.memory
    this.bytes = vram
    this.shown = new ShownMemory(wasm)
    this.planes = new Int32Array(vram.buffer, vram.byteOffset, VRAM_BYTES >> 2)
    this.#text = new Uint16Array(vram.buffer, vram.byteOffset + VRAM_BYTES, TEXT_BYTES >> 1)
    this.planar = new PlanarMemory(this.planes, this.dirtyPages)
    map.map({
      name: 'vga',
      base: LEGACY_BASE,
      length: LEGACY_BYTES,
      read: { device: this.planar },
      write: { device: this.planar },
      priority: 1,
    })
    const direct = (name: string, base: number, offset: number, length: number): RegionHandle => {
      const backing = { offset: VRAM_BASE + offset }
      const handle = map.map({
        name,
        base,
        length,
        read: backing,
        write: backing,
        priority: 2,
        tracksDirty: true,
      })
      handle.update(null)
      return handle
    }
    this.#linearWindow = direct('vga-bank', LEGACY_BASE, 0, BANK_BYTES)
    this.#textWindow = direct('vga-text', 0xb8000, VRAM_BYTES, TEXT_BYTES)
    this.#frameBuffer = direct('vga-frame-buffer', 0xe0000000, 0, VRAM_BYTES)
  }

  /** Clears what the BIOS expects to be able to use; the rest of video memory survives as on a card. */
  reset(registers: VgaRegisters): void {
    this.#showText(null)
    this.shown.clear(0, 4 * PLANE_BYTES)
    this.shown.clear(VRAM_BYTES, TEXT_BYTES)
    this.planar.latch = 0
    this.configure(registers, null)
    this.dirtyPages.fill(1)
  }

  /** Moves the linear frame buffer, or takes it off the bus: what its base address register decides. */
  placeFrameBuffer(base: number | null): void {
    if (base === this.#frameBufferBase) return
    this.#collect(this.#frameBuffer, 0)
    this.#frameBufferBase = base
    this.#frameBuffer.update(base === null ? null : { base })
  }

  /** Opens the windows that the registers ask for. Called after each change of a register or VBE mode. */
  configure(registers: VgaRegisters, vbe: BankedWindow | null): void {
    this.planar.configure(registers, vbe?.isPlanar ? vbe.bank : null, vbe ? VRAM_BYTES >> 2 : PLANE_BYTES)
    this.#showText(vbe ? null : plainTextBase(registers))
    this.#showLinear(
      vbe ? (vbe.isPlanar ? null : vbe.bank * BANK_BYTES) : isPlainChain4(registers) ? 0 : null,
    )
  }

  /** After video memory was replaced by a saved one: nothing is copied, the saved text window holds. */
  restored(registers: VgaRegisters, vbe: BankedWindow | null): void {
    this.#hideText()
    const base = vbe ? null : plainTextBase(registers)
    if (base !== null) {
      this.#textWindow.update({ base })
      this.#textBase = base
      this.#textIsNewer = true
    }
    this.configure(registers, vbe)
    this.dirtyPages.fill(1)
  }

  /** Brings planes and `dirtyPages` up to date with what the processor wrote directly. */
  collect(): void {
    if (this.#textBase !== null) this.#writeBackText()
    if (this.#linearOffset !== null) this.#collect(this.#linearWindow, this.#linearOffset)
    if (this.#frameBufferBase !== null) this.#collect(this.#frameBuffer, 0)
  }

  /** Clears the first so many bytes. */
  clear(bytes: number): void {
    const end = Math.min(bytes, VRAM_BYTES)
    this.shown.clear(0, end)
    this.dirtyPages.fill(1, 0, Math.ceil(end / PAGE_SIZE))
  }

  #collect(window: RegionHandle, offset: number): void {
    const first = offset >> PAGE_SHIFT
    for (const page of window.takeDirty()) this.dirtyPages[first + page] = 1
  }

  #showLinear(offset: number | null): void {
    if (offset === this.#linearOffset) return
    // What was written so far belongs to the bank shown so far.
    if (this.#linearOffset !== null) this.#collect(this.#linearWindow, this.#linearOffset)
    this.#linearOffset = offset
    if (offset === null) return this.#linearWindow.update(null)
    const backing = { offset: VRAM_BASE + offset }
    this.#linearWindow.update({ read: backing, write: backing })
  }

  #showText(base: number | null): void {
    if (base === this.#textBase) return
    if (this.#textBase !== null) this.#writeBackText()
    this.#hideText()
    if (base === null) return
    const { planes } = this
    for (let cell = 0; cell < TEXT_BYTES >> 1; cell++) this.#text[cell] = planes[2 * cell]!
    this.#textWindow.update({ base })
    this.#textBase = base
  }

  #hideText(): void {
    if (this.#textBase === null) return
    this.#textWindow.takeDirty()
    this.#textWindow.update(null)
    this.#textBase = null
    this.#textIsNewer = false
  }

  #writeBackText(): void {
    const dirty = this.#textWindow.takeDirty()
    if (this.#textIsNewer) {
      this.#textIsNewer = false
      for (let page = 0; page < TEXT_BYTES >> PAGE_SHIFT; page++) this.#writeBackPage(page)
    } else for (const page of dirty) this.#writeBackPage(page)
  }

  #writeBackPage(page: number): void {
    const { planes } = this
    const cells = PAGE_SIZE >> 1
    for (let cell = page * cells; cell < (page + 1) * cells; cell++)
      planes[2 * cell] = (planes[2 * cell]! & 0xffff0000) | this.#text[cell]!
    // 4 KiB of text are two planes' every second byte: four times as much interleaved memory.
    this.dirtyPages.fill(1, 4 * page, Math.min(4 * page + 4, PLANE_PAGES))
  }
}

/** True when the graphics controller does nothing to what is written and read. */
function isTransparent({ graphics }: VgaRegisters): boolean {
  return (
    graphics[GR.enableSetReset] === 0 &&
    graphics[GR.dataRotate] === 0 &&
    graphics[GR.bitMask] === 0xff &&
    (graphics[GR.mode]! & 0x0b) === 0
  )
}

function isPlainChain4(registers: VgaRegisters): boolean {
  const { sequencer, graphics } = registers
  return (
    (sequencer[SR.memoryMode]! & 8) !== 0 &&
    sequencer[SR.mapMask] === 0x0f &&
    (graphics[GR.miscellaneous]! & 0x0c) === 0x04 &&
    isTransparent(registers)
  )
}

/** Where the window of plain odd/even addressing lies (B0000h or B8000h), or null. */
function plainTextBase(registers: VgaRegisters): number | null {
  const { sequencer, graphics } = registers
  const isPlain =
    (sequencer[SR.memoryMode]! & 0x0c) === 0 &&
    sequencer[SR.mapMask] === 0x03 &&
    (graphics[GR.mode]! & 0x10) !== 0 &&
    !(graphics[GR.readMapSelect]! & 2) &&
    (graphics[GR.miscellaneous]! & 0x08) !== 0 &&
    isTransparent(registers)
  if (!isPlain) return null
  return graphics[GR.miscellaneous]! & 4 ? 0xb8000 : 0xb0000
}
