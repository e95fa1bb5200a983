import {
  type Expr, I32, I64, V128, add, and, gtU, i32, i64, load, select, shl, vector, widenU, zeroVector,
} from '../wasm/expression.ts'
import type { InstructionSet, Options } from './description.ts'
import { type Operand, type Semantics } from './semantics.ts'
import { EDI, State } from './state.ts'
import { lowQuadword, readAligned, sourceAddress } from './vector-operand.ts'

const MMX: Options = { unit: 'mmx', feature: 'mmx' }
/** Added to MMX with the Pentium III. */
const MMX2: Options = { unit: 'mmx', feature: 'sse' }
const SSE2: Options = { unit: 'sse', feature: 'sse2' }
const RARE: Options = { rare: true }

type Lanes = (a: Expr, b: Expr) => Expr

const op = (sub: number): Lanes => (a, b) => vector(sub, V128, [a, b])
const one = (sub: number, a: Expr, lane = -1): Expr => vector(sub, V128, [a], lane)
const shift = (sub: number, a: Expr, count: Expr): Expr => vector(sub, V128, [a, count])

const AND = op(78)
const OR = op(80)
/** Both halves alike. */
const splat64 = (e: Expr): Expr => vector(18, V128, [e])
const low64 = (v: Expr): Expr => vector(29, I64, [v], 0)
const high64 = (v: Expr): Expr => vector(29, I64, [v], 1)
const withHigh64 = (v: Expr, e: Expr): Expr => vector(30, V128, [v, e], 1)

/** MMX, and the integer instructions that SSE and SSE2 made of it: SDM vol. 2. */
export function describeMmx(isa: InstructionSet): void {
  describeLanes(isa)
  describePacking(isa)
  describeShifts(isa)
  describeMoves(isa)
  describeOthers(isa)
  isa.add('EMMS', '0f 77', (b) => b.setWord(State.FPU_TAG, i32(0xffff)), MMX)
}

/** What any MMX instruction does to the x87 state: all registers in use, TOP 0. */
function enter(b: Semantics): void {
  b.setWord(State.FPU_TAG, i32(0))
  b.setWord(State.FPU_STATUS, and(b.word(State.FPU_STATUS), i32(~0x3800)))
}

/** Writes an MMX register; exponent and sign of the x87 register become ones. */
function writeMmx(b: Semantics, register: Operand, value: Expr): void {
  const at = register.registerAddress()
  register.write(value)
  b.later(i32(0xffff), (v) => b.fn.store(at, v, 2, 8))
  enter(b)
}

/** The same lanes of 8 and of 16 bytes. */
function both(isa: InstructionSet, name: string, opcode: string, compute: Lanes, mmx = MMX, wide: Options = {}): void {
  isa.add(name, `0f ${opcode} /r Pq,Qq`, (b, d, s) => {
    const y = splat64(s!.read())
    writeMmx(b, d!, low64(compute(splat64(d!.read()), y)))
  }, mmx)
  isa.add(name, `66 0f ${opcode} /r Vx,Wx`, (b, d, s) => {
    const y = readAligned(b, s!)
    d!.write(compute(d!.read(), y))
  }, { ...SSE2, ...wide })
}

function describeLanes(isa: InstructionSet): void {
  const rows: [name: string, opcode: string, sub: number, mmx?: Options][] = [
    ['PADDB', 'fc', 110], ['PADDW', 'fd', 142], ['PADDD', 'fe', 174], ['PADDSB', 'ec', 111], ['PADDSW', 'ed', 143],
    ['PADDUSB', 'dc', 112], ['PADDUSW', 'dd', 144], ['PSUBB', 'f8', 113], ['PSUBW', 'f9', 145], ['PSUBD', 'fa', 177],
    ['PSUBSB', 'e8', 114], ['PSUBSW', 'e9', 146], ['PSUBUSB', 'd8', 115], ['PSUBUSW', 'd9', 147], ['PMULLW', 'd5', 149],
    ['PMADDWD', 'f5', 186], ['PCMPEQB', '74', 35], ['PCMPEQW', '75', 45], ['PCMPEQD', '76', 55], ['PCMPGTB', '64', 39],
    ['PCMPGTW', '65', 49], ['PCMPGTD', '66', 59], ['PAND', 'db', 78], ['POR', 'eb', 80], ['PXOR', 'ef', 81],
    ['PAVGB', 'e0', 123, MMX2], ['PAVGW', 'e3', 155, MMX2], ['PMINUB', 'da', 119, MMX2], ['PMAXUB', 'de', 121, MMX2],
    ['PMINSW', 'ea', 150, MMX2], ['PMAXSW', 'ee', 152, MMX2], ['PADDQ', 'd4', 206, { ...MMX, feature: 'sse2' }],
    ['PSUBQ', 'fb', 209, { ...MMX, feature: 'sse2' }],
  ]
  for (const [name, opcode, sub, mmx] of rows) both(isa, name, opcode, op(sub), mmx, COMMON.has(name) ? {} : RARE)
  // The destination is what gets inverted.
  both(isa, 'PANDN', 'df', (a, b) => vector(79, V128, [b, a]))
  const high = (low: number, upper: number, shiftBy: number, narrow: number): Lanes => (a, b) => {
    const half = (extend: number): Expr => shift(shiftBy, vector(extend, V128, [a, b]), i32(16))
    return vector(narrow, V128, [half(low), half(upper)])
  }
  both(isa, 'PMULHW', 'e5', high(188, 189, 172, 133), MMX, RARE)
  both(isa, 'PMULHUW', 'e4', high(190, 191, 173, 134), MMX2, RARE)
  const evenLanes = (v: Expr): Expr => AND(v, splat64(i64(0xffffffff)))
  both(isa, 'PMULUDQ', 'f4', (a, b) => vector(213, V128, [evenLanes(a), evenLanes(b)]), { ...MMX, feature: 'sse2' }, RARE)
}

/** XMM forms used in inner loops, which get handlers in the hot function. */
const COMMON = new Set(['PXOR', 'PAND', 'POR', 'PADDD', 'PADDW', 'PADDB', 'PSUBB', 'PSUBW', 'PCMPEQB', 'PCMPEQD', 'PMINUB'])

function describePacking(isa: InstructionSet): void {
  const packs: [name: string, opcode: string, sub: number][] = [
    ['PACKSSWB', '63', 101], ['PACKUSWB', '67', 102], ['PACKSSDW', '6b', 133],
  ]
  for (const [name, opcode, sub] of packs) {
    isa.add(name, `0f ${opcode} /r Pq,Qq`, (b, d, s) => {
      const y = s!.read()
      const joined = b.let(withHigh64(splat64(d!.read()), y))
      writeMmx(b, d!, low64(vector(sub, V128, [joined, joined])))
    }, MMX)
    isa.add(name, `66 0f ${opcode} /r Vx,Wx`, (b, d, s) => {
      const y = readAligned(b, s!)
      d!.write(op(sub)(d!.read(), y))
    }, { ...SSE2, ...RARE })
  }
  // Low and high halves widened to lanes twice as wide: destination below, source above.
  const widths: [suffix: string, lowOpcode: string, highOpcode: string, low: number, high: number, shl: number, bits: number][] = [
    ['BW', '60', '68', 137, 138, 139, 8], ['WD', '61', '69', 169, 170, 171, 16], ['DQ', '62', '6a', 201, 202, 203, 32],
  ]
  for (const [suffix, lowOpcode, highOpcode, low, high, shl, bits] of widths) {
    const join = (extend: number): Lanes => (a, b) => OR(one(extend, a), shift(shl, one(extend, b), i32(bits)))
    // The low forms read only 4 bytes of memory.
    isa.add(`PUNPCKL${suffix}`, `0f ${lowOpcode} /r Pq,Qd`, (b, d, s) => {
      const y = s!.isRegister ? s!.read() : widenU(s!.read())
      writeMmx(b, d!, low64(join(low)(splat64(d!.read()), splat64(y))))
    }, MMX)
    isa.add(`PUNPCKH${suffix}`, `0f ${highOpcode} /r Pq,Qq`, (b, d, s) => {
      const y = splat64(s!.read())
      writeMmx(b, d!, high64(join(low)(splat64(d!.read()), y)))
    }, MMX)
    for (const [name, opcode, extend] of [[`PUNPCKL${suffix}`, lowOpcode, low], [`PUNPCKH${suffix}`, highOpcode, high]] as const)
      isa.add(name, `66 0f ${opcode} /r Vx,Wx`, (b, d, s) => {
        const y = b.let(readAligned(b, s!))
        d!.write(join(extend)(d!.read(), y))
      }, { ...SSE2, ...RARE })
  }
  isa.add('PUNPCKLQDQ', '66 0f 6c /r Vx,Wx', (b, d, s) => {
    const y = low64(readAligned(b, s!))
    d!.write(withHigh64(d!.read(), y))
  }, { ...SSE2, ...RARE })
  isa.add('PUNPCKHQDQ', '66 0f 6d /r Vx,Wx', (b, d, s) => {
    const y = b.let(readAligned(b, s!))
    d!.write(vector(30, V128, [y, high64(d!.read())], 0))
  }, { ...SSE2, ...RARE })
}

function describeShifts(isa: InstructionSet): void {
  // By lane width: opcode of the immediate forms, and digit, opcode and instruction of each direction.
  const rows: [name: string, group: string, digit: number, opcode: string, sub: number, bits: number, arithmetic: boolean][] = [
    ['PSRLW', '71', 2, 'd1', 141, 16, false], ['PSRAW', '71', 4, 'e1', 140, 16, true], ['PSLLW', '71', 6, 'f1', 139, 16, false],
    ['PSRLD', '72', 2, 'd2', 173, 32, false], ['PSRAD', '72', 4, 'e2', 172, 32, true], ['PSLLD', '72', 6, 'f2', 171, 32, false],
    ['PSRLQ', '73', 2, 'd3', 205, 64, false], ['PSLLQ', '73', 6, 'f3', 203, 64, false],
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
    isa.add(name, `0f ${group} /${digit} Nq,Ib`, (b, d, count) => writeMmx(b, d!, low64(byImmediate(b, splat64(d!.read()), count!))), MMX)
    isa.add(name, `66 0f ${group} /${digit} Ux,Ib`, (b, d, count) => d!.write(byImmediate(b, d!.read(), count!)), { ...SSE2, ...RARE })
    isa.add(name, `0f ${opcode} /r Pq,Qq`, (b, d, s) => {
      const count = s!.read()
      writeMmx(b, d!, low64(byCount(b, splat64(d!.read()), count)))
    }, MMX)
    isa.add(name, `66 0f ${opcode} /r Vx,Wx`, (b, d, s) => {
      const count = low64(readAligned(b, s!))
      d!.write(byCount(b, d!.read(), count))
    }, { ...SSE2, ...RARE })
  }
  isa.add('PSRLDQ', '66 0f 73 /3 Ux,Ib', (b, d, count) => void b.helper('psrldq/2', d!.registerAddress(), count!.read()), { ...SSE2, ...RARE })
  isa.add('PSLLDQ', '66 0f 73 /7 Ux,Ib', (b, d, count) => void b.helper('pslldq/2', d!.registerAddress(), count!.read()), { ...SSE2, ...RARE })
}

const wrapped = (e: Expr): Expr => ({ op: 0xa7, type: I32, value: 0, args: [e] })
const vector64Above = (e: Expr, limit: number): Expr => ({ op: 0x56, type: I32, value: 0, args: [e, i64(limit)] })

function describeMoves(isa: InstructionSet): void {
  isa.add('MOVD', '0f 6e /r Pq,Ed', (b, d, s) => writeMmx(b, d!, widenU(s!.read())), MMX)
  isa.add('MOVD', '0f 7e /r Ed,Pq', (b, d, s) => {
    d!.write(load(s!.registerAddress(), 4))
    enter(b)
  }, MMX)
  isa.add('MOVD', '66 0f 6e /r Vx,Ed', (_b, d, s) => d!.write(lowQuadword(widenU(s!.read()))), SSE2)
  isa.add('MOVD', '66 0f 7e /r Ed,Vx', (b, d, s) => d!.write(b.load(s!.registerAddress(), 4)), SSE2)
  isa.add('MOVQ', '0f 6f /r Pq,Qq', (b, d, s) => writeMmx(b, d!, s!.read()), MMX)
  isa.add('MOVQ', '0f 7f /r Qq,Pq', (b, d, s) => {
    if (d!.isRegister) return writeMmx(b, d!, s!.read())
    d!.write(s!.read())
    enter(b)
  }, MMX)
  isa.add('MOVNTQ', '0f e7 /r Mq,Pq', (b, d, s) => {
    d!.write(s!.read())
    enter(b)
  }, { ...MMX2, ...RARE })
  isa.add('MOVQ2DQ', 'f3 0f d6 /r Vx,Nq', (b, d, s) => {
    d!.write(lowQuadword(s!.read()))
    enter(b)
  }, { ...SSE2, unit: 'mmx', ...RARE })
  isa.add('MOVDQ2Q', 'f2 0f d6 /r Pq,Ux', (b, d, s) => writeMmx(b, d!, b.load(s!.registerAddress(), 8)), { ...SSE2, unit: 'mmx', ...RARE })
}

/** Address of a word of a register, the number of words being a power of two. */
const wordAt = (register: Operand, index: Operand, words: number): Expr =>
  add(register.registerAddress(), shl(and(index.read(), i32(words - 1)), i32(1)))

function describeOthers(isa: InstructionSet): void {
  isa.add('PEXTRW', '0f c5 /r Gd,Nq,Ib', (b, d, s, index) => {
    d!.write(b.load(wordAt(s!, index!, 4), 2))
    enter(b)
  }, { ...MMX2, ...RARE })
  isa.add('PEXTRW', '66 0f c5 /r Gd,Ux,Ib', (b, d, s, index) => d!.write(b.load(wordAt(s!, index!, 8), 2)), { ...SSE2, ...RARE })
  isa.add('PINSRW', '0f c4 /r Pq,Ew,Ib', (b, d, s, index) => {
    const at = b.let(wordAt(d!, index!, 4))
    const value = s!.read()
    writeMmx(b, d!, d!.read())
    b.later(value, (v) => b.fn.store(at, v, 2))
  }, { ...MMX2, ...RARE })
  isa.add('PINSRW', '66 0f c4 /r Vx,Ew,Ib', (b, d, s, index) => {
    const at = b.let(wordAt(d!, index!, 8))
    b.later(s!.read(), (v) => b.fn.store(at, v, 2))
  }, { ...SSE2, ...RARE })
  isa.add('PMOVMSKB', '0f d7 /r Gd,Nq', (b, d, s) => {
    d!.write(and(vector(100, I32, [splat64(s!.read())]), i32(0xff)))
    enter(b)
  }, MMX2)
  isa.add('PMOVMSKB', '66 0f d7 /r Gd,Ux', (_b, d, s) => d!.write(vector(100, I32, [s!.read()])), SSE2)

  isa.add('PSADBW', '0f f6 /r Pq,Qq', (b, d, s) => {
    const from = sourceAddress(b, s!)
    b.helper('psadbw/2', d!.registerAddress(), from)
    writeMmx(b, d!, d!.read())
  }, { ...MMX2, ...RARE })
  isa.add('PSADBW', '66 0f f6 /r Vx,Wx', (b, d, s) => {
    const from = b.let(sourceAddress(b, s!))
    b.helper('psadbw/2', d!.registerAddress(), from)
    b.helper('psadbw/2', add(d!.registerAddress(), i32(8)), add(from, i32(8)))
  }, { ...SSE2, ...RARE })
  isa.add('PSHUFW', '0f 70 /r Pq,Qq,Ib', (b, d, s, order) => {
    const from = sourceAddress(b, s!)
    b.helper('pshufw/3', d!.registerAddress(), from, order!.read())
    writeMmx(b, d!, d!.read())
  }, { ...MMX2, ...RARE })
  for (const [name, prefix] of [['pshufd', '66'], ['pshufhw', 'f3'], ['pshuflw', 'f2']] as const)
    isa.add(name.toUpperCase(), `${prefix} 0f 70 /r Vx,Wx,Ib`, (b, d, s, order) => {
      const from = sourceAddress(b, s!)
      b.helper(`${name}/3`, d!.registerAddress(), from, order!.read())
    }, { ...SSE2, ...RARE })

  // Bytes whose mask byte is negative; the others are written back as they were.
  const masked = (b: Semantics, size: number, value: (old: Expr) => Expr): void => {
    const host = b.memory(b.stringSource(), b.register(EDI, b.addressSize), size, true)
    b.fn.store(host, value(load(host, size)), size)
  }
  const chosen = (mask: Expr, yes: Expr, no: Expr): Expr => vector(82, V128, [yes, no, shift(108, mask, i32(7))])
  isa.add('MASKMOVQ', '0f f7 /r Pq,Nq,Xq', (b, d, s) => {
    masked(b, 8, (old) => low64(chosen(splat64(s!.read()), splat64(d!.read()), splat64(old))))
    enter(b)
  }, { ...MMX2, ...RARE, addressSized: true })
  isa.add('MASKMOVDQU', '66 0f f7 /r Vx,Ux,Xx', (b, d, s) => masked(b, 16, (old) => chosen(s!.read(), d!.read(), old)),
    { ...SSE2, ...RARE, addressSized: true })
}
