import type { Description, Feature, InstructionSet } from './description.ts'

/** One operand letter with its size suffix, e.g. E and v. */
export interface OperandCode {
  letter: string
  suffix: string
}

export interface Encoding {
  description: Description
  /** 0x66, 0xf2, 0xf3 or 0 for none. */
  mandatoryPrefix: number
  /** -1: any; 0-7: the reg field must be this; 8-15: it must be this minus 8 and rm a register. */
  digit: number
  hasModrm: boolean
  operands: OperandCode[]
  /** Fixed rm field for encodings like "d9 f0": -1 when free. */
  rm: number
}

const SINGLE = /^(AL|CL|rAX|1|ST)$/

/** Rows of the opcode map: 0x000-0x0ff one byte, 0x100-0x1ff after 0F, 0x200 after 0F 38, 0x300 after 0F 3A. */
export type OpcodeTable = Encoding[][]

const OLD: ReadonlySet<Feature> = new Set(['8086', '186'])

/** The opcode map of a processor that has the given features. */
export function buildOpcodeTable(isa: InstructionSet, features: ReadonlySet<Feature>): OpcodeTable {
  const table: OpcodeTable = Array.from({ length: 0x400 }, () => [])
  for (const description of isa.descriptions) {
    if (!features.has(description.feature)) continue
    // What older instructions have in two bytes came with the 386.
    const isOld = OLD.has(description.feature) && !features.has('386')
    for (const text of description.encodings)
      if (!isOld || !text.startsWith('0f ')) addEncoding(table, description, text)
  }
  return table
}

function addEncoding(table: OpcodeTable, description: Description, text: string): void {
  const words = text.split(/\s+/)
  let at = 0
  let mandatoryPrefix = 0
  if (/^(66|f2|f3)$/.test(words[0]!) && /^[0-9a-f]{2}$/.test(words[1] ?? ''))
    mandatoryPrefix = parseInt(words[at++]!, 16)
  let row = 0
  if (words[at] === '0f' && words[at + 1] !== undefined) {
    row = 0x100
    at++
    if (words[at] === '38' || words[at] === '3a') row = words[at++] === '38' ? 0x200 : 0x300
  }
  const opcode = words[at++]!
  const inRegister = opcode.endsWith('+r')
  const code = parseInt(opcode, 16)
  let digit = -1
  let rm = -1
  let hasModrm = false
  const extra = words[at]
  if (extra?.startsWith('/')) {
    hasModrm = true
    if (extra !== '/r') digit = Number(extra[1])
    at++
  } else if (extra && /^[0-9a-f]{2}(\+i)?$/.test(extra)) {
    // A whole modrm byte as part of the opcode: "d9 f0", or "d8 c0+i" for ST(i).
    const modrm = parseInt(extra, 16)
    hasModrm = true
    digit = 8 + ((modrm >> 3) & 7)
    if (!extra.endsWith('+i')) rm = modrm & 7
    at++
  }
  const operands = (words[at] ?? '')
    .split(',')
    .filter(Boolean)
    .map((o): OperandCode =>
      SINGLE.test(o) ? { letter: o, suffix: '' } : { letter: o[0]!, suffix: o.slice(1) },
    )
  const encoding: Encoding = { description, mandatoryPrefix, digit, rm, hasModrm, operands }
  for (let register = 0; register < (inRegister ? 8 : 1); register++) {
    // 90 is NOP, not XCHG EAX,EAX.
    if (row === 0 && code === 0x90 && inRegister && register === 0) continue
    table[row + code + register]!.push(encoding)
  }
}

/** Bytes that a size suffix stands for with this operand size. */
export function suffixSize(suffix: string, operandSize: number): number {
  switch (suffix[0]) {
    case 'b':
      return 1
    case 'w':
      return suffix === 'wv' ? operandSize : 2
    case 'd':
      return 4
    case 'q':
      return 8
    case 't':
      return 10
    case 'x':
      return 16
    default:
      return operandSize
  }
}

/** The operand size that a meaning is built for. */
export function meaningSize(encoding: Encoding, operandSize: number): number {
  const { description, operands } = encoding
  if (description.size !== undefined) return description.size
  const deciding = operands.find(({ letter }) => letter === 'X') ?? operands[0]
  if (!deciding || 'IJKM'.includes(deciding.letter)) {
    return deciding?.letter === 'M' && deciding.suffix !== '' && deciding.suffix !== 'p'
      ? Math.min(suffixSize(deciding.suffix, operandSize), 8)
      : operandSize
  }
  if (deciding.letter === 'AL' || deciding.letter === 'CL') return 1
  return suffixSize(deciding.suffix, operandSize)
}
