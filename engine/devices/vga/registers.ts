/** Sequencer registers (IBM VGA, ports 3C4h/3C5h). */
export const SR = { reset: 0, clockingMode: 1, mapMask: 2, characterMap: 3, memoryMode: 4 } as const

/** Graphics controller registers (3CEh/3CFh). */
export const GR = {
  setReset: 0,
  enableSetReset: 1,
  colorCompare: 2,
  dataRotate: 3,
  readMapSelect: 4,
  mode: 5,
  miscellaneous: 6,
  colorDontCare: 7,
  bitMask: 8,
} as const

/** CRT controller registers (3x4h/3x5h) that the code names. */
export const CR = {
  horizontalTotal: 0x00,
  horizontalDisplayEnd: 0x01,
  verticalTotal: 0x06,
  overflow: 0x07,
  presetRowScan: 0x08,
  maximumScanLine: 0x09,
  cursorStart: 0x0a,
  cursorEnd: 0x0b,
  startAddressHigh: 0x0c,
  startAddressLow: 0x0d,
  cursorLocationHigh: 0x0e,
  cursorLocationLow: 0x0f,
  verticalRetraceStart: 0x10,
  verticalRetraceEnd: 0x11,
  verticalDisplayEnd: 0x12,
  offset: 0x13,
  underlineLocation: 0x14,
  modeControl: 0x17,
  lineCompare: 0x18,
} as const

/** Attribute controller registers (3C0h/3C1h); 0 to 15 are the palette. */
export const AR = {
  modeControl: 0x10,
  overscan: 0x11,
  planeEnable: 0x12,
  panning: 0x13,
  colorSelect: 0x14,
} as const

/** Miscellaneous output register (3C2h). */
export const MISC = { colorPorts: 0x01, clockShift: 2 } as const

const SR_MASKS = [0x03, 0x3d, 0x0f, 0x3f, 0x0e]
const GR_MASKS = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff]
export const CRTC_COUNT = 25
export const ATTRIBUTE_COUNT = 21
const PALETTE_ADDRESS_SOURCE = 0x20
const PROTECT = 0x80
/** The only bit of a protected register that stays writable: bit 8 of the line compare, for split screens. */
const OVERFLOW_LINE_COMPARE = 0x10

const attributeMask = (index: number): number =>
  index < 16
    ? 0x3f
    : index === AR.modeControl
      ? 0xef
      : index === AR.overscan
        ? 0xff
        : index === AR.planeEnable
          ? 0x3f
          : 0x0f

/** Told by the registers what a write means to the rest of the adapter. */
export interface RegisterObserver {
  /** Something that decides how the processor reaches video memory has changed. */
  memoryAccessChanged(): void
  /** Before a start address register takes a new value. */
  startAddressChanging(): void
  /** The attribute mode control register was written, as the last part of every mode set does. */
  attributeModeWritten(): void
}

/**
 * The index and data registers of an IBM VGA, with what reading and writing them means and nothing more.
 * Indices beyond the last register of a block ignore writes and read as zero, so that no probe for an
 * extended VGA (Tseng, Cirrus, Trident …) finds one.
 * @see IBM VGA Technical Reference (PS/2 Hardware Interface), 1992, "Video Subsystem"
 */
export class VgaRegisters {
  misc = 0
  featureControl = 0
  /** Video subsystem enable (3C3h): kept for software that reads it back. */
  subsystemEnable = 1
  sequencerIndex = 0
  graphicsIndex = 0
  crtcIndex = 0
  /** Bits 0-4 the index, bit 5 the palette address source. */
  attributeIndex = 0
  /** True when the next write to 3C0h is data. */
  attributeExpectsData = false
  readonly sequencer = new Uint8Array(SR_MASKS.length)
  readonly graphics = new Uint8Array(GR_MASKS.length)
  readonly crtc = new Uint8Array(CRTC_COUNT)
  readonly attribute = new Uint8Array(ATTRIBUTE_COUNT)
  /** Changes whenever a register changes that affects the picture as a whole; cursor and start address do not. */
  generation = 0

  constructor(private readonly observer: RegisterObserver) {}

  reset(): void {
    this.misc = this.featureControl = 0
    this.subsystemEnable = 1
    this.sequencerIndex = this.graphicsIndex = this.crtcIndex = this.attributeIndex = 0
    this.attributeExpectsData = false
    for (const block of [this.sequencer, this.graphics, this.crtc, this.attribute]) block.fill(0)
    // What IBM leaves undefined: firmware for virtual machines counts on seeing all planes.
    this.attribute[AR.planeEnable] = 0x0f
    this.generation++
  }

  /** False while the attribute controller shows the border colour instead of the picture, or the screen is off. */
  get showsPicture(): boolean {
    return (this.attributeIndex & PALETTE_ADDRESS_SOURCE) !== 0 && !(this.sequencer[SR.clockingMode]! & 0x20)
  }

  get isGraphics(): boolean {
    return (this.graphics[GR.miscellaneous]! & 1) !== 0
  }

  get usesColorPorts(): boolean {
    return (this.misc & MISC.colorPorts) !== 0
  }

  /** The start address as programmed; the picture uses it from the next vertical retrace on. */
  get startAddress(): number {
    return (this.crtc[CR.startAddressHigh]! << 8) | this.crtc[CR.startAddressLow]!
  }

  get cursorLocation(): number {
    return (this.crtc[CR.cursorLocationHigh]! << 8) | this.crtc[CR.cursorLocationLow]!
  }

  writeMisc(value: number): void {
    if (value === this.misc) return
    this.misc = value
    this.generation++
    this.observer.memoryAccessChanged()
  }

  readSequencer(): number {
    return this.sequencer[this.sequencerIndex] ?? 0
  }

  writeSequencer(value: number): void {
    const index = this.sequencerIndex
    const old = this.sequencer[index]
    if (old === undefined) return
    const now = value & SR_MASKS[index]!
    if (now === old) return
    this.sequencer[index] = now
    if (index === SR.mapMask || index === SR.memoryMode) this.observer.memoryAccessChanged()
    else this.generation++
  }

  readGraphics(): number {
    return this.graphics[this.graphicsIndex] ?? 0
  }

  writeGraphics(value: number): void {
    const index = this.graphicsIndex
    const old = this.graphics[index]
    if (old === undefined) return
    const now = value & GR_MASKS[index]!
    if (now === old) return
    this.graphics[index] = now
    // Drawing programs switch the write mode all the time; only the shift mode concerns the picture.
    const seen = index === GR.mode ? 0x60 : index === GR.miscellaneous ? 0x01 : 0
    if ((now ^ old) & seen) this.generation++
    this.observer.memoryAccessChanged()
  }

  readCrtc(): number {
    return this.crtc[this.crtcIndex] ?? 0
  }

  writeCrtc(value: number): void {
    const index = this.crtcIndex
    const old = this.crtc[index]
    if (old === undefined) return
    if (index <= CR.overflow && this.crtc[CR.verticalRetraceEnd]! & PROTECT) {
      if (index !== CR.overflow) return
      value = (old & ~OVERFLOW_LINE_COMPARE) | (value & OVERFLOW_LINE_COMPARE)
    }
    if (value === old) return
    const isStart = index === CR.startAddressHigh || index === CR.startAddressLow
    if (isStart) this.observer.startAddressChanging()
    this.crtc[index] = value
    if (index < CR.cursorStart || index > CR.cursorLocationLow) this.generation++
  }

  /** Port 3C0h: index and data in turn. */
  writeAttribute(value: number): void {
    const expectsData = this.attributeExpectsData
    this.attributeExpectsData = !expectsData
    if (!expectsData) {
      this.attributeIndex = value & 0x3f
      return
    }
    // IBM locks the palette while it drives the screen; clones do not, and lenient is what programs were tested on.
    const index = this.attributeIndex & 0x1f
    const old = this.attribute[index]
    if (old === undefined) return
    const now = value & attributeMask(index)
    if (now !== old) {
      this.attribute[index] = now
      this.generation++
    }
    if (index === AR.modeControl) this.observer.attributeModeWritten()
  }

  /** Port 3C1h. */
  readAttribute(): number {
    return this.attribute[this.attributeIndex & 0x1f] ?? 0
  }

  /** Sets all registers at once, as if each were written without its side effects. */
  load(saved: VgaRegisterValues): void {
    this.misc = saved.misc
    this.featureControl = saved.featureControl
    this.subsystemEnable = saved.subsystemEnable
    this.sequencerIndex = saved.sequencerIndex
    this.graphicsIndex = saved.graphicsIndex
    this.crtcIndex = saved.crtcIndex
    this.attributeIndex = saved.attributeIndex
    this.attributeExpectsData = saved.attributeExpectsData
    for (const [index, mask] of SR_MASKS.entries()) this.sequencer[index] = saved.sequencer[index]! & mask
    for (const [index, mask] of GR_MASKS.entries()) this.graphics[index] = saved.graphics[index]! & mask
    this.crtc.set(saved.crtc)
    for (let index = 0; index < ATTRIBUTE_COUNT; index++)
      this.attribute[index] = saved.attribute[index]! & attributeMask(index)
    this.generation++
  }
}

/** What of the registers is saved. */
export type VgaRegisterValues = Pick<
  VgaRegisters,
  | 'misc'
  | 'featureControl'
  | 'subsystemEnable'
  | 'sequencerIndex'
  | 'graphicsIndex'
  | 'crtcIndex'
  | 'attributeIndex'
  | 'attributeExpectsData'
  | 'sequencer'
  | 'graphics'
  | 'crtc'
  | 'attribute'
>
