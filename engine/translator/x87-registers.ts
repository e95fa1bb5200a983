import {
  type Expr,
  I32,
  I64,
  type ValueType,
  add,
  and,
  callOf,
  eqz,
  geS,
  i32,
  ltS,
  load,
  local,
  ne,
  or,
  shl,
  shrU,
  xor,
} from '../wasm/expression.ts'
import type { FunctionBuilder } from '../wasm/function-builder.ts'
import { CS, Segment, State, segmentAt } from '../isa/state.ts'
import type { Real, X87Stack } from '../isa/x87-stack.ts'
import { Local } from './register-file.ts'

const C1 = 0x200
const CONDITIONS = 0x4500
/** Exceptions, SF and C1, as functions on values report them. */
const RAISED = 0x27f
const TOP = 0x3800
/** Bytes from a register to the next; 8 of them make a circle. */
const REGISTER_BYTES = 16
const CIRCLE = 0x70
const EMPTY = 3

/** What surrounds the registers. */
export interface X87Host {
  /** Index of an imported function with these types. */
  functionIndex(name: string, parameters: readonly ValueType[], result: ValueType): number
  /** Leaves before the current instruction when the condition holds. */
  leaveIf(condition: Expr): void
}

/** A register, by its distance from what is ST(0) when its block begins. */
interface Slot {
  /** Which pair of locals has its value. */
  pair: number
  /** The locals have the value. */
  known: boolean
  /** Memory has another. */
  changed: boolean
  /** Whether the register is empty: as the tag word says, and as it is by now; null when nobody has asked. */
  tagged: boolean | null
  empty: boolean | null
}

/**
 * x87 registers in locals, from their first use in a block to the end of the block or to an instruction that works
 * on them in memory. Status word, tag word and the pointers to the last instruction are in locals throughout.
 */
export class X87Registers implements X87Stack {
  #slots: Slot[] = []
  /** Distance of ST(0) from where it was when the block began. */
  #top = 0
  #hasTop = false
  #hasTags = false
  /** The function uses any of this. */
  #used = false

  constructor(
    private readonly fn: FunctionBuilder,
    private readonly host: X87Host,
  ) {
    this.forget()
  }

  // X87Stack.

  read(i: number): Real {
    const slot = this.#full(i)
    if (!slot.known) {
      const at = this.#addressOf((this.#top + i) & 7)
      this.fn.set(Local.X87_SIGNIFICAND + slot.pair, load(at, 8, State.FPU))
      this.fn.set(Local.X87_SIGN_EXPONENT + slot.pair, load(at, 2, State.FPU + 8))
      slot.known = true
    }
    return valueOf(slot)
  }

  write(i: number, [significand, signExponent]: Real): void {
    this.#findTop()
    const slot = this.#slot(i)
    this.fn.set(Local.X87_SIGNIFICAND + slot.pair, significand)
    this.fn.set(Local.X87_SIGN_EXPONENT + slot.pair, signExponent)
    slot.known = slot.changed = true
    slot.empty = false
  }

  makeRoom(): void {
    this.#expect(-1, true)
  }

  push(value: Real): void {
    this.#top = (this.#top - 1) & 7
    this.write(0, value)
  }

  pop(): void {
    this.#slot(0).empty = true
    this.#top = (this.#top + 1) & 7
  }

  exchange(i: number): void {
    this.read(0)
    this.read(i)
    const [a, b] = [this.#slot(0), this.#slot(i)]
    const { pair } = a
    a.pair = b.pair
    b.pair = pair
    a.changed = b.changed = true
  }

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
    this.#used = true
    fn.set(Local.X87_IP, eip)
    fn.set(Local.X87_OPCODE, opcode)
    if (!memory) return
    fn.set(Local.X87_DP, memory.address)
    fn.set(Local.X87_SEGMENT, memory.segment)
  }

  // Words of the state.

  /** The status or the tag word as it is now. */
  word(address: typeof State.FPU_STATUS | typeof State.FPU_TAG): Expr {
    this.#used = true
    if (address === State.FPU_TAG) return this.#currentTags()
    return this.#currentStatus()
  }

  /** Replaces one of them; nothing is known of registers then. */
  setWord(address: typeof State.FPU_STATUS | typeof State.FPU_TAG, value: Expr): void {
    this.#used = true
    this.store()
    this.forget()
    this.fn.set(address === State.FPU_TAG ? Local.X87_TAGS : Local.X87_STATUS, value)
  }

  // What happens around.

  /** To the start of the function, once its body is known. */
  start(fn: FunctionBuilder): void {
    if (!this.#used) return
    fn.set(Local.X87_STATUS, load(i32(State.FPU_STATUS), 4))
    fn.set(Local.X87_TAGS, load(i32(State.FPU_TAG), 4))
    fn.set(Local.X87_OPCODE, i32(-1))
  }

  /** Where the function is left: what has not been in locals for a block alone. */
  finish(): void {
    if (!this.#used) return
    const { fn } = this
    this.#storeWords()
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

  /** Registers to memory, status and tag word as they are now to their locals; what is known stays known. */
  store(): void {
    const { fn } = this
    this.#slots.forEach((slot, distance) => {
      if (!slot.changed) return
      const [significand, signExponent] = valueOf(slot)
      const at = this.#addressOf(distance)
      fn.store(at, significand, 8, State.FPU)
      fn.store(at, signExponent, 2, State.FPU + 8)
    })
    fn.set(Local.X87_TAGS, this.#currentTags())
    fn.set(Local.X87_STATUS, this.#currentStatus())
  }

  /** Nothing is known of registers any more. */
  forget(): void {
    this.#slots = Array.from({ length: 8 }, (_, pair) => ({
      pair,
      known: false,
      changed: false,
      tagged: null,
      empty: null,
    }))
    this.#top = 0
    this.#hasTop = this.#hasTags = false
  }

  /** Everything to memory, for a function that works there; `resume` after it. */
  suspend(): void {
    this.#used = true
    this.store()
    this.forget()
    this.#storeWords()
  }

  resume(): void {
    this.fn.set(Local.X87_STATUS, load(i32(State.FPU_STATUS), 4))
    this.fn.set(Local.X87_TAGS, load(i32(State.FPU_TAG), 4))
  }

  // Parts.

  #slot(i: number): Slot {
    return this.#slots[(this.#top + i) & 7]!
  }

  #full(i: number): Slot {
    this.#expect(i, false)
    return this.#slot(i)
  }

  /** Leaves unless ST(i) is empty, or is not. */
  #expect(i: number, empty: boolean): void {
    this.#findTop()
    const slot = this.#slot(i)
    if (slot.empty === empty) return
    if (slot.empty !== null) return this.host.leaveIf(i32(1))
    const tag = and(this.#relativeTags(), i32(EMPTY << (2 * ((this.#top + i) & 7))))
    this.host.leaveIf(empty ? eqz(tag) : ne(tag, i32(0)))
    slot.empty = slot.tagged = empty
  }

  #findTop(): void {
    this.#used = true
    if (this.#hasTop) return
    this.fn.set(Local.X87_TOP, and(shrU(local(Local.X87_STATUS), i32(7)), i32(CIRCLE)))
    this.#hasTop = true
  }

  /** Tags in the order of distances. */
  #relativeTags(): Expr {
    if (!this.#hasTags) {
      const tags = local(Local.X87_TAGS)
      const twice = or(tags, shl(tags, i32(16)))
      this.fn.set(Local.X87_RELATIVE_TAGS, shrU(twice, shrU(local(Local.X87_TOP), i32(3))))
      this.#hasTags = true
    }
    return local(Local.X87_RELATIVE_TAGS)
  }

  /** Offset of a register from State.FPU. */
  #addressOf(distance: number): Expr {
    return and(add(local(Local.X87_TOP), i32(distance * REGISTER_BYTES)), i32(CIRCLE))
  }

  #changeStatus(cleared: number, set: Expr): void {
    this.#used = true
    this.fn.set(Local.X87_STATUS, or(and(local(Local.X87_STATUS), i32(~cleared)), set))
  }

  #currentStatus(): Expr {
    const status = local(Local.X87_STATUS)
    if (this.#top === 0) return status
    return or(and(status, i32(~TOP)), shl(this.#addressOf(this.#top), i32(7)))
  }

  #currentTags(): Expr {
    let full = 0
    let empty = 0
    this.#slots.forEach((slot, distance) => {
      if (slot.empty === slot.tagged) return
      if (slot.empty) empty |= EMPTY << (2 * distance)
      else full |= EMPTY << (2 * distance)
    })
    let tags: Expr = local(Local.X87_TAGS)
    if (full) tags = and(tags, not16(this.#absolute(full)))
    if (empty) tags = or(tags, this.#absolute(empty))
    return tags
  }

  /** Tags by distance as tags by register. */
  #absolute(tags: number): Expr {
    const turned = shl(i32(tags | (tags << 16)), shrU(local(Local.X87_TOP), i32(3)))
    return shrU(turned, i32(16))
  }

  #storeWords(): void {
    this.fn.store(i32(State.FPU_STATUS), local(Local.X87_STATUS), 4)
    this.fn.store(i32(State.FPU_TAG), local(Local.X87_TAGS), 4)
  }
}

const valueOf = ({ pair }: Slot): Real => [
  local(Local.X87_SIGNIFICAND + pair, I64),
  local(Local.X87_SIGN_EXPONENT + pair, I32),
]

const not16 = (e: Expr): Expr => xor(e, i32(0xffff))
