import {
  type Expr,
  type ValueType,
  add,
  add64,
  and,
  eq,
  geS,
  geU,
  i32,
  i64,
  load,
  local,
  ltS,
  ne,
  or,
  shl,
  shrU,
  sub,
  xor,
} from '../wasm/expression.ts'
import { FunctionBuilder, type Label } from '../wasm/function-builder.ts'
import { Handler, Record, Why } from '../interpreter/record.ts'
import type { Instruction } from '../isa/decoder.ts'
import { auxWord, resultWord, zeroExtend } from '../isa/flags.ts'
import { REGION_EXITS, State } from '../isa/state.ts'
import { EXIT_REASONS, type ExitReason } from './exit-reason.ts'
import { KIND_COUNT, STORED, flagsOf } from './flag-kind.ts'
import type { FlagFlow } from './flag-flow.ts'
import { CHAIN } from './helper-import.ts'
import { halvesOf } from './nowhere.ts'
import {
  type Block,
  type Region,
  type Step,
  branchTarget,
  hasUsualTarget,
  pageDelta,
  siteOf,
  successorsOf,
  withEntryApart,
} from './region.ts'
import { type Known, NOTHING_KNOWN, RegionSemantics, changesX87 } from './region-semantics.ts'
import { FLAG_LOCALS, LOCAL_TYPES, Local, STOPPED, usesXmm } from './register-file.ts'
import { type Structure, structureOf } from './structure.ts'
import { type X87Flow, x87FlowOf } from './x87-flow.ts'

/** What a region is made for. */
export interface RegionOptions {
  /** What MXCSR is like where it is entered (see Exits). */
  readonly usualMxcsr: boolean
  /** It counts where it is left, to be made again with what lies there. */
  readonly grows: boolean
}

/**
 * One region as a function (budget) → why. It runs until it is left, and other regions after it (see
 * interpreter/chain.ts): 0 when the interpreter goes on at State.RECORD, Why.JUMP when State.EIP is not in the jump
 * cache, Why.SYSTEM when the runtime is to look before it goes on at State.EIP, Why.GUARD when the region of State.RECORD
 * has not been entered because the guard at its head does not hold. State.BUDGET is what is left of the budget.
 */
export function emitRegion(
  region: Region,
  head: number,
  flagFlow: FlagFlow,
  helperIndex: (signature: string) => number,
  options: RegionOptions,
): FunctionBuilder {
  return new RegionEmitter(withEntryApart(region), head, flagFlow, helperIndex, options).function()
}

const instructionsIn = ({ blocks }: Region): Instruction[] =>
  blocks.flatMap(({ steps }) => steps.map(({ instruction }) => instruction))

/** Types of the locals that instructions need: the host's compiler carries each of them through every branch. */
function localTypes(instructions: readonly Instruction[]): readonly ValueType[] {
  const units = new Set(instructions.map(({ description: { unit } }) => unit))
  const onlyVectors = [...units].every((unit) => unit === 'integer' || unit === 'sse')
  if (!onlyVectors || instructions.some(changesX87)) return LOCAL_TYPES
  return LOCAL_TYPES.slice(0, units.has('sse') || instructions.some(usesXmm) ? Local.X87_STATUS : Local.XMM)
}

/** More than enough to be followed. */
const MAX_LEAD = 20_000

/** More places than these are found by a table. */
const MAX_COMPARISONS = 4
/** The largest table. */
const MAX_SLOTS_LOG2 = 9

/** Which bits of offsets tell most of them apart, in as small a table as can be; -1 where there is none. */
function tableOf(offsets: readonly number[]): { shift: number; slots: number[] } {
  let best = { shift: 0, slots: [] as number[], found: 0 }
  for (let log2 = 1; log2 <= MAX_SLOTS_LOG2 && best.found < offsets.length; log2++)
    for (let shift = 0; shift <= 12 - log2 && best.found < offsets.length; shift++) {
      const slots = Array<number>(1 << log2).fill(-1)
      offsets.forEach((offset, i) => {
        const slot = (offset >> shift) & (slots.length - 1)
        if (slots[slot]! < 0) slots[slot] = i
      })
      const found = slots.filter((slot) => slot >= 0).length
      if (found > best.found) best = { shift, slots, found }
    }
  return best
}

/** How a block goes on: to what follows it, where its branch leads, or at the EIP in TARGET. */
type Way = 'straight' | 'branch' | 'target'

class RegionEmitter {
  readonly #fn: FunctionBuilder
  readonly #structure: Structure
  readonly #kinds: readonly number[]
  readonly #x87: X87Flow | null
  readonly #labels = new Map<number, Label>()
  readonly #loops = new Map<number, Label>()
  /** What is known at the end of each block. */
  readonly #known: Known[] = []
  #semantics!: RegionSemantics

  constructor(
    private readonly region: Region,
    private readonly head: number,
    flagFlow: FlagFlow,
    private readonly helperIndex: (signature: string) => number,
    private readonly options: RegionOptions,
  ) {
    const instructions = instructionsIn(region)
    this.#fn = new FunctionBuilder(1, localTypes(instructions))
    // A branch to where it would go anyway makes two edges, and a merge of its target.
    this.#structure = structureOf({ successors: region.blocks.map((block) => successorsOf(block)) })
    this.#kinds = flagFlow.kindsAtEntry(region)
    const usesX87 = instructions.some(({ description: { unit } }) => unit === 'x87')
    this.#x87 = usesX87 ? x87FlowOf(region) : null
  }

  function(): FunctionBuilder {
    const fn = this.#fn
    const finish = fn.block()
    const byKind: Label[] = []
    for (let kind = 0; kind < KIND_COUNT; kind++) byKind.push(fn.block())
    const dynamic = fn.block()
    this.#semantics = new RegionSemantics(
      fn,
      { byKind, dynamic, helperIndex: this.helperIndex, usualMxcsr: this.options.usualMxcsr },
      halvesOf(this.region),
    )
    if (this.#x87) this.#semantics.x87.carry(this.#x87.used)
    this.#tree(0)
    fn.end()
    fn.branchTable(local(Local.FLAGS_KIND), byKind, byKind[STORED]!)
    for (let kind = KIND_COUNT - 1; kind >= 0; kind--) {
      fn.end()
      if (!(this.#semantics.kindsSeen & (1 << kind))) continue
      const flags = flagsOf(kind, FLAG_LOCALS)
      fn.store(i32(State.FLAGS_RESULT), resultWord(flags), 4)
      fn.store(i32(State.FLAGS_AUX), auxWord(flags), 4)
      fn.branch(finish)
    }
    fn.end()
    this.#finish()
    this.#start()
    return fn
  }

  #start(): void {
    this.#fn.prepend((fn) => {
      if (this.region.pages.length > 1) this.#guard(fn)
      this.#semantics.registers.loadAll(fn)
      this.#semantics.startUnits(fn)
      this.#semantics.x87.start(fn)
      for (const [index, address] of [
        [Local.EIP_BASE, State.EIP_BASE],
        [Local.READ_BIT, State.READ_BIT],
        [Local.WRITE_BIT, State.WRITE_BIT],
        [Local.FLAGS_RESULT, State.FLAGS_RESULT],
        [Local.FLAGS_RIGHT, State.FLAGS_AUX],
      ] as const)
        fn.set(index, load(i32(address), 4))
    })
  }

  /** The other pages must be where they were when the region was made, or was looked at last. */
  #guard(fn: FunctionBuilder): void {
    const changed = (field: number, word: number): Expr =>
      xor(load(i32(this.head), 4, field), load(i32(word), 4))
    fn.if(or(changed(Record.GUARD_KEY, State.JUMP_KEY), changed(Record.GUARD_BASE, State.EIP_BASE)))
    fn.store(i32(State.BUDGET), local(Local.BUDGET), 4)
    fn.return(i32(Why.GUARD))
    fn.end()
  }

  /** Everything is written back; then to a record, or to an EIP through the jump cache. */
  #finish(): void {
    const fn = this.#fn
    const budget = local(Local.BUDGET)
    this.#semantics.registers.storeWritten()
    this.#semantics.x87.finish()
    fn.set(Local.REASON, shl(local(Local.REASON), i32(3)))
    const counter = local(Local.REASON)
    fn.store(counter, add64(load(counter, 8, REGION_EXITS), i64(1)), 8, REGION_EXITS)
    if (this.#semantics.stops) {
      fn.if(eq(local(Local.EXIT), i32(STOPPED)))
      fn.store(i32(State.BUDGET), budget, 4)
      fn.store(i32(State.EIP), local(Local.TARGET), 4)
      fn.return(i32(Why.SYSTEM))
      fn.end()
    }
    fn.if(local(Local.EXIT))
    fn.store(i32(State.BUDGET), budget, 4)
    fn.store(i32(State.RECORD), local(Local.EXIT), 4)
    if (this.region.pages.length > 1)
      fn.store(i32(State.EIP_BASE), add(local(Local.EIP_BASE), local(Local.EXIT_DELTA)), 4)
    fn.return(i32(Why.NEXT))
    fn.end()
    if (this.options.grows) this.#count()
    fn.returnCall(this.helperIndex(CHAIN), local(Local.TARGET), budget)
  }

  /** Where the region could have gone on: once that happens often, the place is hot again. */
  #count(): void {
    const fn = this.#fn
    const site = local(Local.SITE)
    const left = local(Local.ENTRY)
    fn.if(site)
    fn.if(geU(local(Local.REASON), i32(EXIT_REASONS.indexOf('return') << 3)))
    this.#noteTarget(site)
    fn.else()
    fn.store(site, add(load(site, 4, Record.EXITS), i32(1)), 4, Record.EXITS)
    fn.end()
    fn.set(Local.ENTRY, sub(load(i32(this.head), 4, Record.UNTIL_GROWN), i32(1)))
    fn.store(i32(this.head), left, 4, Record.UNTIL_GROWN)
    fn.if(ltS(left, i32(0)))
    fn.store(i32(this.head), i32(Handler.HEAD), 2, Record.HANDLER)
    fn.store(i32(this.head), i32(0), 4, Record.IMMEDIATE)
    fn.end()
    fn.end()
  }

  /** The usual target of a computed jump is the one that would win a vote. */
  #noteTarget(site: Expr): void {
    const fn = this.#fn
    const target = local(Local.TARGET)
    const lead = local(Local.ENTRY)
    const isUsual = eq(load(site, 4, Record.USUAL_TARGET), target)
    fn.set(Local.ENTRY, add(load(site, 2, Record.USUAL_LEAD), sub(shl(isUsual, i32(1)), i32(1))))
    fn.if(ltS(lead, i32(0)))
    fn.store(site, target, 4, Record.USUAL_TARGET)
    fn.set(Local.ENTRY, i32(0))
    fn.end()
    fn.if(ltS(lead, i32(MAX_LEAD)))
    fn.store(site, lead, 2, Record.USUAL_LEAD)
    fn.end()
  }

  /** A block and what it dominates. */
  #tree(block: number): void {
    const fn = this.#fn
    const merges = this.#structure.children[block]!.filter((child) => this.#structure.isMerge[child])
    if (!this.#structure.isLoop[block]) return this.#within(block, merges)
    this.#settleBudget()
    this.#loops.set(block, fn.loop())
    this.#within(block, merges)
    fn.end()
  }

  #within(block: number, merges: readonly number[]): void {
    const fn = this.#fn
    const [outermost, ...rest] = merges
    if (outermost === undefined) return this.#block(block)
    this.#labels.set(outermost, fn.block())
    this.#within(block, rest)
    fn.end()
    this.#semantics.pending = 0
    this.#tree(outermost)
  }

  #block(number: number): void {
    const { region } = this
    const block = region.blocks[number]!
    const semantics = this.#semantics
    // A block that is reached along the tree alone has the kinds that its predecessor left.
    semantics.kinds = this.#kinds[number]!
    semantics.startBlock(block, this.#known[this.#structure.parent[number]!] ?? NOTHING_KNOWN)
    semantics.x87.startBlock(this.#x87?.tops[number] ?? 0)
    let ending: ReturnType<RegionSemantics['translate']> = { kind: 'next' }
    for (const step of block.steps) ending = semantics.translate(step, region.mode)
    this.#known[number] = semantics.endBlock()
    const state = { kinds: semantics.kinds, pending: semantics.pending }
    const { top } = semantics.x87.use
    const restore = (): void => {
      Object.assign(semantics, state)
      semantics.x87.startBlock(top)
    }
    switch (ending.kind) {
      case 'left':
        return
      case 'next':
        return this.#goOn(number, block.next, 'straight')
      case 'relative':
        return this.#goOn(number, block.taken, 'branch')
      case 'conditional': {
        this.#fn.if(ending.taken)
        this.#goOn(number, block.taken, 'branch')
        this.#fn.end()
        restore()
        return this.#goOn(number, block.next, 'straight')
      }
      case 'indirect':
        this.#fn.set(Local.TARGET, ending.target)
        if (block.targets.length > MAX_COMPARISONS) this.#switch(number, restore)
        else
          for (const site of block.targets) {
            this.#fn.if(eq(local(Local.TARGET), this.#eipOf(number, site)))
            this.#goOn(number, site, 'target')
            this.#fn.end()
            restore()
          }
        return this.#leaveByJump(block.steps.at(-1)!)
    }
  }

  #leaveByJump(last: Step): void {
    const { instruction } = last
    if (this.options.grows && hasUsualTarget(instruction)) this.#fn.set(Local.SITE, i32(siteOf(last)))
    this.#semantics.leaveRegion(instruction.description.name === 'RET' ? 'return' : 'indirect')
  }

  /** EIP of a block as an operand of the jump at the end of another gives it. */
  #eipOf(from: number, to: number): Expr {
    const { offset } = this.region.blocks[to]!.steps[0]!
    const { size } = this.region.blocks[from]!.steps.at(-1)!.instruction
    return zeroExtend(add(local(Local.EIP_BASE), i32(offset)), size)
  }

  /** From a jump to where TARGET says, by a table of the few bits that tell its targets apart. */
  #switch(from: number, restore: () => void): void {
    const fn = this.#fn
    const { targets } = this.region.blocks[from]!
    const offsets = targets.map((to) => this.region.blocks[to]!.steps[0]!.offset)
    const { shift, slots } = tableOf(offsets)
    const unknown = fn.block()
    const labels = targets.map(() => fn.block())
    fn.branchTable(
      and(shrU(sub(local(Local.TARGET), local(Local.EIP_BASE)), i32(shift)), i32(slots.length - 1)),
      slots.map((target) => (target < 0 ? unknown : labels[target]!)),
      unknown,
    )
    for (let target = targets.length - 1; target >= 0; target--) {
      fn.end()
      fn.branchIf(unknown, ne(local(Local.TARGET), this.#eipOf(from, targets[target]!)))
      this.#goOn(from, targets[target]!, 'target')
      restore()
    }
    fn.end()
  }

  /** The way from a block to another; -1 leads out of the region. */
  #goOn(from: number, to: number, way: Way): void {
    const fn = this.#fn
    const block = this.region.blocks[from]!
    const semantics = this.#semantics
    if (to < 0 || this.#structure.leaves(from, to)) return this.#leave(block, way, 'unknown', to < 0)
    semantics.noteKind(this.#kinds[to]!)
    if (this.#structure.repeats(from, to)) {
      this.#settleBudget()
      fn.branchIf(this.#loops.get(to)!, geS(local(Local.BUDGET), i32(0)))
      return this.#leave(block, way, 'budget')
    }
    const label = this.#labels.get(to)
    if (label === undefined) return this.#tree(to)
    this.#settleBudget()
    fn.branch(label)
  }

  #settleBudget(): void {
    const semantics = this.#semantics
    if (semantics.pending > 0) this.#fn.set(Local.BUDGET, sub(local(Local.BUDGET), i32(semantics.pending)))
    semantics.pending = 0
  }

  /** @param growable the region may go on there when it is made again */
  #leave({ steps, end, stop }: Block, way: Way, reason: ExitReason, growable = false): void {
    const fn = this.#fn
    const last = steps.at(-1)!
    const relative = last.instruction.operands.find(({ kind }) => kind === 'relative')
    const at = (offset: number): Expr => add(local(Local.EIP_BASE), i32(offset))
    let to = end
    if (way === 'branch') {
      to = branchTarget(last)
      if (growable && this.options.grows) fn.set(Local.SITE, i32(siteOf(last)))
      fn.set(Local.TARGET, zeroExtend(at(to), relative!.size))
    } else if (way === 'straight' && stop !== 0) {
      return this.#semantics.leaveTo(stop, end, 'system')
    } else if (way === 'straight') fn.set(Local.TARGET, at(end))
    const isKnown = this.region.pages.some(({ delta }) => delta === pageDelta(to))
    this.#semantics.leaveRegion(reason === 'unknown' && !isKnown ? 'page' : reason)
  }
}
