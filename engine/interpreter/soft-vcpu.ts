import type { AccessSize } from '../bus/bus-device.ts'
import type { MemoryMap } from '../bus/memory-map.ts'
import type { PortMap } from '../bus/port-map.ts'
import { parseSaved } from '../base/saved-state.ts'
import { Decoder, type Instruction } from '../isa/decoder.ts'
import { buildOpcodeTable } from '../isa/encoding.ts'
import { AC, ID, IF, RF, TF, VIF, VIP } from '../isa/flags.ts'
import type { InstructionSet } from '../isa/description.ts'
import { Attention, CS, State } from '../isa/state.ts'
import { SystemOp } from '../isa/system-op.ts'
import { Breakpoints } from '../vcpu/breakpoints.ts'
import { ControlRegisters } from '../vcpu/control.ts'
import { CR0, CR4, CpuState } from '../vcpu/cpu-state.ts'
import { type Cause, Exceptions } from '../vcpu/exceptions.ts'
import { FarTransfer } from '../vcpu/far-transfer.ts'
import { CpuFault, NewTaskFault, Vector, generalProtection } from '../vcpu/fault.ts'
import { FpuTrap } from '../vcpu/fpu-trap.ts'
import { Mmu } from '../vcpu/mmu.ts'
import type { CpuModel } from '../vcpu/model.ts'
import { Msrs, type Wide } from '../vcpu/msr.ts'
import { MAX_BATCH, PortIo } from '../vcpu/port-io.ts'
import { Privilege } from '../vcpu/privilege.ts'
import { Segmentation } from '../vcpu/segmentation.ts'
import { Outcome, SystemUnit } from '../vcpu/system-unit.ts'
import { setPowerOnState } from '../vcpu/power-on.ts'
import { SAVED_VCPU, type SavedVcpu } from '../vcpu/saved-vcpu.ts'
import { TaskSwitch } from '../vcpu/task-switch.ts'
import type { DebuggableCpu } from '../vcpu/debuggable.ts'
import { Stops } from '../vcpu/stops.ts'
import type { InterruptSource, Vcpu, VcpuCounters, VcpuExit } from '../vcpu/vcpu.ts'
import { SlowAccess } from './access.ts'
import { BulkStrings } from './bulk.ts'
import { CodeCache, type CodeVariant, SCRATCH, type TranslatedCode } from './code-cache.ts'
import { CodeFinder, type CodePlace } from './code-finder.ts'
import type { Interpreter } from './generator.ts'
import { InstructionFetch } from './instruction-fetch.ts'
import { buildMemoryAccess } from './memory-access.ts'
import { LINK_STUB, RECORD_SHIFT, Why } from './record.ts'
import { TierTimes } from './tier-times.ts'

type Run = (record: number, budget: number) => number

/** Where a place that is entered often lies. */
export interface HotPlace {
  hostPage: number
  offset: number
  mode: CodeVariant
  /** EIP of the first byte of the page. */
  eipBase: number
}

/** Makes code of places that are entered often. */
export interface Translator extends TranslatedCode {
  /** A head has counted down; it must be set to something else, sooner or later. */
  hot(head: number, place: HotPlace): void
  /** True when the pages of a head's region are where they were, seen from this EIP_BASE; its guard holds then. */
  guard(head: number, eipBase: number): boolean
  /** Exits of its code by reason. */
  exits(): Record<string, number>
  stats(): Record<string, number>
}

/** What translated code shares with the interpreter. */
export interface TranslatorHost {
  code: CodeCache
  memory: WebAssembly.Memory
  /** The interpreter's functions, then those of regions. */
  table: WebAssembly.Table
  fpu: FpuExports
  /** Where regions go when they are left by a jump: see chain.ts. */
  chain: (eip: number, budget: number) => number
  /** Where a write beside decoded code goes: see memory-access.ts. */
  beside: (offset: number, segment: number, size: number) => number
  /** Stands in the table where a region was, until `forgetSlots`. */
  gone: (budget: number) => number
  /** Jump cache entries name no places of the table any more. */
  forgetSlots(): void
  /** JUMP_KEY as it is. */
  key(): number
  /** Where an EIP leads that a jump has led to lately; null for others, and for what would fault. */
  reached(eip: number): CodePlace | null
  /**
   * Where an EIP leads, and whether in every address space that the key stands for, which at level 3 is one; null for
   * what would fault.
   */
  look(eip: number): (CodePlace & { global: boolean }) | null
}
/** Functions of the FPU module that generated code calls. */
export type FpuExports = Record<string, (...args: number[]) => number>

export interface SoftVcpuConfig {
  isa: InstructionSet
  interpreter: Interpreter
  model: CpuModel
  memory: MemoryMap
  ports: PortMap
  interrupts: InterruptSource
  fpu: FpuExports
  /** Without it everything is interpreted. */
  translator?: (host: TranslatorHost) => Translator
  /** Highest CPUID leaf shown. */
  leafLimit?: number
  /** True when the time of a run is over, whatever is left of its budget. */
  isDue?: () => boolean
  /** Monotonic time of the host; without it nothing is told of where time goes. */
  hostMs?: () => number
  readTimeStamp(): Wide
  writeTimeStamp(value: Wide): void
  /** IA32_APIC_BASE, and what a write to it does; absent without a local APIC. */
  apicBase?: { read(): number; write(value: number): void }
  /** FERR#: an unmasked x87 error while CR0.NE is clear. */
  ferr(high: boolean): void
}

/** Larger than any budget: taken off to end a run at the next jump. */
const DRAIN = 1 << 29
const MAX_BUDGET = 1 << 28

/**
 * The software processor: runs generated code over decoded records and does what that code leaves to it:
 * finding records, faults, interrupts, single steps.
 */
export class SoftVcpu implements Vcpu, DebuggableCpu {
  readonly state: CpuState
  readonly mmu: Mmu
  readonly segmentation: Segmentation
  readonly code: CodeCache
  readonly exceptions: Exceptions
  readonly control: ControlRegisters
  readonly msrs: Msrs
  readonly portIo: PortIo
  readonly slow: SlowAccess
  readonly stops = new Stops()
  readonly #fpuTrap: FpuTrap
  readonly #fetch: InstructionFetch
  readonly #memory: MemoryMap
  readonly #system: SystemUnit
  readonly #bulk: BulkStrings
  readonly #breakpoints: Breakpoints
  readonly #privilege: Privilege
  readonly #interrupts: InterruptSource
  readonly #finder: CodeFinder
  readonly #times: TierTimes | null
  readonly #run: Run
  #translator: Translator | null = null
  #fault: CpuFault | null = null
  #halted = false
  #stepping = false
  /** The instruction that generated code gave up is to be run by itself: a watchpoint lies in its way. */
  #restep = false
  #portAccesses = 0
  /** Generated code of a run, not of a step, is on the stack. */
  #running = false
  #suppressTrap = false
  #drained = 0
  #retired = 0
  /** Budget at the start of the run under way, for exact counts within it. */
  #runBudget = 0
  /** Exits of generated code by reason, for statistics. */
  readonly exits = {
    link: 0,
    jump: 0,
    stale: 0,
    escape: 0,
    fault: 0,
    raise: 0,
    hot: 0,
    guard: 0,
    system: 0,
    step: 0,
    interrupt: 0,
    halt: 0,
  }

  constructor(private readonly config: SoftVcpuConfig) {
    this.#times = config.hostMs ? new TierTimes(config.hostMs) : null
    const { memory, isa, model, interpreter } = config
    this.#memory = memory
    this.#interrupts = config.interrupts
    this.state = new CpuState(memory.memory)
    this.state.withoutFlags(
      (model.hasAlignmentCheck ? 0 : AC) |
        (model.features.has('cpuid') ? 0 : ID) |
        (model.cr4Mask & CR4.VME ? 0 : VIF | VIP),
    )
    const table = buildOpcodeTable(isa, model.features)
    const decoder = new Decoder(table)
    this.code = new CodeCache(memory, table, decoder, interpreter.handlers, this.stops)
    const { state } = this
    this.#fpuTrap = new FpuTrap(state, (high) => config.ferr(high))
    this.mmu = new Mmu(state, memory, this.code)
    this.segmentation = new Segmentation(state, this.mmu)
    this.#privilege = new Privilege(state, this.segmentation)
    const tasks = new TaskSwitch(state, this.mmu, this.segmentation, this.#privilege)
    this.exceptions = new Exceptions(state, this.mmu, this.segmentation, this.#privilege, tasks)
    const transfers = new FarTransfer(state, this.mmu, this.segmentation, this.#privilege, tasks)
    this.control = new ControlRegisters(state, this.mmu, model)
    const { apicBase } = config
    this.msrs = new Msrs(model, {
      readTimeStamp: () => config.readTimeStamp(),
      writeTimeStamp: (value) => config.writeTimeStamp(value),
      get apicBase() {
        return apicBase?.read()
      },
      set apicBase(value) {
        if (value !== undefined) apicBase?.write(value)
      },
      setNoExecute: (enabled) => {
        this.mmu.noExecuteEnabled = enabled
        this.mmu.flush(true)
      },
      setSysenter: (register, value) => this.state.setWord(State.SYSENTER_CS + 4 * register, value),
    })
    this.portIo = new PortIo(state, this.mmu, this.segmentation, config.ports)
    this.#system = new SystemUnit({
      state,
      mmu: this.mmu,
      segmentation: this.segmentation,
      privilege: this.#privilege,
      exceptions: this.exceptions,
      transfers,
      control: this.control,
      msrs: this.msrs,
      portIo: this.portIo,
      model,
      leafLimit: config.leafLimit ?? Infinity,
      apicPresent: () => apicBase !== undefined && (apicBase.read() & 0x800) !== 0,
      fpuTrap: (unit) => this.#fpuTrap.meet(unit),
    })
    this.slow = new SlowAccess(state, memory, this.mmu, this.segmentation, this.code)
    this.#breakpoints = new Breakpoints(state)
    this.#bulk = new BulkStrings(state, memory)
    this.#finder = new CodeFinder(state, memory, this.mmu, this.segmentation, this.code)
    this.#fetch = new InstructionFetch(state, memory, this.mmu, decoder, this.#finder)
    this.#wire(tasks)
    this.#run = this.#instantiate(interpreter)
    this.reset()
  }

  #wire(tasks: TaskSwitch): void {
    tasks.onLoadCr3 = (cr3) => this.control.setCr3(cr3)
    tasks.onDebugChange = () => this.updateBreakpoints()
    tasks.onDebugTrap = () => this.#pendDebug(0x8000)
    const finder = this.#finder
    this.segmentation.onChange = () => finder.noteModeChange()
    this.control.onChange = () => this.#fpuTrap.update()
    this.mmu.onFlush = (globals) => (globals ? finder.forgetAll() : finder.forgetLocal())
    this.mmu.onInvalidate = (linear) => finder.forgetPage(linear)
    this.control.onDebugChange = () => this.updateBreakpoints()
    const breakpoints = this.#breakpoints
    const { stops } = this
    this.mmu.watch = {
      get isActive() {
        return breakpoints.watchesAny || stops.watchesAny
      },
      watches: (page) => this.#breakpoints.watches(page) || this.stops.watches(page),
      touched: (linear, size, write) => {
        this.#breakpoints.touched(linear, size, write)
        this.stops.touched(linear, size, write)
      },
    }
    this.slow.stopsAt = (linear, size, write) =>
      (this.#restep = !this.#stepping && this.stops.stopsAt(linear, size, write))
    this.stops.onCodeChange = () => this.code.flush()
    this.stops.onPagesChange = () => this.mmu.flush(true)
    this.portIo.onAccess = (port, size) => this.#breakpoints.port(port, size)
    this.code.onCodePage = (page) => this.mmu.protectPage(page)
    this.code.onFlush = () => finder.forgetAll()
    this.#memory.observe({
      remapped: () => this.mmu.flush(true),
      toBeNoted: (firstPage, pageCount) => this.mmu.noteWrites(firstPage, pageCount),
      written: (offset, length) => {
        if (this.code.holdsCode(Math.floor(offset / 4096)) || length > 4096 - (offset & 0xfff))
          this.code.written(offset, length)
      },
    })
  }

  #instantiate(interpreter: Interpreter): Run {
    const module = new WebAssembly.Module(interpreter.wasm)
    const memory = this.#memory.memory.wasm
    const { access, beside } = buildMemoryAccess(memory, (offset, segment, kind, record, budget, start) =>
      this.#access(offset, segment, kind, record, budget, start),
    )
    const instance = new WebAssembly.Instance(module, {
      env: { memory },
      runtime: {
        access,
        writeBack: (): number => {
          this.slow.writeBack()
          if (!this.#attends(Attention.STOP) || this.#drained !== 0) return 0
          this.#drained = DRAIN
          return DRAIN
        },
        system: (op: number, a: number, b: number): number => this.#systemCall(op, a, b),
        bulk: (op: number, kind: number, segment: number): number =>
          this.#stepping ? 0 : this.#bulk.run(op, kind, segment),
        find: (eip: number): number => this.#findQuietly(eip >>> 0),
        readPort: (port: number, size: AccessSize): number => {
          const value = this.portIo.read(port, size)
          this.#notePort()
          return value
        },
        writePort: (port: number, value: number, size: AccessSize): number => {
          this.portIo.write(port, value, size)
          this.#notePort()
          return 0
        },
        clock: (): number => {
          this.#times?.clock()
          return 0
        },
        timeStamp: (): number => {
          this.#system.readTimeStamp()
          return 0
        },
      },
      fpu: this.config.fpu,
    })
    const { translator, fpu } = this.config
    if (translator) {
      const table = instance.exports['table'] as WebAssembly.Table
      const { code } = this
      const finder = this.#finder
      this.#translator = translator({
        code,
        memory,
        table,
        fpu,
        chain: instance.exports['chain'] as TranslatorHost['chain'],
        beside,
        gone: instance.exports['gone'] as TranslatorHost['gone'],
        forgetSlots: () => finder.forgetSlots(),
        key: () => this.state.word(State.JUMP_KEY),
        reached: (eip) => finder.reached(eip),
        look: (eip) => {
          const place = finder.look(eip)
          return place && { ...place, global: finder.lastGlobal || this.state.cpl === 3 }
        },
      })
      code.translated = this.#translator
    }
    return instance.exports['run'] as Run
  }

  reset(): void {
    const requested = this.#attends(Attention.INTERRUPT)
    setPowerOnState(this.state, this.config.model)
    // A line keeps its level.
    this.#attend(Attention.INTERRUPT, requested)
    this.msrs.reset()
    this.#privilege.set(0)
    this.#halted = false
    this.#fetch.queue.clear()
    this.#breakpoints.refresh()
    this.segmentation.refresh()
    this.#finder.forgetMode()
    this.mmu.flush(true)
    this.updateFpuTrap()
  }

  /** Architectural state, between two runs. */
  save(): SavedVcpu {
    return {
      version: 1,
      words: Uint8Array.from(new Uint8Array(this.state.words.buffer, 0, State.END)),
      msrs: this.msrs.save(),
      pdpt: this.mmu.pdpt,
      testRegisters: this.control.testRegisters,
      halted: this.#halted,
      nmi: this.#attends(Attention.NMI),
      interrupt: this.#attends(Attention.INTERRUPT),
      debugPending: this.#attends(Attention.DEBUG),
      prefetched: this.#fetch.queue.save(),
    }
  }

  /** Takes what `save` gave; everything derived from it is made anew. Throws `state-invalid`. */
  restore(state: unknown): void {
    const saved = parseSaved('processor', SAVED_VCPU, state)
    new Uint8Array(this.state.words.buffer, 0, State.END).set(saved.words)
    this.msrs.restore(saved.msrs)
    this.mmu.pdpt = saved.pdpt
    this.control.testRegisters = saved.testRegisters
    this.#halted = saved.halted
    this.#fetch.queue.restore(saved.prefetched)
    this.state.setWord(State.ATTENTION, 0)
    this.#attend(Attention.NMI, saved.nmi)
    this.#attend(Attention.INTERRUPT, saved.interrupt)
    this.#attend(Attention.DEBUG, saved.debugPending)
    this.segmentation.refresh()
    this.#finder.forgetMode()
    this.code.flush()
    this.#privilege.set(this.state.cpl & 3)
    this.mmu.flush(true)
    this.updateFpuTrap()
  }

  get retired(): number {
    return this.#retired
  }

  /** What the translator has done, by name; empty without one. */
  translatorStats(): Record<string, number> {
    return this.#translator?.stats() ?? {}
  }

  get halted(): boolean {
    return this.#halted
  }

  get debug(): DebuggableCpu {
    return this
  }

  setInterruptRequest(high: boolean): void {
    this.#attend(Attention.INTERRUPT, high)
    if (high && this.state.systemFlags & IF) this.requestStop()
  }

  raiseNmi(): void {
    this.#attend(Attention.NMI, true)
    this.requestStop()
  }

  requestStop(): void {
    this.#attend(Attention.STOP, true)
  }

  register(index: number): number {
    return this.state.gpr(index) >>> 0
  }

  setRegister(index: number, value: number): void {
    this.state.setGpr(index, value | 0)
  }

  memoryReplaced(): void {
    this.code.flush()
  }

  forgetTranslations(): void {
    this.mmu.flush(true)
  }

  counters(): VcpuCounters {
    const { exits, mmu, code, portIo, slow, exceptions } = this
    const interrupts: Record<string, number> = {}
    exceptions.counts.forEach((count, vector) => {
      if (count > 0) interrupts[vector.toString(16).padStart(2, '0')] = count
    })
    return {
      exits: {
        ...exits,
        'pio-read': portIo.reads,
        'pio-write': portIo.writes,
        'slow-read': slow.deviceReads,
        'slow-write': slow.deviceWrites,
        ...this.#translator?.exits(),
      },
      interrupts,
      cpu: {
        tlbMisses: mmu.misses,
        tlbFlushes: mmu.flushes,
        ...code.stats,
        ...this.translatorStats(),
        ...this.#times?.get(),
      },
    }
  }

  close(): void {}

  // The run loop.

  run(budget: number): VcpuExit {
    const times = this.#times
    if (times === null) return this.#runFor(budget)
    const began = times.nowMs()
    const exit = this.#runFor(budget)
    times.noteTotal(times.nowMs() - began)
    return exit
  }

  #runFor(budget: number): VcpuExit {
    const { stops } = this
    let left = Math.min(budget, MAX_BUDGET)
    this.#attend(Attention.STOP, false)
    for (;;) {
      if (this.#interruptDue) {
        const woken = this.#halted
        if (!this.#takeInterrupt()) return 'shutdown'
        if (woken && stops.single) return 'breakpoint'
      }
      if (this.#attends(Attention.DEBUG)) {
        this.#attend(Attention.DEBUG, false)
        if (!this.exceptions.raise(new CpuFault(Vector.DB), 'external')) return 'shutdown'
      }
      if (stops.isHit) return 'breakpoint'
      if (this.#halted) return 'halt'
      if (this.#attends(Attention.STOP) || left < 0) return 'stop'
      if (!stops.single && this.#atBreakpoint) return 'breakpoint'
      const before = this.#retired
      const ok = this.#needsStep() ? this.#step() : this.#runCode(left)
      left -= this.#retired - before
      if (this.#retired === before) left--
      if (!ok) return 'shutdown'
      if (stops.single) return 'breakpoint'
    }
  }

  get #interruptDue(): boolean {
    if (!this.#attends(Attention.NMI) && !(this.#attends(Attention.INTERRUPT) && this.state.systemFlags & IF))
      return false
    if (this.state.word(State.SHADOW)) return false
    return this.#halted || !(this.stops.single && this.stops.holdInterrupts)
  }

  /** True when the debugger wants to stop before the instruction at EIP. */
  get #atBreakpoint(): boolean {
    return this.stops.isBreakpoint(this.state.base(CS) + this.state.eip)
  }

  /** Runs one instruction by itself, unless the debugger wants to stop before it. */
  #stepUnlessStopped(): boolean {
    return this.#atBreakpoint || this.#step()
  }

  #takeInterrupt(): boolean {
    this.#halted = false
    this.exits.interrupt++
    let vector: number
    if (this.#attends(Attention.NMI)) {
      this.#attend(Attention.NMI, false)
      vector = Vector.NMI
    } else vector = this.#interrupts.acknowledge()
    return this.exceptions.raise(new CpuFault(vector), 'external')
  }

  #needsStep(): boolean {
    return (
      this.state.word(State.SHADOW) !== 0 ||
      (this.state.systemFlags & TF) !== 0 ||
      this.#breakpoints.enabled ||
      this.stops.single ||
      !this.#fetch.queue.isEmpty
    )
  }

  /** Runs generated code from EIP. False when the processor shuts down. */
  #runCode(budget: number): boolean {
    let record: number
    try {
      record = this.#finder.find(this.state.eip)
    } catch (fault) {
      return this.exceptions.raise(asFault(fault))
    }
    if (record === 0) return this.#step()
    let left = budget
    for (;;) {
      this.#runBudget = left
      this.#drained = 0
      this.#running = true
      const why = this.#times?.timesRun()
        ? this.#timedRun(this.#times, record, left)
        : this.#run(record, left)
      this.#running = false
      const end = this.state.word(State.BUDGET) + this.#drained
      this.#retired += left - end
      left = end
      const next = this.#handleExit(why)
      if (typeof next === 'boolean') return next
      record = next
      if (left < 0 || this.#attends(Attention.STOP)) return this.#settle(record)
    }
  }

  #timedRun(times: TierTimes, record: number, budget: number): number {
    const began = times.nowMs()
    const why = this.#run(record, budget)
    times.noteRun(times.nowMs() - began)
    return why
  }

  /** Makes EIP say where a record is, since the run ends here. */
  #settle(record: number): true {
    this.state.eip = this.code.eipOf(record, this.state.word(State.EIP_BASE))
    return true
  }

  /** What to do after generated code came back: a record to go on with, or whether the processor lives on. */
  #handleExit(why: number): number | boolean {
    const { state, code, exits } = this
    const record = state.word(State.RECORD)
    const eipBase = state.word(State.EIP_BASE)
    switch (why) {
      case Why.LINK:
        exits.link++
        return this.#link(state.word(State.RUN_START), eipBase)
      case Why.JUMP:
        exits.jump++
        return this.#enterAt(state.eip)
      case Why.BUDGET:
        state.eip =
          record === LINK_STUB
            ? code.branchTarget(state.word(State.RUN_START), eipBase)
            : code.eipOf(record, eipBase)
        return true
      case Why.HOT:
        exits.hot++
        return this.#hot(record, eipBase)
      case Why.GUARD:
        exits.guard++
        return this.#guard(record, eipBase)
      case Why.STALE: {
        exits.stale++
        const eip = code.eipOf(record, eipBase)
        const fresh = this.#enterAnew(eip)
        if (typeof fresh === 'number') code.replace(record, fresh)
        return fresh
      }
      case Why.ESCAPE:
        exits.escape++
        state.eip = code.eipOf(record, eipBase)
        return code.isCrossing(record) ? this.#cross(record) : this.#stepUnlessStopped()
      case Why.FAULT: {
        exits.fault++
        state.eip = code.eipOf(record, eipBase)
        this.slow.drop()
        if (this.#restep) {
          this.#restep = false
          return this.#step()
        }
        const fault = this.#fault ?? this.mmu.takeWalkFault()
        this.#fault = null
        return this.exceptions.raise(fault) && this.#goOn()
      }
      case Why.SYSTEM:
        exits.system++
        if (this.#fault) {
          const fault = this.#fault
          this.#fault = null
          return this.exceptions.raise(fault, this.#faultCause) && this.#goOn()
        }
        this.#retired++
        return true
    }
    exits.raise++
    state.eip = code.eipOf(record, eipBase)
    const vector = why - Why.RAISE
    const fault = vector === Vector.GP ? generalProtection() : new CpuFault(vector)
    return this.exceptions.raise(fault) && this.#goOn()
  }

  #attends(bits: number): boolean {
    return (this.state.word(State.ATTENTION) & bits) !== 0
  }

  #attend(bit: number, on: boolean): void {
    const { state } = this
    const word = state.word(State.ATTENTION)
    state.setWord(State.ATTENTION, on ? word | bit : word & ~bit)
  }

  /** True when nothing stands between this instruction and the next: no interrupt, trap, shadow or stop. */
  get #undisturbed(): boolean {
    const { state } = this
    return (
      !this.#attends(Attention.STOP | Attention.NMI | Attention.DEBUG) &&
      !(this.#attends(Attention.INTERRUPT) && state.systemFlags & IF) &&
      !this.stops.isHit &&
      !this.#needsStep()
    )
  }

  /** After an exception was delivered: the record of its handler, or true when something comes first. */
  #goOn(): number | boolean {
    return this.#stepping || !this.#undisturbed || this.#enterAt(this.state.eip)
  }

  /** A head has been entered often. Goes on there, translated or not. */
  #hot(head: number, eipBase: number): number | boolean {
    const { code } = this
    const eip = code.eipOf(head, eipBase)
    try {
      const { hostPage, offset, variant } = this.#finder.place(eip)
      if (code.nearlyFull || code.headAt(hostPage, offset, variant) !== head) {
        // The page has been decoded anew since: another head stands for this place.
        code.setHead(head, 0x7fffffff)
        return this.#enterAnew(eip)
      }
      this.#translator!.hot(head, { hostPage, offset, mode: variant, eipBase })
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault
    }
    return this.#enterAt(eip)
  }

  /** A region over several pages was entered under other translations than before. Goes on there, in it or not. */
  #guard(head: number, eipBase: number): number | boolean {
    if (this.#translator!.guard(head, eipBase)) return head
    return this.#enterAt(this.code.eipOf(head, eipBase))
  }

  /** Finds the second page of an instruction that lies in two. */
  #cross(record: number): number | boolean {
    const { state, code } = this
    const finder = this.#finder
    const eip = state.eip
    try {
      const { linear, offset, variant } = finder.place(eip)
      const next = eip + 4096 - offset
      if (next > state.limit(CS)) return this.#step()
      const firstGlobal = finder.lastGlobal
      const second = finder.fetchFrom((linear + 4096 - offset) >>> 0)
      if (second < 0) return this.#step()
      // At level 3 the key stands for the address space too.
      const local = state.cpl !== 3 && (!firstGlobal || !this.mmu.lastGlobal)
      return code.cross(record, { second, key: state.word(State.JUMP_KEY), local, flat: variant.flat }, () =>
        this.#fetch.at(eip),
      )
    } catch (fault) {
      return this.exceptions.raise(asFault(fault))
    }
  }

  #faultCause: Cause = 'fault'

  #enterAt(eip: number): number | boolean {
    const { state } = this
    state.eip = eip
    try {
      const record = this.#finder.find(eip)
      return record === 0 ? this.#stepUnlessStopped() : record
    } catch (fault) {
      return this.exceptions.raise(asFault(fault))
    }
  }

  /** The record for an EIP that generated code jumps to; 0 where that is not all there is to do. */
  #findQuietly(eip: number): number {
    if (this.#stepping) return 0
    const cr2 = this.state.word(State.CR2)
    try {
      return this.#finder.find(eip)
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault
      // It will fault again when it is delivered.
      this.state.setWord(State.CR2, cr2)
      return 0
    }
  }

  /** The same where the jump cache may hold a record that is out of date. */
  #enterAnew(eip: number): number | boolean {
    this.#finder.forget(eip)
    return this.#enterAt(eip)
  }

  /** Resolves the branch at `from`, whose page is the one being executed. */
  #link(from: number, eipBase: number): number | boolean {
    const { code } = this
    try {
      const place = this.#finder.place(code.eipOf(from, eipBase))
      if (code.nearlyFull) code.flush()
      else return code.link(from, place.hostPage, place.variant)
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault
    }
    return this.#enterAt(code.branchTarget(from, eipBase))
  }

  // Single steps.

  /** Runs one instruction by itself: page-crossing, undefined, trapped, or out of memory that can be cached. */
  #step(): boolean {
    const { state, code } = this
    this.exits.step++
    const eip = state.eip
    const trap = (state.systemFlags & TF) !== 0
    const shadow = state.word(State.SHADOW)
    state.setWord(State.SHADOW, 0)
    this.#suppressTrap = false
    let instruction: Instruction
    let place: Pick<CodePlace, 'offset' | 'variant'>
    try {
      if (this.#codeBreakpoint(eip, shadow !== 0)) return this.exceptions.raise(new CpuFault(Vector.DB))
      place = this.#stepPlace(eip)
      instruction = this.#fetch.at(eip)
    } catch (fault) {
      return this.exceptions.raise(asFault(fault))
    }
    const record = code.encodeScratch(instruction, place.offset, place.variant.flat)
    const eipBase = (eip - place.offset) | 0
    state.setWord(State.EIP_BASE, eipBase)
    // No jump may go on into cached code.
    const key = state.word(State.JUMP_KEY)
    state.setWord(State.JUMP_KEY, 0)
    this.#stepping = true
    this.#attend(Attention.STEP, true)
    this.portIo.batch = trap || this.#breakpoints.enabled ? 1 : MAX_BATCH
    this.#runBudget = 0
    this.#drained = 0
    const why = this.#run(record, 0)
    this.#attend(Attention.STEP, false)
    if (state.word(State.JUMP_KEY) === 0) state.setWord(State.JUMP_KEY, key)
    const alive = this.#afterStep(why, eipBase, eip, trap)
    this.#stepping = false
    return alive
  }

  /** What was fetched before needs no page that it would come from now. */
  #stepPlace(eip: number): Pick<CodePlace, 'offset' | 'variant'> {
    const finder = this.#finder
    const linear = (this.state.base(CS) + eip) >>> 0
    if (this.#fetch.queue.waiting(linear) === 0) return finder.place(eip)
    finder.settleMode()
    return { offset: linear & 0xfff, variant: finder.variant }
  }

  #afterStep(why: number, eipBase: number, eip: number, trap: boolean): boolean {
    const { state, code } = this
    const record = state.word(State.RECORD)
    let alive = true
    switch (why) {
      case Why.ESCAPE: // the record behind the instruction
        state.eip = code.eipOf(record, eipBase)
        if (!state.code32 && !(state.limit(CS) > 0xffff)) state.eip = state.eip >>> 0
        this.#retired++
        break
      case Why.LINK:
      case Why.BUDGET:
        if (record === LINK_STUB) state.eip = code.branchTarget(SCRATCH, eipBase)
        else state.eip = record === SCRATCH ? eip : code.eipOf(record, eipBase)
        this.#retired++
        break
      case Why.JUMP:
        this.#retired++
        break
      default: {
        const before = this.#retired
        const next = this.#handleExit(why)
        if (typeof next === 'number') throw new Error(`a step ended in a record: ${why}`)
        alive = next
        // A fault instead of the instruction: no trap for it.
        if (this.#retired === before) {
          this.#breakpoints.takeHits()
          return alive
        }
      }
    }
    if (!alive || this.#suppressTrap) return alive
    const conditions = this.#breakpoints.takeHits() | (trap ? SINGLE_STEP : 0)
    if (conditions === 0) return alive
    state.setWord(State.DEBUG + 24, (state.word(State.DEBUG + 24) & ~15) | conditions)
    this.#halted = false
    return this.exceptions.raise(new CpuFault(Vector.DB), 'external')
  }

  // Calls from generated code.

  #noteProgress(record: number, budget: number, start: number): void {
    const { state } = this
    state.setWord(State.RECORD, record)
    state.setWord(State.BUDGET, budget)
    state.setWord(State.RUN_START, start)
  }

  #access(
    offset: number,
    segment: number,
    kind: number,
    record: number,
    budget: number,
    start: number,
  ): number {
    this.#noteProgress(record, budget, start)
    try {
      return this.slow.access(offset, segment, kind)
    } catch (fault) {
      this.#fault = asFault(fault)
      return 0
    }
  }

  /** Instructions retired, exact within a call from generated code. */
  get retiredNow(): number {
    if (!this.#running) return this.#retired
    const { state } = this
    const inRun = (state.word(State.RECORD) - state.word(State.RUN_START)) >> RECORD_SHIFT
    return this.#retired + this.#runBudget - (state.word(State.BUDGET) - inRun)
  }

  #systemCall(op: number, a: number, b: number): number {
    const { state, code } = this
    if (op === SystemOp.ENTER_CODE) {
      this.#finder.noteModeChange()
      this.#finder.settleMode()
      this.#finder.noteCodeKey()
      return this.#whyLeave()
    }
    const record = state.word(State.RECORD)
    const eip = code.eipOf(record, state.word(State.EIP_BASE))
    const key = state.word(State.JUMP_KEY)
    const next = (eip + code.lengthOf(record)) >>> 0
    state.eip = next
    this.#faultCause = 'fault'
    let outcome: number
    try {
      if (op === SystemOp.MOV_TO_CR) this.#fetchAhead(a, b)
      outcome = this.#system.execute(op, a, b)
      if (op <= SystemOp.OUTS && op >= SystemOp.IN) this.#notePort()
    } catch (fault) {
      this.#fault = asFault(fault)
      if (op === SystemOp.MOV_TO_CR) this.#fetch.queue.clear()
      if (!(fault instanceof NewTaskFault)) state.eip = eip
      return Why.SYSTEM
    }
    switch (outcome) {
      case Outcome.HALT:
        this.#halted = true
        this.exits.halt++
        return Why.SYSTEM
      case Outcome.AGAIN:
        state.eip = eip
        return Why.SYSTEM
      case Outcome.SHADOW:
        // MOV SS and POP SS hold traps back too, STI only interrupts.
        this.#suppressTrap = op !== SystemOp.STI
        this.#finder.settleMode()
        if (
          !this.#attends(Attention.INTERRUPT | Attention.NMI) &&
          !(state.systemFlags & TF) &&
          state.word(State.JUMP_KEY) === key
        )
          break
        state.setWord(State.SHADOW, 1)
        return Why.SYSTEM
      case Outcome.LEAVE:
        // INT clears TF before a trap could be taken.
        if (SOFTWARE_INTERRUPTS.has(op)) this.#suppressTrap = true
        return this.#whyLeave()
    }
    this.#finder.settleMode()
    if (this.#attends(Attention.STOP) || this.stops.isHit) return Why.SYSTEM
    return state.word(State.JUMP_KEY) === key ? Why.NEXT : this.#whyLeave()
  }

  /** Before a move to a control register: what follows is in the processor already when that switches paging. */
  #fetchAhead(register: number, value: number): void {
    const { prefetchBytes } = this.config.model
    if (prefetchBytes > 0 && register === 0 && (this.state.cr0 ^ value) & CR0.PG)
      this.#fetch.ahead(this.state.eip, prefetchBytes)
  }

  /** Programs that poll a device retire few instructions in much time: timers must not wait for the budget. */
  #notePort(): void {
    if ((++this.#portAccesses & 7) === 0 && this.config.isDue?.()) this.requestStop()
  }

  /** State.EIP is right: generated code may look there for itself unless something comes first. */
  #whyLeave(): number {
    if (this.#stepping || !this.#undisturbed) return Why.SYSTEM
    this.#finder.settleMode()
    return Why.ENTER
  }

  // FPU and debugging.

  /** The FPU's words have changed behind the processor's back. */
  updateFpuTrap(): void {
    this.#fpuTrap.update()
  }

  #pendDebug(bits: number): void {
    const { state } = this
    state.setWord(State.DEBUG + 24, state.word(State.DEBUG + 24) | bits)
    this.#attend(Attention.DEBUG, true)
  }

  /** Debug registers have changed, by an instruction or from a saved state. */
  updateBreakpoints(): void {
    if (this.#breakpoints.refresh()) this.mmu.flush(true)
  }

  #codeBreakpoint(eip: number, resumed: boolean): boolean {
    const { state } = this
    if (!this.#breakpoints.enabled || resumed || state.systemFlags & RF) {
      state.systemFlags &= ~RF
      return false
    }
    const hit = this.#breakpoints.atInstruction(state.base(CS) + eip)
    if (hit) state.setWord(State.DEBUG + 24, (state.word(State.DEBUG + 24) & ~15) | hit)
    return hit !== 0
  }
}

/** DR6.BS. */
const SINGLE_STEP = 0x4000
const SOFTWARE_INTERRUPTS: ReadonlySet<number> = new Set([
  SystemOp.INT,
  SystemOp.INT1,
  SystemOp.INT3,
  SystemOp.INTO,
])

function asFault(fault: unknown): CpuFault {
  if (fault instanceof CpuFault) return fault
  throw fault
}
