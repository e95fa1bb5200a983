import type { CodeCache } from '../interpreter/code-cache.ts'
import type { CodeVariant } from '../interpreter/code-variant.ts'
import type { Instruction } from '../isa/decoder.ts'
import type { Unit } from '../isa/description.ts'
import {
  type Block,
  type Region,
  type RegionPage,
  type Step,
  branchTarget,
  hasUsualTarget,
  isConditional,
  isFar,
  isSwitch,
  isUnconditional,
  pageDelta,
  siteOf,
  successorsOf,
} from './region.ts'

/** Where a region is entered. */
export interface Entry {
  readonly hostPage: number
  readonly offset: number
  readonly mode: CodeVariant
  /** EIP of the first byte of the page. */
  readonly eipBase: number
}

/** A page as code on it is decoded. */
interface Page {
  readonly hostPage: number
  readonly delta: number
  readonly mode: CodeVariant
}

/** Where an EIP leads that a jump has led to lately, null for any other. */
export type Reached = (eip: number) => { hostPage: number; variant: CodeVariant } | null

export interface FinderLimits {
  /** Instructions: functions of 8 to 16 KiB are what the host's compiler takes well. */
  readonly steps: number
  readonly pages: number
  /** Exits that make a way to another page, or that of a computed jump, worth following. */
  readonly exitsToFollow: number
}

/** Several pages from the beginning would double what is to be compiled. */
export const FIRST_LIMITS: FinderLimits = { steps: 220, pages: 1, exitsToFollow: 1000 }
/** Once it is known where a region is left often. */
export const GROWN_LIMITS: FinderLimits = { steps: 300, pages: 8, exitsToFollow: 1000 }
/** Each is a comparison. */
const MAX_RETURNS = 4
/** Of a computed jump. */
const MAX_TARGETS = 24

/** Repeat by one call, of what is done at once. */
const REPEAT_AT_ONCE: ReadonlySet<string> = new Set(['MOVS', 'STOS'])

/** Can be part of a region: does not work on the whole processor, and does not repeat step by step. */
function isTranslatable(instruction: Instruction): boolean {
  const { description, repeat } = instruction
  return (
    (repeat === 'none' || REPEAT_AT_ONCE.has(description.name)) &&
    (description.rare !== true ||
      RARE_ONLY.has(description.name) ||
      HAVE_SHORTCUTS.has(description.name) ||
      isFar(instruction) ||
      (VECTOR_UNITS.has(description.unit) && !SETS_STATE.has(description.name)))
  )
}

/** Are rare and no more than that: kernels order their reading of the time stamp, and programs of DOS count in decimals. */
const RARE_ONLY: ReadonlySet<string> = new Set(
  'LFENCE MFENCE SFENCE CMPXCHG8B DAA DAS AAA AAS AAM AAD'.split(' '),
)

/** Work on the whole processor, but mostly by a shortcut that goes on with the next instruction. */
const HAVE_SHORTCUTS: ReadonlySet<string> = new Set(
  'CLI STI PUSHF POPF MOVTS POPS IN INDX OUT OUTDX RDTSC'.split(' '),
)

/** Seldom as they are in the whole, some code is full of what these units do. */
const VECTOR_UNITS: ReadonlySet<Unit> = new Set<Unit>(['x87', 'mmx', 'sse'])
/** These change what a region takes for granted, or store into a register behind the region's back. */
const SETS_STATE = new Set(['LDMXCSR', 'PINSRW', 'MASKMOVQ', 'MASKMOVDQU', 'FRSTOR', 'FLDENV'])

/** System instructions go on with the next one, mostly. */
const goesOn = ({ description: { name } }: Instruction): boolean => name !== 'UD2'

/**
 * The code around a place that is entered often: what can be reached from it, nearest first, by ways that have been
 * taken, on to other pages too. Null when not even its first instruction can be translated.
 */
export function findRegion(
  code: CodeCache,
  entry: Entry,
  reached: Reached,
  limits: FinderLimits,
): Region | null {
  return new RegionFinder(code, entry, reached, limits).find()
}

class RegionFinder {
  readonly #steps = new Map<number, Step>()
  readonly #leaders: Set<number>
  readonly #stops = new Map<number, number>()
  /** Offsets that computed jumps may lead to, by the offset of the jump. */
  readonly #targets = new Map<number, number[]>()
  readonly #queue: number[]
  readonly #pages: Map<number, Page>

  constructor(
    private readonly code: CodeCache,
    private readonly entry: Entry,
    private readonly reached: Reached,
    private readonly limits: FinderLimits,
  ) {
    const { hostPage, offset } = entry
    this.#pages = new Map([[0, { hostPage, delta: 0, mode: { ...entry.mode } }]])
    this.#leaders = new Set([offset])
    this.#queue = [offset]
  }

  find(): Region | null {
    for (let from = this.#queue.shift(); from !== undefined; from = this.#queue.shift()) this.#follow(from)
    return this.#steps.has(this.entry.offset) ? this.#form() : null
  }

  /** Straight code from an offset on. */
  #follow(from: number): void {
    for (let offset = from; !this.#steps.has(offset) && this.#steps.size < this.limits.steps;) {
      const page = this.#pages.get(pageDelta(offset))
      if (!page) return void this.#lead(offset)
      const { hostPage, delta, mode } = page
      const instruction =
        this.code.decodeAt(hostPage, offset - delta, mode) ?? this.#decodeAcross(page, offset - delta)
      if (instruction === null) return
      const record = this.code.recordAt(hostPage, offset - delta, mode)
      const next = offset + instruction.length
      if (!isTranslatable(instruction)) {
        this.#stops.set(offset, record)
        // What comes after it may be worth a region of its own.
        if (next < delta + 4096 && (instruction.description.ends !== true || goesOn(instruction)))
          this.code.plantHead(hostPage, next - delta, mode)
        return
      }
      const step: Step = { instruction, offset, record }
      this.#steps.set(offset, step)
      if (isConditional(instruction)) {
        if (this.#follows(step)) this.#lead(branchTarget(step))
        return void this.#lead(next)
      }
      if (isUnconditional(instruction)) {
        if (isSwitch(instruction)) return this.#leadToTargets(step, page)
        const target = this.#jumpTarget(step)
        // Without the callee nothing comes back.
        if (target !== null && this.#lead(target) && isCall(instruction)) this.#lead(next)
        return
      }
      offset = next
    }
  }

  /** Where the region goes on behind a jump, null for nowhere. */
  #jumpTarget(step: Step): number | null {
    if (step.instruction.operands.some(({ kind }) => kind === 'relative'))
      return this.#follows(step) ? branchTarget(step) : null
    if (!hasUsualTarget(step.instruction)) return null
    const { eip, lead } = this.code.branches.usualTarget(siteOf(step))
    const target = (eip - this.entry.eipBase) | 0
    if (eip === 0 || lead < this.limits.exitsToFollow) return null
    this.#targets.set(step.offset, [target])
    return target
  }

  /** Whether the region goes on where a branch leads: it has been taken, and often if it is what leads to its page. */
  #follows(step: Step): boolean {
    if (!this.#keepsEip(step)) return false
    const exits = this.code.branches.exitsBy(siteOf(step))
    return this.#pages.has(pageDelta(branchTarget(step)))
      ? step.instruction.description.name === 'JMP' || exits > 0 || this.code.branches.wasTaken(step.record)
      : exits >= this.limits.exitsToFollow
  }

  /** What jumps have gone to on the page, while the jump cache knows it: other jumps' targets may be among them. */
  #leadToTargets({ offset }: Step, { hostPage, delta, mode }: Page): void {
    const targets = this.code
      .enteredOften(hostPage, mode)
      .map((target) => delta + target)
      .filter((target) => this.reached((this.entry.eipBase + target) >>> 0)?.hostPage === hostPage)
      .slice(0, MAX_TARGETS)
    this.#targets.set(offset, targets)
    for (const target of targets) this.#lead(target)
  }

  /** Code at an offset is to be part of the region, where its page is one that may be: returns whether it is. */
  #lead(offset: number): boolean {
    if (this.#leaders.has(offset)) return true
    const page = this.#page(offset)
    if (!page || offset - page.delta < page.mode.low || offset - page.delta >= page.mode.high) return false
    this.#leaders.add(offset)
    this.#queue.push(offset)
    return true
  }

  #page(offset: number): Page | null {
    const delta = pageDelta(offset)
    const known = this.#pages.get(delta)
    if (known) return known
    const { eipBase, mode } = this.entry
    const eip = eipBase + offset
    // In 16-bit code an EIP wraps, and what lies beyond is elsewhere.
    if (this.#pages.size >= this.limits.pages || (!mode.code32 && (eip < 0 || eip > 0xffff))) return null
    const place = this.reached(eip >>> 0)
    if (place === null || place.hostPage < 0) return null
    const page = { hostPage: place.hostPage, delta, mode: { ...place.variant } }
    this.#pages.set(delta, page)
    return page
  }

  /** An instruction that lies in two pages, where the interpreter has met it. */
  #decodeAcross({ hostPage, delta, mode }: Page, offset: number): Instruction | null {
    const crossing = this.code.crossingAt(hostPage, offset, mode)
    if (!crossing) return null
    const second = this.#page(delta + offset + crossing.instruction.length)
    return second?.hostPage === crossing.second ? crossing.instruction : null
  }

  /** A branch with a 16-bit operand wraps at 64 KiB, which in 32-bit code may be anywhere. */
  #keepsEip({ instruction }: Step): boolean {
    return !this.entry.mode.code32 || instruction.operands.every((o) => o.kind !== 'relative' || o.size === 4)
  }

  #form(): Region {
    const steps = this.#steps
    const leaders = this.#leaders
    const blocks: Block[] = []
    const numbers = new Map<number, number>()
    const start = this.entry.offset
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
        taken: branches && this.#keepsEip(last) ? (numbers.get(branchTarget(last)) ?? -1) : -1,
        targets: (this.#targets.get(last.offset) ?? []).flatMap((target) => numbers.get(target) ?? []),
        stop: jumps ? 0 : (this.#stops.get(at) ?? 0),
      })
    }
    matchReturns(blocks, (offset) => numbers.get(offset) ?? -1)
    const { mode, eipBase } = this.entry
    const used = reachable(blocks)
    const pages = this.#used(used.flatMap((block) => block.steps))
    return { mode: { ...mode }, eipBase, blocks: used.map((block) => stopsIn(pages, block)), pages }
  }

  /** Pages with the bytes of them that steps lie in, the first page first. */
  #used(steps: readonly Step[]): RegionPage[] {
    const ranges = new Map<number, [start: number, end: number][]>([[0, []]])
    const note = (delta: number, start: number, end: number): void => {
      const list = ranges.get(delta)
      if (!list) ranges.set(delta, [[start, end]])
      else if (list.length > 0 && start <= list.at(-1)![1]) list.at(-1)![1] = Math.max(list.at(-1)![1], end)
      else list.push([start, end])
    }
    for (const { offset, instruction } of [...steps].sort((a, b) => a.offset - b.offset)) {
      const delta = pageDelta(offset)
      const end = offset - delta + instruction.length
      note(delta, offset - delta, Math.min(4096, end))
      if (end > 4096) note(delta + 4096, 0, end - 4096)
    }
    return [...ranges].map(([delta, list]) => ({
      hostPage: this.#pages.get(delta)!.hostPage,
      delta,
      ranges: list,
    }))
  }
}

/** A record on a page without code of the region is found like any target: nothing guards where that page is. */
function stopsIn(pages: readonly RegionPage[], block: Block): Block {
  const isGuarded = pages.some(({ delta }) => delta === pageDelta(block.end))
  return isGuarded ? block : { ...block, stop: 0 }
}

const isCall = ({ description: { name } }: Instruction): boolean => name === 'CALL' || name === 'CALLI'
const nameOf = ({ steps }: Block): string => steps.at(-1)!.instruction.description.name

/** Finds out which calls each RET returns from, as far as both are in the region. */
function matchReturns(blocks: Block[], blockAt: (offset: number) => number): void {
  for (const call of blocks) {
    const site = blockAt(call.end)
    const callees = [call.taken, ...call.targets].filter((callee) => callee >= 0)
    if (!isCall(call.steps.at(-1)!.instruction) || callees.length === 0 || site < 0) continue
    const seen = new Set(callees)
    for (const number of seen) {
      const block = blocks[number]!
      const { targets } = block
      if (nameOf(block) === 'RET' && targets.length < MAX_RETURNS && !targets.includes(site))
        targets.push(site)
      // Calls within the callee come back to it.
      const ways = isCall(block.steps.at(-1)!.instruction)
        ? [blockAt(block.end)]
        : [block.next, block.taken, ...(nameOf(block) === 'JMPI' ? block.targets : [])]
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
    const { next, taken, targets } = block
    return { ...block, next: renumber(next), taken: renumber(taken), targets: targets.map(renumber) }
  })
}
