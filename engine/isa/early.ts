import { i32, ltU, or, select, sub } from '../wasm/expression.ts'
import { describeShiftGroup, describeSignedDivide } from './arithmetic.ts'
import { describeBranches, describeReturns } from './control.ts'
import { describeSegmentLoads } from './data-transfer.ts'
import type { InstructionSet, Options } from './description.ts'
import { zeroExtend } from './flags.ts'
import { UD } from './semantics.ts'
import { loadParagraph, popParagraph } from './shortcuts/paragraphs.ts'
import { CS, ESP, State } from './state.ts'
import { SystemOp } from './system-op.ts'

const hex = (n: number): string => n.toString(16).padStart(2, '0')

/** Bits of the machine status word that the 286 does not have and reads as ones. */
const MSW_ONES = 0xfff0
/** FS, GS, operand and address size: prefixes of the 386. */
const LATER_PREFIXES = '64; 65; 66; 67'

/**
 * What the 8086 and the 286 do otherwise than all that came after them. An encoding that is described here is taken
 * before what other files say of it.
 * @see Intel 80286 Programmer's Reference Manual, appendices C and D; 80386 Programmer's Reference Manual, chapter 14
 */
export function describeEarly(isa: InstructionSet): void {
  describe8086(isa)
  describe286(isa)
}

function describe286(isa: InstructionSet): void {
  // Without the shortcut that takes a descriptor's last two bytes for what the 386 has there.
  const real = { load: [loadParagraph], pop: [popParagraph] }
  describeSegmentLoads(isa, real, { feature: 'only-286' })
  const rare: Options = { ends: true, rare: true, feature: 'only-286' }
  isa.add('UD', LATER_PREFIXES, (b) => b.system(SystemOp.RAISE, i32(UD)), rare)
  isa.add('SMSW', '0f 01 /4 Ew', (b, d) => d.write(or(b.word(State.CR0), i32(MSW_ONES))), rare)
}

function describe8086(isa: InstructionSet): void {
  const options: Options = { feature: 'only-8086' }
  // The stack pointer as it is after the push.
  isa.add(
    'PUSHSP',
    '54 Zv; ff f4 Ev',
    (b) => b.push(zeroExtend(sub(b.register(ESP, b.size), i32(b.size)), b.size), b.size),
    { ...options, stack: true },
  )
  isa.add('POPCS', '0f', (b) => b.system(SystemOp.POP_SEGMENT, i32(CS), i32(b.size)), {
    ...options,
    ends: true,
    rare: true,
    stack: true,
  })
  // Bits of the opcode that it does not look at give some instructions a second place.
  describeBranches(isa, (code) => `${hex(0x60 + code)} Jb`, options)
  describeReturns(isa, ['c0', 'c1'], ['c8', 'c9'], options)
  // The whole of CL counts. From 31 on a shift of up to 16 bits leaves nothing more.
  describeShiftGroup(
    isa,
    (b, count, isShift) => {
      const given = b.let(count)
      return isShift ? b.let(select(ltU(given, i32(31)), given, i32(31))) : given
    },
    (digit) => ({ encodings: `d2 /${digit} Eb,CL; d3 /${digit} Ev,CL`, options }),
  )
  describeSignedDivide(isa, true, options)
}
