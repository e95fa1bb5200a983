import type { Instruction, Prefixes } from './encoder.ts'
import { type Expression, parseExpression } from './expression.ts'
import { INSTRUCTIONS } from './instructions.ts'
import { type Place, type Token, Tokens } from './lexer.ts'
import { parseOperand } from './operand.ts'
import { REGISTERS } from './registers.ts'
import type { Line } from './source.ts'

export type DataItem =
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'float'; value: number }
  | { kind: 'number'; value: Expression }

export type Body =
  | { kind: 'instruction'; instruction: Instruction }
  | { kind: 'data'; width: number; items: readonly DataItem[] }
  | { kind: 'reserve'; width: number; count: Expression }
  | { kind: 'align'; boundary: Expression; fill: Body | null }
  | { kind: 'times'; count: Expression; body: Body }
  | { kind: 'equ'; value: Expression }
  | { kind: 'org'; value: Expression }
  | { kind: 'bits'; bits: 16 | 32 }
  | { kind: 'absolute'; value: Expression }
  | { kind: 'section' }
  | { kind: 'incbin'; file: string; skip: Expression | null; count: Expression | null }

/** A line as it is assembled again and again until addresses settle. */
export interface Statement {
  place: Place
  /** Full name: a local label has its parent's name before it. */
  label: string | null
  /** Name before which the local labels that the line mentions are put. */
  parent: string
  body: Body | null
}

const DATA_WIDTHS: Readonly<Record<string, number>> = { db: 1, dw: 2, dd: 4, dq: 8 }
const RESERVE_WIDTHS: Readonly<Record<string, number>> = { resb: 1, resw: 2, resd: 4, resq: 8 }
const OTHER_DIRECTIVES: ReadonlySet<string> = new Set(
  'times equ org bits use16 use32 align alignb absolute section segment incbin cpu'.split(' '),
)
const REPEATS: Readonly<Record<string, number>> = {
  rep: 0xf3,
  repe: 0xf3,
  repz: 0xf3,
  repne: 0xf2,
  repnz: 0xf2,
}
const SIZE_PREFIXES: Readonly<Record<string, { operandSize?: 16 | 32; addressSize?: 16 | 32 }>> = {
  o16: { operandSize: 16 },
  o32: { operandSize: 32 },
  a16: { addressSize: 16 },
  a32: { addressSize: 32 },
}

function isOperation(word: string): boolean {
  return (
    INSTRUCTIONS.has(word) ||
    OTHER_DIRECTIVES.has(word) ||
    word === 'lock' ||
    [DATA_WIDTHS, RESERVE_WIDTHS, REPEATS, SIZE_PREFIXES].some((words) => Object.hasOwn(words, word)) ||
    REGISTERS.get(word)?.class === 'segment'
  )
}

/** Parses the lines of a program; local labels belong to the last full label before them. */
export function parseProgram(lines: readonly Line[]): Statement[] {
  let parent = ''
  return lines.map(({ place, tokens }) => {
    const cursor = new Tokens(withoutBrackets(tokens), place)
    let label: string | null = null
    const [first] = tokens
    if (first?.kind === 'word' && (cursor.isSymbol(':', 1) || !isOperation(first.text.toLowerCase()))) {
      cursor.skip()
      const colon = cursor.accept(':')
      if (first.text.startsWith('.')) label = parent + first.text
      else {
        label = first.text
        // An equ between two local labels does not start a new family of them.
        if (cursor.word() !== 'equ') parent = label
      }
      const next = cursor.word()
      if (next !== null && !isOperation(next)) {
        throw cursor.error(`unknown instruction "${colon ? next : first.text}"`)
      }
    }
    const body = cursor.done ? null : parseBody(cursor)
    cursor.expectEnd()
    return { place, label, parent, body }
  })
}

/** [org 100h], [bits 16]: the primitive form of a directive. */
function withoutBrackets(tokens: readonly Token[]): readonly Token[] {
  const [first] = tokens
  const last = tokens.at(-1)
  const bracketed =
    first?.kind === 'symbol' && first.text === '[' && last?.kind === 'symbol' && last.text === ']'
  return bracketed ? tokens.slice(1, -1) : tokens
}

function parseBody(tokens: Tokens): Body {
  const word = tokens.word()
  if (word === null) throw tokens.error(`did not expect "${tokens.peek()?.text ?? ''}" here`)
  const dataWidth = DATA_WIDTHS[word]
  const reserveWidth = RESERVE_WIDTHS[word]
  if (dataWidth === undefined && reserveWidth === undefined && !OTHER_DIRECTIVES.has(word)) {
    return { kind: 'instruction', instruction: parseInstruction(tokens) }
  }
  tokens.skip()
  if (dataWidth !== undefined) return { kind: 'data', width: dataWidth, items: parseItems(tokens) }
  if (reserveWidth !== undefined)
    return { kind: 'reserve', width: reserveWidth, count: parseExpression(tokens) }
  switch (word) {
    case 'times':
      return { kind: 'times', count: parseExpression(tokens), body: parseBody(tokens) }
    case 'equ':
      return { kind: 'equ', value: parseExpression(tokens) }
    case 'org':
      return { kind: 'org', value: parseExpression(tokens) }
    case 'absolute':
      return { kind: 'absolute', value: parseExpression(tokens) }
    case 'align':
    case 'alignb': {
      const boundary = parseExpression(tokens)
      return { kind: 'align', boundary, fill: tokens.accept(',') ? parseBody(tokens) : defaultFill(word) }
    }
    case 'incbin':
      return parseIncbin(tokens)
    case 'use16':
      return { kind: 'bits', bits: 16 }
    case 'use32':
      return { kind: 'bits', bits: 32 }
    case 'bits': {
      const token = tokens.next()
      if (token.text !== '16' && token.text !== '32') throw tokens.error('bits wants 16 or 32')
      return { kind: 'bits', bits: token.text === '16' ? 16 : 32 }
    }
    default: // section .text, cpu 386: there is one section, and every instruction
      tokens.next()
      return { kind: 'section' }
  }
}

const defaultFill = (word: string): Body | null =>
  word === 'alignb'
    ? null
    : { kind: 'data', width: 1, items: [{ kind: 'bytes', bytes: Uint8Array.of(0x90) }] }

function parseIncbin(tokens: Tokens): Body {
  const token = tokens.next()
  if (token.kind !== 'string') throw tokens.error('incbin wants a file name in quotes')
  const skip = tokens.accept(',') ? parseExpression(tokens) : null
  const count = tokens.accept(',') ? parseExpression(tokens) : null
  return { kind: 'incbin', file: token.text, skip, count }
}

function parseItems(tokens: Tokens): DataItem[] {
  const items: DataItem[] = []
  do {
    const token = tokens.peek()
    const sign = tokens.isSymbol('-') ? 1 : 0
    const number = tokens.peek(sign)
    const alone = tokens.peek(1) === undefined || tokens.isSymbol(',', 1)
    if (token?.kind === 'string' && alone) {
      items.push({ kind: 'bytes', bytes: token.bytes })
      tokens.skip()
    } else if (number?.kind === 'float') {
      items.push({ kind: 'float', value: sign === 1 ? -number.value : number.value })
      tokens.skip(1 + sign)
    } else {
      items.push({ kind: 'number', value: parseExpression(tokens) })
    }
  } while (tokens.accept(','))
  return items
}

function parseInstruction(tokens: Tokens): Instruction {
  const prefixes: Prefixes = {
    repeat: null,
    lock: false,
    segment: null,
    operandSize: null,
    addressSize: null,
  }
  for (;;) {
    const word = tokens.word()
    if (word === null) {
      // A line that is prefixes only (rep, o32) is an instruction of its own.
      if (tokens.done) return { mnemonic: '', operands: [], prefixes }
      throw tokens.error(`did not expect "${tokens.peek()?.text ?? ''}" here`)
    }
    const repeat = REPEATS[word]
    const register = REGISTERS.get(word)
    const size = SIZE_PREFIXES[word]
    if (repeat !== undefined) prefixes.repeat = repeat
    else if (word === 'lock') prefixes.lock = true
    else if (size !== undefined) Object.assign(prefixes, size)
    else if (register?.class === 'segment') prefixes.segment = register
    else break
    tokens.skip()
  }
  const mnemonic = tokens.word() ?? ''
  if (!INSTRUCTIONS.has(mnemonic)) throw tokens.error(`unknown instruction "${mnemonic}"`)
  tokens.skip()
  const operands = []
  if (!tokens.done) {
    do operands.push(parseOperand(tokens))
    while (tokens.accept(','))
  }
  return { mnemonic, operands, prefixes }
}
