/** Registers, bits and codes of ATA/ATAPI, named as in T13/1321D (ATA/ATAPI-5). */

/** Offsets in the command block (1F0h or 170h). */
export const REG = {
  DATA: 0,
  ERROR_FEATURES: 1,
  SECTOR_COUNT: 2,
  LBA_LOW: 3,
  LBA_MID: 4,
  LBA_HIGH: 5,
  DEVICE: 6,
  STATUS_COMMAND: 7,
} as const

export const STATUS = { BSY: 0x80, DRDY: 0x40, DF: 0x20, DSC: 0x10, DRQ: 0x08, ERR: 0x01 } as const
export const ERROR = { UNC: 0x40, IDNF: 0x10, ABRT: 0x04 } as const
export const DEVICE = { LBA: 0x40, DEV: 0x10, HEAD: 0x0f, OBSOLETE_ONES: 0xa0 } as const
/** Device control (3F6h or 376h). */
export const CONTROL = { HOB: 0x80, SRST: 0x04, NIEN: 0x02 } as const

/** Status of a drive that waits for a command; DSC matters to NT. */
export const STATUS_READY = STATUS.DRDY | STATUS.DSC

/** Diagnostic code: device passed. */
export const DIAGNOSTIC_PASSED = 0x01

/** Commands that the channel itself or both kinds of drive know. */
export const COMMAND = {
  NOP: 0x00,
  DEVICE_RESET: 0x08,
  EXECUTE_DEVICE_DIAGNOSTIC: 0x90,
  PACKET: 0xa0,
  IDENTIFY_PACKET_DEVICE: 0xa1,
  IDENTIFY_DEVICE: 0xec,
  SET_FEATURES: 0xef,
} as const

/** ATAPI interrupt reason, in the sector count register. */
export const REASON = { COD: 0x01, IO: 0x02 } as const
