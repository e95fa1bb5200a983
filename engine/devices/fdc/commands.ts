export type CommandName =
  | 'read-data'
  | 'read-deleted'
  | 'write-data'
  | 'write-deleted'
  | 'read-track'
  | 'verify'
  | 'scan-equal'
  | 'scan-low-or-equal'
  | 'scan-high-or-equal'
  | 'format'
  | 'read-id'
  | 'recalibrate'
  | 'sense-interrupt'
  | 'sense-drive'
  | 'specify'
  | 'seek'
  | 'relative-seek'
  | 'configure'
  | 'dumpreg'
  | 'version'
  | 'perpendicular'
  | 'lock'
  | 'invalid'

export interface Command {
  name: CommandName
  /** Bytes of the command phase, opcode included. */
  length: number
}

interface Row extends Command {
  mask: number
  opcode: number
}

// In the data commands MT, MFM and SK (bits 7-5) are free in every one of them: BeOS sets them where the
// datasheet has zeros, and the chip does not mind. Elsewhere they tell other commands apart, some of which only
// later chips know and drivers try, such as 18h PART ID and 2Eh SAVE.
const COMMANDS: Row[] = [
  { name: 'read-data', mask: 0x1f, opcode: 0x06, length: 9 },
  { name: 'read-deleted', mask: 0x1f, opcode: 0x0c, length: 9 },
  { name: 'write-data', mask: 0x1f, opcode: 0x05, length: 9 },
  { name: 'write-deleted', mask: 0x1f, opcode: 0x09, length: 9 },
  { name: 'read-track', mask: 0x1f, opcode: 0x02, length: 9 },
  { name: 'verify', mask: 0x1f, opcode: 0x16, length: 9 },
  { name: 'scan-equal', mask: 0x1f, opcode: 0x11, length: 9 },
  { name: 'scan-low-or-equal', mask: 0x1f, opcode: 0x19, length: 9 },
  { name: 'scan-high-or-equal', mask: 0x1f, opcode: 0x1d, length: 9 },
  { name: 'format', mask: 0xbf, opcode: 0x0d, length: 6 },
  { name: 'read-id', mask: 0xbf, opcode: 0x0a, length: 2 },
  { name: 'recalibrate', mask: 0xff, opcode: 0x07, length: 2 },
  { name: 'sense-interrupt', mask: 0xff, opcode: 0x08, length: 1 },
  { name: 'sense-drive', mask: 0xff, opcode: 0x04, length: 2 },
  { name: 'specify', mask: 0xff, opcode: 0x03, length: 3 },
  { name: 'seek', mask: 0xff, opcode: 0x0f, length: 3 },
  { name: 'relative-seek', mask: 0xbf, opcode: 0x8f, length: 3 },
  { name: 'configure', mask: 0xff, opcode: 0x13, length: 4 },
  { name: 'dumpreg', mask: 0xff, opcode: 0x0e, length: 1 },
  { name: 'version', mask: 0xff, opcode: 0x10, length: 1 },
  { name: 'perpendicular', mask: 0xff, opcode: 0x12, length: 2 },
  { name: 'lock', mask: 0x7f, opcode: 0x14, length: 1 },
]

const INVALID: Command = { name: 'invalid', length: 1 }

/** Bytes of the longest command. */
export const MAX_COMMAND_BYTES = 9

/** @param opcode first byte of the command phase @see 82077AA datasheet, table 5-1 */
export function decodeCommand(opcode: number): Command {
  return COMMANDS.find((row) => (opcode & row.mask) === row.opcode) ?? INVALID
}
