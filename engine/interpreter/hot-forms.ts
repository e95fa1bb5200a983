import type { Description } from '../isa/description.ts'
import type { Form } from './form.ts'

/*
 * Which forms the interpreter's one large function holds. The host's compiler needs the longer for it, and has it ready
 * the later, the larger it is, while whole systems boot on few forms: 185 make up 99 % of what is interpreted while Linux
 * boots, 424 all but a ten thousandth (decision 26). What is said here follows such counts, over boots of Linux, FreeDOS
 * and KolibriOS and over programs in C: it costs or saves time and changes no meaning.
 */

/** What a flat address is made of has handlers of its own: base and displacement (m), an index besides (x). */
export type FlatAddress = 'none' | 'based' | 'indexed'

const names = (list: string): ReadonlySet<string> => new Set(list.split(' '))

/** Ordinary instructions that little is lost by calling. */
const SELDOM = names('RCL RCR SAL SHLD SHRD BTS BTR BTC XADD CMPXCHG CMPS SCAS LOOPE LOOPNE LAHF SAHF')
const SELDOM_TESTED = /^(CMOV|SET)N?[OPS]$/
const CONDITIONAL_MOVE = /^CMOV/
const INDEXED = names('MOV LEA MOVZX MOVSX CMP TEST ADD SUB AND OR XOR PUSH CALLI JMPI')
const BASED = names('INC DEC IMUL2 POP')
const PUSHES_SEGMENT = 'PUSHS'

/** Comparisons, and the conditions that they are made for. */
const FUSES_BY_ORDER = /^J(E|NE|B|AE|BE|A|L|GE|LE|G)$/
const FUSES_BY_SIGN = /^J(E|NE|S|NS|LE|G)$/
const FUSES_BY_ZERO = /^J(E|NE)$/
const FUSES: ReadonlyMap<string, RegExp> = new Map([
  ['CMP', FUSES_BY_ORDER],
  ['TEST', FUSES_BY_SIGN],
  ...['ADD', 'SUB', 'AND', 'OR', 'INC', 'DEC'].map((name): [string, RegExp] => [name, FUSES_BY_ZERO]),
])
const FUSED_SHAPES = /^(rr|ri|r)$/

/**
 * Whether a form has a function of its own, called through the table. What works on floating point and vectors takes
 * much longer than the call, and so do repeated strings, which go on in bulk.
 */
export function isCold({ description, size, addressSize, stackSize, repeat, flat, limited }: Form): boolean {
  const { rare, unit, name, stack, string } = description
  if (rare === true || unit === 'x87' || unit === 'mmx' || unit === 'sse') return true
  if (SELDOM.has(name) || SELDOM_TESTED.test(name) || repeat !== 'none') return true
  // 16-bit instructions in 32-bit code, and the other way round, where they are seldom met.
  if (size === 2 && (limited || (stack === true && stackSize === 4) || CONDITIONAL_MOVE.test(name)))
    return true
  if (name === PUSHES_SEGMENT) return size === 4
  return string === true && flat && addressSize === 2
}

/** @param size of the operation, in bytes */
export function flatAddressing({ name, rare }: Description, size: number): FlatAddress {
  if (rare === true) return 'none'
  if (INDEXED.has(name)) return size === 2 ? 'based' : 'indexed'
  return size === 4 && (BASED.has(name) || CONDITIONAL_MOVE.test(name)) ? 'based' : 'none'
}

/** Whether an instruction has a handler together with the conditional jump that follows it. */
export function fuses(first: Form, jump: Form): boolean {
  if (first.size === 2 || jump.size !== 4 || jump.limited || !FUSED_SHAPES.test(first.shape)) return false
  return FUSES.get(first.description.name)?.test(jump.description.name) ?? false
}
