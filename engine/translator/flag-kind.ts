import type { Flags } from '../isa/flags.ts'
import { type Expr, local } from '../wasm/expression.ts'

/** Locals that hold lazy flags; what is in them depends on the kind. */
export interface FlagLocals {
  readonly result: number
  /** Left operand, or the carry that INC and DEC keep. */
  readonly left: number
  /** Right operand, or the carry vector of stored flags. */
  readonly right: number
}

type Kind = Flags['kind']
const SIZES = [1, 2, 4] as const
const NAMES: readonly { kind: Kind; plain: boolean }[] = [
  { kind: 'add', plain: false },
  { kind: 'sub', plain: true },
  { kind: 'sub', plain: false },
  { kind: 'logic', plain: false },
  { kind: 'inc', plain: false },
  { kind: 'dec', plain: false },
]

/** Number of the kind of flags that the state's two words hold. */
export const STORED = 0
/** Kinds of lazy flags are numbered: STORED, then each operation by size, then those that need no size. */
const GIVEN = 1 + NAMES.length * SIZES.length
export const KIND_COUNT = GIVEN + 1

export function kindOf(flags: Flags): number {
  if (flags.kind === 'stored') return STORED
  if (flags.kind === 'given') return GIVEN
  const plain = flags.kind === 'sub' && flags.plain
  const name = NAMES.findIndex((n) => n.kind === flags.kind && n.plain === plain)
  return 1 + name * SIZES.length + (flags.size >> 1)
}

/** The flags of a kind whose parts are in the locals. */
export function flagsOf(kind: number, at: FlagLocals): Flags {
  const [result, left, right] = [local(at.result), local(at.left), local(at.right)]
  if (kind === STORED) return { kind: 'stored', result, aux: right }
  if (kind === GIVEN) return { kind: 'given', result, carry: left, overflow: right }
  const { kind: name, plain } = NAMES[Math.floor((kind - 1) / SIZES.length)]!
  const size = SIZES[(kind - 1) % SIZES.length]!
  switch (name) {
    case 'add':
      return { kind: 'add', size, left, right, result }
    case 'sub':
      return { kind: 'sub', size, left, right, result, plain }
    case 'inc':
    case 'dec':
      return { kind: name, size, carry: left, result }
    default:
      return { kind: 'logic', size, result }
  }
}

/** What goes where: values by local. */
export function partsOf(flags: Flags, at: FlagLocals): [local: number, value: Expr][] {
  const parts: [number, Expr][] = [[at.result, flags.result]]
  switch (flags.kind) {
    case 'stored':
      parts.push([at.right, flags.aux])
      break
    case 'add':
    case 'sub':
      parts.push([at.left, flags.left], [at.right, flags.right])
      break
    case 'given':
      parts.push([at.left, flags.carry], [at.right, flags.overflow])
      break
    case 'inc':
    case 'dec':
      parts.push([at.left, flags.carry])
      break
    case 'logic':
  }
  return parts
}
