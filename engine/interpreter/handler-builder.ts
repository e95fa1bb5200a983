import {
  type Expr,
  I32,
  add,
  and,
  callOf,
  eq,
  eqz,
  geS,
  gtU,
  i32,
  isConst,
  load,
  local,
  ne,
  or,
  shrU,
  sub,
  xor,
} from '../wasm/expression.ts'
import type { FunctionBuilder, Label } from '../wasm/function-builder.ts'
import { UNIT_BIT } from '../isa/description.ts'
import { type Flags, auxWord, resultWord, zeroExtend } from '../isa/flags.ts'
import { GP, Semantics } from '../isa/semantics.ts'
import { Attention, CS, DS, EAX, SS, Segment, State, gprAt, segmentAt } from '../isa/state.ts'
import { SystemOp } from '../isa/system-op.ts'
import type { Form } from './form.ts'
import { FLAT, type Frame, Import, Local, loadCached } from './handler-locals.ts'
import { type Access, emitAccess } from './inline-access.ts'
import { codeKeyEntry, entryWord, isCodeKey, lookIntoJumpCache } from './jump-cache.ts'
import { RECORD_BYTES, RECORD_SHIFT, Record, Why } from './record.ts'
import { RecordOperands } from './record-operands.ts'

/** Builds the code of one handler from the meaning of its form (or of two, fused). */
export class HandlerBuilder extends Semantics {
  #form!: Form
  /** Distance of the current instruction's record from REC, for the second of a fused pair. */
  #offset = 0
  readonly #operands: RecordOperands
  #flags: Flags | null = null
  #skip: Label | null = null
  /** End of the shortcut under way. */
  #shortcut: Label = 0
  #wrote = false
  /** True once control has left: no code for the fall-through is needed. */
  #ended = false

  constructor(
    fn: FunctionBuilder,
    private readonly frame: Frame,
  ) {
    super(fn)
    this.#operands = new RecordOperands({
      fn,
      field: (offset, size) => this.#field(offset, size),
      later: (value, put) => this.later(value, put),
      access: (access) => this.#access(access),
    })
  }

  /** Emits the whole handler, ending with a jump to the next record or out. */
  build(forms: readonly Form[]): void {
    this.#flags = null
    this.#ended = false
    this.fn.recycleTemps()
    this.#skip = forms.some(({ repeat }) => repeat !== 'none') ? this.fn.block() : null
    forms.forEach((form, i) => {
      this.#form = form
      this.#offset = i * RECORD_BYTES
      this.#wrote = false
      Object.assign(this, {
        size: form.size,
        addressSize: form.addressSize,
        stackSize: form.stackSize,
        repeat: form.repeat,
        split: form.split,
      })
      this.#unitCheck()
      form.description.meaning(this, ...this.#operands.of(form))
      if (!this.#ended) this.finish()
    })
    if (this.#skip !== null) this.fn.end()
    if (!this.#ended || this.#skip !== null) {
      if (this.frame.top === null) this.leave(Why.NEXT)
      else this.next(forms.length)
    }
  }

  /** Emits the delivery of an exception at REC by a shortcut; what that leaves out is a fault for the runtime. */
  buildDelivery(deliver: (b: Semantics) => void): void {
    deliver(this)
    this.leave(Why.FAULT)
  }

  leave(why: number): void {
    this.fn.set(Local.WHY, i32(why))
    this.fn.branch(this.frame.out)
  }

  leaveIf(condition: Expr): void {
    this.fn.branchIf(this.frame.out, condition)
  }

  /** Goes on with the record after this one. */
  next(count = 1): void {
    this.fn.set(Local.REC, add(local(Local.REC), i32(RECORD_BYTES * count)))
    this.fn.branch(this.frame.top!)
  }

  // State.

  register(index: number, size: number): Expr {
    return this.let(load(i32(gprAt(index, size)), size))
  }

  protected putRegister(index: number, size: number, value: Expr): void {
    this.fn.store(i32(gprAt(index, size)), value, size)
  }

  word(address: number): Expr {
    return this.let(load(i32(address), 4))
  }

  protected putWord(address: number, value: Expr): void {
    this.fn.store(i32(address), value, 4)
  }

  flags(): Flags {
    this.#flags ??= { kind: 'stored', result: this.word(State.FLAGS_RESULT), aux: this.word(State.FLAGS_AUX) }
    return this.#flags
  }

  protected putFlags(flags: Flags): void {
    this.fn.store(i32(State.FLAGS_RESULT), resultWord(flags), 4)
    this.fn.store(i32(State.FLAGS_AUX), auxWord(flags), 4)
    this.#flags = flags
  }

  load(address: Expr, size: number): Expr {
    return this.let(load(address, size))
  }

  segmentCache(index: number): Expr {
    return i32(this.#form.flat && index <= DS ? FLAT : segmentAt(index))
  }

  stringSource(): Expr {
    return this.#form.flat ? i32(FLAT) : this.#field(Record.SEGMENT, 2)
  }

  #field(offset: number, size: number): Expr {
    return load(local(Local.REC), size, offset + this.#offset)
  }

  // Memory.

  memory(segment: Expr, address: Expr, size: number, write: boolean, modify = false): Expr {
    const flat = isConst(segment) && segment.value === FLAT
    return this.#access({ segment: flat ? null : this.let(segment), address, size, write, modify })
  }

  stack(address: Expr, size: number, write: boolean): Expr {
    return this.#access({ segment: this.#form.flat ? null : i32(segmentAt(SS)), address, size, write })
  }

  #access(access: Access): Expr {
    const record = add(local(Local.REC), i32(this.#offset))
    const host = emitAccess(this.fn, access, record, () => this.#leaveAt(Why.FAULT))
    if (access.write) this.#wrote = true
    return host
  }

  /** Leaves with REC at the current instruction, which has had no effect yet. */
  #leaveAt(why: number): void {
    if (this.#offset) this.fn.set(Local.REC, add(local(Local.REC), i32(this.#offset)))
    this.leave(why)
  }

  // Ends of an instruction.

  /** Writes what was queued, then what bounced. */
  finish(): void {
    this.commit()
    if (!this.#wrote) return
    this.#wrote = false
    const { fn } = this
    fn.if(local(Local.BOUNCED))
    fn.set(Local.BOUNCED, i32(0))
    // What the device did may call for a stop: the result drains the budget.
    this.#spend(callOf(Import.WRITE_BACK, I32))
    fn.end()
  }

  raiseIf(condition: Expr, vector: number): void {
    this.fn.if(condition)
    this.#leaveAt(Why.RAISE + vector)
    this.fn.end()
  }

  thisEip(): Expr {
    return this.let(add(this.word(State.EIP_BASE), this.#field(Record.PAGE_OFFSET, 2)))
  }

  nextEip(): Expr {
    return this.let(
      add(add(this.word(State.EIP_BASE), this.#field(Record.PAGE_OFFSET, 2)), this.#field(Record.LENGTH, 1)),
    )
  }

  /** Accounts for the run up to and with the current instruction. */
  #retireRun(): void {
    const last = add(local(Local.REC), i32(this.#offset + RECORD_BYTES))
    this.fn.set(
      Local.BUDGET,
      sub(local(Local.BUDGET), shrU(sub(last, local(Local.START)), i32(RECORD_SHIFT))),
    )
  }

  #dispatchOrStop(): void {
    const { fn, frame } = this
    fn.set(Local.START, local(Local.REC))
    fn.branchIf(frame.top!, geS(local(Local.BUDGET), i32(0)))
    this.leave(Why.BUDGET)
  }

  /** Goes on with the record that the current one is linked to. */
  followLink(): void {
    const { fn } = this
    if (this.frame.top === null) return this.leave(Why.FOLLOW)
    this.#retireRun()
    fn.set(Local.FROM, add(local(Local.REC), i32(this.#offset)))
    fn.set(Local.REC, load(local(Local.FROM), 4, Record.LINK))
    this.#dispatchOrStop()
  }

  checkTarget(eip: Expr): void {
    if (this.#form.limited) this.raiseIf(gtU(zeroExtend(eip, this.size), codeLimit()), GP)
  }

  checkRelative(taken: Expr): void {
    if (!this.#form.limited) return
    const { fn } = this
    fn.if(taken)
    const eip = add(load(i32(State.EIP_BASE), 4), this.#field(Record.IMMEDIATE, 4))
    this.raiseIf(gtU(and(eip, this.#field(Record.DISPLACEMENT, 4)), codeLimit()), GP)
    fn.end()
  }

  jumpRelative(): void {
    this.finish()
    this.followLink()
    this.#ended = true
  }

  branchRelative(condition: Expr): void {
    const taken = this.let(condition)
    this.finish()
    this.fn.if(taken)
    this.followLink()
    this.fn.end()
  }

  jumpTo(eip: Expr): void {
    if (this.frame.top === null) return this.resumeAt(zeroExtend(eip, this.size))
    const target = this.let(zeroExtend(eip, this.size))
    this.finish()
    this.#retireRun()
    this.lookUp(target)
    this.#ended = true
  }

  /** The handler of all cold forms: goes on where the function of one says. */
  afterCold(): void {
    const { fn } = this
    this.#offset = 0
    const is = (why: number): Expr => eq(local(Local.WHY), i32(why))
    fn.if(local(Local.WHY))
    fn.if(is(Why.FOLLOW))
    this.followLink()
    fn.end()
    fn.if(is(Why.AGAIN))
    fn.branchIf(this.frame.top!, geS(local(Local.BUDGET), i32(0)))
    this.leave(Why.BUDGET)
    fn.end()
    this.leaveIf(ne(local(Local.WHY), i32(Why.ENTER)))
    this.#enter()
    fn.end()
    this.next()
  }

  /** Goes to State.EIP, where the function of the current record left it, perhaps in another mode. */
  #enter(): void {
    loadCached(this.fn)
    this.fn.recycleTemps()
    this.#retireRun()
    this.lookUp(this.fn.let(load(i32(State.EIP), 4)))
  }

  /** Goes to an EIP through the jump cache; the run before is accounted for. */
  lookUp(target: Expr): void {
    const { fn } = this
    const entry = local(Local.ENTRY)
    fn.if(lookIntoJumpCache(fn, Local.ENTRY, target, local(Local.JUMP_KEY)))
    fn.set(Local.REC, entryWord(entry, 'RECORD'))
    fn.store(i32(State.EIP_BASE), entryWord(entry, 'EIP_BASE'), 4)
    this.#dispatchOrStop()
    fn.end()
    fn.set(Local.START, local(Local.REC))
    fn.store(i32(State.EIP), target, 4)
    this.leave(Why.JUMP)
  }

  again(condition: Expr): void {
    const repeats = this.let(condition)
    this.finish()
    const { fn, frame } = this
    this.#spend(repeats)
    fn.if(repeats)
    if (frame.top === null) this.leave(Why.AGAIN)
    else {
      fn.branchIf(frame.top, geS(local(Local.BUDGET), i32(0)))
      this.#leaveAt(Why.BUDGET)
    }
    fn.end()
  }

  skipIf(condition: Expr): void {
    this.fn.branchIf(this.#skip!, condition)
  }

  bulk(op: SystemOp, segment: Expr): Expr {
    const kind = this.size | (this.addressSize << 8) | (this.repeat === 'repne' ? 0x20000 : 0x10000)
    return callOf(Import.BULK, I32, i32(op), i32(kind), segment)
  }

  retire(count: Expr): void {
    // The repetition that `again` accounts for is one of them.
    this.#spend(sub(count, i32(1)))
  }

  #spend(count: Expr): void {
    const { fn, frame } = this
    fn.set(Local.BUDGET, sub(local(Local.BUDGET), count))
    if (frame.top === null) fn.store(i32(State.BUDGET), local(Local.BUDGET), 4)
  }

  system(op: SystemOp, a: Expr = i32(0), b: Expr = i32(0)): void {
    // The operation needs State.RECORD, which only the call of a cold function stores.
    if (this.frame.top !== null)
      throw new Error(`${this.#form.description.name} works on the whole processor but is not marked rare`)
    const [first, second] = [this.let(a), this.let(b)]
    this.finish()
    const { fn } = this
    fn.set(Local.WHY, callOf(Import.SYSTEM, I32, i32(op), first, second))
    fn.branch(this.frame.out)
    this.#ended = true
  }

  override shortcut(condition: Expr, body: () => void): void {
    if (this.frame.top !== null) throw new Error('only what is rare has shortcuts')
    const { fn } = this
    const flags = this.#flags
    this.#shortcut = fn.block()
    this.require(condition)
    body()
    if (!this.#ended) {
      this.finish()
      this.leave(Why.NEXT)
    }
    fn.end()
    this.#flags = flags
    this.#ended = false
  }

  override require(condition: Expr): void {
    this.fn.branchIf(this.#shortcut, eqz(condition))
  }

  override resumeAt(eip: Expr): void {
    const { fn } = this
    const target = this.let(eip)
    this.finish()
    fn.store(i32(State.EIP), target, 4)
    this.leave(Why.ENTER)
    this.#ended = true
  }

  override enterCode(selector: Expr, base: Expr, eip: Expr): void {
    const { fn } = this
    const cs = segmentAt(CS)
    const [newSelector, newBase, target] = [this.let(selector), this.let(base), this.let(eip)]
    const moved = this.let(ne(newBase, load(i32(cs), 4, Segment.BASE)))
    this.finish()
    fn.store(i32(cs), newSelector, 4, Segment.SELECTOR)
    fn.store(i32(cs), newBase, 4, Segment.BASE)
    fn.store(i32(State.EIP), target, 4)
    fn.set(Local.WHY, i32(Why.ENTER))
    fn.if(moved)
    const entry = this.let(codeKeyEntry(newBase))
    fn.if(isCodeKey(entry, newBase))
    fn.store(i32(State.JUMP_KEY), load(entry, 4, 8), 4)
    fn.store(i32(State.MODE_STALE), i32(1), 4)
    fn.else()
    fn.set(Local.WHY, callOf(Import.SYSTEM, I32, i32(SystemOp.ENTER_CODE), i32(0), i32(0)))
    fn.end()
    fn.end()
    fn.branch(this.frame.out)
    this.#ended = true
  }

  override readPort(port: Expr): void {
    const value = this.let(callOf(Import.READ_PORT, I32, port, i32(this.size)))
    this.setRegister(EAX, this.size, value)
    this.#afterPort()
  }

  override writePort(port: Expr): void {
    this.fn.drop(callOf(Import.WRITE_PORT, I32, port, this.register(EAX, this.size), i32(this.size)))
    this.#afterPort()
  }

  override readTimeStamp(): void {
    this.finish()
    this.fn.drop(callOf(Import.TIME_STAMP, I32))
    this.leave(Why.NEXT)
    this.#ended = true
  }

  /** The device may have called for a stop, or have moved memory. */
  #afterPort(): void {
    const { fn } = this
    const next = this.nextEip()
    this.finish()
    fn.set(Local.WHY, i32(Why.NEXT))
    const stop = and(load(i32(State.ATTENTION), 4), i32(Attention.STOP))
    fn.if(or(stop, xor(load(i32(State.JUMP_KEY), 4), local(Local.JUMP_KEY))))
    fn.store(i32(State.EIP), next, 4)
    fn.set(Local.WHY, i32(Why.SYSTEM))
    fn.end()
    fn.branch(this.frame.out)
    this.#ended = true
  }

  helper(name: string, ...args: Expr[]): Expr {
    return this.let(callOf(this.frame.helperIndex(name), I32, ...args))
  }

  /** x87, MMX and SSE instructions need CR0 and CR4 to allow them, and no error pending. */
  #unitCheck(): void {
    const bit = UNIT_BIT[this.#form.description.unit]
    if (bit === 0) return
    const { fn } = this
    fn.if(and(load(i32(State.FPU_TRAP), 4), i32(bit)))
    // A cold function has them in memory already.
    if (this.frame.top !== null) {
      fn.store(i32(State.RECORD), add(local(Local.REC), i32(this.#offset)), 4)
      fn.store(i32(State.BUDGET), local(Local.BUDGET), 4)
      fn.store(i32(State.RUN_START), local(Local.START), 4)
    }
    fn.set(Local.WHY, callOf(Import.SYSTEM, I32, i32(SystemOp.FPU_TRAP), i32(bit), i32(0)))
    fn.branchIf(this.frame.out, local(Local.WHY))
    fn.end()
  }
}

const codeLimit = (): Expr => load(i32(segmentAt(CS)), 4, Segment.LIMIT)
