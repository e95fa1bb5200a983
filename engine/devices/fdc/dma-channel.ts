/** What one request of a device moved through its channel of the DMA controller. */
export interface DmaResult {
  /** Bytes moved; fewer than asked for when the channel is masked or its count ran out. */
  moved: number
  /** The controller signalled terminal count (TC) with the last byte. */
  terminalCount: boolean
}

/**
 * The device's side of one 8237A channel. Transfers happen at once, up to the length of the buffer or terminal
 * count, whichever comes first. A masked channel moves nothing.
 */
export interface DmaChannel {
  /** From the device to memory. A channel programmed for verify counts without storing. */
  write(buffer: Uint8Array): DmaResult
  /** From memory to the device. What the channel does not move is left as it was. */
  read(buffer: Uint8Array): DmaResult
}
