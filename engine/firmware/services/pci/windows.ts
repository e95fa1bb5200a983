const FIRST_MEMORY = 0xe0000000

/** Where windows of PCI devices begin. */
export const firstPciMemory = (ramBytes: number): number => Math.max(FIRST_MEMORY, ramBytes)
/** Up to the APICs and the firmware. */
export const PCI_MEMORY_END = 0xfe000000
export const FIRST_PCI_PORT = 0xc000
