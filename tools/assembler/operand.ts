import { type Expression, parseExpression } from './expression.ts'
import type { Tokens } from './lexer.ts'
import { REGISTERS, type Register } from './registers.ts'

const SIZES: Readonly<Record<string, number>> = {
  byte: 8,
  word: 16,
  dword: 32,
  qword: 64,
  tword: 80,
  tbyte: 80,
}

export interface RegisterOperand {
  kind: 'register'
  register: Register
}

export interface ImmediateOperand {
  kind: 'immediate'
  value: Expression
  /** Bits, when the source gives them. */
  size: number | null
  /** The size must be encoded as given, even where a shorter form exists. */
  strict: boolean
  distance: 'short' | 'near' | null
}

export interface MemoryOperand {
  kind: 'memory'
  address: Expression
  segment: Register | null
  size: number | null
  /** `far` before the bracket. */
  far: boolean
  /** [byte ebp+0], [dword 5]: width of displacement or address asked for. */
  hint: number | null
}

export interface FarOperand {
  kind: 'far'
  segment: Expression
  offset: Expression
  size: number | null
}

export type Operand = RegisterOperand | ImmediateOperand | MemoryOperand | FarOperand

export function parseOperand(tokens: Tokens): Operand {
  let size: number | null = null
  let strict = false
  let distance: 'short' | 'near' | null = null
  let far = false
  for (;;) {
    const word = tokens.word()
    if (word === null) break
    const bits = SIZES[word]
    if (bits !== undefined) size = bits
    else if (word === 'strict') strict = true
    else if (word === 'short' || word === 'near') distance = word
    else if (word === 'far') far = true
    else if (word !== 'ptr' && word !== 'to') break
    tokens.skip()
  }
  if (tokens.accept('[')) return parseMemory(tokens, size, far)
  const register = REGISTERS.get(tokens.word() ?? '')
  if (register !== undefined && (tokens.peek(1) === undefined || tokens.isSymbol(',', 1))) {
    tokens.skip()
    return { kind: 'register', register }
  }
  const value = parseExpression(tokens)
  if (tokens.accept(':')) return { kind: 'far', segment: value, offset: parseExpression(tokens), size }
  return { kind: 'immediate', value, size, strict, distance }
}

function parseMemory(tokens: Tokens, size: number | null, far: boolean): MemoryOperand {
  const hint = SIZES[tokens.word() ?? ''] ?? null
  if (hint !== null) tokens.skip()
  const first = REGISTERS.get(tokens.word() ?? '')
  const segment = first?.class === 'segment' && tokens.isSymbol(':', 1) ? first : null
  if (segment !== null) tokens.skip(2)
  const address = parseExpression(tokens)
  tokens.expect(']')
  return { kind: 'memory', address, segment, size, far, hint }
}
