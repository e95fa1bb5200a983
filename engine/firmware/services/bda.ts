/** Offsets in the BIOS data area, segment 40h. */
export const BDA_SEGMENT = 0x40
export const BDA = {
  com: 0x00,
  lpt: 0x08,
  ebdaSegment: 0x0e,
  equipment: 0x10,
  memoryKiB: 0x13,
  shiftFlags: 0x17,
  shiftFlags2: 0x18,
  altInput: 0x19,
  bufferHead: 0x1a,
  bufferTail: 0x1c,
  buffer: 0x1e,
  bufferEndDefault: 0x3e,
  floppyRecalibrate: 0x3e,
  floppyMotor: 0x3f,
  floppyTimeout: 0x40,
  floppyStatus: 0x41,
  ticks: 0x6c,
  midnight: 0x70,
  breakFlag: 0x71,
  resetFlag: 0x72,
  diskStatus: 0x74,
  diskCount: 0x75,
  lptTimeout: 0x78,
  comTimeout: 0x7c,
  bufferStart: 0x80,
  bufferEnd: 0x82,
  floppyMedia: 0x90,
  keyboardMode: 0x96,
  keyboardLeds: 0x97,
  waitFlagPointer: 0x98,
  waitCount: 0x9c,
  waitActive: 0xa0,
} as const

/** The extended data area: the last KiB of conventional memory. */
export const EBDA_KIB = 1
export const CONVENTIONAL_KIB = 640 - EBDA_KIB
export const EBDA_SEGMENT = CONVENTIONAL_KIB * 64
