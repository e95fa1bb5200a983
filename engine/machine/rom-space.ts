import type { Backing, MemoryMap } from '../bus/memory-map.ts'
import { EngineError } from '../base/errors.ts'
import { KIB, ROM_BASE, ROM_BYTES } from '../memory/layout.ts'
import { because } from '../protocol/reasons.ts'

const FOUR_GIB = 0x1_0000_0000
const VGA_BIOS_AT = 0xc0000
export const MAX_VGA_BIOS_BYTES = 64 * KIB
export const MAX_FIRMWARE_BYTES = 2048 * KIB
/** How much of the firmware's end appears below 1 MiB. */
const LOW_MIRROR = 128 * KIB

/** The machine's ROM chips: the firmware, which ends at 4 GiB, and the video BIOS at C0000h. */
export class RomSpace {
  #vgaBytes = 0
  #firmwareBytes = 0

  constructor(private readonly memory: MemoryMap) {}

  /** Throws `file-unusable` when the size cannot be that of a PC firmware. */
  loadFirmware(name: string, image: Uint8Array): void {
    if (image.length === 0 || image.length > MAX_FIRMWARE_BYTES || image.length % (4 * KIB) !== 0)
      throw new EngineError('file-unusable', {
        path: name,
        reason: because('firmware-size', { bytes: image.length }),
      })
    this.#firmwareBytes = image.length
    const { rom } = this.memory.memory
    rom.set(image, ROM_BYTES - image.length)
    const base = FOUR_GIB - image.length
    this.memory.map({
      name: 'firmware',
      base,
      length: image.length,
      read: { offset: ROM_BASE + ROM_BYTES - image.length },
      write: null,
      priority: 1,
    })
  }

  loadVgaBios(name: string, image: Uint8Array): void {
    if (image.length > MAX_VGA_BIOS_BYTES || image[0] !== 0x55 || image[1] !== 0xaa)
      throw new EngineError('file-unusable', {
        path: name,
        reason: because('option-rom'),
      })
    this.memory.memory.rom.set(image, 0)
    this.#vgaBytes = Math.ceil(image.length / (16 * KIB)) * 16 * KIB
  }

  /** What the ISA side answers at an address from C0000h to FFFFFh. */
  isaBacking(base: number): Backing {
    if (base < VGA_BIOS_AT + this.#vgaBytes) return { offset: ROM_BASE + base - VGA_BIOS_AT }
    const fromEnd = 0x100000 - base
    if (fromEnd <= Math.min(LOW_MIRROR, this.#firmwareBytes))
      return { offset: ROM_BASE + ROM_BYTES - fromEnd }
    return null
  }
}
