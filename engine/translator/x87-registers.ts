import {
  type Expr,
  F64,
  I32,
  I64,
  add,
  and,
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
import type { FunctionBuilder, Label } from '../wasm/function-builder.ts'
import { State } from '../isa/state.ts'
import type { InMemory, Real, X87Stack } from '../isa/x87-stack.ts'
import { Local, X87Local } from './register-file.ts'
import {
  EXACT_OPERATIONS,
  bitsOf,
  conditionsOf,
  doubleInMemory,
  narrow,
  singleBits,
  widen,
} from './x87-doubles.ts'
import { type X87Host, X87Words } from './x87-words.ts'

const TOP = 0x3800
/** Bytes from a register to the next; 8 of them make a circle. */
const REGISTER_BYTES = 16
const CIRCLE = 0x70
const EMPTY = 3

/** A register, by its distance from what is ST(0) when its block begins. */
interface Slot {
  /** Which pair of locals has its value. */
  pair: number
  /**
   * What the locals have: nothing yet; significand, sign and exponent; a double, sign and exponent being -1; or one of
   * the two.
   */
  form: 'none' | 'wide' | 'double' | 'either'
  /** Memory has another. */
  changed: boolean
  /** Whether the register is empty: as the tag word says, and as it is by now; null when nobody has asked. */
  tagged: boolean | null
  empty: boolean | null
}

/** What a piece of code does with the registers, by their distance from ST(0) at its start. */
export interface X87Use {
  used: readonly number[]
  /** Distance of ST(0) at the end. */
  top: number
  /** False where something works on registers in memory. */
  inLocals: boolean
}

/**
 * x87 registers in locals, from their first use in a block to the end of the block or to an instruction that works
 * on them in memory.
 */
export class X87Registers extends X87Words implements X87Stack {
  #slots: Slot[] = []
  /** Distance of ST(0) from where it was when the block began. */
  #top = 0
  #hasTop = false
  #hasTags = false
  #inLocals = true
  /** Registers that are in locals throughout the region, by their distance from ST(0) at its start. */
  #carried: readonly number[] | null = null

  constructor(fn: FunctionBuilder, host: X87Host) {
    super(fn, host)
    this.forget()
  }

  // X87Stack.

  read(i: number): Real {
    const slot = this.#loaded(i)
    const [significand, signExponent] = this.#wide(slot)
    this.fn.set(Local.X87_SIGNIFICAND + slot.pair, significand)
    this.fn.set(Local.X87_SIGN_EXPONENT + slot.pair, signExponent)
    slot.form = 'wide'
    return valueOf(slot)
  }

  write(i: number, [significand, signExponent]: Real): void {
    this.#findTop()
    const slot = this.#slot(i)
    this.fn.set(Local.X87_SIGNIFICAND + slot.pair, significand)
    this.fn.set(Local.X87_SIGN_EXPONENT + slot.pair, signExponent)
    slot.form = 'wide'
    slot.changed = true
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
    const [a, b] = [this.#loaded(0), this.#loaded(i)]
    const { pair, form } = a
    Object.assign(a, { pair: b.pair, form: b.form, changed: true })
    Object.assign(b, { pair, form, changed: true })
  }

  duplicate(i: number): void {
    const { fn } = this
    const from = this.#loaded(i)
    this.makeRoom()
    const to = this.#slot(-1)
    fn.set(Local.X87_SIGN_EXPONENT + to.pair, local(Local.X87_SIGN_EXPONENT + from.pair))
    if (from.form !== 'double')
      fn.set(Local.X87_SIGNIFICAND + to.pair, local(Local.X87_SIGNIFICAND + from.pair, I64))
    if (from.form !== 'wide') fn.set(X87Local.DOUBLE + to.pair, local(X87Local.DOUBLE + from.pair, F64))
    this.#pushed(from.form)
  }

  compute(op: string, to: number, other: number | InMemory): void {
    const { fn } = this
    const a = this.#loaded(to)
    const b = this.#operand(other)
    const exact = EXACT_OPERATIONS.get(op) ?? null
    const done = fn.block()
    if (exact) {
      this.#narrow(a)
      if ('pair' in b) this.#narrow(b)
      const slow = fn.block()
      fn.branchIf(slow, eqz(local(X87Local.EXACT)))
      const x = this.#double(a, slow)
      this.#setDouble(a, exact(fn, x, this.#double(b, slow), slow))
      this.clearC1()
      fn.branch(done)
      fn.end()
    }
    this.#setWide(a, this.call(`${op}${kindOf(b)}`, I64, [...this.#wide(a), ...this.#arguments(b)]))
    a.form = 'wide'
    if (exact) this.#narrow(a)
    fn.end()
    a.changed = true
    a.empty = false
  }

  load(number: InMemory): void {
    const { fn } = this
    this.makeRoom()
    const to = this.#slot(-1)
    const done = fn.block()
    const slow = fn.block()
    this.#setDouble(to, doubleInMemory(fn, number, slow))
    this.clearC1()
    fn.branch(done)
    fn.end()
    if (number.kind !== 'Integer') this.#setWide(to, this.call(`load${number.kind}`, I64, [number.bits]))
    fn.end()
    this.#pushed(number.kind === 'Integer' ? 'double' : 'either')
  }

  convert(kind: 'Single' | 'Double'): Expr {
    const { fn } = this
    const from = this.#loaded(0)
    const type = kind === 'Double' ? I64 : I32
    const result = fn.temp(type)
    const done = fn.block()
    if (from.form !== 'wide') {
      const slow = fn.block()
      const x = this.#double(from, slow)
      fn.set(result, kind === 'Double' ? bitsOf(x) : singleBits(fn, x, slow))
      this.clearC1()
      fn.branch(done)
      fn.end()
    }
    fn.set(result, this.call(`store${kind}`, type, this.#wide(from)))
    this.raise()
    fn.end()
    return fn.read(result)
  }

  compare(other: number | InMemory, quiet: boolean): Expr {
    const { fn } = this
    const a = this.#loaded(0)
    const b = this.#operand(other)
    this.#narrow(a)
    if ('pair' in b) this.#narrow(b)
    const result = fn.temp()
    const done = fn.block()
    const slow = fn.block()
    const x = this.#double(a, slow)
    fn.set(result, conditionsOf(x, this.#double(b, slow)))
    this.clearC1()
    fn.branch(done)
    fn.end()
    const name = quiet ? 'compareQuiet' : `compare${kindOf(b)}`
    fn.set(result, this.call(name, I32, [...this.#wide(a), ...this.#arguments(b)]))
    this.raise()
    fn.end()
    return fn.read(result)
  }

  // Words of the state.

  /** The status or the tag word as it is now. */
  word(address: typeof State.FPU_STATUS | typeof State.FPU_TAG): Expr {
    this.used = true
    if (address === State.FPU_TAG) return this.#currentTags()
    return this.#currentStatus()
  }

  /** Replaces one of them; nothing is known of registers then. */
  setWord(address: typeof State.FPU_STATUS | typeof State.FPU_TAG, value: Expr): void {
    this.#inLocals = false
    this.used = true
    this.store()
    this.forget()
    this.fn.set(address === State.FPU_TAG ? Local.X87_TAGS : Local.X87_STATUS, value)
  }

  // What happens around.

  /**
   * Status and tag word as they are now to their locals, and registers to memory, unless the end of the function does
   * that; what is known stays known.
   */
  store(): void {
    if (this.#carried) this.#settlePairs()
    else this.#storeChanged()
    this.fn.set(Local.X87_TAGS, this.#currentTags())
    this.fn.set(Local.X87_STATUS, this.#currentStatus())
  }

  #storeChanged(): void {
    const { fn } = this
    this.#slots.forEach((slot, distance) => {
      if (!slot.changed) return
      const [significand, signExponent] = this.#wide(slot)
      const at = this.#addressOf(distance)
      fn.store(at, significand, 8, State.FPU)
      fn.store(at, signExponent, 2, State.FPU + 8)
    })
  }

  /** Undoes what exchanges have done, for code that knows nothing of them. */
  #settlePairs(): void {
    const { fn } = this
    const moved = this.#slots.flatMap(({ pair }, to) => (pair === to ? [] : [{ pair, to }]))
    const copies = moved.map(({ pair, to }) => ({
      to,
      double: fn.let(local(X87Local.DOUBLE + pair, F64)),
      significand: fn.let(local(Local.X87_SIGNIFICAND + pair, I64)),
      signExponent: fn.let(local(Local.X87_SIGN_EXPONENT + pair)),
    }))
    for (const { to, double, significand, signExponent } of copies) {
      fn.set(X87Local.DOUBLE + to, double)
      fn.set(Local.X87_SIGNIFICAND + to, significand)
      fn.set(Local.X87_SIGN_EXPONENT + to, signExponent)
    }
  }

  /** What has been done so far. */
  get use(): X87Use {
    const used = this.#slots.flatMap(({ form, changed }, i) => (form !== 'none' || changed ? [i] : []))
    return { used, top: this.#top, inLocals: this.#inLocals }
  }

  /** Has these registers in locals throughout the region, all of whose instructions allow it. */
  carry(used: readonly number[]): void {
    this.#carried = used
    this.forget()
  }

  /** A block begins, where ST(0) is so far from where it was when the region began. */
  startBlock(top: number): void {
    if (this.#carried) this.#top = top
  }

  /** Before the flow of control goes on elsewhere. */
  endBlock(): void {
    if (!this.#carried) this.store()
    else {
      for (const slot of this.#slots) this.#narrow(slot)
      this.#settlePairs()
      this.fn.set(Local.X87_TAGS, this.#currentTags())
    }
    this.forget()
  }

  override start(fn: FunctionBuilder): void {
    super.start(fn)
    if (!this.#carried) return
    fn.set(Local.X87_TOP, topOf(local(Local.X87_STATUS)))
    for (const distance of this.#carried) {
      const slot = { pair: distance, form: 'wide' as const }
      fetch(fn, slot, this.#addressOf(distance))
      narrow(fn, valueOf(slot), X87Local.DOUBLE + distance, () =>
        fn.set(Local.X87_SIGN_EXPONENT + distance, i32(-1)),
      )
    }
  }

  override finish(): void {
    this.forget()
    this.#storeChanged()
    super.finish()
  }

  /** Nothing is known of registers any more, but that those that are carried are in their locals. */
  forget(): void {
    this.#slots = Array.from({ length: 8 }, (_, pair) => {
      const carried = this.#carried?.includes(pair) === true
      return { pair, form: carried ? 'either' : 'none', changed: carried, tagged: null, empty: null }
    })
    if (!this.#carried) this.#top = 0
    this.#hasTop = this.#carried !== null
    this.#hasTags = false
  }

  /** Registers to memory, for an instruction that has them there. */
  release(): void {
    this.#inLocals = false
    this.store()
    this.forget()
  }

  /** Everything to memory, for a function that works there; `resume` after it. */
  suspend(): void {
    this.#inLocals = false
    this.used = true
    this.store()
    this.forget()
    this.storeWords()
  }

  // Parts.

  #slot(i: number): Slot {
    return this.#slots[(this.#top + i) & 7]!
  }

  /** ST(i), which is not empty, in locals. */
  #loaded(i: number): Slot {
    this.#expect(i, false)
    const slot = this.#slot(i)
    if (slot.form !== 'none') return slot
    slot.form = 'wide'
    fetch(this.fn, slot, this.#addressOf((this.#top + i) & 7))
    return slot
  }

  #operand(other: number | InMemory): Slot | InMemory {
    return typeof other === 'number' ? this.#loaded(other) : other
  }

  /** What a function on values takes for an operand. */
  #arguments(operand: Slot | InMemory): readonly Expr[] {
    return 'pair' in operand ? this.#wide(operand) : [operand.bits]
  }

  /** The value as it is in memory, in locals, which other code goes on without. */
  #wide(slot: Slot): Real {
    if (slot.form === 'wide') return valueOf(slot)
    const { fn } = this
    const [significand, signExponent] = [fn.temp(I64), fn.temp()]
    const double = local(X87Local.DOUBLE + slot.pair, F64)
    if (slot.form === 'either') {
      const [ownSignificand, ownSignExponent] = valueOf(slot)
      fn.set(significand, ownSignificand)
      fn.set(signExponent, ownSignExponent)
      fn.if(ltS(ownSignExponent, i32(0)))
    }
    widen(fn, double, significand, signExponent)
    if (slot.form === 'either') fn.end()
    return [fn.read(significand), fn.read(signExponent)]
  }

  /** The value as a double, or else the slow way. */
  #double(operand: Slot | InMemory, slow: Label): Expr {
    if (!('pair' in operand)) return doubleInMemory(this.fn, operand, slow)
    if (operand.form === 'either')
      this.fn.branchIf(slow, geS(local(Local.X87_SIGN_EXPONENT + operand.pair), i32(0)))
    return local(X87Local.DOUBLE + operand.pair, F64)
  }

  /** Has the value as a double, if it is one. */
  #narrow(slot: Slot): void {
    if (slot.form !== 'wide') return
    const { fn } = this
    narrow(fn, valueOf(slot), X87Local.DOUBLE + slot.pair, () =>
      fn.set(Local.X87_SIGN_EXPONENT + slot.pair, i32(-1)),
    )
    slot.form = 'either'
  }

  #setDouble(slot: Slot, value: Expr): void {
    this.fn.set(X87Local.DOUBLE + slot.pair, value)
    this.fn.set(Local.X87_SIGN_EXPONENT + slot.pair, i32(-1))
  }

  /** Takes over what the last function gave. */
  #setWide(slot: Slot, significand: Expr): void {
    this.fn.set(Local.X87_SIGNIFICAND + slot.pair, significand)
    this.fn.set(Local.X87_SIGN_EXPONENT + slot.pair, this.signExponent())
    this.raise()
  }

  /** The register above ST(0), whose locals have been set, is the new one. */
  #pushed(form: Slot['form']): void {
    this.#top = (this.#top - 1) & 7
    Object.assign(this.#slot(0), { form, changed: true, empty: false })
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
    this.used = true
    if (this.#hasTop) return
    this.fn.set(Local.X87_TOP, topOf(local(Local.X87_STATUS)))
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
}

/** TOP of a status word, in bytes of registers. */
const topOf = (status: Expr): Expr => and(shrU(status, i32(7)), i32(CIRCLE))

/** Loads a register at its offset from State.FPU. */
function fetch(fn: FunctionBuilder, { pair }: Pick<Slot, 'pair'>, at: Expr): void {
  fn.set(Local.X87_SIGNIFICAND + pair, load(at, 8, State.FPU))
  fn.set(Local.X87_SIGN_EXPONENT + pair, load(at, 2, State.FPU + 8))
}

const valueOf = ({ pair }: Pick<Slot, 'pair'>): Real => [
  local(Local.X87_SIGNIFICAND + pair, I64),
  local(Local.X87_SIGN_EXPONENT + pair, I32),
]

const kindOf = (operand: Slot | InMemory): string => ('pair' in operand ? 'Real' : operand.kind)

const not16 = (e: Expr): Expr => xor(e, i32(0xffff))
