/** Addresses inside the ROM images that the services and tables refer to: see rom/bios.asm and rom/vgabios.asm. */
export const BIOS_SEGMENT = 0xf000
export const BIOS_ENTRY = {
  apm16: 0x10,
  pnp: 0x18,
  apm32: 0x20,
  pci32: 0x28,
  bios32: 0x30,
  /** Diskette parameter tables of 16 bytes by CMOS drive type. */
  floppyTypes: 0x3f00,
  /** INT 15h/C0h. */
  configurationTable: 0xe6f5,
  disketteParameters: 0xefc7,
  font8Low: 0xfa6e,
} as const
/** Offsets in the BIOS segment that the ROM leaves free for what POST makes. */
export const BIOS_TABLES = { first: 0x4000, end: 0xe000 } as const

export const VIDEO_SEGMENT = 0xc000
export const VIDEO_ROM = {
  int10: 0xc00,
  staticFunctions: 0x100,
  savePointers: 0x120,
  oemName: 0x1a0,
  vendorName: 0x1b0,
  productName: 0x1c0,
  revisionName: 0x1d8,
  protectedModeTable: 0x200,
  protectedModeBytes: 0x100,
  parameters: 0x400,
  font16: 0x4000,
  font14: 0x5000,
  font8: 0x6000,
} as const
