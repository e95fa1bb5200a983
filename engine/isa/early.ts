import { i32, or } from '../wasm/expression.ts'
import { describeSegmentLoads } from './data-transfer.ts'
import type { InstructionSet, Options } from './description.ts'
import { describe8086 } from './early-8086.ts'
import { UD } from './semantics.ts'
import { loadParagraph, popParagraph } from './shortcuts/paragraphs.ts'
import { State } from './state.ts'
import { SystemOp } from './system-op.ts'

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
