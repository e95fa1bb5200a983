import type { CodeCache, CodeVariant } from '../interpreter/code-cache.ts'
import type { Instruction } from '../isa/decoder.ts'
import type { Unit } from '../isa/description.ts'

/** One instruction of a region. */
export interface Step {
  readonly instruction: Instruction
  /** Place in the page. */
  readonly offset: number
  /** The interpreter's record of it, where the region leaves before it. */
  readonly record: number
}

/** Straight code. How it goes on is decided by its last step, or by what follows it. */
export interface Block {
  readonly steps: Step[]
  /** Offset after the last step. */
  readonly end: number
  /** In-region block that is reached by going straight on; -1 for none. */
  readonly next: number
  /** In-region block that the branch at the end leads to; -1 for none. */
  readonly taken: number
  /** Where a RET may lead: in-region blocks behind the calls that it returns from. */
  readonly returns: number[]
  /** Record of the instruction at `end` where the interpreter must do it; 0 for none. */
  readonly stop: number
}

export interface Region {
  readonly hostPage: number
  readonly mode: CodeVariant
  /** Block 0 is where the region is entered. */
  readonly blocks: Block[]
  /** Bytes of the page that the region was made from, as [start, end) pairs. */
  readonly ranges: readonly (readonly [start: number, end: number])[]
}

/** Functions of 8 to 16 KiB are what the host's compiler takes well. */
const MAX_STEPS = 220
/** Each is a comparison. */
const MAX_RETURNS = 4

const CONDITIONAL = /^(J[A-Z]{1,2}|JCXZ|LOOP(E|NE)?)$/
const UNCONDITIONAL = new Set(['JMP', 'JMPI', 'CALL', 'CALLI', 'RET'])

/** Can be part of a region: does not work on the whole processor, and does not repeat. */
const isTranslatable = ({ description, repeat }: Instruction): boolean =>
  repeat === 'none' &&
  (description.rare !== true ||
    HAVE_SHORTCUTS.has(description.name) ||
    (VECTOR_UNITS.has(description.unit) && !SETS_STATE.has(description.name)))

/** Work on the whole processor, but mostly by a shortcut that goes on with the next instruction. */
const HAVE_SHORTCUTS: ReadonlySet<string> = new Set(['CLI', 'STI', 'PUSHF', 'POPF', 'MOVTS', 'POPS'])

/** Seldom as they are in the whole, some code is full of what these units do. */
const VECTOR_UNITS: ReadonlySet<Unit> = new Set<Unit>(['x87', 'mmx', 'sse'])
/** These change what a region takes for granted, or store into a register behind the region's back. */
const SETS_STATE = new Set(['LDMXCSR', 'PINSRW', 'MASKMOVQ', 'MASKMOVDQU', 'FRSTOR', 'FLDENV'])

export const isConditional = ({ description: { name } }: Instruction): boolean =>
  name !== 'JMP' && CONDITIONAL.test(name)
const isUnconditional = ({ description: { name } }: Instruction): boolean => UNCONDITIONAL.has(name)

/** Where a relative branch leads, as an offset from the start of its page. */
export function branchTarget({ instruction, offset }: Step): number {
  const [operand] = instruction.operands
  return offset + instruction.length + (operand?.kind === 'relative' ? operand.value : 0)
}

/**
 * The code around a place that is entered often: what can be reached from it within the page, nearest first, by
 * ways that have been taken. Null when not even its first instruction can be translated.
 */
export function findRegion(
  code: CodeCache,
  hostPage: number,
  start: number,
  mode: CodeVariant,
): Region | null {
  const steps = new Map<number, Step>()
  const leaders = new Set([start])
  const stops = new Map<number, number>()
  const queue = [start]
  const lead = (offset: number): void => {
    if (offset < mode.low || offset >= mode.high || leaders.has(offset)) return
    leaders.add(offset)
    queue.push(offset)
  }
  for (let from = queue.shift(); from !== undefined; from = queue.shift()) {
    let offset = from
    while (!steps.has(offset) && steps.size < MAX_STEPS) {
      const instruction = code.decodeAt(hostPage, offset, mode)
      if (instruction === null) break
      const record = code.recordAt(hostPage, offset, mode)
      if (!isTranslatable(instruction)) {
        stops.set(offset, record)
        // What comes after it may be worth a region of its own.
        if (instruction.description.ends !== true || goesOn(instruction))
          code.plantHead(hostPage, offset + instruction.length, mode)
        break
      }
      const step: Step = { instruction, offset, record }
      steps.set(offset, step)
      offset += instruction.length
      if (isConditional(instruction)) {
        if (code.wasTaken(record) && staysInPage(step, mode)) lead(branchTarget(step))
        lead(offset)
        break
      }
      if (isUnconditional(instruction)) {
        const { name } = instruction.description
        const called = name === 'CALL' && code.wasTaken(record)
        if ((name === 'JMP' || called) && staysInPage(step, mode)) lead(branchTarget(step))
        if (called) lead(offset)
        break
      }
    }
  }
  return steps.has(start) ? formBlocks({ hostPage, start, mode: { ...mode }, steps, stops, leaders }) : null
}

/** System instructions that go on with the next one, mostly. */
const LEAVES = new Set(['JMPF', 'JMPFI', 'CALLF', 'CALLFI', 'RETF', 'IRET', 'UD2'])
const goesOn = ({ description: { name } }: Instruction): boolean => !LEAVES.has(name)

/** A branch with a 16-bit operand wraps at 64 KiB, which in 32-bit code may be anywhere. */
const staysInPage = ({ instruction }: Step, mode: CodeVariant): boolean =>
  !mode.code32 || instruction.operands.every((o) => o.kind !== 'relative' || o.size === 4)

interface Found {
  hostPage: number
  start: number
  mode: CodeVariant
  steps: ReadonlyMap<number, Step>
  stops: ReadonlyMap<number, number>
  leaders: ReadonlySet<number>
}

/** Blocks that control may go to from here without leaving the region. */
export const successorsOf = ({ next, taken, returns }: Block): number[] =>
  [next, taken, ...returns].filter((block) => block >= 0)

function formBlocks({ hostPage, start, mode, steps, stops, leaders }: Found): Region {
  const blocks: Block[] = []
  const numbers = new Map<number, number>()
  const starts = [start, ...[...leaders].filter((o) => o !== start && steps.has(o)).sort((a, b) => a - b)]
  starts.forEach((offset, i) => numbers.set(offset, i))
  for (const offset of starts) {
    const own: Step[] = []
    let at = offset
    for (let step = steps.get(at); step && (at === offset || !leaders.has(at)); step = steps.get(at)) {
      own.push(step)
      at += step.instruction.length
      if (isConditional(step.instruction) || isUnconditional(step.instruction)) break
    }
    const last = own.at(-1)!
    const { name } = last.instruction.description
    const jumps = isUnconditional(last.instruction)
    const branches = isConditional(last.instruction) || name === 'JMP' || name === 'CALL'
    blocks.push({
      steps: own,
      end: at,
      next: jumps ? -1 : (numbers.get(at) ?? -1),
      taken: branches && staysInPage(last, mode) ? (numbers.get(branchTarget(last)) ?? -1) : -1,
      returns: [],
      stop: jumps ? 0 : (stops.get(at) ?? 0),
    })
  }
  matchReturns(blocks, (offset) => numbers.get(offset) ?? -1)
  return { hostPage, mode, blocks: reachable(blocks), ranges: rangesOf([...steps.values()]) }
}

const nameOf = ({ steps }: Block): string => steps.at(-1)!.instruction.description.name

/** Finds out which calls each RET returns from, as far as both are in the region. */
function matchReturns(blocks: Block[], blockAt: (offset: number) => number): void {
  for (const call of blocks) {
    const site = blockAt(call.end)
    if (nameOf(call) !== 'CALL' || call.taken < 0 || site < 0) continue
    const seen = new Set([call.taken])
    for (const number of seen) {
      const block = blocks[number]!
      const { returns } = block
      if (nameOf(block) === 'RET' && returns.length < MAX_RETURNS && !returns.includes(site))
        returns.push(site)
      // Calls within the callee come back to it.
      const ways = nameOf(block) === 'CALL' ? [blockAt(block.end)] : [block.next, block.taken]
      for (const way of ways) if (way >= 0) seen.add(way)
    }
  }
}

/** Without the blocks that nothing leads to, numbered anew. */
function reachable(blocks: Block[]): Block[] {
  const order = new Set([0])
  for (const number of order) for (const to of successorsOf(blocks[number]!)) order.add(to)
  const numbers = [...order].sort((a, b) => a - b)
  const renumber = (block: number): number => (block < 0 ? -1 : numbers.indexOf(block))
  return numbers.map((number) => {
    const block = blocks[number]!
    const { next, taken, returns } = block
    return { ...block, next: renumber(next), taken: renumber(taken), returns: returns.map(renumber) }
  })
}

function rangesOf(steps: Step[]): [start: number, end: number][] {
  const ranges: [number, number][] = []
  for (const { offset, instruction } of steps.sort((a, b) => a.offset - b.offset)) {
    const last = ranges.at(-1)
    if (last && offset <= last[1]) last[1] = Math.max(last[1], offset + instruction.length)
    else ranges.push([offset, offset + instruction.length])
  }
  return ranges
}
