import {
  type Expr,
  type ValueType,
  and,
  callOf,
  eq,
  geS,
  i32,
  load,
  local,
  ltS,
  or,
  shrU,
} from '../wasm/expression.ts'
import type { FunctionBuilder } from '../wasm/function-builder.ts'
import { CS, Segment, State, segmentAt } from '../isa/state.ts'
import { Local, X87Local } from './register-file.ts'
import { EXACT, EXACT_MASK } from './x87-doubles.ts'

const C1 = 0x200
const CONDITIONS = 0x4500
/** Exceptions, SF and C1, as functions on values report them. */
const RAISED = 0x27f

/** What surrounds the registers. */
export interface X87Host {
  /** Index of an imported function with these types. */
  functionIndex(name: string, parameters: readonly ValueType[], result: ValueType): number
  /** Leaves before the current instruction when the condition holds. */
  leaveIf(condition: Expr): void
}

/** Status word, tag word and the pointers to the last instruction, which are in locals throughout a region. */
export abstract class X87Words {
  /** The function uses any of this. */
  protected used = false

  constructor(
    protected readonly fn: FunctionBuilder,
    protected readonly host: X87Host,
  ) {}

  call(name: string, type: ValueType, args: readonly Expr[]): Expr {
    const { fn, host } = this
    const parameters = args.map((arg) => arg.type)
    const result = fn.let(callOf(host.functionIndex(name, parameters, type), type, ...args))
    fn.set(Local.X87_OUTCOME, load(i32(State.FPU_OUTCOME), 4))
    host.leaveIf(ltS(local(Local.X87_OUTCOME), i32(0)))
    return result
  }

  signExponent(): Expr {
    return this.fn.let(and(local(Local.X87_OUTCOME), i32(0xffff)))
  }

  raise(): void {
    const raised = and(shrU(local(Local.X87_OUTCOME), i32(16)), i32(RAISED))
    this.#changeStatus(C1, raised)
  }

  clearC1(): void {
    this.#changeStatus(C1, i32(0))
  }

  setConditions(conditions: Expr): void {
    this.#changeStatus(CONDITIONS, conditions)
  }

  remember(eip: Expr, opcode: Expr, memory?: { address: Expr; segment: Expr }): void {
    const { fn } = this
    this.used = true
    fn.set(Local.X87_IP, eip)
    fn.set(Local.X87_OPCODE, opcode)
    if (!memory) return
    fn.set(Local.X87_DP, memory.address)
    fn.set(Local.X87_SEGMENT, memory.segment)
  }

  // What happens around.

  /** To the start of the function, once its body is known. */
  start(fn: FunctionBuilder): void {
    if (!this.used) return
    fn.set(Local.X87_STATUS, load(i32(State.FPU_STATUS), 4))
    fn.set(Local.X87_TAGS, load(i32(State.FPU_TAG), 4))
    fn.set(Local.X87_OPCODE, i32(-1))
    this.#noteExact(fn)
  }

  /** Where the function is left: what has not been in locals for a block alone. */
  finish(): void {
    if (!this.used) return
    const { fn } = this
    this.storeWords()
    const selector = (segment: Expr): Expr => load(segment, 4, Segment.SELECTOR)
    fn.if(geS(local(Local.X87_OPCODE), i32(0)))
    fn.store(i32(State.FPU_IP), local(Local.X87_IP), 4)
    fn.store(i32(State.FPU_CS), selector(i32(segmentAt(CS))), 4)
    fn.store(i32(State.FPU_OPCODE), local(Local.X87_OPCODE), 4)
    fn.end()
    fn.if(local(Local.X87_SEGMENT))
    fn.store(i32(State.FPU_DP), local(Local.X87_DP), 4)
    fn.store(i32(State.FPU_DS), selector(local(Local.X87_SEGMENT)), 4)
    fn.end()
  }

  /** After a function that works in memory. */
  resume(): void {
    this.fn.set(Local.X87_STATUS, load(i32(State.FPU_STATUS), 4))
    this.fn.set(Local.X87_TAGS, load(i32(State.FPU_TAG), 4))
    this.#noteExact(this.fn)
  }

  /** Status and tag word to memory. */
  protected storeWords(): void {
    this.fn.store(i32(State.FPU_STATUS), local(Local.X87_STATUS), 4)
    this.fn.store(i32(State.FPU_TAG), local(Local.X87_TAGS), 4)
  }

  #changeStatus(cleared: number, set: Expr): void {
    this.used = true
    this.fn.set(Local.X87_STATUS, or(and(local(Local.X87_STATUS), i32(~cleared)), set))
  }

  #noteExact(fn: FunctionBuilder): void {
    fn.set(X87Local.EXACT, eq(and(load(i32(State.FPU_CONTROL), 4), i32(EXACT_MASK)), i32(EXACT)))
  }
}
