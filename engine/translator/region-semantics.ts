import {
  type Expr,
  I32,
  type ValueType,
  add,
  and,
  callOf,
  eq,
  eqz,
  geU,
  gtU,
  i32,
  isConst,
  load,
  local,
  mul,
  ne,
  or,
  sub,
  xor,
} from '../wasm/expression.ts'
import type { CodeVariant } from '../interpreter/code-variant.ts'
import type { DecodedOperand, Instruction, MemoryOperand } from '../isa/decoder.ts'
import { UNIT_BIT } from '../isa/description.ts'
import { type Flags, auxWord, resultWord, zeroExtend } from '../isa/flags.ts'
import { type BinaryOperation, QUIET, QUIET_MASK, SCALARS, type ScalarKind } from '../isa/sse-native.ts'
import { type Operand, Semantics } from '../isa/semantics.ts'
import type { X87Stack } from '../isa/x87-stack.ts'
import {
  Attention,
  CS,
  DS,
  EAX,
  ECX,
  EDI,
  EDX,
  ES,
  ESI,
  FS,
  QUIET_NOW,
  REGIONS_DROPPED,
  SS,
  Segment,
  State,
  gprAt,
  segmentAt,
} from '../isa/state.ts'
import type { FunctionBuilder, Label } from '../wasm/function-builder.ts'
import { codeKeyEntry, isCodeKey } from '../interpreter/jump-cache.ts'
import { branchIfMissed, tlbEntry } from '../interpreter/tlb-look.ts'
import { EXIT_REASONS, type ExitReason } from './exit-reason.ts'
import {
  BESIDE,
  MOVE_STRING,
  REACH,
  READ_PORT,
  STORE_STRING,
  TIME_STAMP,
  WRITE_PORT,
  signed,
} from './helper-import.ts'
import { KIND_COUNT, STORED, flagsOf, kindOf, partsOf } from './flag-kind.ts'
import { type Block, type Step, branchTarget, pageDelta } from './region.ts'
import { ImmediateOperand, MemoryAccess, NoOperand, RegisterOperand, missing } from './region-operand.ts'
import { ScalarBatch } from './scalar-batch.ts'
import { FLAG_LOCALS, Local, RegisterFile, STOPPED } from './register-file.ts'
import { type Place, Windows } from './windows.ts'
import { X87Registers } from './x87-registers.ts'

/** Flat accesses name no segment. */
const FLAT = 0
/** FS and GS may lie anywhere; CS cannot be written, and not always read, however flat it is. */
const isFlat = (segment: number): boolean => segment < FS && segment !== CS

type X87Word = typeof State.FPU_STATUS | typeof State.FPU_TAG
const isX87Word = (address: number): address is X87Word =>
  address === State.FPU_STATUS || address === State.FPU_TAG

/** MMX registers are those of the x87, and never in locals. */
const usesMmxRegisters = ({ description, operands }: Instruction): boolean =>
  description.unit === 'mmx' ||
  operands.some((o) => o.kind === 'register' && o.address >= State.FPU && o.address < State.FPU_CONTROL)

/** A vector instruction after which the x87's words are others: CVTPI2PS even with an operand in memory. */
export const changesX87 = (instruction: Instruction): boolean =>
  usesMmxRegisters(instruction) || instruction.description.name === 'CVTPI2PS'

/** How an instruction ends a block. */
export type Ending =
  | { kind: 'next' }
  | { kind: 'relative' }
  | { kind: 'conditional'; taken: Expr }
  | { kind: 'indirect'; target: Expr }
  /** The region has been left, one way or the other. */
  | { kind: 'left' }

/** What has been asked on every way to a place, and nothing in a region changes. */
export interface Known {
  /** Units whose instructions are allowed, one bit each. */
  readonly units: number
  /** MXCSR is quiet. */
  readonly quiet: boolean
}
export const NOTHING_KNOWN: Known = { units: 0, quiet: false }

/** Where the surrounding function is left. */
export interface Exits {
  /** By kind of flags: the label behind which they are stored. */
  byKind: readonly Label[]
  /** The kind is in FLAGS_KIND. */
  dynamic: Label
  /** Index of a function of the FPU module, given as `signed` writes it. */
  readonly helperIndex: (signature: string) => number
  /**
   * MXCSR masks all exceptions, rounds to nearest and treats denormals as numbers: it will be quiet soon, and
   * what the host's arithmetic cannot do is so rare that the region leaves for it.
   */
  usualMxcsr: boolean
}

/** The meaning of instructions with registers and flags in locals, one instruction after the other. */
export class RegionSemantics extends Semantics {
  readonly registers: RegisterFile
  readonly x87: X87Registers
  readonly #windows: Windows
  readonly #batch: ScalarBatch
  /** Registers that the current instruction's helpers see in memory. */
  readonly #exposed = new Set<number>()
  #usesQuiet = false
  /** MXCSR is known to be quiet in this block. */
  #quiet = false
  /** Units (UNIT_BIT) whose instructions are known to be allowed in this block. */
  #checkedUnits = 0
  #step!: Step
  #mode!: CodeVariant
  #ending: Ending = { kind: 'next' }
  /** Where the shortcuts of the current instruction meet, what flags they leave, and the end of the one under way. */
  #shortcuts: { done: Label; kinds: number; end: Label } | null = null
  /** The shortcut under way has left the region. */
  #left = false
  /** Instructions done since the budget was last brought up to date. */
  pending = 0
  /** True once an instruction has read flags, or set them. */
  readsFlags = false
  setsFlags = false
  /** True once there is an exit with EXIT set to STOPPED. */
  stops = false
  /** Kinds of flags that the locals may hold, one bit each; FLAGS_KIND tells which where there are several. */
  kinds = 1 << STORED
  /** Every kind that there has been. */
  kindsSeen = 1 << STORED

  constructor(
    fn: FunctionBuilder,
    private readonly exits: Exits,
    /** Registers of which the region uses the lower half alone, one bit each. */
    halves = 0,
  ) {
    super(fn)
    this.registers = new RegisterFile(fn, halves)
    this.#windows = new Windows(fn, this.registers, (linear, size, write) =>
      callOf(exits.helperIndex(REACH), I32, linear, i32(size), i32(write ? 1 : 0)),
    )
    this.#batch = new ScalarBatch(fn, this.registers, exits.helperIndex)
    this.x87 = new X87Registers(fn, {
      leaveIf: (condition) => this.#leaveIf(condition),
      functionIndex: (name, parameters, result) => exits.helperIndex(signed(name, parameters, result)),
    })
  }

  /** Emits one instruction but for what it does to the flow of control. */
  translate(step: Step, mode: CodeVariant): Ending {
    this.#step = step
    this.#mode = mode
    this.#ending = { kind: 'next' }
    const { instruction } = step
    const { description, size, addressSize, stackSize, repeat, operands } = instruction
    this.fn.recycleTemps()
    if (!this.#batch.admits(instruction)) this.#batch.close()
    this.#exposed.clear()
    let split = ''
    if (description.split)
      for (const operand of operands)
        if (operand.kind === 'immediate') split = description.split(operand.value)
    Object.assign(this, { size, addressSize, stackSize, repeat, split })
    this.#unitCheck(UNIT_BIT[description.unit])
    if (usesMmxRegisters(instruction)) this.x87.release()
    description.meaning(this, ...operands.map((operand) => this.#operand(operand)))
    this.commit()
    this.pending++
    return this.#ending
  }

  /** Leaves before the current instruction, which the interpreter then does. */
  #leave(reason: ExitReason): void {
    this.leaveTo(this.#step.record, this.#step.offset, reason)
  }

  /** Leaves to the record of the instruction at an offset. */
  leaveTo(record: number, offset: number, reason: ExitReason): void {
    const { fn } = this
    fn.set(Local.EXIT, i32(record))
    if (pageDelta(offset) !== 0) fn.set(Local.EXIT_DELTA, i32(pageDelta(offset)))
    this.leaveRegion(reason)
  }

  /** Leaves with EXIT or TARGET set. */
  leaveRegion(reason: ExitReason): void {
    const { fn, pending } = this
    this.x87.store()
    const index = EXIT_REASONS.indexOf(reason)
    // Most exits are those of accesses to memory: their reason is what the local begins with.
    if (index > 0) fn.set(Local.REASON, i32(index))
    if (pending > 0) fn.set(Local.BUDGET, sub(local(Local.BUDGET), i32(pending)))
    const kind = this.#knownKind()
    fn.branch(kind < 0 ? this.exits.dynamic : this.exits.byKind[kind]!)
  }

  #leaveIf(condition: Expr): void {
    this.fn.ifRarely(condition)
    this.#leave('raise')
    this.fn.end()
  }

  // State.

  register(index: number, size: number): Expr {
    return this.let(this.registers.read(gprAt(index, size), size))
  }

  protected putRegister(index: number, size: number, value: Expr): void {
    this.registers.write(gprAt(index, size), size, value)
  }

  word(address: number): Expr {
    if (isX87Word(address)) return this.let(this.x87.word(address))
    return this.let(load(i32(address), 4))
  }

  protected putWord(address: number, value: Expr): void {
    if (isX87Word(address)) this.x87.setWord(address, value)
    else this.fn.store(i32(address), value, 4)
  }

  override x87Stack(): X87Stack {
    return this.x87
  }

  load(address: Expr, size: number): Expr {
    return this.let(load(address, size))
  }

  // Flags.

  #knownKind(): number {
    return this.kinds & (this.kinds - 1) ? -1 : 31 - Math.clz32(this.kinds)
  }

  flags(): Flags {
    this.readsFlags = true
    if (this.#knownKind() < 0) this.#makeStored()
    return flagsOf(this.#knownKind(), FLAG_LOCALS)
  }

  /** Ways with different kinds of flags have met, and now somebody reads them. */
  #makeStored(): void {
    const { fn } = this
    for (let kind = 1; kind < KIND_COUNT; kind++) {
      if (!(this.kinds & (1 << kind))) continue
      const flags = flagsOf(kind, FLAG_LOCALS)
      fn.if(eq(local(Local.FLAGS_KIND), i32(kind)))
      this.#setParts({ kind: 'stored', result: resultWord(flags), aux: auxWord(flags) })
      fn.end()
    }
    this.kinds = 1 << STORED
  }

  protected putFlags(flags: Flags): void {
    this.setsFlags = true
    this.#setParts(flags)
    this.kinds = 1 << kindOf(flags)
    this.kindsSeen |= this.kinds
  }

  /** All at once: a part may be computed from what another replaces. */
  #setParts(flags: Flags): void {
    const parts = partsOf(flags, FLAG_LOCALS)
    for (const [, value] of parts) this.fn.push(value)
    for (const [index] of parts.reverse()) this.fn.pop(index)
  }

  /** Makes FLAGS_KIND say what the locals hold, where the way leads to code that takes several kinds. */
  noteKind(wanted: number): void {
    const kind = this.#knownKind()
    if (kind >= 0 && wanted !== this.kinds) this.fn.set(Local.FLAGS_KIND, i32(kind))
  }

  // Memory.

  segmentCache(index: number): Expr {
    return i32(this.#mode.flat && isFlat(index) ? FLAT : segmentAt(index))
  }

  stringSource(): Expr {
    const source = this.#step.instruction.operands.find(({ kind }) => kind === 'string')
    return this.segmentCache(source?.kind === 'string' ? source.segment : DS)
  }

  stack(address: Expr, size: number, write: boolean): Expr {
    return this.memory(this.segmentCache(SS), address, size, write)
  }

  /** The TLB in line. What it does not answer, the interpreter does. */
  memory(segment: Expr, address: Expr, size: number, write: boolean): Expr {
    const { fn } = this
    const effective = this.let(address)
    const [linear, entry] = [local(Local.LINEAR), local(Local.ENTRY)]
    const isFlatAccess = isConst(segment) && segment.value === FLAT
    fn.set(Local.LINEAR, isFlatAccess ? effective : add(effective, load(segment, 4, Segment.BASE)))
    fn.set(Local.ENTRY, tlbEntry(linear))
    const count = (): Expr => load(segment, 4, write ? Segment.WRITE_COUNT : Segment.READ_COUNT)
    const found = fn.block()
    const missed = fn.block()
    branchIfMissed(fn, missed, entry, local(write ? Local.WRITE_BIT : Local.READ_BIT), linear, size)
    if (!isFlatAccess) fn.branchIfRarely(missed, geU(effective, count()))
    fn.branch(found)
    fn.end()
    if (write && !this.#mode.code32) {
      // Programs of DOS have their variables and their stack among their code.
      fn.set(Local.ENTRY, callOf(this.exits.helperIndex(BESIDE), I32, effective, segment, i32(size)))
      fn.ifRarely(eqz(entry))
      this.#leave('memory')
      fn.end()
      fn.set(Local.ENTRY, sub(entry, linear))
    } else this.#leave('memory')
    fn.end()
    return this.let(add(linear, and(entry, i32(-0x1000))))
  }

  /** See OperandSource. */
  near(operand: MemoryOperand, write: boolean): Place | null {
    return this.#windows.place(this.#step, operand, write, () => this.#leave('memory'))
  }

  override repeatAtOnce(name: 'MOVS' | 'STOS'): boolean {
    const { fn, addressSize, size } = this
    const pointer = (index: number): Expr => this.register(index, addressSize)
    const count = pointer(ECX)
    const shared = [count, i32(size), i32(addressSize === 2 ? 0xffff : -1), this.segmentCache(ES)]
    const moves = name === 'MOVS'
    const done = moves
      ? callOf(
          this.exits.helperIndex(MOVE_STRING),
          I32,
          pointer(EDI),
          pointer(ESI),
          ...shared,
          this.stringSource(),
        )
      : callOf(this.exits.helperIndex(STORE_STRING), I32, pointer(EDI), this.register(EAX, 4), ...shared)
    fn.ifRarely(eqz(done))
    this.#leave('memory')
    fn.end()
    const bytes = mul(count, i32(size))
    for (const index of moves ? [ESI, EDI] : [EDI])
      this.setRegister(index, addressSize, add(pointer(index), bytes))
    this.setRegister(ECX, addressSize, i32(0))
    // Each repetition retires; none is one instruction too.
    fn.set(Local.BUDGET, sub(local(Local.BUDGET), sub(count, ne(count, i32(0)))))
    return true
  }

  // Operands.

  #operand(operand: DecodedOperand): Operand {
    switch (operand.kind) {
      case 'register':
        return new RegisterOperand(this, operand.size, operand.address)
      case 'memory': {
        const { addressSize } = this.#step.instruction
        const flat = this.#mode.flat && addressSize === 4 && isFlat(operand.segment)
        return new MemoryAccess(this, operand, addressSize, flat ? FLAT : segmentAt(operand.segment))
      }
      case 'immediate':
        return new ImmediateOperand(this, operand.size, operand.value)
      default:
        return new NoOperand(this, operand.size)
    }
  }

  // Ends of an instruction.

  raiseIf(condition: Expr): void {
    this.#leaveIf(condition)
  }

  thisEip(): Expr {
    return this.let(add(local(Local.EIP_BASE), i32(this.#step.offset)))
  }

  nextEip(): Expr {
    return this.let(add(local(Local.EIP_BASE), i32(this.#step.offset + this.#step.instruction.length)))
  }

  checkTarget(eip: Expr): void {
    if (this.#step.instruction.limited) this.#leaveIf(gtU(zeroExtend(eip, this.size), codeLimit()))
  }

  checkRelative(taken: Expr): void {
    const { instruction } = this.#step
    const { low, high } = this.#mode
    const offset = branchTarget(this.#step)
    if (!instruction.limited || (offset >= low && offset < high)) return
    const { fn } = this
    fn.if(taken)
    this.#leaveIf(gtU(zeroExtend(add(local(Local.EIP_BASE), i32(offset)), this.size), codeLimit()))
    fn.end()
  }

  jumpRelative(): void {
    this.commit()
    this.#ending = { kind: 'relative' }
  }

  branchRelative(condition: Expr): void {
    const taken = this.let(condition)
    this.commit()
    this.#ending = { kind: 'conditional', taken }
  }

  jumpTo(eip: Expr): void {
    const target = this.let(zeroExtend(eip, this.size))
    this.commit()
    this.#ending = { kind: 'indirect', target }
  }

  helper(name: string, ...args: Expr[]): Expr {
    const { unit } = this.#step.instruction.description
    const onX87 = unit !== 'sse' || name === 'mmxEnter/0'
    if (onX87) this.x87.suspend()
    const [base, count] = name.split('/')
    const signature = signed(base!, Array<ValueType>(Number(count)).fill(I32), I32)
    const result = this.let(callOf(this.exits.helperIndex(signature), I32, ...args))
    for (const address of this.#exposed) this.registers.reload(address)
    if (onX87) {
      this.x87.resume()
      // An exception may be pending now.
      this.#checkedUnits &= UNIT_BIT.sse
    } else this.#noteQuiet(this.fn)
    return result
  }

  /** x87, MMX and SSE instructions need CR0 and CR4 to allow them, and no error pending. */
  #unitCheck(bit: number): void {
    if (bit === 0 || this.#checkedUnits & bit) return
    this.#checkedUnits |= bit
    this.#leaveIf(and(load(i32(State.FPU_TRAP), 4), i32(bit)))
  }

  expose(address: number): Expr {
    this.registers.expose(address)
    this.#exposed.add(address)
    return i32(address)
  }

  override readonly hasNativeArithmetic = true

  override requireQuietMxcsr(): void {
    if (!this.exits.usualMxcsr || this.#quiet) return
    this.#usesQuiet = true
    this.#leaveIf(eqz(load(i32(QUIET_NOW), 4)))
    // Exceptions only add to the flags.
    this.#quiet = true
  }

  override quietMxcsr(): Expr | null {
    if (this.#quiet) return null
    this.#usesQuiet = true
    return this.let(load(i32(QUIET_NOW), 4))
  }

  override batchArithmetic(operation: BinaryOperation, kind: ScalarKind, source: Operand): boolean {
    if (!this.exits.usualMxcsr) return false
    this.requireQuietMxcsr()
    const [to, from] = this.#step.instruction.operands
    if (to?.kind !== 'register') return false
    this.#batch.put(
      operation,
      kind,
      to.address,
      from?.kind === 'register' ? from.address : source.readReal(SCALARS[kind].size),
    )
    return true
  }

  override unusual(byHelper: () => void): void {
    if (this.exits.usualMxcsr) this.#leave('raise')
    else byHelper()
  }

  #noteQuiet(fn: FunctionBuilder): void {
    fn.store(i32(QUIET_NOW), eq(and(load(i32(State.MXCSR), 4), i32(QUIET_MASK)), i32(QUIET)), 4)
  }

  /** @param known what is known where the block begins: at the end of the one that dominates it */
  startBlock(block: Block, known: Known): void {
    this.#windows.startBlock(block)
    this.#checkedUnits = known.units
    this.#quiet = known.quiet
  }

  /** Before the flow of control goes on elsewhere. */
  endBlock(): Known {
    this.#batch.close()
    this.x87.endBlock()
    // An x87 instruction may have left an error pending, which others wait for.
    return { units: this.#checkedUnits & UNIT_BIT.sse, quiet: this.#quiet }
  }

  /** To the start of the function, once its body is known. */
  startUnits(fn: FunctionBuilder): void {
    if (this.#usesQuiet) this.#noteQuiet(fn)
    this.#batch.start(fn)
  }

  // Instructions that work on the whole processor: what takes no shortcut, the interpreter does.

  override shortcut(condition: Expr, body: () => void): void {
    const { fn } = this
    // A shortcut that is left halfway must not have given the flags another form.
    if (!this.#shortcuts) this.flags()
    const { kinds } = this
    const done = this.#shortcuts?.done ?? fn.block()
    this.#shortcuts = { done, kinds, end: fn.block() }
    this.require(condition)
    body()
    if (this.#left) this.#ending = { kind: 'left' }
    else {
      this.commit()
      fn.branch(done)
      this.#shortcuts.kinds = this.kinds
    }
    this.#left = false
    fn.end()
    this.kinds = kinds
  }

  override require(condition: Expr): void {
    this.fn.branchIf(this.#shortcuts!.end, eqz(condition))
  }

  override readTimeStamp(): void {
    const { fn } = this
    this.#settleForHost()
    fn.drop(callOf(this.exits.helperIndex(TIME_STAMP), I32))
    for (const index of [EAX, EDX]) this.setRegister(index, 4, this.word(gprAt(index, 4)))
  }

  override readPort(port: Expr): void {
    this.#callDevice(() => {
      const value = this.let(callOf(this.exits.helperIndex(READ_PORT), I32, port, i32(this.size)))
      // Some devices give registers as well.
      this.registers.reloadAll()
      this.setRegister(EAX, this.size, value)
    })
  }

  override writePort(port: Expr): void {
    const value = this.register(EAX, this.size)
    this.#callDevice(() => {
      this.fn.drop(callOf(this.exits.helperIndex(WRITE_PORT), I32, port, value, i32(this.size)))
      this.registers.reloadAll()
    })
  }

  /** A device may call for a stop, move memory, or write into the code of this region: then that is left at once. */
  #callDevice(call: () => void): void {
    const { fn } = this
    const now = (address: number): Expr => load(i32(address), 4)
    const [key, dropped] = [this.let(now(State.JUMP_KEY)), this.let(now(REGIONS_DROPPED))]
    this.#settleForHost()
    this.registers.exposeAll()
    call()
    this.#windows.forget()
    this.commit()
    const stop = and(now(State.ATTENTION), i32(Attention.STOP))
    const changed = or(xor(now(State.JUMP_KEY), key), xor(now(REGIONS_DROPPED), dropped))
    fn.ifRarely(or(stop, changed))
    fn.set(Local.EXIT, i32(STOPPED))
    fn.set(Local.TARGET, this.nextEip())
    this.stops = true
    this.leaveRegion('system')
    fn.end()
  }

  /** Says in memory how many instructions have retired, as the interpreter does before it calls out. */
  #settleForHost(): void {
    const { fn, pending } = this
    const record = i32(this.#step.record)
    fn.store(i32(State.RECORD), record, 4)
    fn.store(i32(State.RUN_START), record, 4)
    fn.store(i32(State.BUDGET), sub(local(Local.BUDGET), i32(pending)), 4)
  }

  override requireCode(base: Expr): void {
    const entry = this.let(codeKeyEntry(base))
    this.require(or(eq(base, load(i32(segmentAt(CS)), 4, Segment.BASE)), isCodeKey(entry, base)))
  }

  override enterCode(selector: Expr, base: Expr, eip: Expr): void {
    const { fn } = this
    const cs = i32(segmentAt(CS))
    const [newSelector, newBase, target] = [this.let(selector), this.let(base), this.let(eip)]
    fn.if(ne(newBase, load(cs, 4, Segment.BASE)))
    fn.store(i32(State.JUMP_KEY), load(codeKeyEntry(newBase), 4, 8), 4)
    fn.store(i32(State.MODE_STALE), i32(1), 4)
    fn.end()
    fn.store(cs, newSelector, 4, Segment.SELECTOR)
    fn.store(cs, newBase, 4, Segment.BASE)
    this.resumeAt(target)
  }

  override resumeAt(eip: Expr): void {
    const target = this.let(eip)
    this.commit()
    this.fn.set(Local.TARGET, target)
    this.pending++
    this.leaveRegion('far')
    this.pending--
    this.#left = true
  }

  system(): void {
    const { fn } = this
    const { kinds } = this.#shortcuts!
    this.#leave('system')
    fn.end()
    this.kinds = kinds
    this.#shortcuts = null
  }

  // What no translated instruction does: region.ts leaves those out.

  again(): void {
    missing()
  }

  skipIf(): void {
    missing()
  }

  bulk(): Expr {
    return missing()
  }

  retire(): void {
    missing()
  }
}

const codeLimit = (): Expr => load(i32(segmentAt(CS)), 4, Segment.LIMIT)
