import type { Tokens } from './lexer.ts'
import { REGISTERS } from './registers.ts'

/** The value of an expression: a number, perhaps with labels and registers added to it. */
export interface Value {
  number: bigint
  /** How many label addresses the number contains: 0 is a plain constant, 1 an address. */
  labels: number
  /** Registers of an address, in source order, with their factors. */
  registers: readonly { name: string; factor: bigint }[]
  /** False while a symbol that comes later has no value yet. */
  known: boolean
}

/** What the symbols in an expression mean at one place of the program. */
export interface Scope {
  symbol(name: string): Value | undefined
  /** `$`: the address of the statement. */
  readonly here: Value
  /** `$$`: the address of the first byte. */
  readonly start: Value
}

/** Evaluates; throws when a symbol is unknown and `scope` says that it must be known. */
export type Expression = (scope: Scope) => Value

export const constant = (number: bigint, labels = 0): Value => ({
  number,
  labels,
  registers: [],
  known: true,
})

const signed = (number: bigint): bigint => BigInt.asIntN(64, number)
const truth = (condition: boolean): bigint => (condition ? 1n : 0n)

type Operation = (left: bigint, right: bigint) => bigint

/** Binary operators from the loosest to the tightest. */
const LEVELS: readonly Readonly<Record<string, Operation>>[] = [
  { '||': (a, b) => truth(a !== 0n || b !== 0n) },
  { '^^': (a, b) => truth((a !== 0n) !== (b !== 0n)) },
  { '&&': (a, b) => truth(a !== 0n && b !== 0n) },
  {
    '=': (a, b) => truth(a === b),
    '==': (a, b) => truth(a === b),
    '!=': (a, b) => truth(a !== b),
    '<>': (a, b) => truth(a !== b),
    '<': (a, b) => truth(a < b),
    '<=': (a, b) => truth(a <= b),
    '>': (a, b) => truth(a > b),
    '>=': (a, b) => truth(a >= b),
  },
  { '|': (a, b) => a | b },
  { '^': (a, b) => a ^ b },
  { '&': (a, b) => a & b },
  { '<<': (a, b) => a << (b & 63n), '>>': (a, b) => BigInt.asUintN(64, a) >> (b & 63n) },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  {
    '*': (a, b) => a * b,
    // Unsigned, as in NASM; the // and %% forms are signed.
    '/': (a, b) => BigInt.asUintN(64, a) / BigInt.asUintN(64, b),
    '%': (a, b) => BigInt.asUintN(64, a) % BigInt.asUintN(64, b),
    '//': (a, b) => a / b,
    '%%': (a, b) => a % b,
  },
]

export function parseExpression(tokens: Tokens, level = 0): Expression {
  const operations = LEVELS[level]
  if (operations === undefined) return parseUnary(tokens)
  let left = parseExpression(tokens, level + 1)
  for (;;) {
    const token = tokens.peek()
    const apply = token?.kind === 'symbol' ? operations[token.text] : undefined
    if (token === undefined || apply === undefined) return left
    tokens.skip()
    left = binary(tokens, token.text, apply, left, parseExpression(tokens, level + 1))
  }
}

function binary(
  tokens: Tokens,
  operator: string,
  apply: Operation,
  left: Expression,
  right: Expression,
): Expression {
  return (scope) => {
    const a = left(scope)
    const b = right(scope)
    const known = a.known && b.known
    if (operator === '+') return sum(a, b, 1n)
    if (operator === '-') return sum(a, b, -1n)
    if (operator === '*' && (a.registers.length > 0 || b.registers.length > 0)) {
      const [value, factor] = a.registers.length > 0 ? [a, b] : [b, a]
      if (factor.registers.length > 0) throw tokens.error('two registers cannot be multiplied')
      return scaled(value, factor.number, known)
    }
    if (a.registers.length + b.registers.length > 0) {
      throw tokens.error(`a register cannot be an operand of "${operator}"`)
    }
    if ('/%'.includes(operator.charAt(0)) && b.number === 0n) {
      if (known) throw tokens.error('division by zero')
      return { ...constant(0n), known }
    }
    return { ...constant(signed(apply(a.number, b.number))), known }
  }
}

function sum(a: Value, b: Value, sign: 1n | -1n): Value {
  return {
    number: signed(a.number + sign * b.number),
    labels: a.labels + Number(sign) * b.labels,
    registers: [...a.registers, ...b.registers.map(({ name, factor }) => ({ name, factor: sign * factor }))],
    known: a.known && b.known,
  }
}

function scaled(value: Value, factor: bigint, known: boolean): Value {
  return {
    number: signed(value.number * factor),
    labels: value.labels * Number(factor),
    registers: value.registers.map((part) => ({ name: part.name, factor: part.factor * factor })),
    known,
  }
}

function parseUnary(tokens: Tokens): Expression {
  if (tokens.accept('-')) {
    const operand = parseUnary(tokens)
    return (scope) => sum(constant(0n), operand(scope), -1n)
  }
  if (tokens.accept('+')) return parseUnary(tokens)
  if (tokens.accept('~')) return mapped(parseUnary(tokens), (number) => ~number)
  if (tokens.accept('!')) return mapped(parseUnary(tokens), (number) => truth(number === 0n))
  return parsePrimary(tokens)
}

const mapped =
  (operand: Expression, apply: (number: bigint) => bigint): Expression =>
  (scope) => {
    const value = operand(scope)
    return { ...constant(signed(apply(value.number))), known: value.known }
  }

function parsePrimary(tokens: Tokens): Expression {
  if (tokens.accept('(')) {
    const inner = parseExpression(tokens)
    tokens.expect(')')
    return inner
  }
  if (tokens.accept('$$')) return (scope) => scope.start
  if (tokens.accept('$')) return (scope) => scope.here
  const token = tokens.next()
  switch (token.kind) {
    case 'number':
      return () => constant(token.value)
    case 'string':
      return () => constant(packed(token.bytes))
    case 'word': {
      const register = REGISTERS.get(token.text.toLowerCase())
      if (register === undefined) return symbol(tokens, token.text)
      const value = { ...constant(0n), registers: [{ name: register.name, factor: 1n }] }
      return () => value
    }
    default:
      throw tokens.error(`did not expect "${token.text}" in an expression`)
  }
}

function symbol(tokens: Tokens, name: string): Expression {
  return (scope) => {
    const value = scope.symbol(name)
    if (value === undefined) throw tokens.error(`symbol "${name}" is not defined`)
    return value
  }
}

/** 'ab' as a number: the first character is the lowest byte. */
export function packed(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}
