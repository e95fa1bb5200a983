import {
  type Expr,
  and,
  eq,
  eqz,
  extend16,
  extend8,
  geS,
  geU,
  gtS,
  gtU,
  i32,
  isConst,
  leS,
  leU,
  ltS,
  ltU,
  ne,
  not,
  or,
  popcnt,
  shl,
  shrU,
  xor,
} from '../wasm/expression.ts'

/** EFLAGS bits (SDM vol. 1, 3.4.3). */
export const CF = 0x1
export const PF = 0x4
export const AF = 0x10
export const ZF = 0x40
export const SF = 0x80
export const OF = 0x800
export const ARITHMETIC = CF | PF | AF | ZF | SF | OF
export const TF = 0x100
export const IF = 0x200
export const DIRECTION = 0x400
export const IOPL = 0x3000
export const NT = 0x4000
export const RF = 0x10000
export const VM = 0x20000
export const AC = 0x40000
export const VIF = 0x80000
export const VIP = 0x100000
export const ID = 0x200000

export const zeroExtend = (v: Expr, size: number): Expr =>
  size === 1 ? and(v, i32(0xff)) : size === 2 ? and(v, i32(0xffff)) : v

export const signExtended = (v: Expr, size: number): Expr => {
  if (size === 4) return v
  if (isConst(v)) return i32(size === 1 ? (v.value << 24) >> 24 : (v.value << 16) >> 16)
  return size === 1 ? extend8(v) : extend16(v)
}

/**
 * Lazy flags. The stored form is two words: the sign-extended `result`, which decides ZF, SF and PF, and a
 * carry vector `aux`: bit 31 CF, bit 30 CF xor OF, bit 3 AF, bit 0 flips SF, bits 8-15 flip PF, so that any
 * combination can be expressed (the idea is Bochs's). While the operation is known the flags stay symbolic.
 */
export type Flags =
  | { kind: 'stored'; result: Expr; aux: Expr }
  /** Operands and result of an addition; carries come out right with a carry-in too. */
  | { kind: 'add'; size: number; left: Expr; right: Expr; result: Expr }
  /** `plain`: no borrow-in, so that the operands alone decide. */
  | { kind: 'sub'; size: number; left: Expr; right: Expr; result: Expr; plain: boolean }
  | { kind: 'logic'; size: number; result: Expr }
  /** CF and OF given as 0 or 1, AF clear, the result sign-extended: shifts and rotates, multiplications. */
  | { kind: 'given'; result: Expr; carry: Expr; overflow: Expr }
  /** INC and DEC keep CF, given as 0 or 1. */
  | { kind: 'inc' | 'dec'; size: number; carry: Expr; result: Expr }

const bit31 = (v: Expr): Expr => shrU(v, i32(31))

export const resultWord = (f: Flags): Expr =>
  f.kind === 'stored' || f.kind === 'given' ? f.result : signExtended(f.result, f.size)

function carries(f: Flags & { kind: 'add' | 'sub' }): Expr {
  const { left, right, result } = f
  return f.kind === 'add'
    ? or(and(left, right), and(or(left, right), not(result)))
    : or(and(not(left), right), and(or(not(left), right), result))
}

export function auxWord(f: Flags): Expr {
  switch (f.kind) {
    case 'stored':
      return f.aux
    case 'logic':
      return i32(0)
    case 'given':
      return or(shl(f.carry, i32(31)), shl(xor(f.carry, f.overflow), i32(30)))
    case 'add':
    case 'sub': {
      const c = carries(f)
      if (f.size === 4) return and(c, i32(0xc0000008))
      return or(shl(c, i32(32 - 8 * f.size)), and(c, i32(8)))
    }
    default: {
      const top = f.kind === 'inc' ? 2 ** (8 * f.size - 1) : 2 ** (8 * f.size - 1) - 1
      const overflow = eq(zeroExtend(f.result, f.size), i32(top))
      const adjust = eq(and(f.result, i32(15)), i32(f.kind === 'inc' ? 0 : 15))
      const carry = or(shl(f.carry, i32(31)), shl(xor(f.carry, overflow), i32(30)))
      return or(carry, shl(adjust, i32(3)))
    }
  }
}

export function carryOf(f: Flags): Expr {
  switch (f.kind) {
    case 'stored':
      return bit31(f.aux)
    case 'logic':
      return i32(0)
    case 'inc':
    case 'dec':
    case 'given':
      return f.carry
    case 'sub':
      return f.plain ? ltU(f.left, f.right) : carryOut(f)
    case 'add':
      return carryOut(f)
  }
}

const carryOut = (f: Flags & { kind: 'add' | 'sub' }): Expr =>
  and(shrU(carries(f), i32(8 * f.size - 1)), i32(1))

export const zeroOf = (f: Flags): Expr =>
  f.kind === 'sub' && f.plain
    ? eq(f.left, f.right)
    : eqz(f.kind === 'stored' || f.kind === 'given' ? f.result : zeroExtend(f.result, f.size))

export const signOf = (f: Flags): Expr =>
  f.kind === 'stored' ? xor(bit31(f.result), and(f.aux, i32(1))) : bit31(resultWord(f))

export function overflowOf(f: Flags): Expr {
  if (f.kind === 'logic') return i32(0)
  if (f.kind === 'given') return f.overflow
  const aux = auxWord(f)
  return bit31(xor(aux, shl(aux, i32(1))))
}

export function parityOf(f: Flags): Expr {
  const byte = f.kind === 'stored' ? xor(f.result, shrU(f.aux, i32(8))) : f.result
  return xor(and(popcnt(and(byte, i32(0xff))), i32(1)), i32(1))
}

export const adjustOf = (f: Flags): Expr => and(shrU(auxWord(f), i32(3)), i32(1))

/** The flags that each pair of conditions reads, by condition code / 2. */
export const CONDITION_USES = [OF, CF, ZF, CF | ZF, SF, PF, SF | OF, SF | OF | ZF] as const

/** Condition code 0-15 (SDM vol. 1, appendix B) as 0 or 1. */
export function condition(f: Flags, code: number): Expr {
  const negate = (code & 1) === 1
  const not1 = (e: Expr): Expr => (negate ? eqz(e) : e)
  if (f.kind === 'sub' && f.plain) {
    const { left, right, size } = f
    const signed = (op: (a: Expr, b: Expr) => Expr): Expr =>
      op(signExtended(left, size), signExtended(right, size))
    switch (code >> 1) {
      case 1:
        return (negate ? geU : ltU)(left, right)
      case 2:
        return (negate ? ne : eq)(left, right)
      case 3:
        return (negate ? gtU : leU)(left, right)
      case 6:
        return signed(negate ? geS : ltS)
      case 7:
        return signed(negate ? gtS : leS)
    }
  }
  if (f.kind === 'logic' && code >> 1 >= 6) {
    const compare = code >> 1 === 6 ? (negate ? geS : ltS) : negate ? gtS : leS
    return compare(signExtended(f.result, f.size), i32(0))
  }
  switch (code >> 1) {
    case 0:
      return not1(overflowOf(f))
    case 1:
      return not1(carryOf(f))
    case 2:
      return not1(zeroOf(f))
    case 3:
      return not1(or(carryOf(f), zeroOf(f)))
    case 4:
      return not1(signOf(f))
    case 5:
      return not1(parityOf(f))
    case 6:
      return not1(xor(signOf(f), overflowOf(f)))
    default:
      return not1(or(zeroOf(f), xor(signOf(f), overflowOf(f))))
  }
}

/** The six flags in their EFLAGS positions. */
export function arithmeticFlags(f: Flags): Expr {
  const placed: [Expr, number][] = [
    [parityOf(f), 2],
    [adjustOf(f), 4],
    [zeroOf(f), 6],
    [signOf(f), 7],
    [overflowOf(f), 11],
  ]
  return placed.reduce((all, [flag, at]) => or(all, shl(flag, i32(at))), carryOf(f))
}

/** The stored form of any six flags given in EFLAGS positions; `keep` evaluates shared parts once. */
export function storedFromEflags(value: Expr, keep: (e: Expr) => Expr): Flags {
  const flag = (bit: number): Expr => and(shrU(value, i32(bit)), i32(1))
  const zero = flag(6)
  // A result of 1 or 0 has SF clear; its PF is 0 for 1 and 1 for 0: what is wrong, aux flips.
  const aux = or(
    or(shl(flag(0), i32(31)), shl(xor(flag(0), flag(11)), i32(30))),
    or(or(shl(flag(4), i32(3)), flag(7)), shl(xor(flag(2), zero), i32(8))),
  )
  return { kind: 'stored', result: keep(eqz(zero)), aux: keep(aux) }
}

/** The same from and to stored words, for code outside of generated functions. */
export function flagsFromWords(result: number, aux: number): number {
  let parity = (result ^ (aux >>> 8)) & 0xff
  parity ^= parity >> 4
  parity ^= parity >> 2
  parity ^= parity >> 1
  return (
    (aux >>> 31) |
    (parity & 1 ? 0 : PF) |
    ((aux & 8) << 1) |
    (result === 0 ? ZF : 0) |
    (((result >>> 31) ^ (aux & 1)) << 7) |
    (((aux ^ (aux << 1)) >>> 31) << 11)
  )
}

export function wordsFromFlags(flags: number): [result: number, aux: number] {
  const zero = (flags >> 6) & 1
  const carry = flags & 1
  const overflow = (flags >> 11) & 1
  const aux =
    (carry << 31) |
    ((carry ^ overflow) << 30) |
    ((flags & AF) >> 1) |
    ((flags >> 7) & 1) |
    ((((flags >> 2) & 1) ^ zero) << 8)
  return [zero ^ 1, aux]
}
