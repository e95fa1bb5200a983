import type { Instruction } from '../isa/decoder.ts'
import { segmentAt } from '../isa/state.ts'
import { LINK_STUB, RECORD_BYTES, Record } from './record.ts'

/** Writes a record that stands for no instruction of its own. */
export function writeSpecial(view: DataView, at: number, handler: number, offset: number): void {
  for (let i = 0; i < RECORD_BYTES; i += 4) view.setInt32(at + i, 0, true)
  view.setUint16(at + Record.HANDLER, handler, true)
  view.setUint16(at + Record.PAGE_OFFSET, offset, true)
}

/** Writes the record of an instruction at an offset of its page. */
export function encodeRecord(
  view: DataView,
  at: number,
  instruction: Instruction,
  { handler, offset }: { handler: number; offset: number },
): void {
  writeSpecial(view, at, handler, offset)
  view.setUint8(at + Record.LENGTH, instruction.length)
  let registers = 0
  let immediates = 0
  for (const operand of instruction.operands) {
    switch (operand.kind) {
      case 'register':
        view.setUint16(at + Record.REGISTERS[registers++]!, operand.address, true)
        break
      case 'memory':
        view.setUint16(at + Record.BASE, operand.base, true)
        view.setUint16(at + Record.INDEX, operand.index, true)
        view.setUint8(at + Record.SCALE, operand.scale)
        view.setInt32(at + Record.DISPLACEMENT, operand.displacement, true)
        view.setUint16(at + Record.SEGMENT, segmentAt(operand.segment), true)
        view.setInt32(at + Record.LINK, instruction.addressSize === 2 ? 0xffff : -1, true)
        break
      case 'immediate':
        view.setInt32(at + (immediates++ === 0 ? Record.IMMEDIATE : Record.LINK), operand.value, true)
        break
      case 'relative':
        view.setInt32(at + Record.IMMEDIATE, offset + instruction.length + operand.value, true)
        view.setInt32(at + Record.DISPLACEMENT, operand.size === 2 ? 0xffff : -1, true)
        view.setInt32(at + Record.LINK, LINK_STUB, true)
        break
      case 'string':
        view.setUint16(at + Record.SEGMENT, segmentAt(operand.segment), true)
        break
    }
  }
}
