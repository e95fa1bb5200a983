export type RegisterClass = 'general' | 'segment' | 'control' | 'debug' | 'float'

export interface Register {
  name: string
  class: RegisterClass
  /** Number in an encoding. */
  number: number
  /** Width in bits, as the instruction table names it. */
  size: 8 | 16 | 32 | 80
}

const list = (kind: RegisterClass, size: Register['size'], names: string): [string, Register][] =>
  names.split(' ').map((name, number) => [name, { name, class: kind, number, size }])

export const REGISTERS: ReadonlyMap<string, Register> = new Map([
  ...list('general', 8, 'al cl dl bl ah ch dh bh'),
  ...list('general', 16, 'ax cx dx bx sp bp si di'),
  ...list('general', 32, 'eax ecx edx ebx esp ebp esi edi'),
  ...list('segment', 16, 'es cs ss ds fs gs'),
  ...list('control', 32, 'cr0 cr1 cr2 cr3 cr4'),
  ...list('debug', 32, 'dr0 dr1 dr2 dr3 dr4 dr5 dr6 dr7'),
  ...list('float', 80, 'st0 st1 st2 st3 st4 st5 st6 st7'),
])

/** Prefix bytes that choose a segment, by register number. */
export const SEGMENT_PREFIXES: readonly number[] = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]
