import { type Expr, F64, I32, I64, V128, and, float, i32, load, ltS, vector } from '../wasm/expression.ts'
import type { InstructionSet, Options } from './description.ts'
import { ARITHMETIC } from './flags.ts'
import { GP, type Operand, type Semantics, XM } from './semantics.ts'
import { type NativeOperation, arithmetic, comparison, convert, toInteger } from './sse-native.ts'
import { State } from './state.ts'
import {
  addressOfValue,
  alignedAddress,
  alignedHost,
  lowQuadword,
  readAligned,
  readLow,
  sourceAddress,
  writeAligned,
} from './vector-operand.ts'

const SSE: Options = { unit: 'sse', feature: 'sse' }
const SSE2: Options = { unit: 'sse', feature: 'sse2' }
const RARE: Options = { rare: true }

/** Mandatory prefix, size of a memory operand and feature of the four kinds of operand. */
const KINDS = {
  ps: ['', 'x', SSE],
  ss: ['f3 ', 'd', SSE],
  pd: ['66 ', 'x', SSE2],
  sd: ['f2 ', 'q', SSE2],
} as const satisfies Record<string, readonly [string, string, Options]>
type Kind = keyof typeof KINDS
const ALL: readonly Kind[] = ['ps', 'ss', 'pd', 'sd']

/** Bits that exist in MXCSR. */
const MXCSR_MASK = 0xffff

/** SSE and SSE2 instructions on floating-point numbers: SDM vol. 2; what they compute is in fpu/. */
export function describeSse(isa: InstructionSet): void {
  describeArithmetic(isa)
  describeComparisons(isa)
  describeConversions(isa)
  describeMoves(isa)
  describePartialMoves(isa)
  describeState(isa)
}

/** Calls a helper (destination, source) and raises #XM for what it found unmasked. */
function compute(b: Semantics, name: string, d: Operand, s: Operand, ...more: Expr[]): void {
  computeFrom(b, name, d, sourceAddress(b, s), ...more)
}

function computeFrom(b: Semantics, name: string, d: Operand, from: Expr, ...more: Expr[]): void {
  b.raiseIf(b.helper(`${name}/${2 + more.length}`, d.registerAddress(), from, ...more), XM)
}

function describeArithmetic(isa: InstructionSet): void {
  const rows: [name: NativeOperation, opcode: string][] = [
    ['add', '58'],
    ['mul', '59'],
    ['sub', '5c'],
    ['min', '5d'],
    ['div', '5e'],
    ['max', '5f'],
    ['sqrt', '51'],
  ]
  for (const [name, opcode] of rows)
    for (const kind of ALL) {
      const [prefix, size, options] = KINDS[kind]
      isa.add(
        `${name}${kind}`.toUpperCase(),
        `${prefix}0f ${opcode} /r Vx,W${size}`,
        (b, d, s) => {
          const slow = (value: Expr): void => computeFrom(b, name + kind, d, addressOfValue(b, s, value))
          if (!arithmetic(b, name, kind, d, s, slow)) compute(b, name + kind, d, s)
        },
        options,
      )
    }
  for (const [name, opcode] of [
    ['rsqrt', '52'],
    ['rcp', '53'],
  ] as const)
    for (const kind of ['ps', 'ss'] as const) {
      const [prefix, size, options] = KINDS[kind]
      isa.add(
        `${name}${kind}`.toUpperCase(),
        `${prefix}0f ${opcode} /r Vx,W${size}`,
        (b, d, s) => compute(b, name + kind, d, s),
        { ...options, ...RARE },
      )
    }
  // Bitwise, on either kind of number.
  const logic: [name: string, opcode: string, op: (a: Expr, b: Expr) => Expr][] = [
    ['AND', '54', (a, b) => vector(78, V128, [a, b])],
    ['ANDN', '55', (a, b) => vector(79, V128, [b, a])],
    ['OR', '56', (a, b) => vector(80, V128, [a, b])],
    ['XOR', '57', (a, b) => vector(81, V128, [a, b])],
  ]
  for (const [name, opcode, op] of logic)
    for (const kind of ['ps', 'pd'] as const) {
      const [prefix, , options] = KINDS[kind]
      isa.add(
        name + kind.toUpperCase(),
        `${prefix}0f ${opcode} /r Vx,Wx`,
        (b, d, s) => {
          const y = readAligned(b, s)
          d.write(op(d.read(), y))
        },
        options,
      )
    }
}

function describeComparisons(isa: InstructionSet): void {
  for (const kind of ALL) {
    const [prefix, size, options] = KINDS[kind]
    isa.add(
      `CMP${kind.toUpperCase()}`,
      `${prefix}0f c2 /r Vx,W${size},Ib`,
      (b, d, s, predicate) => compute(b, `cmp${kind}`, d, s, and(predicate.read(), i32(7))),
      { ...options, ...RARE },
    )
  }
  for (const [name, opcode] of [
    ['ucomis', '2e'],
    ['comis', '2f'],
  ] as const)
    for (const [suffix, prefix, size, options] of [
      ['s', '', 'd', SSE],
      ['d', '66 ', 'q', SSE2],
    ] as const)
      isa.add(
        `${name}${suffix}`.toUpperCase(),
        `${prefix}0f ${opcode} /r Vx,W${size}`,
        (b, d, s) => {
          const compare = (from: Expr): Expr => {
            const flags = b.helper(`${name}${suffix}/2`, d.registerAddress(), from)
            b.raiseIf(ltS(flags, i32(0)), XM)
            return flags
          }
          const slow = (value: Expr): Expr => compare(addressOfValue(b, s, value))
          b.setEflags(comparison(b, `s${suffix}`, d, s, slow) ?? compare(sourceAddress(b, s)))
        },
        { ...options, defines: ARITHMETIC },
      )
}

function describeConversions(isa: InstructionSet): void {
  const rows: [name: string, encoding: string, options: Options][] = [
    ['cvtps2pd', '0f 5a /r Vx,Wq', SSE2],
    ['cvtpd2ps', '66 0f 5a /r Vx,Wx', SSE2],
    ['cvtdq2ps', '0f 5b /r Vx,Wx', SSE2],
    ['cvtps2dq', '66 0f 5b /r Vx,Wx', SSE2],
    ['cvttps2dq', 'f3 0f 5b /r Vx,Wx', SSE2],
    ['cvtdq2pd', 'f3 0f e6 /r Vx,Wq', SSE2],
    ['cvtpd2dq', 'f2 0f e6 /r Vx,Wx', SSE2],
    ['cvttpd2dq', '66 0f e6 /r Vx,Wx', SSE2],
  ]
  for (const [name, encoding, options] of rows)
    isa.add(name.toUpperCase(), encoding, (b, d, s) => compute(b, name, d, s), { ...options, ...RARE })
  for (const [name, from, encoding] of [
    ['cvtss2sd', 'ss', 'f3 0f 5a /r Vx,Wd'],
    ['cvtsd2ss', 'sd', 'f2 0f 5a /r Vx,Wq'],
  ] as const)
    isa.add(
      name.toUpperCase(),
      encoding,
      (b, d, s) => {
        const slow = (value: Expr): void => computeFrom(b, name, d, addressOfValue(b, s, value))
        if (!convert(b, from, d, s, slow)) compute(b, name, d, s)
      },
      SSE2,
    )
  for (const [kind, prefix, size, options] of [
    ['ss', 'f3', 'd', SSE],
    ['sd', 'f2', 'q', SSE2],
  ] as const) {
    isa.add(
      `CVTSI2${kind.toUpperCase()}`,
      `${prefix} 0f 2a /r Vx,Ed`,
      (b, d, s) => {
        const value = s.read()
        // Every integer is a double.
        if (kind === 'sd') d.writePart(float(0xbd, I64, float(0xb7, F64, value)), 8, 0)
        else b.raiseIf(b.helper('cvtsi2ss/2', d.registerAddress(), value), XM)
      },
      options,
    )
    for (const [name, opcode] of [
      [`cvtt${kind}2si`, '2c'],
      [`cvt${kind}2si`, '2d'],
    ] as const)
      isa.add(
        name.toUpperCase(),
        `${prefix} 0f ${opcode} /r Gd,W${size}`,
        (b, d, s) => {
          const round = (from: Expr): Expr => {
            b.raiseIf(b.helper(`${name}/1`, from), XM)
            return b.load(i32(State.FPU_SCRATCH), 4)
          }
          const slow = (value: Expr): Expr => round(addressOfValue(b, s, value))
          d.write(toInteger(b, kind, opcode === '2c', s, slow) ?? round(sourceAddress(b, s)))
        },
        options,
      )
  }
  // With an MMX register, which enters MMX mode; from memory CVTPI2PD does not.
  for (const [kind, prefix, options] of [
    ['ps', '', SSE],
    ['pd', '66 ', SSE2],
  ] as const) {
    isa.add(
      `CVTPI2${kind.toUpperCase()}`,
      `${prefix}0f 2a /r Vx,Qq`,
      (b, d, s) => {
        compute(b, `cvtpi2${kind}`, d, s)
        if (s.isRegister || kind === 'ps') b.helper('mmxEnter/0')
      },
      { ...options, ...RARE },
    )
    for (const [name, opcode] of [
      [`cvtt${kind}2pi`, '2c'],
      [`cvt${kind}2pi`, '2d'],
    ] as const)
      isa.add(
        name.toUpperCase(),
        `${prefix}0f ${opcode} /r Pq,W${kind === 'ps' ? 'q' : 'x'}`,
        (b, d, s) => {
          compute(b, name, d, s)
          b.fn.store(d.registerAddress(), i32(0xffff), 2, 8)
          b.helper('mmxEnter/0')
        },
        { ...options, ...RARE },
      )
  }
}

function describeMoves(isa: InstructionSet): void {
  const aligned: [name: string, load: string, store: string, options: Options][] = [
    ['MOVAPS', '0f 28', '0f 29', SSE],
    ['MOVAPD', '66 0f 28', '66 0f 29', SSE2],
    ['MOVDQA', '66 0f 6f', '66 0f 7f', SSE2],
  ]
  for (const [name, loads, stores, options] of aligned) {
    isa.add(name, `${loads} /r Vx,Wx`, (b, d, s) => d.write(readAligned(b, s)), options)
    isa.add(name, `${stores} /r Wx,Vx`, (b, d, s) => writeAligned(b, d, s.read()), options)
  }
  const unaligned: [name: string, encodings: string, options: Options][] = [
    ['MOVUPS', '0f 10 /r Vx,Wx; 0f 11 /r Wx,Vx', SSE],
    ['MOVUPD', '66 0f 10 /r Vx,Wx; 66 0f 11 /r Wx,Vx', SSE2],
    ['MOVDQU', 'f3 0f 6f /r Vx,Wx; f3 0f 7f /r Wx,Vx', SSE2],
  ]
  for (const [name, encodings, options] of unaligned)
    isa.add(name, encodings, (_b, d, s) => d.write(s.read()), options)
  const streaming: [name: string, encoding: string, options: Options][] = [
    ['MOVNTPS', '0f 2b /r Mx,Vx', SSE],
    ['MOVNTPD', '66 0f 2b /r Mx,Vx', SSE2],
    ['MOVNTDQ', '66 0f e7 /r Mx,Vx', SSE2],
  ]
  for (const [name, encoding, options] of streaming)
    isa.add(name, encoding, (b, d, s) => b.fn.store(alignedHost(b, d, true), s.read(), 16), {
      ...options,
      ...RARE,
    })
  isa.add('MOVNTI', '0f c3 /r Md,Gd', (_b, d, s) => d.write(s.read()), { feature: 'sse2', ...RARE })

  // Scalars: a load from memory clears the rest of the register, a move between registers keeps it.
  const scalars: [name: string, prefix: string, letter: string, size: number, options: Options][] = [
    ['MOVSS', 'f3', 'd', 4, SSE],
    ['MOVSD', 'f2', 'q', 8, SSE2],
  ]
  for (const [name, prefix, letter, size, options] of scalars) {
    isa.add(
      name,
      `${prefix} 0f 10 /r Vx,W${letter}`,
      (b, d, s) => {
        if (s.isRegister) d.writePart(s.readPart(size, 0), size, 0)
        else d.write(readLow(b, s))
      },
      options,
    )
    isa.add(
      name,
      `${prefix} 0f 11 /r W${letter},Vx`,
      (b, d, s) => {
        const value = s.readPart(size, 0)
        if (d.isRegister) d.writePart(value, size, 0)
        else d.write(value)
      },
      options,
    )
  }
  isa.add(
    'MOVQ',
    'f3 0f 7e /r Vx,Wq',
    (b, d, s) => d.write(s.isRegister ? lowQuadword(s.readPart(8, 0)) : readLow(b, s)),
    SSE2,
  )
  isa.add(
    'MOVQ',
    '66 0f d6 /r Wq,Vx',
    (_b, d, s) => {
      const value = s.readPart(8, 0)
      d.write(d.isRegister ? lowQuadword(value) : value)
    },
    SSE2,
  )
}

function describePartialMoves(isa: InstructionSet): void {
  // The register forms of these are MOVHLPS and MOVLHPS.
  isa.add(
    'MOVLPS',
    '0f 12 /r Vx,Wq',
    (_b, d, s) => d.writePart(s.isRegister ? s.readPart(8, 8) : s.read(), 8, 0),
    SSE,
  )
  isa.add(
    'MOVHPS',
    '0f 16 /r Vx,Wq',
    (_b, d, s) => d.writePart(s.isRegister ? s.readPart(8, 0) : s.read(), 8, 8),
    SSE,
  )
  isa.add('MOVLPD', '66 0f 12 /r Vx,Mq', (_b, d, s) => d.writePart(s.read(), 8, 0), SSE2)
  isa.add('MOVHPD', '66 0f 16 /r Vx,Mq', (_b, d, s) => d.writePart(s.read(), 8, 8), SSE2)
  for (const [suffix, prefix, options] of [
    ['PS', '', SSE],
    ['PD', '66 ', SSE2],
  ] as const) {
    isa.add(`MOVL${suffix}`, `${prefix}0f 13 /r Mq,Vx`, (_b, d, s) => d.write(s.readPart(8, 0)), options)
    isa.add(`MOVH${suffix}`, `${prefix}0f 17 /r Mq,Vx`, (_b, d, s) => d.write(s.readPart(8, 8)), options)
  }
  isa.add('MOVMSKPS', '0f 50 /r Gd,Ux', (_b, d, s) => d.write(vector(164, I32, [s.read()])), {
    ...SSE,
    ...RARE,
  })
  isa.add('MOVMSKPD', '66 0f 50 /r Gd,Ux', (_b, d, s) => d.write(vector(196, I32, [s.read()])), {
    ...SSE2,
    ...RARE,
  })
  const shuffle = (name: string, prefix: string, helper: string, options: Options): void =>
    isa.add(
      name,
      `${prefix}0f c6 /r Vx,Wx,Ib`,
      (b, d, s, order) => {
        const from = sourceAddress(b, s)
        b.helper(`${helper}/3`, d.registerAddress(), from, order.read())
      },
      options,
    )
  shuffle('SHUFPS', '', 'shufps', SSE)
  shuffle('SHUFPD', '66 ', 'shufpd', { ...SSE2, ...RARE })
  const low = (v: Expr): Expr => vector(29, I64, [v], 0)
  const high = (v: Expr): Expr => vector(29, I64, [v], 1)
  // Dwords of one half of each, alternating: both widened, the second shifted up.
  const interleave =
    (extend: number) =>
    (a: Expr, b: Expr): Expr => {
      const upper = vector(203, V128, [vector(extend, V128, [b]), i32(32)])
      return vector(80, V128, [vector(extend, V128, [a]), upper])
    }
  const unpacks: [name: string, encoding: string, join: (a: Expr, b: Expr) => Expr, options: Options][] = [
    ['UNPCKLPS', '0f 14', interleave(201), SSE],
    ['UNPCKHPS', '0f 15', interleave(202), SSE],
    ['UNPCKLPD', '66 0f 14', (a, b) => vector(30, V128, [a, low(b)], 1), SSE2],
    ['UNPCKHPD', '66 0f 15', (a, b) => vector(30, V128, [b, high(a)], 0), SSE2],
  ]
  for (const [name, encoding, join, options] of unpacks)
    isa.add(
      name,
      `${encoding} /r Vx,Wx`,
      (b, d, s) => {
        const y = b.let(readAligned(b, s))
        d.write(join(d.read(), y))
      },
      { ...options, ...RARE },
    )
}

/** Bytes of the FXSAVE image that the processor writes and reads. */
const FXSAVE_BYTES = 288

function describeState(isa: InstructionSet): void {
  isa.add(
    'LDMXCSR',
    '0f ae /2 Md',
    (b, s) => {
      const value = s.read()
      b.raiseIf(and(value, i32(~MXCSR_MASK)), GP)
      b.setWord(State.MXCSR, value)
    },
    { ...SSE, ...RARE },
  )
  isa.add('STMXCSR', '0f ae /3 Md', (_b, d) => d.write(load(i32(State.MXCSR), 4)), { ...SSE, ...RARE })
  const FXSR: Options = { unit: 'x87-control', feature: 'fxsr', rare: true }
  isa.add(
    'FXSAVE',
    '0f ae /0 Mx',
    (b, d) => {
      b.helper('fxsave/0')
      alignedAddress(b, d)
      b.copyOut(d, State.FPU_SCRATCH, FXSAVE_BYTES)
    },
    FXSR,
  )
  isa.add(
    'FXRSTOR',
    '0f ae /1 Mx',
    (b, s) => {
      alignedAddress(b, s)
      b.copyIn(s, State.FPU_SCRATCH, FXSAVE_BYTES)
      b.raiseIf(b.helper('fxrstor/0'), GP)
    },
    FXSR,
  )
  // Order of accesses and caching are not modelled.
  isa.add('LFENCE', '0f ae e8+i', () => {}, { feature: 'sse2', ...RARE })
  isa.add('MFENCE', '0f ae f0+i', () => {}, { feature: 'sse2', ...RARE })
  isa.add('SFENCE', '0f ae f8+i', () => {}, { feature: 'sse', ...RARE })
  isa.add('CLFLUSH', '0f ae /7 Mb', (_b, s) => void s.read(), { feature: 'sse2', ...RARE })
}
