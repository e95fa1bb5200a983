/** What the floppy controller needs of its channel of the DMA controller; see engine/devices/dma. */
export interface DmaChannel {
  /** The last transfer ended with the channel's count (the TC pin). */
  readonly terminalCount: boolean
  /**
   * Moves bytes at once, as many as the channel's count still allows.
   * @param direction `to-memory` takes the buffer's bytes, `from-memory` fills it
   * @returns bytes counted, 0 while masked
   */
  transfer(buffer: Uint8Array, direction: 'to-memory' | 'from-memory'): number
}
