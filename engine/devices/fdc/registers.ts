/** Register and status bits of the Intel 82077AA, with the names of its datasheet (290166). */

/** Offsets from port 3F0h. Offset 6 is the fixed disk's. */
export const REG = { SRA: 0, SRB: 1, DOR: 2, TDR: 3, MSR: 4, DATA: 5, DIR: 7 } as const

export const DOR = { SELECT: 0x03, RESET_N: 0x04, DMAGATE_N: 0x08, MOTOR_0: 0x10 } as const
export const DSR = { SW_RESET: 0x80, RATE: 0x03 } as const
export const MSR = { RQM: 0x80, DIO: 0x40, NON_DMA: 0x20, CMD_BUSY: 0x10 } as const
export const DIR = { DSKCHG: 0x80 } as const

/** ST0: IC is the interrupt code in bits 7-6. */
export const ST0 = {
  IC_ABNORMAL: 0x40,
  IC_INVALID: 0x80,
  IC_POLLING: 0xc0,
  SE: 0x20,
  EC: 0x10,
  H: 0x04,
} as const
export const ST1 = { EN: 0x80, DE: 0x20, OR: 0x10, ND: 0x04, NW: 0x02, MA: 0x01 } as const
export const ST2 = { CM: 0x40, DD: 0x20, WC: 0x10, SH: 0x08, SN: 0x04, BC: 0x02 } as const
export const ST3 = { WP: 0x40, RDY: 0x20, T0: 0x10, TS: 0x08, HD: 0x04 } as const

/** CONFIGURE, second parameter byte. */
export const CONFIGURE = { EIS: 0x40, EFIFO: 0x20, POLL: 0x10, FIFOTHR: 0x0f } as const
/** Defaults after reset: no implied seeks, FIFO off, polling on, threshold 1 byte. */
export const CONFIGURE_DEFAULT = CONFIGURE.EFIFO

/** VERSION's answer: an enhanced controller. */
export const VERSION_82077 = 0x90

/** Data rate select (DSR and CCR): kbit/s by code. */
export const RATES_KBPS = [500, 300, 250, 1000] as const
export const RATE_AFTER_HARD_RESET = 2
