import type { Instruction, MemoryOperand } from '../isa/decoder.ts'
import { ESP, State } from '../isa/state.ts'
import { type Expr, add, and, eqz, i32, local, shl } from '../wasm/expression.ts'
import type { FunctionBuilder } from '../wasm/function-builder.ts'
import { branchIfMissed, tlbEntry } from '../interpreter/tlb-look.ts'
import type { Block, Step } from './region.ts'
import { Local, type RegisterFile } from './register-file.ts'

/** Accesses of a block to within so many bytes from one value of a base register share a look into the TLB. */
const MAX_SPAN = 512
/** Fewer are not worth a look of their own. */
const MIN_USES = 2

const READS_DESTINATION = new Set([
  'CMP',
  'TEST',
  'PUSH',
  'BT',
  'CALLI',
  'JMPI',
  'MUL',
  'DIV',
  'IDIV',
  'IMUL',
])
const MOVES_STACK = new Set([
  'PUSH',
  'POP',
  'PUSHF',
  'POPF',
  'PUSHA',
  'POPA',
  'CALL',
  'CALLI',
  'RET',
  'LEAVE',
])

/** Displacements [low, high) from a register that a block reaches, and whether it may write there. */
interface Plan {
  low: number
  high: number
  writes: boolean
  uses: number
}

/** What is known while code is emitted: the window of a base register. */
interface Window {
  plan: Plan
  /** Local that holds where `low` lies in linear memory. */
  start: number
  /** Of the register, which must not have been written since. */
  version: number
}

/** Where an access lies in linear memory: at a fixed distance from an address. */
export interface Place {
  readonly address: Expr
  readonly offset: number
}

/**
 * Windows onto memory: one look into the TLB for accesses of a block that name the same base register. What a look has found
 * holds to the end of the block, for nothing in it changes translations but calls of devices, after which all is forgotten.
 * Where it finds nothing the interpreter does the rest of the block: without a second way for each access, code is smaller
 * and faster.
 */
export class Windows {
  #plans = new Map<Step, Plan>()
  readonly #open: (Window | undefined)[] = []
  readonly #locals: (number | undefined)[] = []
  #depth = 0

  constructor(
    private readonly fn: FunctionBuilder,
    private readonly registers: RegisterFile,
    /** Emits the call that looks for bytes in two pages as well: their place in linear memory, or 0. */
    private readonly reach: (linear: Expr, size: number, write: boolean) => Expr,
  ) {}

  startBlock(block: Block): void {
    this.#plans = plan(block)
    this.#depth = this.fn.depth
    this.forget()
  }

  /** Translations may be others now. */
  forget(): void {
    this.#open.length = 0
  }

  /**
   * The place of an access through a window, null where there is none for it.
   * @param leave emits the way out of the region: the look has not been answered
   */
  place(step: Step, operand: MemoryOperand, write: boolean, leave: () => void): Place | null {
    const wanted = this.#plans.get(step)
    const register = (operand.base - State.GPR) >> 3
    if (!wanted || operand.displacement < wanted.low || operand.displacement + operand.size > wanted.high)
      return null
    const base = this.registers.read(operand.base, 4)
    let window = this.#open[register]
    if (!window || window.plan !== wanted || window.version !== this.registers.version(register)) {
      // What is found where not every way comes by holds for no other.
      if (this.fn.depth !== this.#depth) return null
      window = this.#look(register, base, wanted, leave)
    }
    if (write && !window.plan.writes) return null
    return { address: local(window.start), offset: operand.displacement - wanted.low }
  }

  #look(register: number, base: Expr, plan: Plan, leave: () => void): Window {
    const { fn } = this
    const { low, high, writes } = plan
    const start = (this.#locals[register] ??= fn.local())
    const [linear, entry] = [local(Local.LINEAR), local(Local.ENTRY)]
    fn.set(Local.LINEAR, add(base, i32(low)))
    fn.set(Local.ENTRY, tlbEntry(linear))
    // A permission to write is one bit above that to read, and both are wanted.
    const allowed = writes ? and(entry, shl(entry, i32(1))) : entry
    const permission = local(writes ? Local.WRITE_BIT : Local.READ_BIT)
    fn.set(start, add(linear, and(entry, i32(-0x1000))))
    const found = fn.block()
    const missed = fn.block()
    branchIfMissed(fn, missed, allowed, permission, linear, high - low)
    fn.branch(found)
    fn.end()
    fn.set(start, this.reach(linear, high - low, writes))
    fn.ifRarely(eqz(local(start)))
    leave()
    fn.end()
    fn.end()
    const window = { plan, start, version: this.registers.version(register) }
    this.#open[register] = window
    return window
  }
}

/** Which accesses of a block share which window: an estimate, which may be wrong of what instructions write. */
function plan(block: Block): Map<Step, Plan> {
  const plans = new Map<Step, Plan>()
  const current: (Plan | undefined)[] = []
  for (const step of block.steps) {
    const { instruction } = step
    const operand = windowed(instruction)
    if (operand) {
      const register = (operand.base - State.GPR) >> 3
      const [low, high] = [operand.displacement, operand.displacement + operand.size]
      let found = current[register]
      if (!found || Math.max(found.high, high) - Math.min(found.low, low) > MAX_SPAN)
        found = current[register] = { low, high, writes: false, uses: 0 }
      found.low = Math.min(found.low, low)
      found.high = Math.max(found.high, high)
      found.writes ||= writesFirst(instruction) && instruction.operands[0] === operand
      found.uses++
      plans.set(step, found)
    }
    for (const register of written(instruction)) current[register] = undefined
  }
  for (const [step, { uses }] of plans) if (uses < MIN_USES) plans.delete(step)
  return plans
}

/** The operand of an instruction in memory that can be reached through a window. */
function windowed({ operands, addressSize, description }: Instruction): MemoryOperand | null {
  if (addressSize !== 4 || description.unit !== 'integer' || description.name === 'LEA') return null
  const operand = operands.find((o) => o.kind === 'memory')
  return operand?.kind === 'memory' && operand.index === State.ZERO && operand.base !== State.ZERO
    ? operand
    : null
}

const writesFirst = ({ description: { name } }: Instruction): boolean => !READS_DESTINATION.has(name)

function written(instruction: Instruction): number[] {
  const { operands, description } = instruction
  const isGpr = (address: number): boolean => address >= State.GPR && address < State.ZERO
  const registers = operands
    .slice(0, description.name === 'XCHG' ? 2 : 1)
    .flatMap((o) => (o.kind === 'register' && isGpr(o.address) ? [(o.address - State.GPR) >> 3] : []))
  if (!writesFirst(instruction)) registers.length = 0
  if (MOVES_STACK.has(description.name)) registers.push(ESP)
  return registers
}
