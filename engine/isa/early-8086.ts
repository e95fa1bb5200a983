import {
  type Expr,
  add,
  and,
  gtU,
  i32,
  ltU,
  mul,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
} from '../wasm/expression.ts'
import { DIVIDE_OPTIONS, describeShiftGroup, signedDivide } from './arithmetic.ts'
import { describeBranches, describeReturns } from './control.ts'
import { describeSegmentLoads } from './data-transfer.ts'
import type { InstructionSet, Options } from './description.ts'
import { ARITHMETIC, adjustOf, auxWord, carryOf, resultWord, signExtended, zeroExtend } from './flags.ts'
import type { Semantics } from './semantics.ts'
import { loadParagraph, popParagraph } from './shortcuts/paragraphs.ts'
import { CS, EAX, EDX, ESP, segmentAt } from './state.ts'
import { SystemOp } from './system-op.ts'

const hex = (n: number): string => n.toString(16).padStart(2, '0')
const OPTIONS: Options = { feature: 'only-8086' }
const FLAGS: Options = { ...OPTIONS, uses: ARITHMETIC, defines: ARITHMETIC }

/** What the 8086 does otherwise: 80386 Programmer's Reference Manual, chapter 14, and recordings of the silicon. */
export function describe8086(isa: InstructionSet): void {
  describeStack(isa)
  describeSegments(isa)
  describeSecondPlaces(isa)
  describeShifts(isa)
  describeMultiply(isa)
  describeDivide(isa)
  describeDecimal(isa)
}

function describeStack(isa: InstructionSet): void {
  // The stack pointer as it is after the push.
  isa.add(
    'PUSHSP',
    '54 Zv; ff f4 Ev; ff fc Ev',
    (b) => b.push(zeroExtend(sub(b.register(ESP, b.size), i32(b.size)), b.size), b.size),
    { ...OPTIONS, stack: true },
  )
  isa.add('POPCS', '0f', (b) => b.system(SystemOp.POP_SEGMENT, i32(CS), i32(b.size)), {
    ...OPTIONS,
    ends: true,
    rare: true,
    stack: true,
  })
}

function describeSegments(isa: InstructionSet): void {
  // CS, which it can load, takes more than a new base.
  const load = (b: Semantics, cache: Expr, selector: Expr, andAlso?: () => void): void =>
    loadParagraph(b, cache, selector, () => {
      b.require(ne(cache, i32(segmentAt(CS))))
      andAlso?.()
    })
  describeSegmentLoads(isa, { load: [load], pop: [popParagraph] }, OPTIONS)
}

/** Bits of the opcode and of the byte behind it that it does not look at give some instructions more places. */
function describeSecondPlaces(isa: InstructionSet): void {
  describeBranches(isa, (code) => `${hex(0x60 + code)} Jb`, OPTIONS)
  describeReturns(isa, ['c0', 'c1'], ['c8', 'c9'], OPTIONS)
  for (let digit = 1; digit < 8; digit++) {
    isa.add('MOV', `c6 /${digit} Eb,Ib; c7 /${digit} Ev,Iz`, (_b, d, s) => d.write(s.read()), OPTIONS)
    isa.add('POP', `8f /${digit} Ev`, (b, d) => d.write(b.pop(b.size)), { ...OPTIONS, stack: true })
  }
  isa.add('PUSH', 'ff /7 Ev', (b, s) => b.push(s.read(), b.size), { ...OPTIONS, stack: true })
}

/** What the coprocessor does not know, which does nothing; after all that it knows. */
export function describeEscapes(isa: InstructionSet): void {
  const encodings = [0, 1, 2, 3, 4, 5, 6, 7].map((code) => `${hex(0xd8 + code)} /r Ew`).join(';')
  isa.add('ESC', encodings, () => {}, { ...OPTIONS, unit: 'x87' })
}

function describeShifts(isa: InstructionSet): void {
  isa.add(
    'SETMO',
    'd0 /6 Eb,1; d1 /6 Ev,1; d2 /6 Eb,CL; d3 /6 Ev,CL',
    (b, d, s) => {
      const old = d.readForWrite()
      const isSet = b.let(ne(s.read(), i32(0)))
      d.write(select(isSet, i32(-1), old))
      b.setFlagsIf(isSet, { kind: 'logic', size: b.size, result: i32(-1) })
    },
    FLAGS,
  )
  // The whole of CL counts. From 31 on a shift of up to 16 bits leaves nothing more.
  describeShiftGroup(
    isa,
    (b, count, isShift) => {
      const given = b.let(count)
      return isShift ? b.let(select(ltU(given, i32(31)), given, i32(31))) : given
    },
    (digit) => ({ encodings: `d2 /${digit} Eb,CL; d3 /${digit} Ev,CL`, options: OPTIONS }),
  )
}

/** Flags by a result; CF and OF are the same, AF is given. */
function setFlags(b: Semantics, result: Expr, carry: Expr, adjust: Expr): void {
  const over = b.let(carry)
  const flags = b.resultFlags(result, over, over)
  const aux = b.let(or(auxWord(flags), shl(adjust, i32(3))))
  b.setFlags({ kind: 'stored', result: resultWord(flags), aux })
}

function describeMultiply(isa: InstructionSet): void {
  const setProduct = (b: Semantics, product: Expr): void => {
    b.setRegister(EAX, 2, product)
    if (b.size === 2) b.setRegister(EDX, 2, shrU(product, i32(16)))
  }
  // SF, ZF and PF, too, are those of the upper half, by which a program tells an 8086 from a V20.
  isa.add(
    'MUL',
    'f6 /4 Eb; f7 /4 Ev',
    (b, source) => {
      const product = b.let(mul(b.register(EAX, b.size), source.read()))
      const upper = b.let(shrU(product, i32(8 * b.size)))
      setProduct(b, product)
      setFlags(b, upper, ne(upper, i32(0)), i32(0))
    },
    FLAGS,
  )
  // And here of the upper half with the sign of the lower one added, which is zero where the product fits in that.
  isa.add(
    'IMUL',
    'f6 /5 Eb; f7 /5 Ev',
    (b, source) => {
      const { size } = b
      const product = b.let(mul(signExtended(b.register(EAX, size), size), signExtended(source.read(), size)))
      const upper = b.let(zeroExtend(shrU(product, i32(8 * size)), size))
      const sign = b.let(and(shrU(product, i32(8 * size - 1)), i32(1)))
      const beyond = b.let(zeroExtend(add(upper, sign), size))
      setProduct(b, product)
      setFlags(b, beyond, ne(beyond, i32(0)), shrU(add(and(upper, i32(15)), sign), i32(4)))
    },
    FLAGS,
  )
}

function describeDivide(isa: InstructionSet): void {
  const options: Options = { ...DIVIDE_OPTIONS, ...OPTIONS }
  isa.add('IDIV', 'f6 /7 Eb; f7 /7 Ev', signedDivide(true), options)
  // REP is noted where the sign of the quotient is.
  isa.add('IDIV', 'f2 f6 /7 Eb; f2 f7 /7 Ev; f3 f6 /7 Eb; f3 f7 /7 Ev', signedDivide(true, true), options)
}

function describeDecimal(isa: InstructionSet): void {
  const options: Options = { ...FLAGS, rare: true, size: 1 }
  const lowDigitBeyond = (b: Semantics, al: Expr): Expr =>
    b.let(or(gtU(and(al, i32(15)), i32(9)), adjustOf(b.flags())))
  const packed =
    (step: typeof add) =>
    (b: Semantics): void => {
      const al = b.register(EAX, 1)
      const low = lowDigitBeyond(b, al)
      const most = select(adjustOf(b.flags()), i32(0x9f), i32(0x99))
      const high = b.let(or(gtU(al, most), carryOf(b.flags())))
      const result = b.let(step(al, add(mul(low, i32(6)), mul(high, i32(0x60)))))
      b.setRegister(EAX, 1, result)
      setDecimalFlags(b, result, high, low)
    }
  isa.add('DAA', '27', packed(add), options)
  isa.add('DAS', '2f', packed(sub), options)
  // The lower digit carries nothing into AH by itself.
  const unpacked =
    (step: typeof add) =>
    (b: Semantics): void => {
      const al = b.register(EAX, 1)
      const adjusts = lowDigitBeyond(b, al)
      const digit = b.let(and(step(al, mul(adjusts, i32(6))), i32(15)))
      const upper = step(b.register(EAX + 4, 1), adjusts)
      b.setRegister(EAX, 2, or(digit, shl(upper, i32(8))))
      setDecimalFlags(b, digit, adjusts, adjusts)
    }
  isa.add('AAA', '37', unpacked(add), options)
  isa.add('AAS', '3f', unpacked(sub), options)
}

/** OF, which the manual leaves undefined, is clear. */
function setDecimalFlags(b: Semantics, result: Expr, carry: Expr, adjust: Expr): void {
  const flags = b.resultFlags(result, carry, i32(0))
  const aux = b.let(or(auxWord(flags), shl(adjust, i32(3))))
  b.setFlags({ kind: 'stored', result: resultWord(flags), aux })
}
