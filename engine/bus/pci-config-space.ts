import type { AccessSize } from './bus-device.ts'

export const CONFIG_BYTES = 256

/**
 * The 256 bytes of configuration space of one PCI function: what a guest may write is given bit by bit.
 * Registers nobody defined read as zero and ignore writes (PCI 2.1, section 6.1).
 */
export class PciConfigSpace {
  #bytes = new Uint8Array(CONFIG_BYTES)
  #initial = new Uint8Array(CONFIG_BYTES)
  #writable = new Uint8Array(CONFIG_BYTES)
  #clearedByOne = new Uint8Array(CONFIG_BYTES)

  /**
   * Describes a register, little-endian; also gives it its initial value.
   * @param writable bits that a guest sets and clears
   * @param clearedByOne bits that a guest clears by writing 1 to them, as in the status register
   */
  define(register: number, size: AccessSize, initial: number, writable = 0, clearedByOne = 0): void {
    for (let index = 0; index < size; index++) {
      this.#initial[register + index] = this.#bytes[register + index] = initial >>> (8 * index)
      this.#writable[register + index] = writable >>> (8 * index)
      this.#clearedByOne[register + index] = clearedByOne >>> (8 * index)
    }
  }

  reset(): void {
    this.#bytes.set(this.#initial)
  }

  get(register: number, size: AccessSize): number {
    let value = 0
    for (let index = size - 1; index >= 0; index--)
      value = value * 256 + (this.#bytes[register + index] ?? 0xff)
    return value
  }

  /** Sets a register from the device's side, whatever the guest may write. */
  set(register: number, value: number, size: AccessSize): void {
    for (let index = 0; index < size; index++) this.#bytes[register + index] = value >>> (8 * index)
  }

  /** A guest's write. */
  write(register: number, value: number, size: AccessSize): void {
    for (let at = register; at < register + size; at++, value >>>= 8) {
      const old = this.#bytes[at]!
      const writable = this.#writable[at]!
      this.#bytes[at] = ((old & ~writable) | (value & writable)) & ~(value & this.#clearedByOne[at]!)
    }
  }

  save(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice()
  }

  /** Takes the bits that a guest could have changed; the others keep their initial values. */
  restore(saved: Uint8Array): void {
    for (let at = 0; at < CONFIG_BYTES; at++) {
      const changeable = this.#writable[at]! | this.#clearedByOne[at]!
      this.#bytes[at] = (this.#initial[at]! & ~changeable) | (saved[at]! & changeable)
    }
  }
}
