import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import { floating } from '../../bus/bus-device.ts'
import { PAGE_SHIFT } from '../../memory/layout.ts'
import { GR, SR, type VgaRegisters } from './registers.ts'

/** One byte in all four plane positions. */
const replicate = (byte: number): number => Math.imul(byte, 0x01010101)
/** Bit p of a nibble as a byte of ones at plane p. */
const expand = (nibble: number): number =>
  replicate(0xff) &
  ((nibble & 1 ? 0xff : 0) |
    (nibble & 2 ? 0xff00 : 0) |
    (nibble & 4 ? 0xff0000 : 0) |
    (nibble & 8 ? 0xff000000 : 0))
const EXPANDED = Int32Array.from({ length: 16 }, (_, nibble) => expand(nibble))

const EVEN_PLANES = 0x00ff00ff
const ODD_PLANES = 0xff00ff00 | 0
const PLANE_MASK = 0xffff

/** Where the processor's window lies in A0000h-BFFFFh, by memory map select (graphics register 6, bits 2-3). */
const WINDOW_START = [0x00000, 0x00000, 0x10000, 0x18000]
const WINDOW_LENGTH = [0x20000, 0x10000, 0x08000, 0x08000]

/**
 * The processor's view of display memory through the graphics controller: latches, write modes 0-3, read
 * modes 0-1, plane selection. Offsets are relative to A0000h.
 *
 * The four planes lie interleaved, byte `offset × 4 + plane`, so one 32-bit element holds what the hardware
 * handles at once: the same offset of all planes, plane 0 in the low byte. Chain-4 therefore is plain
 * consecutive bytes, as in later VGA chips; the IBM VGA spread them over every fourth offset, which only a
 * program that mixes chained and planar access to the same picture could tell.
 *
 * IBM asks programs to set odd/even addressing alike in three registers and to enable the RAM in a fourth. Clones
 * and virtual machines do with less, and firmware written for them (GRUB's) relies on it: writes go odd/even when
 * sequencer and graphics controller agree on it, address bit 0 then always chooses the plane, and the RAM answers
 * whatever bit 1 of the miscellaneous output register says.
 * @see IBM VGA Technical Reference, "Graphics Controller"
 */
export class PlanarMemory implements BusDevice {
  /** What the last read left in the four latches, plane 0 in the low byte. */
  latch = 0
  #windowStart = 0
  #windowLength = 0
  /** Added to every plane offset: the bank of a 4-bit VBE mode. */
  #base = 0
  #limit = 0
  #isChain4 = false
  #writesOddEven = false
  #readsOddEven = false
  #replacesA0 = false
  #mapMask = 0
  #writeMode = 0
  #rotate = 0
  #function = 0
  #bitMask = 0
  #bitMaskByte = 0
  #setReset = 0
  /** Planes whose data comes from set/reset in write mode 0. */
  #enabled = 0
  #readsCompare = false
  #readPlane = 0
  #compare = 0
  #care = 0

  /**
   * @param planes video memory, one element for each offset of the four planes
   * @param dirtyPages one flag for each 4 KiB of video memory, set by writes
   */
  constructor(
    private readonly planes: Int32Array,
    private readonly dirtyPages: Uint8Array,
  ) {}

  /**
   * Takes over the registers. Called after each change, so that the accesses themselves need not look.
   * @param bank plane offset of the window in a 4-bit VBE mode, in 64 KiB; null in all other modes
   * @param limit plane offsets that exist
   */
  configure(registers: VgaRegisters, bank: number | null, limit: number): void {
    const { sequencer, graphics } = registers
    const isVbe = bank !== null
    const map = isVbe ? 1 : (graphics[GR.miscellaneous]! >> 2) & 3
    this.#windowStart = WINDOW_START[map]!
    this.#windowLength = WINDOW_LENGTH[map]!
    this.#base = (bank ?? 0) << 16
    this.#limit = limit
    this.#isChain4 = !isVbe && (sequencer[SR.memoryMode]! & 8) !== 0
    this.#readsOddEven = !isVbe && (graphics[GR.mode]! & 0x10) !== 0
    this.#writesOddEven = this.#readsOddEven && !(sequencer[SR.memoryMode]! & 4)
    this.#replacesA0 = !isVbe && ((graphics[GR.miscellaneous]! & 2) !== 0 || this.#writesOddEven)
    this.#mapMask = EXPANDED[sequencer[SR.mapMask]!]!
    this.#writeMode = graphics[GR.mode]! & 3
    this.#rotate = graphics[GR.dataRotate]! & 7
    this.#function = graphics[GR.dataRotate]! >> 3
    this.#bitMaskByte = graphics[GR.bitMask]!
    this.#bitMask = replicate(this.#bitMaskByte)
    this.#setReset = EXPANDED[graphics[GR.setReset]!]!
    this.#enabled = EXPANDED[graphics[GR.enableSetReset]!]!
    this.#readsCompare = (graphics[GR.mode]! & 8) !== 0
    this.#readPlane = graphics[GR.readMapSelect]!
    this.#compare = EXPANDED[graphics[GR.colorCompare]!]!
    this.#care = EXPANDED[graphics[GR.colorDontCare]!]!
  }

  read(offset: number, size: AccessSize): number {
    if (size === 1) return this.#read(offset)
    if (offset + size > 0x20000) return floating(size)
    const low = this.#read(offset) | (this.#read(offset + 1) << 8)
    if (size === 2) return low
    return (low | (this.#read(offset + 2) << 16) | (this.#read(offset + 3) << 24)) >>> 0
  }

  write(offset: number, value: number, size: AccessSize): void {
    this.#write(offset, value & 0xff)
    if (size === 1) return
    this.#write(offset + 1, (value >>> 8) & 0xff)
    if (size === 2) return
    this.#write(offset + 2, (value >>> 16) & 0xff)
    this.#write(offset + 3, value >>> 24)
  }

  /** The plane offset that a window address reaches. */
  #index(at: number): number {
    if (this.#isChain4) return at >> 2
    // Address bit 0 chooses the plane; the bit that takes its place is A16 where the window has one.
    const offset = this.#replacesA0 ? (at & ~1) | (at >> 16) : at
    return this.#base + (offset & PLANE_MASK)
  }

  #read(offset: number): number {
    const at = offset - this.#windowStart
    if (at < 0 || at >= this.#windowLength) return 0xff
    const index = this.#index(at)
    if (index >= this.#limit) return 0xff
    const latch = this.planes[index]!
    this.latch = latch
    if (this.#readsCompare) {
      let differs = (latch ^ this.#compare) & this.#care
      differs |= differs >>> 16
      return ~(differs | (differs >>> 8)) & 0xff
    }
    const plane = this.#isChain4
      ? at & 3
      : this.#readsOddEven
        ? (this.#readPlane & 2) | (at & 1)
        : this.#readPlane
    return (latch >>> (plane << 3)) & 0xff
  }

  #write(offset: number, value: number): void {
    const at = offset - this.#windowStart
    if (at < 0 || at >= this.#windowLength) return
    const index = this.#index(at)
    if (index >= this.#limit) return
    let planes = this.#mapMask
    if (this.#isChain4) planes &= 0xff << ((at & 3) << 3)
    else if (this.#writesOddEven) planes &= at & 1 ? ODD_PLANES : EVEN_PLANES

    const latch = this.latch
    let data: number
    let bitMask = this.#bitMask
    switch (this.#writeMode) {
      case 0:
        data = replicate(this.#rotated(value))
        data = (data & ~this.#enabled) | (this.#setReset & this.#enabled)
        break
      case 1:
        data = latch
        bitMask = 0
        break
      case 2:
        data = EXPANDED[value & 15]!
        break
      default:
        data = this.#setReset
        bitMask = replicate(this.#rotated(value) & this.#bitMaskByte)
    }
    switch (this.#function) {
      case 1:
        data &= latch
        break
      case 2:
        data |= latch
        break
      case 3:
        data ^= latch
    }
    data = (data & bitMask) | (latch & ~bitMask)
    this.planes[index] = (this.planes[index]! & ~planes) | (data & planes)
    this.dirtyPages[index >> (PAGE_SHIFT - 2)] = 1
  }

  #rotated(value: number): number {
    const by = this.#rotate
    return ((value >>> by) | (value << (8 - by))) & 0xff
  }
}
