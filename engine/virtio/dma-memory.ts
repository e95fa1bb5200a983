/** Guest memory as a device reaches it; engine/bus/memory-map.ts is one. */
export interface DmaMemory {
  dmaRead(address: number, into: Uint8Array): void
  dmaWrite(address: number, from: Uint8Array): void
}
