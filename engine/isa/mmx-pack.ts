import {
  type Expr,
  I32,
  V128,
  gtU,
  i32,
  i64,
  select,
  vector,
  widenU,
  zeroVector,
} from '../wasm/expression.ts'
import type { InstructionSet } from './description.ts'
import {
  type Lanes,
  MMX,
  OR,
  RARE,
  SSE2,
  high64,
  low64,
  one,
  op,
  shift,
  splat64,
  withHigh64,
  writeMmx,
} from './mmx-operand.ts'
import type { Operand, Semantics } from './semantics.ts'
import { readAligned } from './vector-operand.ts'

export function describePacking(isa: InstructionSet): void {
  const packs: [name: string, opcode: string, sub: number][] = [
    ['PACKSSWB', '63', 101],
    ['PACKUSWB', '67', 102],
    ['PACKSSDW', '6b', 133],
  ]
  for (const [name, opcode, sub] of packs) {
    isa.add(
      name,
      `0f ${opcode} /r Pq,Qq`,
      (b, d, s) => {
        const y = s.read()
        const joined = b.let(withHigh64(splat64(d.read()), y))
        writeMmx(b, d, low64(vector(sub, V128, [joined, joined])))
      },
      MMX,
    )
    isa.add(
      name,
      `66 0f ${opcode} /r Vx,Wx`,
      (b, d, s) => {
        const y = readAligned(b, s)
        d.write(op(sub)(d.read(), y))
      },
      { ...SSE2, ...RARE },
    )
  }
  // Low and high halves widened to lanes twice as wide: destination below, source above.
  const widths: [
    suffix: string,
    lowOpcode: string,
    highOpcode: string,
    low: number,
    high: number,
    shl: number,
    bits: number,
  ][] = [
    ['BW', '60', '68', 137, 138, 139, 8],
    ['WD', '61', '69', 169, 170, 171, 16],
    ['DQ', '62', '6a', 201, 202, 203, 32],
  ]
  for (const [suffix, lowOpcode, highOpcode, low, high, shl, bits] of widths) {
    const join =
      (extend: number): Lanes =>
      (a, b) =>
        OR(one(extend, a), shift(shl, one(extend, b), i32(bits)))
    // The low forms read only 4 bytes of memory.
    isa.add(
      `PUNPCKL${suffix}`,
      `0f ${lowOpcode} /r Pq,Qd`,
      (b, d, s) => {
        const y = s.isRegister ? s.read() : widenU(s.read())
        writeMmx(b, d, low64(join(low)(splat64(d.read()), splat64(y))))
      },
      MMX,
    )
    isa.add(
      `PUNPCKH${suffix}`,
      `0f ${highOpcode} /r Pq,Qq`,
      (b, d, s) => {
        const y = splat64(s.read())
        writeMmx(b, d, high64(join(low)(splat64(d.read()), y)))
      },
      MMX,
    )
    for (const [name, opcode, extend] of [
      [`PUNPCKL${suffix}`, lowOpcode, low],
      [`PUNPCKH${suffix}`, highOpcode, high],
    ] as const)
      isa.add(
        name,
        `66 0f ${opcode} /r Vx,Wx`,
        (b, d, s) => {
          const y = b.let(readAligned(b, s))
          d.write(join(extend)(d.read(), y))
        },
        { ...SSE2, ...RARE },
      )
  }
  isa.add(
    'PUNPCKLQDQ',
    '66 0f 6c /r Vx,Wx',
    (b, d, s) => {
      const y = low64(readAligned(b, s))
      d.write(withHigh64(d.read(), y))
    },
    { ...SSE2, ...RARE },
  )
  isa.add(
    'PUNPCKHQDQ',
    '66 0f 6d /r Vx,Wx',
    (b, d, s) => {
      const y = b.let(readAligned(b, s))
      d.write(vector(30, V128, [y, high64(d.read())], 0))
    },
    { ...SSE2, ...RARE },
  )
}

export function describeShifts(isa: InstructionSet): void {
  // By lane width: opcode of the immediate forms, and digit, opcode and instruction of each direction.
  const rows: [
    name: string,
    group: string,
    digit: number,
    opcode: string,
    sub: number,
    bits: number,
    arithmetic: boolean,
  ][] = [
    ['PSRLW', '71', 2, 'd1', 141, 16, false],
    ['PSRAW', '71', 4, 'e1', 140, 16, true],
    ['PSLLW', '71', 6, 'f1', 139, 16, false],
    ['PSRLD', '72', 2, 'd2', 173, 32, false],
    ['PSRAD', '72', 4, 'e2', 172, 32, true],
    ['PSLLD', '72', 6, 'f2', 171, 32, false],
    ['PSRLQ', '73', 2, 'd3', 205, 64, false],
    ['PSLLQ', '73', 6, 'f3', 203, 64, false],
  ]
  for (const [name, group, digit, opcode, sub, bits, arithmetic] of rows) {
    const apply = (value: Expr, count: Expr, beyond: Expr): Expr =>
      arithmetic
        ? shift(sub, value, select(beyond, i32(bits - 1), count))
        : select(beyond, zeroVector, shift(sub, value, count))
    const byImmediate = (b: Semantics, value: Expr, count: Operand): Expr => {
      const n = b.let(count.read())
      return apply(value, n, gtU(n, i32(bits - 1)))
    }
    // All 64 bits of the count matter.
    const byCount = (b: Semantics, value: Expr, count: Expr): Expr => {
      const n = b.let(count)
      const beyond = vector64Above(n, bits - 1)
      return apply(value, wrapped(n), beyond)
    }
    isa.add(
      name,
      `0f ${group} /${digit} Nq,Ib`,
      (b, d, count) => writeMmx(b, d, low64(byImmediate(b, splat64(d.read()), count))),
      MMX,
    )
    isa.add(
      name,
      `66 0f ${group} /${digit} Ux,Ib`,
      (b, d, count) => d.write(byImmediate(b, d.read(), count)),
      { ...SSE2, ...RARE },
    )
    isa.add(
      name,
      `0f ${opcode} /r Pq,Qq`,
      (b, d, s) => {
        const count = s.read()
        writeMmx(b, d, low64(byCount(b, splat64(d.read()), count)))
      },
      MMX,
    )
    isa.add(
      name,
      `66 0f ${opcode} /r Vx,Wx`,
      (b, d, s) => {
        const count = low64(readAligned(b, s))
        d.write(byCount(b, d.read(), count))
      },
      { ...SSE2, ...RARE },
    )
  }
  isa.add(
    'PSRLDQ',
    '66 0f 73 /3 Ux,Ib',
    (b, d, count) => void b.helper('psrldq/2', d.registerAddress(), count.read()),
    { ...SSE2, ...RARE },
  )
  isa.add(
    'PSLLDQ',
    '66 0f 73 /7 Ux,Ib',
    (b, d, count) => void b.helper('pslldq/2', d.registerAddress(), count.read()),
    { ...SSE2, ...RARE },
  )
}

const wrapped = (e: Expr): Expr => ({ op: 0xa7, type: I32, value: 0, args: [e] })
const vector64Above = (e: Expr, limit: number): Expr => ({
  op: 0x56,
  type: I32,
  value: 0,
  args: [e, i64(limit)],
})
