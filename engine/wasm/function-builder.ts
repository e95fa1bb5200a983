import { ByteWriter } from './byte-writer.ts'
import { type Expr, type ValueType, I32, emit, emitStore, isConst, isLocal, local } from './expression.ts'

/** A nesting level to branch to: the end of a block, the start of a loop. */
export type Label = number

const VOID = 0x40

/** Builds one function body: statements over expressions, with temporaries that can be recycled. */
export class FunctionBuilder {
  body = new ByteWriter()
  /** Offsets in the body of branches that are hardly ever taken. */
  readonly unlikely: number[] = []
  /** Types of parameters and locals, by index. */
  readonly types: ValueType[]
  #depth = 0
  #firstTemp: number
  #free = new Map<ValueType, number[]>()
  #used = new Map<ValueType, number>()

  /** @param fixed types of the parameters, then of the named locals. */
  constructor(
    readonly parameterCount: number,
    fixed: readonly ValueType[],
    readonly result: ValueType | null = I32,
  ) {
    this.types = [...fixed]
    this.#firstTemp = fixed.length
  }

  /** After this, temporaries made before may be overwritten. */
  recycleTemps(): void {
    this.#used.clear()
  }

  temp(type: ValueType = I32): number {
    let pool = this.#free.get(type)
    if (!pool) this.#free.set(type, (pool = []))
    const index = this.#used.get(type) ?? 0
    this.#used.set(type, index + 1)
    if (index === pool.length) {
      pool.push(this.types.length)
      this.types.push(type)
    }
    return pool[index]!
  }

  /** A local of its own, which no recycling takes. */
  local(type: ValueType = I32): number {
    this.types.push(type)
    return this.types.length - 1
  }

  /** Of nested blocks. */
  get depth(): number {
    return this.#depth
  }

  read(index: number): Expr {
    return local(index, this.types[index]!)
  }

  /** Evaluates now and gives something that is cheap to read again. */
  let(e: Expr): Expr {
    if (isConst(e) || (isLocal(e) && e.value >= this.#firstTemp)) return e
    const index = this.temp(e.type)
    this.set(index, e)
    return local(index, e.type)
  }

  set(index: number, e: Expr): void {
    if (isLocal(e) && e.value === index) return
    emit(this.body, e)
    this.body.byte(0x21)
    this.body.unsigned(index)
  }

  /** Leaves the value on the stack: a result, or the argument of `raw` bytes. */
  push(e: Expr): void {
    emit(this.body, e)
  }

  drop(e: Expr): void {
    emit(this.body, e)
    this.body.byte(0x1a)
  }

  store(address: Expr, value: Expr, size: number, offset = 0): void {
    emitStore(this.body, address, value, size, offset)
  }

  block(): Label {
    return this.#open(0x02)
  }

  loop(): Label {
    return this.#open(0x03)
  }

  if(condition: Expr): Label {
    emit(this.body, condition)
    return this.#open(0x04)
  }

  /** The same where the condition hardly ever holds: the host's compiler moves what follows out of the way. */
  ifRarely(condition: Expr): Label {
    emit(this.body, condition)
    this.unlikely.push(this.body.length)
    return this.#open(0x04)
  }

  else(): void {
    this.body.byte(0x05)
  }

  end(): void {
    this.body.byte(0x0b)
    this.#depth--
  }

  branch(to: Label): void {
    this.body.byte(0x0c)
    this.body.unsigned(this.#depth - to)
  }

  branchIf(to: Label, condition: Expr): void {
    emit(this.body, condition)
    this.body.byte(0x0d)
    this.body.unsigned(this.#depth - to)
  }

  /** The same where the condition hardly ever holds. */
  branchIfRarely(to: Label, condition: Expr): void {
    emit(this.body, condition)
    this.unlikely.push(this.body.length)
    this.body.byte(0x0d)
    this.body.unsigned(this.#depth - to)
  }

  branchTable(selector: Expr, targets: readonly Label[], otherwise: Label): void {
    emit(this.body, selector)
    this.body.byte(0x0e)
    this.body.unsigned(targets.length)
    for (const target of targets) this.body.unsigned(this.#depth - target)
    this.body.unsigned(this.#depth - otherwise)
  }

  /** Calls through the module's table: arguments, then the index in it, have been pushed. */
  callIndirect(typeIndex: number): void {
    this.body.byte(0x11)
    this.body.unsigned(typeIndex)
    this.body.byte(0)
  }

  /** The same as the last thing that the function does: it is left first. */
  returnCallIndirect(typeIndex: number): void {
    this.body.byte(0x13)
    this.body.unsigned(typeIndex)
    this.body.byte(0)
  }

  /** Calls a function by its index, with arguments, after the function has been left. */
  returnCall(index: number, ...args: Expr[]): void {
    for (const e of args) emit(this.body, e)
    this.body.byte(0x12)
    this.body.unsigned(index)
  }

  /** Takes the value on the stack. */
  pop(index: number): void {
    this.body.byte(0x21)
    this.body.unsigned(index)
  }

  return(e: Expr): void {
    emit(this.body, e)
    this.body.byte(0x0f)
  }

  unreachable(): void {
    this.body.byte(0x00)
  }

  /** Fills `length` bytes at `address`. */
  memoryFill(address: Expr, byte: Expr, length: Expr): void {
    for (const e of [address, byte, length]) emit(this.body, e)
    for (const b of [0xfc, 11, 0]) this.body.byte(b)
  }

  memoryCopy(to: Expr, from: Expr, length: Expr): void {
    for (const e of [to, from, length]) emit(this.body, e)
    for (const b of [0xfc, 10, 0, 0]) this.body.byte(b)
  }

  /** Puts statements before everything that has been emitted: what they are may follow from the rest. */
  prepend(emitStatements: (fn: FunctionBuilder) => void): void {
    const rest = this.body
    const unlikely = this.unlikely.splice(0)
    this.body = new ByteWriter()
    emitStatements(this)
    this.unlikely.push(...unlikely.map((offset) => offset + this.body.length))
    this.body.append(rest)
  }

  #open(op: number): Label {
    this.body.byte(op)
    this.body.byte(VOID)
    return ++this.#depth
  }
}
