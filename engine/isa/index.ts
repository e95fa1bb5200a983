import { describeArithmetic } from './arithmetic.ts'
import { describeControl } from './control.ts'
import { describeDataTransfer } from './data-transfer.ts'
import { InstructionSet } from './description.ts'
import { describeStrings } from './string.ts'
import { describeSystem } from './system.ts'

/** Every instruction that Vitrine knows, described once. */
export function describeAll(): InstructionSet {
  const isa = new InstructionSet()
  describeArithmetic(isa)
  describeDataTransfer(isa)
  describeControl(isa)
  describeStrings(isa)
  describeSystem(isa)
  return isa
}
