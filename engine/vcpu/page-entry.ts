/** Bits of page-table entries (SDM vol. 3, 4.3). */
export const PageEntry = {
  PRESENT: 1,
  WRITABLE: 2,
  USER: 4,
  ACCESSED: 0x20,
  DIRTY: 0x40,
  LARGE: 0x80,
  GLOBAL: 0x100,
} as const

/** Bits of a page fault's error code (SDM vol. 3, 4.7). */
export const PageError = { PRESENT: 1, WRITE: 2, USER: 4, RESERVED: 8, FETCH: 16 } as const
