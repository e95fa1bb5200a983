import type { Dac } from './dac.ts'
import { AR, type VgaRegisters } from './registers.ts'

const PALETTE_54_SELECT = 0x80
const BLINK = 0x08

/**
 * Ready pixels for what comes out of the shift registers: attribute controller and DAC in one table,
 * made anew when one of them changes.
 */
export class Palette {
  /** By 8-bit DAC index. */
  readonly dac = new Uint32Array(256)
  /** By 4-bit attribute. */
  readonly attribute = new Uint32Array(16)
  /** By byte of a 256-colour mode, whose nibbles pass the attribute controller one by one. */
  readonly packed = new Uint32Array(256)
  border = 0
  #before = new Uint32Array(256 + 16 + 256)

  /**
   * Takes over the registers' colours.
   * @param blinks in graphics modes that blink, the phase: bit 3 of every pixel is inverted in the second half
   * @returns true when a pixel value changed
   */
  update(registers: VgaRegisters, dac: Dac, isSecondPhase: boolean): boolean {
    const { attribute } = registers
    dac.pixels(this.dac)
    const planeEnable = attribute[AR.planeEnable]! & 15
    const select = attribute[AR.colorSelect]!
    const flip = isSecondPhase && attribute[AR.modeControl]! & BLINK ? 8 : 0
    for (let color = 0; color < 16; color++) {
      const entry = attribute[(color & planeEnable) ^ flip]!
      const low =
        attribute[AR.modeControl]! & PALETTE_54_SELECT ? (entry & 0x0f) | ((select & 3) << 4) : entry & 0x3f
      this.attribute[color] = this.dac[low | ((select & 0x0c) << 4)]!
    }
    for (let byte = 0; byte < 256; byte++) {
      const high = attribute[(byte >> 4) & planeEnable]! & 15
      const low = attribute[byte & planeEnable]! & 15
      this.packed[byte] = this.dac[(high << 4) | low]!
    }
    this.border = this.dac[attribute[AR.overscan]!]!
    return this.#differs()
  }

  #differs(): boolean {
    const now = [this.dac, this.attribute, this.packed]
    let at = 0
    let differs = false
    for (const table of now)
      for (const pixel of table) {
        if (this.#before[at] !== pixel) {
          this.#before[at] = pixel
          differs = true
        }
        at++
      }
    return differs
  }
}
