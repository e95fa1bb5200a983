/** INT 13h status codes. */
export const STATUS = {
  ok: 0x00,
  invalid: 0x01,
  writeProtected: 0x03,
  sectorNotFound: 0x04,
  changed: 0x06,
  boundary: 0x09,
  badSector: 0x10,
  controller: 0x20,
  noMedium: 0x31,
  notRemovable: 0xb2,
  notReady: 0x80,
  timeout: 0x80,
  undefined: 0xbb,
  writeFault: 0xcc,
} as const
