import {
  type Expr,
  I32,
  V128,
  add,
  and,
  i32,
  i64,
  isConst,
  load,
  shl,
  shuffle,
  vector,
  widenU,
} from '../wasm/expression.ts'
import type { InstructionSet, Options } from './description.ts'
import {
  AND,
  type Lanes,
  MMX,
  MMX2,
  RARE,
  SSE2,
  enter,
  low64,
  op,
  shift,
  splat64,
  writeMmx,
} from './mmx-operand.ts'
import { describePacking, describeShifts } from './mmx-pack.ts'
import type { Operand, Semantics } from './semantics.ts'
import { EDI, State } from './state.ts'
import { lowQuadword, readAligned, sourceAddress } from './vector-operand.ts'

/** MMX, and the integer instructions that SSE and SSE2 made of it: SDM vol. 2. */
export function describeMmx(isa: InstructionSet): void {
  describeLanes(isa)
  describePacking(isa)
  describeShifts(isa)
  describeMoves(isa)
  describeOthers(isa)
  isa.add('EMMS', '0f 77', (b) => b.setWord(State.FPU_TAG, i32(0xffff)), MMX)
}

/** The same lanes of 8 and of 16 bytes. */
function both(
  isa: InstructionSet,
  name: string,
  opcode: string,
  compute: Lanes,
  mmx = MMX,
  wide: Options = {},
): void {
  isa.add(
    name,
    `0f ${opcode} /r Pq,Qq`,
    (b, d, s) => {
      const y = splat64(s.read())
      writeMmx(b, d, low64(compute(splat64(d.read()), y)))
    },
    mmx,
  )
  isa.add(
    name,
    `66 0f ${opcode} /r Vx,Wx`,
    (b, d, s) => {
      const y = readAligned(b, s)
      d.write(compute(d.read(), y))
    },
    { ...SSE2, ...wide },
  )
}

function describeLanes(isa: InstructionSet): void {
  const rows: [name: string, opcode: string, sub: number, mmx?: Options][] = [
    ['PADDB', 'fc', 110],
    ['PADDW', 'fd', 142],
    ['PADDD', 'fe', 174],
    ['PADDSB', 'ec', 111],
    ['PADDSW', 'ed', 143],
    ['PADDUSB', 'dc', 112],
    ['PADDUSW', 'dd', 144],
    ['PSUBB', 'f8', 113],
    ['PSUBW', 'f9', 145],
    ['PSUBD', 'fa', 177],
    ['PSUBSB', 'e8', 114],
    ['PSUBSW', 'e9', 146],
    ['PSUBUSB', 'd8', 115],
    ['PSUBUSW', 'd9', 147],
    ['PMULLW', 'd5', 149],
    ['PMADDWD', 'f5', 186],
    ['PCMPEQB', '74', 35],
    ['PCMPEQW', '75', 45],
    ['PCMPEQD', '76', 55],
    ['PCMPGTB', '64', 39],
    ['PCMPGTW', '65', 49],
    ['PCMPGTD', '66', 59],
    ['PAND', 'db', 78],
    ['POR', 'eb', 80],
    ['PXOR', 'ef', 81],
    ['PAVGB', 'e0', 123, MMX2],
    ['PAVGW', 'e3', 155, MMX2],
    ['PMINUB', 'da', 119, MMX2],
    ['PMAXUB', 'de', 121, MMX2],
    ['PMINSW', 'ea', 150, MMX2],
    ['PMAXSW', 'ee', 152, MMX2],
    ['PADDQ', 'd4', 206, { ...MMX, feature: 'sse2' }],
    ['PSUBQ', 'fb', 209, { ...MMX, feature: 'sse2' }],
  ]
  for (const [name, opcode, sub, mmx] of rows)
    both(isa, name, opcode, op(sub), mmx, COMMON.has(name) ? {} : RARE)
  // The destination is what gets inverted.
  both(isa, 'PANDN', 'df', (a, b) => vector(79, V128, [b, a]))
  const high =
    (low: number, upper: number, shiftBy: number, narrow: number): Lanes =>
    (a, b) => {
      const half = (extend: number): Expr => shift(shiftBy, vector(extend, V128, [a, b]), i32(16))
      return vector(narrow, V128, [half(low), half(upper)])
    }
  both(isa, 'PMULHW', 'e5', high(188, 189, 172, 133), MMX, RARE)
  both(isa, 'PMULHUW', 'e4', high(190, 191, 173, 134), MMX2, RARE)
  const evenLanes = (v: Expr): Expr => AND(v, splat64(i64(0xffffffff)))
  both(
    isa,
    'PMULUDQ',
    'f4',
    (a, b) => vector(213, V128, [evenLanes(a), evenLanes(b)]),
    { ...MMX, feature: 'sse2' },
    RARE,
  )
}

/** XMM forms used in inner loops, which get handlers in the hot function. */
const COMMON = new Set([
  'PXOR',
  'PAND',
  'POR',
  'PADDD',
  'PADDW',
  'PADDB',
  'PSUBB',
  'PSUBW',
  'PCMPEQB',
  'PCMPEQD',
  'PMINUB',
])

function describeMoves(isa: InstructionSet): void {
  isa.add('MOVD', '0f 6e /r Pq,Ed', (b, d, s) => writeMmx(b, d, widenU(s.read())), MMX)
  isa.add(
    'MOVD',
    '0f 7e /r Ed,Pq',
    (b, d, s) => {
      d.write(load(s.registerAddress(), 4))
      enter(b)
    },
    MMX,
  )
  isa.add('MOVD', '66 0f 6e /r Vx,Ed', (_b, d, s) => d.write(lowQuadword(widenU(s.read()))), SSE2)
  isa.add('MOVD', '66 0f 7e /r Ed,Vx', (_b, d, s) => d.write(s.readPart(4, 0)), SSE2)
  isa.add('MOVQ', '0f 6f /r Pq,Qq', (b, d, s) => writeMmx(b, d, s.read()), MMX)
  isa.add(
    'MOVQ',
    '0f 7f /r Qq,Pq',
    (b, d, s) => {
      if (d.isRegister) return writeMmx(b, d, s.read())
      d.write(s.read())
      enter(b)
    },
    MMX,
  )
  isa.add(
    'MOVNTQ',
    '0f e7 /r Mq,Pq',
    (b, d, s) => {
      d.write(s.read())
      enter(b)
    },
    { ...MMX2, ...RARE },
  )
  isa.add(
    'MOVQ2DQ',
    'f3 0f d6 /r Vx,Nq',
    (b, d, s) => {
      d.write(lowQuadword(s.read()))
      enter(b)
    },
    { ...SSE2, unit: 'mmx', ...RARE },
  )
  isa.add('MOVDQ2Q', 'f2 0f d6 /r Pq,Ux', (b, d, s) => writeMmx(b, d, s.readPart(8, 0)), {
    ...SSE2,
    unit: 'mmx',
    ...RARE,
  })
}

/** Bytes that a shuffle by a known order takes: dwords, or words of the high or the low half. */
const lanesOf = {
  pshufd: (order: number) => bytesOf(chosen(order), 4),
  pshufhw: (order: number) => bytesOf([0, 1, 2, 3, ...chosen(order).map((word) => word + 4)], 2),
  pshuflw: (order: number) => bytesOf([...chosen(order), 4, 5, 6, 7], 2),
}
const chosen = (order: number): number[] => [0, 2, 4, 6].map((at) => (order >> at) & 3)
const bytesOf = (lanes: number[], size: number): number[] =>
  lanes.flatMap((lane) => Array.from({ length: size }, (_, i) => lane * size + i))

/** Address of a word of a register, the number of words being a power of two. */
const wordAt = (register: Operand, index: Operand, words: number): Expr =>
  add(register.registerAddress(), shl(and(index.read(), i32(words - 1)), i32(1)))

function describeOthers(isa: InstructionSet): void {
  isa.add(
    'PEXTRW',
    '0f c5 /r Gd,Nq,Ib',
    (b, d, s, index) => {
      d.write(b.load(wordAt(s, index, 4), 2))
      enter(b)
    },
    { ...MMX2, ...RARE },
  )
  isa.add('PEXTRW', '66 0f c5 /r Gd,Ux,Ib', (b, d, s, index) => d.write(b.load(wordAt(s, index, 8), 2)), {
    ...SSE2,
    ...RARE,
  })
  isa.add(
    'PINSRW',
    '0f c4 /r Pq,Ew,Ib',
    (b, d, s, index) => {
      const at = b.let(wordAt(d, index, 4))
      const value = s.read()
      writeMmx(b, d, d.read())
      b.later(value, (v) => b.fn.store(at, v, 2))
    },
    { ...MMX2, ...RARE },
  )
  isa.add(
    'PINSRW',
    '66 0f c4 /r Vx,Ew,Ib',
    (b, d, s, index) => {
      const at = b.let(wordAt(d, index, 8))
      b.later(s.read(), (v) => b.fn.store(at, v, 2))
    },
    { ...SSE2, ...RARE },
  )
  isa.add(
    'PMOVMSKB',
    '0f d7 /r Gd,Nq',
    (b, d, s) => {
      d.write(and(vector(100, I32, [splat64(s.read())]), i32(0xff)))
      enter(b)
    },
    MMX2,
  )
  isa.add('PMOVMSKB', '66 0f d7 /r Gd,Ux', (_b, d, s) => d.write(vector(100, I32, [s.read()])), SSE2)

  isa.add(
    'PSADBW',
    '0f f6 /r Pq,Qq',
    (b, d, s) => {
      const from = sourceAddress(b, s)
      b.helper('psadbw/2', d.registerAddress(), from)
      writeMmx(b, d, d.read())
    },
    { ...MMX2, ...RARE },
  )
  isa.add(
    'PSADBW',
    '66 0f f6 /r Vx,Wx',
    (b, d, s) => {
      const from = b.let(sourceAddress(b, s))
      b.helper('psadbw/2', d.registerAddress(), from)
      b.helper('psadbw/2', add(d.registerAddress(), i32(8)), add(from, i32(8)))
    },
    { ...SSE2, ...RARE },
  )
  isa.add(
    'PSHUFW',
    '0f 70 /r Pq,Qq,Ib',
    (b, d, s, order) => {
      const from = sourceAddress(b, s)
      b.helper('pshufw/3', d.registerAddress(), from, order.read())
      writeMmx(b, d, d.read())
    },
    { ...MMX2, ...RARE },
  )
  for (const [name, prefix] of [
    ['pshufd', '66'],
    ['pshufhw', 'f3'],
    ['pshuflw', 'f2'],
  ] as const)
    isa.add(
      name.toUpperCase(),
      `${prefix} 0f 70 /r Vx,Wx,Ib`,
      (b, d, s, order) => {
        const by = order.read()
        if (isConst(by)) {
          const y = b.let(readAligned(b, s))
          return d.write(shuffle(y, y, lanesOf[name](by.value)))
        }
        const from = sourceAddress(b, s)
        b.helper(`${name}/3`, d.registerAddress(), from, by)
      },
      { ...SSE2, ...RARE },
    )

  // Bytes whose mask byte is negative; the others are written back as they were.
  const masked = (b: Semantics, size: number, value: (old: Expr) => Expr): void => {
    const host = b.memory(b.stringSource(), b.register(EDI, b.addressSize), size, true, true)
    b.fn.store(host, value(load(host, size)), size)
  }
  const blended = (mask: Expr, yes: Expr, no: Expr): Expr =>
    vector(82, V128, [yes, no, shift(108, mask, i32(7))])
  isa.add(
    'MASKMOVQ',
    '0f f7 /r Pq,Nq,Xq',
    (b, d, s) => {
      masked(b, 8, (old) => low64(blended(splat64(s.read()), splat64(d.read()), splat64(old))))
      enter(b)
    },
    { ...MMX2, ...RARE, addressSized: true },
  )
  isa.add(
    'MASKMOVDQU',
    '66 0f f7 /r Vx,Ux,Xx',
    (b, d, s) => masked(b, 16, (old) => blended(s.read(), d.read(), old)),
    { ...SSE2, ...RARE, addressSized: true },
  )
}
