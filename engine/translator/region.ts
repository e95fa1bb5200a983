import type { CodeVariant } from '../interpreter/code-variant.ts'
import { RECORD_BYTES } from '../interpreter/record.ts'
import type { Instruction } from '../isa/decoder.ts'
import { State } from '../isa/state.ts'

/**
 * One instruction of a region. Places are told as distances from the first byte of the page that the region is
 * entered in, so that those on other pages are negative, or 4096 and above.
 */
export interface Step {
  readonly instruction: Instruction
  readonly offset: number
  /** The interpreter's record of it, where the region leaves before it. */
  readonly record: number
}

/** The record where exits by a jump are counted: that of an instruction in two pages follows its CROSS record. */
export const siteOf = ({ record, offset, instruction: { length } }: Step): number =>
  pageDelta(offset + length - 1) === pageDelta(offset) ? record : record + RECORD_BYTES

/** Straight code. How it goes on is decided by its last step, or by what follows it. */
export interface Block {
  readonly steps: Step[]
  /** Offset after the last step. */
  readonly end: number
  /** In-region block that is reached by going straight on; -1 for none. */
  readonly next: number
  /** In-region block that the branch at the end leads to; -1 for none. */
  readonly taken: number
  /**
   * Where a RET or a computed jump may lead: in-region blocks behind the calls that it returns from, those that jumps
   * have gone to lately, or the one that it usually goes to.
   */
  readonly targets: number[]
  /** Record of the instruction at `end` where the interpreter must do it; 0 for none. */
  readonly stop: number
}

/** A page of linear memory that a region has code in. */
export interface RegionPage {
  readonly hostPage: number
  /** Distance of its first byte from that of the page that the region is entered in. */
  readonly delta: number
  /** Bytes of the page that the region was made from, as [start, end) pairs. */
  readonly ranges: readonly (readonly [start: number, end: number])[]
}

export interface Region {
  readonly mode: CodeVariant
  /** EIP of the first byte of the first page when the region was made. */
  readonly eipBase: number
  /** Block 0 is where the region is entered. */
  readonly blocks: Block[]
  /** The page that the region is entered in, then those that it goes on in. */
  readonly pages: readonly RegionPage[]
}

export const instructionsOf = ({ blocks }: Region): number =>
  blocks.reduce((sum, { steps }) => sum + steps.length, 0)

/** Distance of the page that an offset lies in. */
export const pageDelta = (offset: number): number => offset & ~0xfff

/** Blocks that control may go to from here without leaving the region. */
export const successorsOf = ({ next, taken, targets }: Block): number[] =>
  [next, taken, ...targets].filter((block) => block >= 0)

/** Longer blocks are not worth a copy. */
const MAX_COPIED = 16

/**
 * A region that is entered in the body of a loop with its test behind it, and with a loop around that, as compilers write
 * them: then the entry is the head of one loop, and the test that of the other, and each turn pays for both. With a copy of the
 * body for the entry alone, the test is the head of both.
 */
export function withEntryApart(region: Region): Region {
  const { blocks } = region
  const [entry] = blocks
  const [test, ...others] = successorsOf(entry!)
  const isReached = (block: number, from: number): boolean =>
    blocks.some((b, i) => i !== from && successorsOf(b).includes(block))
  if (test === undefined || test === 0 || others.length > 0 || entry!.steps.length > MAX_COPIED) return region
  if (!isReached(0, 0) || !isReached(test, 0)) return region
  const copy = blocks.length
  const toCopy = (block: number): number => (block === 0 ? copy : block)
  const led = blocks.map((block) => ({
    ...block,
    next: toCopy(block.next),
    taken: toCopy(block.taken),
    targets: block.targets.map(toCopy),
  }))
  return { ...region, blocks: [...led, entry!] }
}

/** Where a relative branch leads. */
export function branchTarget({ instruction, offset }: Step): number {
  const [operand] = instruction.operands
  return (offset + instruction.length + (operand?.kind === 'relative' ? operand.value : 0)) | 0
}

const CONDITIONAL = /^(J[A-Z]{1,2}|JCXZ|LOOP(E|NE)?)$/
const UNCONDITIONAL = new Set(['JMP', 'JMPI', 'CALL', 'CALLI', 'RET'])
/** Lead to another segment or privilege level, mostly by a shortcut that leaves the region for the next one. */
const FAR = new Set(['JMPF', 'JMPFI', 'CALLF', 'CALLFI', 'RETF', 'INT', 'IRET', 'SYSENTER', 'SYSEXIT'])

export const isConditional = ({ description: { name } }: Instruction): boolean =>
  name !== 'JMP' && CONDITIONAL.test(name)
export const isFar = ({ description: { name } }: Instruction): boolean => FAR.has(name)
export const isUnconditional = (instruction: Instruction): boolean =>
  UNCONDITIONAL.has(instruction.description.name) || isFar(instruction)

/** A jump to one of several places: not by way of one word in memory, as the stubs of shared libraries do. */
export const isSwitch = ({ description: { name }, operands: [target] }: Instruction): boolean =>
  name === 'JMPI' &&
  target !== undefined &&
  (target.kind === 'register' ||
    (target.kind === 'memory' && (target.base !== State.ZERO || target.index !== State.ZERO)))

/** RET with an operand keeps it where others keep their usual target; a jump to one of several places has none. */
export const hasUsualTarget = (instruction: Instruction): boolean =>
  !isSwitch(instruction) && instruction.operands.every(({ kind }) => kind !== 'immediate')
