/** How a command moves sectors. */
export interface SectorCommand {
  operation: 'read' | 'write' | 'verify'
  by: 'sector' | 'multiple' | 'dma'
  /** LBA48, with 16-bit counts. */
  extended: boolean
}

const read = { operation: 'read', extended: false } as const
const write = { operation: 'write', extended: false } as const

const SECTOR_COMMANDS: ReadonlyMap<number, SectorCommand> = new Map<number, SectorCommand>([
  [0x20, { ...read, by: 'sector' }],
  [0x21, { ...read, by: 'sector' }], // without retries
  [0x24, { ...read, by: 'sector', extended: true }],
  [0x25, { ...read, by: 'dma', extended: true }],
  [0x29, { ...read, by: 'multiple', extended: true }],
  [0xc4, { ...read, by: 'multiple' }],
  [0xc8, { ...read, by: 'dma' }],
  [0xc9, { ...read, by: 'dma' }],
  [0x30, { ...write, by: 'sector' }],
  [0x31, { ...write, by: 'sector' }],
  [0x34, { ...write, by: 'sector', extended: true }],
  [0x35, { ...write, by: 'dma', extended: true }],
  [0x39, { ...write, by: 'multiple', extended: true }],
  [0x3c, { ...write, by: 'sector' }], // WRITE VERIFY of ATA-1, which OS/2 1.2 uses
  [0xc5, { ...write, by: 'multiple' }],
  [0xca, { ...write, by: 'dma' }],
  [0xcb, { ...write, by: 'dma' }],
  [0x40, { operation: 'verify', by: 'sector', extended: false }],
  [0x41, { operation: 'verify', by: 'sector', extended: false }],
  [0x42, { operation: 'verify', by: 'sector', extended: true }],
])

export const sectorCommand = (opcode: number): SectorCommand | undefined => SECTOR_COMMANDS.get(opcode)

/** Commands that move no data. Power management has an old and a new opcode for each. */
export type PlainCommand =
  | 'recalibrate'
  | 'seek'
  | 'initialize-device-parameters'
  | 'set-multiple-mode'
  | 'set-features'
  | 'flush'
  | 'standby'
  | 'idle'
  | 'check-power-mode'
  | 'read-native-max'
  | 'read-native-max-extended'
  | 'get-media-status'

const PLAIN_COMMANDS: ReadonlyMap<number, PlainCommand> = new Map<number, PlainCommand>([
  [0x27, 'read-native-max-extended'],
  [0x91, 'initialize-device-parameters'],
  [0x94, 'standby'],
  [0x95, 'idle'],
  [0x96, 'standby'],
  [0x97, 'idle'],
  [0x98, 'check-power-mode'],
  [0x99, 'standby'], // SLEEP: this drive wakes up by any command
  [0xc6, 'set-multiple-mode'],
  [0xda, 'get-media-status'],
  [0xe0, 'standby'],
  [0xe1, 'idle'],
  [0xe2, 'standby'],
  [0xe3, 'idle'],
  [0xe5, 'check-power-mode'],
  [0xe6, 'standby'],
  [0xe7, 'flush'],
  [0xea, 'flush'],
  [0xef, 'set-features'],
  [0xf8, 'read-native-max'],
])

export function plainCommand(opcode: number): PlainCommand | undefined {
  if (opcode >> 4 === 1) return 'recalibrate' // the low bits were once a step rate
  if (opcode >> 4 === 7) return 'seek'
  return PLAIN_COMMANDS.get(opcode)
}
