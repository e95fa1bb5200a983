export type AccessSize = 1 | 2 | 4

/**
 * What answers at a range of ports or of physical memory. Offsets are relative to the start of the range.
 * Values are unsigned and no wider than `size` bytes. An access never throws: a wrong one is ignored
 * or reads as all ones, as the hardware would.
 */
export interface BusDevice {
  read(offset: number, size: AccessSize): number
  write(offset: number, value: number, size: AccessSize): void
}

/** What an unclaimed bus reads as. */
export const floating = (size: AccessSize): number => (size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff)
