import {
  type Expr,
  add,
  and,
  clz,
  ctz,
  divU,
  divU64,
  divS64,
  eq,
  eq64,
  eqz,
  eqz64,
  i32,
  i64,
  gtU,
  mul,
  mul64,
  ne,
  ne64,
  not,
  or,
  or64,
  remS64,
  remU,
  remU64,
  rotl,
  select,
  shl,
  shl64,
  shrS,
  shrU,
  shrU64,
  sub,
  sub64,
  widenS,
  widenU,
  wrap,
  xor,
} from '../wasm/expression.ts'
import type { Description, InstructionSet, Options } from './description.ts'
import {
  AF,
  ARITHMETIC,
  CF,
  OF,
  PF,
  SF,
  ZF,
  adjustOf,
  arithmeticFlags,
  auxWord,
  carryOf,
  condition,
  resultWord,
  signExtended,
  zeroExtend,
} from './flags.ts'
import { DE, type Operand, type Semantics } from './semantics.ts'
import { EAX, ECX, EDX } from './state.ts'

const hex = (n: number): string => n.toString(16).padStart(2, '0')
const bit0 = (e: Expr): Expr => and(e, i32(1))
const topBit = (v: Expr, size: number): Expr => bit0(shrU(v, i32(8 * size - 1)))

/** Integer arithmetic, logic, shifts and bit instructions: SDM vol. 2. */
export function describeArithmetic(isa: InstructionSet): void {
  describeAlu(isa)
  describeShifts(isa)
  describeMultiply(isa)
  describeBits(isa)
  describeDecimal(isa)
}

type Alu = (b: Semantics, x: Expr, y: Expr) => Expr

function describeAlu(isa: InstructionSet): void {
  // One row of the opcode map each: 00-3D in columns of eight, 80/81/83 by digit.
  const alu = (row: number, name: string, compute: Alu, options: Options = {}): void => {
    const compares = name === 'CMP'
    isa.add(
      name,
      `${hex(row * 8)} /r Eb,Gb; ${hex(row * 8 + 1)} /r Ev,Gv; ${hex(row * 8 + 2)} /r Gb,Eb; ${hex(row * 8 + 3)} /r Gv,Ev; ` +
        `${hex(row * 8 + 4)} AL,Ib; ${hex(row * 8 + 5)} rAX,Iz; 80 /${row} Eb,Ib; 82 /${row} Eb,Ib; 81 /${row} Ev,Iz; 83 /${row} Ev,Ibs`,
      (b, destination, source) => {
        const y = source.read()
        const x = compares ? destination.read() : destination.readForWrite()
        const result = compute(b, x, y)
        if (!compares) destination.write(result)
      },
      { defines: ARITHMETIC, lockable: !compares, ...options },
    )
  }
  const logic =
    (op: (a: Expr, b: Expr) => Expr): Alu =>
    (b, x, y) => {
      const result = b.let(op(x, y))
      b.logicFlags(result)
      return result
    }
  alu(0, 'ADD', (b, x, y) => {
    const result = b.let(add(x, y))
    b.addFlags(x, y, result)
    return result
  })
  alu(1, 'OR', logic(or), { undefined: AF })
  alu(
    2,
    'ADC',
    (b, x, y) => {
      const result = b.let(add(add(x, y), carryOf(b.flags())))
      b.addFlags(x, y, result)
      return result
    },
    { uses: CF },
  )
  alu(
    3,
    'SBB',
    (b, x, y) => {
      const result = b.let(sub(sub(x, y), carryOf(b.flags())))
      b.subFlags(x, y, result, false)
      return result
    },
    { uses: CF },
  )
  alu(4, 'AND', logic(and), { undefined: AF })
  alu(5, 'SUB', (b, x, y) => {
    const result = b.let(sub(x, y))
    b.subFlags(x, y, result)
    return result
  })
  alu(6, 'XOR', logic(xor), { undefined: AF })
  alu(7, 'CMP', (b, x, y) => {
    const result = b.let(sub(x, y))
    b.subFlags(x, y, result)
    return result
  })
  isa.add(
    'TEST',
    '84 /r Eb,Gb; 85 /r Ev,Gv; a8 AL,Ib; a9 rAX,Iz; f6 /0 Eb,Ib; f6 /1 Eb,Ib; f7 /0 Ev,Iz; f7 /1 Ev,Iz',
    (b, x, y) => b.logicFlags(b.let(and(x.read(), y.read()))),
    { defines: ARITHMETIC, undefined: AF },
  )
  isa.add(
    'INC',
    '40+r Zv; fe /0 Eb; ff /0 Ev',
    (b, x) => {
      const result = b.let(add(x.readForWrite(), i32(1)))
      x.write(result)
      b.incFlags('inc', result)
    },
    { defines: ARITHMETIC & ~CF, uses: CF, lockable: true },
  )
  isa.add(
    'DEC',
    '48+r Zv; fe /1 Eb; ff /1 Ev',
    (b, x) => {
      const result = b.let(sub(x.readForWrite(), i32(1)))
      x.write(result)
      b.incFlags('dec', result)
    },
    { defines: ARITHMETIC & ~CF, uses: CF, lockable: true },
  )
  isa.add(
    'NEG',
    'f6 /3 Eb; f7 /3 Ev',
    (b, x) => {
      const value = x.readForWrite()
      const result = b.let(sub(i32(0), value))
      x.write(result)
      b.subFlags(i32(0), value, result)
    },
    { defines: ARITHMETIC, lockable: true },
  )
  isa.add('NOT', 'f6 /2 Eb; f7 /2 Ev', (_b, x) => x.write(not(x.readForWrite())), { lockable: true })
}

/** Whether a count is known to be zero or not, else a run-time test. */
const countNonZero = (b: Semantics, count: Expr): Expr =>
  b.split === 'nz' ? i32(1) : b.split === 'z' ? i32(0) : ne(count, i32(0))

const splitCount = (immediate: number): string => (immediate & 31 ? 'nz' : 'z')

type Shift = (b: Semantics, x: Expr, count: Expr, destination: Operand) => void

function describeShifts(isa: InstructionSet): void {
  const masked = (b: Semantics, count: Expr): Expr => b.let(and(count, i32(31)))
  describeShiftGroup(isa, masked, (digit) => ({
    encodings: `c0 /${digit} Eb,Ib; c1 /${digit} Ev,Ib; d0 /${digit} Eb,1; d1 /${digit} Ev,1; d2 /${digit} Eb,CL; d3 /${digit} Ev,CL`,
    options: { split: splitCount },
  }))
  describeDoubleShifts(isa)
}

/**
 * The eight shifts and rotates.
 * @param counted the count of a shift (not above 31) or of a rotate from what the instruction is given
 */
export function describeShiftGroup(
  isa: InstructionSet,
  counted: (b: Semantics, count: Expr, isShift: boolean) => Expr,
  described: (digit: number) => { encodings: string; options: Options },
): void {
  const shift = (digit: number, name: string, apply: Shift, flags: Options): void => {
    const { encodings, options } = described(digit)
    isa.add(
      name,
      encodings,
      (b, destination, source) => {
        const x = destination.readForWrite()
        apply(b, x, counted(b, source.read(), digit >= 4), destination)
      },
      { uses: ARITHMETIC, ...flags, ...options },
    )
  }
  const shiftFlags: Options = { defines: ARITHMETIC, undefined: OF | AF }
  const rotateFlags: Options = { defines: CF | OF, undefined: OF }

  const shiftLeft: Shift = (b, x, count, destination) => {
    const result = b.let(shl(x, count))
    const carry = b.let(
      b.size === 4 ? bit0(shrU(x, and(sub(i32(32), count), i32(31)))) : bit0(shrU(result, i32(8 * b.size))),
    )
    destination.write(result)
    b.setFlagsIf(countNonZero(b, count), b.resultFlags(result, carry, xor(carry, topBit(result, b.size))))
  }
  shift(4, 'SHL', shiftLeft, shiftFlags)
  shift(6, 'SAL', shiftLeft, shiftFlags)
  shift(
    5,
    'SHR',
    (b, x, count, destination) => {
      const result = b.let(shrU(x, count))
      const carry = b.let(bit0(shrU(x, and(sub(count, i32(1)), i32(31)))))
      destination.write(result)
      b.setFlagsIf(countNonZero(b, count), b.resultFlags(result, carry, topBit(x, b.size)))
    },
    shiftFlags,
  )
  shift(
    7,
    'SAR',
    (b, x, count, destination) => {
      const signed = b.let(signExtended(x, b.size))
      const result = b.let(shrS(signed, count))
      const carry = b.let(bit0(shrS(signed, and(sub(count, i32(1)), i32(31)))))
      destination.write(result)
      b.setFlagsIf(countNonZero(b, count), b.resultFlags(result, carry, i32(0)))
    },
    shiftFlags,
  )

  const rotate =
    (left: boolean): Shift =>
    (b, x, count, destination) => {
      // Repeating a byte or word through 32 bits makes the 32-bit rotation serve every size.
      const wide = b.size === 1 ? mul(x, i32(0x01010101)) : b.size === 2 ? or(x, shl(x, i32(16))) : x
      const result = b.let(rotl(wide, left ? count : sub(i32(0), count)))
      const carry = b.let(left ? bit0(result) : topBit(result, b.size))
      const overflow = xor(carry, left ? topBit(result, b.size) : bit0(shrU(result, i32(8 * b.size - 2))))
      destination.write(result)
      b.setFlagsIf(countNonZero(b, count), b.carryFlags(carry, overflow))
    }
  shift(0, 'ROL', rotate(true), rotateFlags)
  shift(1, 'ROR', rotate(false), rotateFlags)

  const rotateThroughCarry =
    (left: boolean): Shift =>
    (b, x, masked, destination) => {
      // A rotation of size + 1 bits, done in 64.
      const width = 8 * b.size + 1
      const count = b.size === 4 ? masked : b.let(remU(masked, i32(width)))
      const oldCarry = b.let(carryOf(b.flags()))
      const wide = b.let(or64(widenU(x), shl64(widenU(oldCarry), i64(width - 1))))
      const by = b.let(widenU(left ? count : sub(i32(width), count)))
      const rotated = b.let(or64(shl64(wide, by), shrU64(wide, sub64(i64(width), by))))
      const result = b.let(select(eqz(count), x, wrap(rotated)))
      const carry = b.let(select(eqz(count), oldCarry, bit0(wrap(shrU64(rotated, i64(width - 1))))))
      destination.write(result)
      const overflow = left
        ? xor(carry, topBit(result, b.size))
        : xor(topBit(result, b.size), bit0(shrU(result, i32(8 * b.size - 2))))
      b.setFlagsIf(countNonZero(b, masked), b.carryFlags(carry, overflow))
    }
  shift(2, 'RCL', rotateThroughCarry(true), rotateFlags)
  shift(3, 'RCR', rotateThroughCarry(false), rotateFlags)
}

function describeDoubleShifts(isa: InstructionSet): void {
  const double =
    (left: boolean): ((b: Semantics, d: Operand, s: Operand, c: Operand) => void) =>
    (b, d, s, c) => {
      const x = d.readForWrite()
      const y = s.read()
      const count = b.let(and(c.read(), i32(31)))
      const width = 8 * b.size
      // 16-bit counts above 16 are undefined; silicon rotates the pair x:y:x, which this gives.
      const high = left ? x : b.size === 2 ? or(shl(x, i32(16)), y) : y
      const low = left ? (b.size === 2 ? or(shl(y, i32(16)), x) : y) : x
      const pair = b.let(
        b.size === 4
          ? or64(shl64(widenU(high), i64(32)), widenU(low))
          : left
            ? or64(shl64(widenU(x), i64(32)), widenU(low))
            : or64(shl64(widenU(high), i64(16)), widenU(x)),
      )
      const by = b.let(widenU(count))
      const result = b.let(left ? wrap(shrU64(shl64(pair, by), i64(32))) : wrap(shrU64(pair, by)))
      const carry = b.let(
        left
          ? bit0(wrap(shrU64(shl64(pair, by), i64(32 + width))))
          : // A count of zero shifts by 63 here, which is harmless: the flags are not written then.
            bit0(wrap(shrU64(pair, sub64(by, i64(1))))),
      )
      const leftCarry = b.let(left && b.size === 4 ? bit0(shrU(x, and(sub(i32(32), count), i32(31)))) : carry)
      d.write(result)
      b.setFlagsIf(
        countNonZero(b, count),
        b.resultFlags(result, leftCarry, xor(topBit(result, b.size), topBit(x, b.size))),
      )
    }
  const doubleOptions: Options = {
    uses: ARITHMETIC,
    defines: ARITHMETIC,
    undefined: OF | AF,
    feature: '386',
    split: splitCount,
  }
  isa.add(
    'SHLD',
    '0f a4 /r Ev,Gv,Ib; 0f a5 /r Ev,Gv,CL',
    (b, d, s, c) => double(true)(b, d, s, c),
    doubleOptions,
  )
  isa.add(
    'SHRD',
    '0f ac /r Ev,Gv,Ib; 0f ad /r Ev,Gv,CL',
    (b, d, s, c) => double(false)(b, d, s, c),
    doubleOptions,
  )
}

function describeMultiply(isa: InstructionSet): void {
  const options: Options = { defines: ARITHMETIC, undefined: SF | ZF | AF | PF }
  const setProductFlags = (b: Semantics, result: Expr, overflows: Expr): void => {
    const over = b.let(overflows)
    b.setFlags(b.resultFlags(result, over, over))
  }
  const multiply =
    (signed: boolean) =>
    (b: Semantics, source?: Operand): void => {
      const { size } = b
      const y = source!.read()
      if (size === 4) {
        const widen = signed ? widenS : widenU
        const product = b.let(mul64(widen(b.register(EAX, 4)), widen(y)))
        const high = b.let(wrap(shrU64(product, i64(32))))
        const low = b.let(wrap(product))
        b.setRegister(EAX, 4, low)
        b.setRegister(EDX, 4, high)
        return setProductFlags(b, low, ne(high, signed ? shrS(low, i32(31)) : i32(0)))
      }
      const x = b.register(EAX, size)
      const product = b.let(signed ? mul(signExtended(x, size), signExtended(y, size)) : mul(x, y))
      b.setRegister(EAX, 2, product)
      if (size === 2) b.setRegister(EDX, 2, shrU(product, i32(16)))
      setProductFlags(
        b,
        product,
        signed ? ne(product, signExtended(product, size)) : ne(shrU(product, i32(8 * size)), i32(0)),
      )
    }
  isa.add('MUL', 'f6 /4 Eb; f7 /4 Ev', multiply(false), options)
  isa.add('IMUL', 'f6 /5 Eb; f7 /5 Ev', multiply(true), options)

  const truncating = (b: Semantics, destination: Operand, x: Expr, y: Expr): void => {
    if (b.size === 4) {
      const product = b.let(mul64(widenS(x), widenS(y)))
      const low = b.let(wrap(product))
      destination.write(low)
      return setProductFlags(b, low, ne64(product, widenS(low)))
    }
    const product = b.let(mul(signExtended(x, 2), signExtended(y, 2)))
    destination.write(product)
    setProductFlags(b, product, ne(product, signExtended(product, 2)))
  }
  isa.add('IMUL2', '0f af /r Gv,Ev', (b, d, s) => truncating(b, d, d.read(), s.read()), {
    ...options,
    feature: '386',
  })
  isa.add('IMUL3', '69 /r Gv,Ev,Iz; 6b /r Gv,Ev,Ibs', (b, d, s, i) => truncating(b, d, s.read(), i.read()), {
    ...options,
    feature: '186',
  })

  isa.add(
    'DIV',
    'f6 /6 Eb; f7 /6 Ev',
    (b, source) => {
      const { size } = b
      const divisor = b.let(source.read())
      b.raiseIf(eqz(divisor), DE)
      if (size === 4) {
        const dividend = b.let(or64(shl64(widenU(b.register(EDX, 4)), i64(32)), widenU(b.register(EAX, 4))))
        const wide = b.let(widenU(divisor))
        const quotient = b.let(divU64(dividend, wide))
        b.raiseIf(ne64(shrU64(quotient, i64(32)), i64(0)), DE)
        b.setRegister(EAX, 4, wrap(quotient))
        return b.setRegister(EDX, 4, wrap(remU64(dividend, wide)))
      }
      const dividend = b.let(
        size === 2 ? or(shl(b.register(EDX, 2), i32(16)), b.register(EAX, 2)) : b.register(EAX, 2),
      )
      const quotient = b.let(divU(dividend, divisor))
      b.raiseIf(gtU(quotient, i32(size === 2 ? 0xffff : 0xff)), DE)
      const remainder = remU(dividend, divisor)
      if (size === 1) return b.setRegister(EAX, 2, or(quotient, shl(remainder, i32(8))))
      b.setRegister(EAX, 2, quotient)
      b.setRegister(EDX, 2, remainder)
    },
    DIVIDE_OPTIONS,
  )
  isa.add('IDIV', 'f6 /7 Eb; f7 /7 Ev', signedDivide(), DIVIDE_OPTIONS)
}

export const DIVIDE_OPTIONS: Options = { defines: ARITHMETIC, uses: ARITHMETIC, undefined: ARITHMETIC }

/**
 * IDIV.
 * @param isSymmetric the quotient has to have a positive counterpart: not -128 and -32768
 * @param negates the quotient is the opposite of what it should be
 */
export function signedDivide(isSymmetric = false, negates = false): Description['meaning'] {
  return (b, source) => {
    const { size } = b
    const divisor = b.let(widenS(signExtended(source!.read(), size)))
    b.raiseIf(eqz64(divisor), DE)
    const dividend = b.let(
      size === 4
        ? or64(shl64(widenU(b.register(EDX, 4)), i64(32)), widenU(b.register(EAX, 4)))
        : widenS(
            size === 2
              ? or(shl(b.register(EDX, 2), i32(16)), b.register(EAX, 2))
              : signExtended(b.register(EAX, 2), 2),
          ),
    )
    // The one quotient that 64 bits do not hold, which Wasm would trap on.
    if (size === 4) b.raiseIf(and(eq64(dividend, i64(-(2n ** 63n))), eq64(divisor, i64(-1))), DE)
    const quotient = b.let(divS64(dividend, divisor))
    const low = b.let(wrap(quotient))
    b.raiseIf(ne64(quotient, widenS(signExtended(low, size))), DE)
    if (isSymmetric) b.raiseIf(eq(low, i32(-(1 << (8 * size - 1)))), DE)
    const result = negates ? b.let(sub(i32(0), low)) : low
    const remainder = wrap(remS64(dividend, divisor))
    if (size === 1) return b.setRegister(EAX, 2, or(zeroExtend(result, 1), shl(remainder, i32(8))))
    b.setRegister(EAX, size, result)
    b.setRegister(EDX, size, remainder)
  }
}

function describeBits(isa: InstructionSet): void {
  const options: Options = { uses: ARITHMETIC, defines: CF, feature: '386' }
  const changes: Record<string, (x: Expr, mask: Expr) => Expr> = {
    BTS: or,
    BTR: (x, mask) => and(x, not(mask)),
    BTC: xor,
  }
  const setBitFlag = (b: Semantics, x: Expr, at: Expr): void => {
    const carry = b.let(bit0(shrU(x, at)))
    const old = b.flags()
    b.setFlags(b.carryFlags(carry, condition(old, 0)))
  }
  const bitTest = (name: string, opcode: string, digit: number): void => {
    const change = changes[name]
    const apply = (b: Semantics, x: Expr, at: Expr, write: (v: Expr) => void): void => {
      if (change) write(change(x, shl(i32(1), at)))
      setBitFlag(b, x, at)
    }
    // A register bit offset reaches beyond the operand; an immediate one does not.
    isa.add(
      name,
      `0f ${opcode} /r Ev,Gv`,
      (b, d, s) => {
        const offset = b.let(signExtended(s.read(), b.size))
        const at = b.let(and(offset, i32(8 * b.size - 1)))
        if (d.isRegister) {
          const x = d.readForWrite()
          return apply(b, x, at, (v) => d.write(v))
        }
        const byte = shl(shrS(offset, i32(b.size === 4 ? 5 : 4)), i32(b.size === 4 ? 2 : 1))
        const address = b.let(zeroExtend(add(d.address(), byte), b.addressSize))
        const host = b.memory(d.segment(), address, b.size, change !== undefined, change !== undefined)
        apply(b, b.load(host, b.size), at, (v) => b.fn.store(host, v, b.size))
      },
      { ...options, addressSized: true, lockable: change !== undefined },
    )
    isa.add(
      name,
      `0f ba /${digit} Ev,Ib`,
      (b, d, s) => {
        const at = b.let(and(s.read(), i32(8 * b.size - 1)))
        const x = change ? d.readForWrite() : d.read()
        apply(b, x, at, (v) => d.write(v))
      },
      { ...options, lockable: change !== undefined },
    )
  }
  bitTest('BT', 'a3', 4)
  bitTest('BTS', 'ab', 5)
  bitTest('BTR', 'b3', 6)
  bitTest('BTC', 'bb', 7)

  const scan = (name: string, opcode: string, position: (x: Expr) => Expr): void =>
    isa.add(
      name,
      `0f ${opcode} /r Gv,Ev`,
      (b, d, s) => {
        const x = b.let(s.read())
        const zero = b.let(eqz(x))
        d.write(select(zero, d.read(), position(x)))
        // Only ZF is defined; silicon sets the others from the source as TEST would.
        b.logicFlags(x)
      },
      { defines: ARITHMETIC, undefined: ARITHMETIC & ~ZF, feature: '386' },
    )
  scan('BSF', 'bc', ctz)
  scan('BSR', 'bd', (x) => sub(i32(31), clz(x)))

  isa.add(
    'BSWAP',
    '0f c8+r Zv',
    (b, x) => {
      const v = x.read()
      // With a 16-bit operand the result is undefined; silicon gives zero.
      if (b.size === 2) return x.write(i32(0))
      x.write(or(and(rotl(v, i32(8)), i32(0x00ff00ff)), and(rotl(v, i32(24)), i32(0xff00ff00))))
    },
    { feature: '486' },
  )
  isa.add(
    'XADD',
    '0f c0 /r Eb,Gb; 0f c1 /r Ev,Gv',
    (b, d, s) => {
      const x = d.readForWrite()
      const y = s.read()
      const result = b.let(add(x, y))
      s.write(x)
      d.write(result)
      b.addFlags(x, y, result)
    },
    { defines: ARITHMETIC, lockable: true, feature: '486' },
  )
  isa.add(
    'CMPXCHG',
    '0f b0 /r Eb,Gb; 0f b1 /r Ev,Gv',
    (b, d, s) => {
      const x = d.readForWrite()
      const accumulator = b.register(EAX, b.size)
      const same = b.let(eq(accumulator, x))
      // First, so that a destination of EAX keeps what is exchanged into it.
      b.setRegister(EAX, b.size, select(same, accumulator, x))
      // The destination is written in either case, as the manual says.
      d.write(b.let(select(same, s.read(), x)))
      b.subFlags(accumulator, x, b.let(sub(accumulator, x)))
    },
    { defines: ARITHMETIC, lockable: true, feature: '486' },
  )
  isa.add(
    'CMPXCHG8B',
    '0f c7 /1 Mq',
    (b, d) => {
      const x = b.let(d.readForWrite())
      const pair = (high: number, low: number): Expr =>
        or64(shl64(widenU(b.register(high, 4)), i64(32)), widenU(b.register(low, 4)))
      const same = b.let(eq64(pair(EDX, EAX), x))
      d.write(b.let(select(same, pair(ECX, 3), x)))
      b.setRegister(EAX, 4, wrap(x))
      b.setRegister(EDX, 4, wrap(shrU64(x, i64(32))))
      b.setEflags(or(and(arithmeticFlags(b.flags()), i32(~ZF)), shl(same, i32(6))))
    },
    { uses: ARITHMETIC, defines: ZF, lockable: true, feature: 'cx8', rare: true },
  )
}

function describeDecimal(isa: InstructionSet): void {
  const options: Options = { uses: ARITHMETIC, defines: ARITHMETIC, rare: true }
  const decimal = (
    name: string,
    opcode: string,
    adjust: (b: Semantics, al: Expr) => void,
    undef = OF,
  ): void => isa.add(name, opcode, (b) => adjust(b, b.register(EAX, 1)), { ...options, undefined: undef })
  const placeFlags = (b: Semantics, result: Expr, carry: Expr, adjust: Expr): void => {
    const flags = b.resultFlags(result, carry, i32(0), 1)
    const aux = b.let(or(auxWord(flags), shl(adjust, i32(3))))
    b.setFlags({ kind: 'stored', result: resultWord(flags), aux })
  }
  const packed =
    (sign: 1 | -1) =>
    (b: Semantics, al: Expr): void => {
      const step = (x: Expr, y: Expr): Expr => (sign === 1 ? add(x, y) : sub(x, y))
      const f = b.flags()
      const oldCarry = b.let(carryOf(f))
      const lowAdjust = b.let(or(gtU(and(al, i32(15)), i32(9)), adjustOf(f)))
      const low = b.let(step(al, mul(lowAdjust, i32(6))))
      const highAdjust = b.let(or(gtU(al, i32(0x99)), oldCarry))
      // Adjusting the low digit may carry out by itself.
      const lowCarry = b.let(and(lowAdjust, or(oldCarry, bit0(shrU(low, i32(8))))))
      const result = b.let(step(low, mul(highAdjust, i32(0x60))))
      b.setRegister(EAX, 1, result)
      placeFlags(b, result, sign === 1 ? highAdjust : or(highAdjust, lowCarry), lowAdjust)
    }
  decimal('DAA', '27', packed(1))
  decimal('DAS', '2f', packed(-1))
  const unpacked =
    (sign: 1 | -1) =>
    (b: Semantics, al: Expr): void => {
      const adjust = b.let(or(gtU(and(al, i32(15)), i32(9)), adjustOf(b.flags())))
      const ax = b.register(EAX, 2)
      const by = mul(adjust, i32(0x106))
      const sum = b.let(sign === 1 ? add(ax, by) : sub(ax, by))
      b.setRegister(EAX, 2, and(sum, i32(0xff0f)))
      placeFlags(b, and(sum, i32(0x0f)), adjust, adjust)
    }
  decimal('AAA', '37', unpacked(1), OF | SF | ZF | PF)
  decimal('AAS', '3f', unpacked(-1), OF | SF | ZF | PF)
  isa.add(
    'AAM',
    'd4 Ib',
    (b, base) => {
      const divisor = b.let(base.read())
      b.raiseIf(eqz(divisor), DE)
      const al = b.register(EAX, 1)
      const remainder = b.let(remU(al, divisor))
      b.setRegister(EAX, 2, or(remainder, shl(divU(al, divisor), i32(8))))
      b.setFlags(b.resultFlags(remainder, i32(0), i32(0), 1))
    },
    { ...options, size: 1, undefined: OF | AF | CF },
  )
  isa.add(
    'AAD',
    'd5 Ib',
    (b, base) => {
      const result = b.let(and(add(b.register(EAX, 1), mul(b.register(4, 1), base.read())), i32(0xff)))
      b.setRegister(EAX, 2, result)
      b.setFlags(b.resultFlags(result, i32(0), i32(0), 1))
    },
    { ...options, size: 1, undefined: OF | AF | CF },
  )
}
