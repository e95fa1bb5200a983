import { describeArithmetic } from './arithmetic.ts'
import { describeControl } from './control.ts'
import { describeDataTransfer } from './data-transfer.ts'
import { InstructionSet } from './description.ts'
import { describeEarly } from './early.ts'
import { describeEscapes } from './early-8086.ts'
import { describeMmx } from './mmx.ts'
import { describeSse } from './sse.ts'
import { describeStrings } from './string.ts'
import { describeSystem } from './system.ts'
import { describeX87 } from './x87.ts'

/** Every instruction that Vitrine knows, described once. */
export function describeAll(): InstructionSet {
  const isa = new InstructionSet()
  // First, so that it takes the encodings that later processors use otherwise.
  describeEarly(isa)
  describeArithmetic(isa)
  describeDataTransfer(isa)
  describeControl(isa)
  describeStrings(isa)
  describeSystem(isa)
  describeX87(isa)
  describeEscapes(isa)
  describeMmx(isa)
  describeSse(isa)
  return isa
}
