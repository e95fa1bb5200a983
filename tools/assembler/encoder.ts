import { encodeAddress, littleEndian, type Address } from './address.ts'
import type { Expression, Scope, Value } from './expression.ts'
import { INSTRUCTIONS, type Row } from './instructions.ts'
import type { ImmediateOperand, Operand } from './operand.ts'
import { SEGMENT_PREFIXES, type Register } from './registers.ts'

/** Prefixes written before the mnemonic. */
export interface Prefixes {
  repeat: number | null
  lock: boolean
  segment: Register | null
  operandSize: 16 | 32 | null
  addressSize: 16 | 32 | null
}

export interface Instruction {
  mnemonic: string
  operands: readonly Operand[]
  prefixes: Prefixes
}

/** Where an instruction stands and how to treat it. */
export interface Site {
  bits: 16 | 32
  address: bigint
  scope: Scope
  /** False in the last pass, where numbers must fit; true while addresses still move. */
  draft: boolean
  /** Never the short form of a jump whose target may be out of reach. */
  keepNear: boolean
}

/** @returns machine code, or a text that says what is wrong */
export function encodeInstruction(instruction: Instruction, site: Site): number[] | string {
  const rows = INSTRUCTIONS.get(instruction.mnemonic)
  if (rows === undefined) return `unknown instruction "${instruction.mnemonic}"`
  const operands = instruction.operands.map((operand) => evaluate(operand, site))
  const problem = operands.find((operand) => typeof operand === 'string')
  if (problem !== undefined) return problem
  const ready = operands.filter((operand) => typeof operand !== 'string')
  const fitting = rows.filter((row) => fits(row, ready, instruction, site))
  const [row] = fitting
  if (row === undefined) return `"${instruction.mnemonic}" does not take these operands`
  if (ready.some((operand) => operand.kind === 'memory' && operand.size === null)) {
    const widths = new Set(
      fitting.map(memoryPattern).filter((pattern) => pattern !== 'm' && pattern !== 'm:f'),
    )
    if (widths.size > 1 && !row.encoding.includes('near')) return 'the size of the memory operand is missing'
  }
  return emit(row, ready, instruction, site)
}

/** e8, m, m:f, o16…, but not the registers es and eax. */
const takesMemory = (pattern: string): boolean => /^(?:m|m:f|[emo]\d+)$/.test(pattern)

/** Width of a row's memory operand as text; m where it has none. */
const memoryPattern = (row: Row): string =>
  (row.operands.find(takesMemory) ?? 'm').replace(/^[emo](?=\d)/, '')

type Ready =
  | { kind: 'register'; register: Register }
  | { kind: 'memory'; address: Address; segment: Register | null; size: number | null; far: boolean }
  | { kind: 'immediate'; value: Value; source: ImmediateOperand }
  | { kind: 'far'; segment: Value; offset: Value; size: number | null }

function evaluate(operand: Operand, site: Site): Ready | string {
  switch (operand.kind) {
    case 'register':
      return operand
    case 'immediate': {
      const value = operand.value(site.scope)
      if (value.registers.length > 0) return 'a register cannot be calculated with outside of brackets'
      return { kind: 'immediate', value, source: operand }
    }
    case 'far': {
      const plain = (expression: Expression): Value => expression(site.scope)
      return {
        kind: 'far',
        segment: plain(operand.segment),
        offset: plain(operand.offset),
        size: operand.size,
      }
    }
    case 'memory': {
      const address = encodeAddress(operand.address(site.scope), site.bits, operand.hint)
      if (typeof address === 'string') return address
      const limit = address.size === 16 ? 0xffffn : 0xffff_ffffn
      if (!site.draft && (address.displacement > limit || address.displacement < -limit)) {
        return `the offset ${address.displacement} does not fit ${address.size} bits`
      }
      return { kind: 'memory', address, segment: operand.segment, size: operand.size, far: operand.far }
    }
  }
}

function fits(row: Row, operands: readonly Ready[], instruction: Instruction, site: Site): boolean {
  if (row.operands.length !== operands.length) return false
  if (row.sizeless && row.size !== null) {
    const given = operands.map(givenSize).find((size) => size !== null) ?? site.bits
    if (row.size !== given) return false
  }
  return row.operands.every((pattern, index) => {
    const operand = operands[index]
    return operand !== undefined && matches(pattern, operand, row, instruction, site)
  })
}

/** 16 or 32 when an operand itself tells the operand size. */
function givenSize(operand: Ready): 16 | 32 | null {
  const size =
    operand.kind === 'register'
      ? operand.register.size
      : operand.kind === 'immediate'
        ? operand.source.size
        : operand.size
  return size === 16 || size === 32 ? size : null
}

function matches(pattern: string, operand: Ready, row: Row, instruction: Instruction, site: Site): boolean {
  switch (operand.kind) {
    case 'register':
      return matchesRegister(pattern, operand.register)
    case 'far':
      return /^p\d/.test(pattern)
    case 'memory': {
      if (pattern === 'm:f') return operand.far
      if (operand.far || !takesMemory(pattern)) return false
      if (pattern.startsWith('o') && !operand.address.direct) return false
      const width = pattern.slice(1)
      return width === '' || operand.size === null || operand.size === Number(width)
    }
    case 'immediate':
      return matchesImmediate(pattern, operand, row, instruction, site)
  }
}

function matchesRegister(pattern: string, register: Register): boolean {
  if (pattern === register.name) return true
  switch (register.class) {
    case 'general':
      return pattern === `r${register.size}` || pattern === `e${register.size}`
    case 'segment':
      return pattern === 'sr'
    case 'control':
      return pattern === 'cr'
    case 'debug':
      return pattern === 'dr'
    case 'float':
      return pattern === 'st'
  }
}

function matchesImmediate(
  pattern: string,
  { value, source }: { value: Value; source: ImmediateOperand },
  row: Row,
  instruction: Instruction,
  site: Site,
): boolean {
  const { size, strict, distance } = source
  switch (pattern) {
    case '1':
      return value.known && value.labels === 0 && value.number === 1n && size === null
    case 'j8':
      if (distance !== null) return distance === 'short'
      return (
        !instruction.mnemonic.startsWith('j') ||
        isConditional(row) ||
        shortEnough(value, row, instruction, site)
      )
    case 'j16':
    case 'j32':
      return distance !== 'short'
    case 'i8':
      return size === null || size === 8
    case 'i16':
    case 'i32':
      return size === null || `i${size}` === pattern
    case 'is16':
    case 'is32': {
      if (size === 8) return true
      if (strict) return false
      if (size !== null && `is${size}` !== pattern) return false
      const number = BigInt.asIntN(pattern === 'is16' ? 16 : 32, value.number)
      return value.known && value.labels === 0 && number >= -128n && number <= 127n
    }
    default:
      return false
  }
}

/** JCXZ and JECXZ, which have a short form only. */
const isConditional = (row: Row): boolean => row.encoding.includes('a16') || row.encoding.includes('a32')

function shortEnough(value: Value, row: Row, instruction: Instruction, site: Site): boolean {
  if (site.keepNear) return false
  if (!value.known) return true
  if (value.labels !== 1) return false
  const length = 2 + prefixBytes(row, null, instruction.prefixes, site.bits).length
  const distance = value.number - site.address - BigInt(length)
  return distance >= -128n && distance <= 127n
}

function prefixBytes(
  row: Row,
  memory: Extract<Ready, { kind: 'memory' }> | null,
  prefixes: Prefixes,
  bits: 16 | 32,
): number[] {
  const bytes: number[] = []
  if (row.encoding.includes('wait')) bytes.push(0x9b)
  if (prefixes.repeat !== null) bytes.push(prefixes.repeat)
  if (prefixes.lock) bytes.push(0xf0)
  const segment = memory?.segment ?? prefixes.segment
  if (segment !== null) bytes.push(SEGMENT_PREFIXES[segment.number] ?? 0)
  // The size before a far pointer in memory is that of its offset, and so of the operation.
  const pointer = memory?.far === true ? givenSize(memory) : null
  if ((row.size ?? pointer ?? prefixes.operandSize ?? bits) !== bits) bytes.push(0x66)
  const forced = row.encoding.includes('a16') ? 16 : row.encoding.includes('a32') ? 32 : null
  if ((memory?.address.size ?? forced ?? prefixes.addressSize ?? bits) !== bits) bytes.push(0x67)
  return bytes
}

function emit(row: Row, operands: readonly Ready[], instruction: Instruction, site: Site): number[] | string {
  const memory = operands.find((operand) => operand.kind === 'memory') ?? null
  const bytes = prefixBytes(row, memory, instruction.prefixes, site.bits)
  const immediates = operands.filter((operand) => operand.kind === 'immediate').values()
  for (const part of row.encoding) {
    switch (part) {
      case 'wait':
      case 'near':
      case 'o16':
      case 'o32':
      case 'a16':
      case 'a32':
        break
      case '+r':
        bytes.push((bytes.pop() ?? 0) + opcodeRegister(row, operands))
        break
      case 'ov':
        if (memory !== null) {
          bytes.push(...littleEndian(memory.address.displacement, memory.address.size / 8))
        }
        break
      case 'pv': {
        const far = operands.find((operand) => operand.kind === 'far')
        if (far !== undefined) bytes.push(...farPointer(far, row.size ?? site.bits))
        break
      }
      case 'ib':
      case 'iw':
      case 'id':
      case 'is':
      case 'rb':
      case 'rv': {
        const operand = immediates.next().value
        if (operand === undefined) return 'an operand is missing'
        const at = site.address + BigInt(bytes.length)
        const more = part.startsWith('r')
          ? relative(operand.value, part, row.size ?? site.bits, at, site)
          : immediate(operand.value, part, row.size, site)
        if (typeof more === 'string') return more
        bytes.push(...more)
        break
      }
      default:
        if (part.startsWith('/')) bytes.push(...modRm(part, row, operands))
        else bytes.push(parseInt(part, 16))
    }
  }
  return bytes
}

const farPointer = (far: { segment: Value; offset: Value }, size: number): number[] => [
  ...littleEndian(far.offset.number, size / 8),
  ...littleEndian(far.segment.number, 2),
]

/** The register that an opcode byte contains: the one that its row does not name. */
function opcodeRegister(row: Row, operands: readonly Ready[]): number {
  const index = row.operands.findIndex((pattern) => /^(?:r\d+|st)$/.test(pattern))
  const operand = operands[index]
  return operand?.kind === 'register' ? operand.register.number : 0
}

function modRm(part: string, row: Row, operands: readonly Ready[]): number[] {
  let field = part === '/r' ? 0 : Number(part.slice(1)) << 3
  let target: readonly number[] | null = null
  const inRm = row.operands.findIndex(takesMemory)
  operands.forEach((operand, index) => {
    if (operand.kind === 'memory') target = operand.address.bytes
    else if (operand.kind !== 'register' || row.operands[index] === 'cl') return
    else if (part !== '/r' || index === (inRm < 0 ? registerInRm(row) : inRm))
      target = [0xc0 | operand.register.number]
    else field = operand.register.number << 3
  })
  // IMUL with two operands written uses the one register twice.
  const [first = 0, ...rest] = target ?? [0xc0 | (field >> 3)]
  return [first | field, ...rest]
}

/** Without an e or m operand, a general register beside a special one (MOV DS,AX) or the second register is in RM. */
function registerInRm(row: Row): number {
  const special = row.operands.findIndex((pattern) => /^[scd]r$/.test(pattern))
  if (special >= 0) return 1 - special
  return row.operands.filter((pattern) => /^r\d/.test(pattern)).length > 1 ? 1 : -1
}

function relative(target: Value, part: string, size: number, at: bigint, site: Site): number[] | string {
  const count = part === 'rb' ? 1 : size / 8
  const distance = target.number - at - BigInt(count)
  if (!site.draft && count === 1 && (distance < -128n || distance > 127n)) {
    return `the target of this short jump is ${distance} bytes away`
  }
  return littleEndian(distance, count)
}

function immediate(value: Value, part: string, size: 16 | 32 | null, site: Site): number[] | string {
  const count = part === 'iw' ? 2 : part === 'id' ? 4 : 1
  // A sign-extended byte may be written as the whole number it stands for (0xFFFF for -1).
  const number = part === 'is' && size !== null ? BigInt.asIntN(size, value.number) : value.number
  return site.draft ? littleEndian(number, count) : checkedBytes(number, count)
}

/** Little-endian bytes of a number that fits as signed or unsigned, or what is wrong with it. */
export function checkedBytes(number: bigint, count: number): number[] | string {
  const limit = 1n << BigInt(8 * count)
  if (number >= limit || number < -(limit / 2n)) return `${number} does not fit ${8 * count} bits`
  return littleEndian(number, count)
}
