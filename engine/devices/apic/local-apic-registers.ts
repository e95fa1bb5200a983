/** Register offsets in a local APIC's page. @see Intel SDM vol. 3A, "Local APIC Register Address Map" */
export const REG = {
  ID: 0x020,
  VERSION: 0x030,
  TPR: 0x080,
  APR: 0x090,
  PPR: 0x0a0,
  EOI: 0x0b0,
  RRD: 0x0c0,
  LDR: 0x0d0,
  DFR: 0x0e0,
  SVR: 0x0f0,
  ISR: 0x100,
  TMR: 0x180,
  IRR: 0x200,
  ESR: 0x280,
  ICR_LOW: 0x300,
  ICR_HIGH: 0x310,
  LVT_TIMER: 0x320,
  LVT_ERROR: 0x370,
  INITIAL_COUNT: 0x380,
  CURRENT_COUNT: 0x390,
  DIVIDE: 0x3e0,
} as const

/** Order of the local vector table's registers from 320h on. */
export const LVT = { TIMER: 0, THERMAL: 1, PERFORMANCE: 2, LINT0: 3, LINT1: 4, ERROR: 5 } as const
export const LVT_COUNT = 6
export const LVT_WRITABLE = [0x300ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff] as const
export const LVT_BITS = { REMOTE_IRR: 0x4000, LEVEL: 0x8000, MASKED: 0x10000, PERIODIC: 0x20000 } as const

export const SVR = { ENABLE: 0x100, WRITABLE: 0x3ff } as const
export const ESR = { SEND_ILLEGAL: 0x20, RECEIVE_ILLEGAL: 0x40, ILLEGAL_REGISTER: 0x80 } as const
export const ICR = { LOGICAL: 0x800, ASSERT: 0x4000, LEVEL: 0x8000, WRITABLE: 0xccfff } as const
export const SHORTHAND = { NONE: 0, SELF: 1, ALL: 2, OTHERS: 3 } as const

/** Version 14h with six local vectors, as the Pentium 4 and later have. */
export const VERSION = 0x14 | ((LVT_COUNT - 1) << 16)
/** Vectors below are not for devices. */
export const FIRST_VECTOR = 16

/** The delivery mode field of local vectors and of the ICR. */
export const deliveryMode = (register: number): number => (register >> 8) & 7
