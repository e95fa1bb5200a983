import { type Expr, add, and, eqz, gtU, i32, mul, ne, sub } from '../wasm/expression.ts'
import type { InstructionSet } from './description.ts'
import { ARITHMETIC, zeroExtend } from './flags.ts'
import type { Semantics } from './semantics.ts'
import { EAX, ECX, EDI, ES, ESI, State } from './state.ts'
import { SystemOp } from './system-op.ts'

/** From this count on a repeated instruction asks whether it can be done in bulk. */
const BULK_FROM = 4

/** One step of a string instruction; what it gives, if anything, is the condition to go on under REPE/REPNE. */
type Step = (b: Semantics) => { goOn: Expr } | undefined

/** MOVS, STOS, LODS, SCAS, CMPS: one step at a time, or in bulk where memory allows it. INS, OUTS. */
export function describeStrings(isa: InstructionSet): void {
  const string = (name: string, encodings: string, bulk: SystemOp | null, step: Step, flags = 0): void =>
    isa.add(name, encodings, (b) => meaning(b, name, bulk, step), {
      string: true,
      addressSized: true,
      defines: flags,
    })
  const move = (b: Semantics, register: number): void =>
    b.setRegister(
      register,
      b.addressSize,
      add(b.register(register, b.addressSize), mul(b.word(State.DF), i32(b.size))),
    )
  const source = (b: Semantics): Expr =>
    b.load(b.memory(b.stringSource(), b.register(ESI, b.addressSize), b.size, false), b.size)
  const destination = (b: Semantics, write: boolean): Expr =>
    b.memory(b.segmentCache(ES), b.register(EDI, b.addressSize), b.size, write)
  const compare = (b: Semantics, x: Expr, y: Expr): { goOn: Expr } => {
    b.subFlags(x, y, b.let(sub(x, y)))
    const equal = eqz(sub(x, y))
    return { goOn: b.repeat === 'rep' ? equal : eqz(equal) }
  }
  string('MOVS', 'a4 Xb; a5 Xv', SystemOp.BULK_MOVS, (b) => {
    const value = source(b)
    b.fn.store(destination(b, true), value, b.size)
    move(b, ESI)
    move(b, EDI)
    return undefined
  })
  string('STOS', 'aa Xb; ab Xv', SystemOp.BULK_STOS, (b) => {
    const value = b.register(EAX, b.size)
    b.fn.store(destination(b, true), value, b.size)
    move(b, EDI)
    return undefined
  })
  string('LODS', 'ac Xb; ad Xv', null, (b) => {
    b.setRegister(EAX, b.size, source(b))
    move(b, ESI)
    return undefined
  })
  string(
    'SCAS',
    'ae Xb; af Xv',
    SystemOp.BULK_SCAS,
    (b) => {
      const y = b.load(destination(b, false), b.size)
      move(b, EDI)
      return compare(b, b.register(EAX, b.size), y)
    },
    ARITHMETIC,
  )
  string(
    'CMPS',
    'a6 Xb; a7 Xv',
    SystemOp.BULK_CMPS,
    (b) => {
      // Silicon faults on the second operand first where both would.
      const y = b.load(destination(b, false), b.size)
      const x = source(b)
      move(b, ESI)
      move(b, EDI)
      return compare(b, x, y)
    },
    ARITHMETIC,
  )
  const kind = (b: Semantics): Expr =>
    i32(b.size | (b.addressSize << 8) | (b.repeat === 'none' ? 0 : 0x10000))
  isa.add('INS', '6c Xb; 6d Xv', (b) => b.system(SystemOp.INS, kind(b), b.segmentCache(ES)), {
    string: true,
    addressSized: true,
    ends: true,
    feature: '186',
    rare: true,
  })
  isa.add('OUTS', '6e Xb; 6f Xv', (b) => b.system(SystemOp.OUTS, kind(b), b.stringSource()), {
    string: true,
    addressSized: true,
    ends: true,
    feature: '186',
    rare: true,
  })
}

function meaning(b: Semantics, name: string, bulk: SystemOp | null, step: Step): void {
  if (b.repeat === 'none') return void step(b)
  if ((name === 'MOVS' || name === 'STOS') && b.repeatAtOnce(name)) return
  repeat(b, bulk, step)
}

function repeat(b: Semantics, bulk: SystemOp | null, step: Step): void {
  const count = b.let(b.register(ECX, b.addressSize))
  b.skipIf(eqz(count))
  if (bulk !== null) {
    b.fn.if(gtU(count, i32(BULK_FROM)))
    const done = b.let(b.bulk(bulk, b.stringSource()))
    b.fn.if(done)
    b.retire(done)
    b.skipIf(eqz(sub(count, done)))
    b.again(i32(1))
    b.fn.end()
    b.fn.end()
  }
  const left = b.let(sub(count, i32(1)))
  const outcome = step(b)
  b.setRegister(ECX, b.addressSize, left)
  const more = ne(zeroExtend(left, b.addressSize), i32(0))
  b.again(outcome ? and(more, b.let(outcome.goOn)) : more)
}
