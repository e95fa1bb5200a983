import { parseSaved } from '../base/saved-state.ts'
import { Decoder } from '../isa/decoder.ts'
import type { InstructionSet } from '../isa/description.ts'
import { buildOpcodeTable } from '../isa/encoding.ts'
import { IF } from '../isa/flags.ts'
import { Attention, State } from '../isa/state.ts'
import type { ControlRegisters } from '../vcpu/control.ts'
import type { CpuState } from '../vcpu/cpu-state.ts'
import type { DebuggableCpu } from '../vcpu/debuggable.ts'
import type { Exceptions } from '../vcpu/exceptions.ts'
import { CpuFault, Vector, asFault } from '../vcpu/fault.ts'
import type { Mmu } from '../vcpu/mmu.ts'
import { setPowerOnState } from '../vcpu/power-on.ts'
import { type ProcessorUnits, type UnitsConfig, buildUnits } from '../vcpu/processor-units.ts'
import { SAVED_VCPU, type SavedVcpu } from '../vcpu/saved-vcpu.ts'
import type { Segmentation } from '../vcpu/segmentation.ts'
import { Stops } from '../vcpu/stops.ts'
import type { InterruptSource, Vcpu, VcpuCounters, VcpuExit } from '../vcpu/vcpu.ts'
import { SlowAccess } from './access.ts'
import { AttentionWord } from './attention-word.ts'
import { BetweenInstructions } from './between-instructions.ts'
import { BulkStrings } from './bulk.ts'
import { CodeCache } from './code-cache.ts'
import { CodeEntry } from './code-entry.ts'
import { CodeFinder } from './code-finder.ts'
import { type GeneratedCode, type Run, instantiate } from './generated-code.ts'
import type { Interpreter } from './generator.ts'
import { InstructionFetch } from './instruction-fetch.ts'
import { MAX_BUDGET, RetiredCount } from './retired-count.ts'
import { RunExits } from './run-exits.ts'
import { RuntimeCalls } from './runtime-calls.ts'
import { SingleStep } from './single-step.ts'
import { TierTimes } from './tier-times.ts'
import type { FpuExports, Translator, TranslatorHost } from './translator-host.ts'

export interface SoftVcpuConfig extends UnitsConfig {
  isa: InstructionSet
  interpreter: Interpreter
  interrupts: InterruptSource
  fpu: FpuExports
  /** Without it everything is interpreted. */
  translator?: (host: TranslatorHost) => Translator
  /** True when the time of a run is over, whatever is left of its budget. */
  isDue?: () => boolean
  /** Monotonic time of the host; without it nothing is told of where time goes. */
  hostMs?: () => number
}

/** DR6.BT. */
const TASK_SWITCH_TRAP = 0x8000

/**
 * The software processor: runs generated code over decoded records and does what that code leaves to it:
 * finding records, faults, interrupts, single steps.
 */
export class SoftVcpu implements Vcpu, DebuggableCpu {
  readonly stops = new Stops()
  readonly #units: ProcessorUnits
  readonly #code: CodeCache
  readonly #slow: SlowAccess
  readonly #fetch: InstructionFetch
  readonly #finder: CodeFinder
  readonly #entry: CodeEntry
  readonly #exits: RunExits
  readonly #step: SingleStep
  readonly #attention: AttentionWord
  readonly #between: BetweenInstructions
  readonly #retired: RetiredCount
  readonly #times: TierTimes | null
  readonly #run: Run

  constructor(private readonly config: SoftVcpuConfig) {
    const { memory, interpreter, model, isDue = () => false } = config
    const times = config.hostMs ? new TierTimes(config.hostMs) : null
    const table = buildOpcodeTable(config.isa, model.features)
    const decoder = new Decoder(table)
    const code = new CodeCache(memory, table, decoder, interpreter.handlers, this.stops)
    const units = buildUnits(config, code, this.stops)
    const { state, mmu, segmentation, exceptions, system, portIo, breakpoints } = units
    const { stops } = this
    const attention = new AttentionWord(state)
    const retired = new RetiredCount(state)
    const slow = new SlowAccess(state, memory, mmu, segmentation, code)
    const finder = new CodeFinder(state, memory, mmu, segmentation, code)
    const fetch = new InstructionFetch(state, memory, mmu, decoder, finder)
    const between = new BetweenInstructions(state, attention, breakpoints, stops, fetch.queue)
    const entry = new CodeEntry(state, mmu, exceptions, code, finder, fetch, between)
    const calls = new RuntimeCalls({
      state,
      system,
      portIo,
      stops,
      attention,
      between,
      retired,
      code,
      finder,
      entry,
      fetch,
      slow,
      bulk: new BulkStrings(state, memory),
      times,
      prefetchBytes: model.prefetchBytes,
      isDue,
    })
    const exits = new RunExits({ state, mmu, exceptions, slow, between, retired, code, entry, calls })
    const generated = instantiate(interpreter, memory.memory.wasm, config.fpu, calls)
    this.#run = generated.run
    this.#step = new SingleStep(
      { state, exceptions, breakpoints, portIo, attention, between, retired, code, finder, fetch, exits },
      generated.run,
    )
    entry.step = () => this.#step.run()
    this.#units = units
    this.#code = code
    this.#slow = slow
    this.#fetch = fetch
    this.#finder = finder
    this.#entry = entry
    this.#exits = exits
    this.#attention = attention
    this.#between = between
    this.#retired = retired
    this.#times = times
    this.#wire()
    this.#translate(generated)
    this.reset()
  }

  /** What changes on one side makes the other forget what it had derived from it. */
  #wire(): void {
    const { mmu, segmentation, control, tasks } = this.#units
    const { stops } = this
    const [code, finder, between] = [this.#code, this.#finder, this.#between]
    tasks.onDebugChange = () => this.updateBreakpoints()
    tasks.onDebugTrap = () => between.pendDebug(TASK_SWITCH_TRAP)
    control.onDebugChange = () => this.updateBreakpoints()
    segmentation.onChange = () => finder.noteModeChange()
    mmu.onFlush = (flush) => {
      if (flush === 'local') finder.forgetLocal()
      else if (flush === 'global') finder.forgetMoved()
      else finder.forgetAll()
    }
    mmu.onInvalidate = (linear) => finder.forgetPage(linear)
    this.#slow.stopsAt = (linear, size, write) => !between.stepping && stops.stopsAt(linear, size, write)
    stops.onCodeChange = () => code.flush()
    stops.onPagesChange = () => mmu.flush('all')
    code.onCodePage = (page) => mmu.protectPage(page)
    code.onFlush = () => finder.forgetAll()
    this.config.memory.observe({
      remapped: () => mmu.flush('all'),
      toBeNoted: (firstPage, pageCount) => mmu.noteWrites(firstPage, pageCount),
      written: (offset, length) => {
        if (code.holdsCode(Math.floor(offset / 4096)) || length > 4096 - (offset & 0xfff))
          code.written(offset, length)
      },
    })
  }

  #translate({ table, chain, gone, beside, reach, strings, calls }: GeneratedCode): void {
    const { translator, fpu } = this.config
    if (!translator) return
    const { state } = this
    const finder = this.#finder
    const made = translator({
      code: this.#code,
      memory: this.config.memory.memory.wasm,
      table,
      fpu,
      chain,
      beside,
      reach,
      strings,
      calls,
      gone,
      forgetSlots: () => finder.forgetSlots(),
      key: () => state.word(State.JUMP_KEY),
      reached: (eip) => finder.reached(eip),
      look: (eip) => {
        const place = finder.look(eip)
        return place && { ...place, global: finder.lastGlobal || state.cpl === 3 }
      },
    })
    this.#entry.translator = made
    this.#code.translated = made
  }

  // What a debugger gets at.

  get state(): CpuState {
    return this.#units.state
  }

  get mmu(): Mmu {
    return this.#units.mmu
  }

  get segmentation(): Segmentation {
    return this.#units.segmentation
  }

  get control(): ControlRegisters {
    return this.#units.control
  }

  get exceptions(): Exceptions {
    return this.#units.exceptions
  }

  get halted(): boolean {
    return this.#between.halted
  }

  get debug(): DebuggableCpu {
    return this
  }

  updateFpuTrap(): void {
    this.#units.fpuTrap.update()
  }

  updateBreakpoints(): void {
    if (this.#units.breakpoints.refresh()) this.mmu.flush('all')
  }

  // State.

  reset(): void {
    const requested = this.#attention.has(Attention.INTERRUPT)
    setPowerOnState(this.state, this.config.model)
    // A line keeps its level.
    this.#attention.set(Attention.INTERRUPT, requested)
    this.#units.msrs.reset()
    this.#units.privilege.set(0)
    this.#between.halted = false
    this.#fetch.queue.clear()
    this.#units.management.refresh()
    this.#units.breakpoints.refresh()
    this.segmentation.refresh()
    this.#finder.forgetMode()
    this.mmu.flush('all')
    this.updateFpuTrap()
  }

  /** Architectural state, between two runs. */
  save(): SavedVcpu {
    return {
      version: 1,
      words: Uint8Array.from(new Uint8Array(this.state.words.buffer, 0, State.END)),
      msrs: this.#units.msrs.save(),
      pdpt: this.mmu.pdpt,
      testRegisters: this.control.testRegisters,
      halted: this.#between.halted,
      nmi: this.#attention.has(Attention.NMI),
      nmiBlocked: this.#attention.has(Attention.NMI_BLOCKED),
      smi: this.#attention.has(Attention.SMI),
      interrupt: this.#attention.has(Attention.INTERRUPT),
      debugPending: this.#attention.has(Attention.DEBUG),
      prefetched: this.#fetch.queue.save(),
    }
  }

  /** Takes what `save` gave; everything derived from it is made anew. Throws `state-invalid`. */
  restore(state: unknown): void {
    const saved = parseSaved('processor', SAVED_VCPU, state)
    new Uint8Array(this.state.words.buffer, 0, State.END).set(saved.words)
    this.#units.msrs.restore(saved.msrs)
    this.mmu.pdpt = saved.pdpt
    this.control.testRegisters = saved.testRegisters
    this.#between.halted = saved.halted
    this.#fetch.queue.restore(saved.prefetched)
    this.#attention.clear()
    this.#attention.set(Attention.NMI, saved.nmi)
    this.#attention.set(Attention.NMI_BLOCKED, saved.nmiBlocked)
    this.#attention.set(Attention.SMI, saved.smi)
    this.#attention.set(Attention.INTERRUPT, saved.interrupt)
    this.#attention.set(Attention.DEBUG, saved.debugPending)
    this.#units.management.refresh()
    this.segmentation.refresh()
    this.#finder.forgetMode()
    this.#code.flush()
    this.#units.privilege.set(this.state.cpl & 3)
    this.mmu.flush('all')
    this.updateFpuTrap()
  }

  memoryReplaced(): void {
    this.#code.flush()
  }

  forgetTranslations(): void {
    this.mmu.flush('all')
  }

  register(index: number): number {
    return this.state.gpr(index) >>> 0
  }

  setRegister(index: number, value: number): void {
    this.state.setGpr(index, value | 0)
  }

  // Counts.

  get retired(): number {
    return this.#retired.total
  }

  get retiredNow(): number {
    return this.#retired.now
  }

  counters(): VcpuCounters {
    const { portIo, exceptions, mmu } = this.#units
    const interrupts: Record<string, number> = {}
    exceptions.counts.forEach((count, vector) => {
      if (count > 0) interrupts[vector.toString(16).padStart(2, '0')] = count
    })
    return {
      exits: {
        ...this.#exits.counts,
        'pio-read': portIo.reads,
        'pio-write': portIo.writes,
        'slow-read': this.#slow.deviceReads,
        'slow-write': this.#slow.deviceWrites,
        ...this.#entry.translator?.exits(),
      },
      interrupts,
      cpu: {
        tlbMisses: mmu.misses,
        tlbFlushes: mmu.flushes,
        ...this.#code.stats,
        ...this.translatorStats(),
        ...this.#times?.get(),
      },
    }
  }

  /** What the translator has done, by name; empty without one. */
  translatorStats(): Record<string, number> {
    return this.#entry.translator?.stats() ?? {}
  }

  close(): void {}

  // Pins.

  setInterruptRequest(high: boolean): void {
    this.#attention.set(Attention.INTERRUPT, high)
    if (high && this.state.systemFlags & IF) this.requestStop()
  }

  raiseNmi(): void {
    this.#attention.set(Attention.NMI, true)
    this.requestStop()
  }

  raiseSmi(): void {
    if (!this.config.model.features.has('486')) return
    const { portIo, management } = this.#units
    if (portIo.isAccessing) {
      portIo.isInterrupted = true
      management.trapAccess(portIo.eip, this.#code.records.lengthOf(this.state.word(State.RECORD)))
    }
    this.#attention.set(Attention.SMI, true)
    this.requestStop()
  }

  requestStop(): void {
    this.#attention.set(Attention.STOP, true)
  }

  // The run loop.

  run(budget: number): VcpuExit {
    const times = this.#times
    if (times === null) return this.#runFor(budget)
    const began = times.nowMs()
    this.#code.heads.nowMs = began
    const exit = this.#runFor(budget)
    times.noteTotal(times.nowMs() - began)
    return exit
  }

  #runFor(budget: number): VcpuExit {
    const { stops } = this
    const { management } = this.#units
    const [attention, between, retired] = [this.#attention, this.#between, this.#retired]
    let left = Math.min(budget, MAX_BUDGET)
    attention.set(Attention.STOP, false)
    for (;;) {
      if (between.managementDue) this.#enterManagement()
      if (between.interruptDue) {
        const woken = between.halted
        if (!this.#takeInterrupt()) return 'shutdown'
        if (woken && stops.single) return 'breakpoint'
      }
      if (attention.has(Attention.DEBUG)) {
        attention.set(Attention.DEBUG, false)
        if (!this.#units.exceptions.raise(new CpuFault(Vector.DB), 'external')) return 'shutdown'
      }
      if (stops.isHit) return 'breakpoint'
      if (between.halted) return 'halt'
      if (attention.has(Attention.STOP) || left < 0) return 'stop'
      if (!stops.single && between.atBreakpoint) return 'breakpoint'
      management.forgetAccess()
      const before = retired.total
      const alive = between.needsStep ? this.#step.run() : this.#runCode(left)
      left -= retired.total - before
      if (retired.total === before) left--
      if (!alive) return 'shutdown'
      if (stops.single) return 'breakpoint'
    }
  }

  #enterManagement(): void {
    const { halted } = this.#between
    this.#between.halted = false
    this.#attention.set(Attention.SMI, false)
    this.#exits.counts.smi++
    this.#units.management.enter(halted)
  }

  #takeInterrupt(): boolean {
    const attention = this.#attention
    this.#between.halted = false
    this.#exits.counts.interrupt++
    const nmi = this.#between.nmiDue
    if (nmi) {
      attention.set(Attention.NMI, false)
      attention.set(Attention.NMI_BLOCKED, true)
    }
    const vector = nmi ? Vector.NMI : this.config.interrupts.acknowledge()
    return this.#units.exceptions.raise(new CpuFault(vector), 'external')
  }

  /** Runs generated code from EIP. False when the processor shuts down. */
  #runCode(budget: number): boolean {
    const { state } = this
    let record: number
    try {
      record = this.#finder.find(state.eip)
    } catch (fault) {
      return this.#units.exceptions.raise(asFault(fault))
    }
    if (record === 0) return this.#step.run()
    for (let left = budget; ;) {
      this.#retired.begin(left)
      const why = this.#times?.timesRun()
        ? this.#timedRun(this.#times, record, left)
        : this.#run(record, left)
      // A fault retires nothing: a handler that faults at its first instruction must not go on for ever.
      left = Math.min(this.#retired.end(), left - 1)
      const next = this.#exits.handle(why)
      if (typeof next === 'boolean') return next
      record = next
      // What only faults has used its budget up as well.
      if (left < 0) this.requestStop()
      if (this.#attention.has(Attention.STOP)) {
        state.eip = this.#code.records.eipOf(record, state.word(State.EIP_BASE))
        return true
      }
    }
  }

  #timedRun(times: TierTimes, record: number, budget: number): number {
    const began = times.nowMs()
    const why = this.#run(record, budget)
    times.noteRun(times.nowMs() - began)
    return why
  }
}
