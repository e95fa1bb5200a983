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

/**
 * What a device with a data port at offset 0 may offer besides: string I/O (REP INS/OUTS) in one piece.
 * Each call moves what the device has ready or takes without a pause, at most the buffer, and returns the bytes
 * moved: a multiple of 4, or 0 when only single accesses work now. The effect is that of single 16-bit
 * accesses in a row.
 */
export interface BulkPort {
  readBlock(into: Uint8Array): number
  writeBlock(from: Uint8Array): number
}

/** The bulk path of a device, if it has one. */
export function bulkPort(device: BusDevice): BulkPort | undefined {
  const { readBlock, writeBlock } = device as Partial<BulkPort>
  return readBlock && writeBlock ? (device as BusDevice & BulkPort) : undefined
}

/** What an unclaimed bus reads as. */
export const floating = (size: AccessSize): number => (size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff)
