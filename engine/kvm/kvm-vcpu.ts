import { EngineError } from '../base/errors.ts'
import { OpenParts } from '../base/open-parts.ts'
import { parseSaved } from '../base/saved-state.ts'
import type { MemoryMap } from '../bus/memory-map.ts'
import type { PortMap } from '../bus/port-map.ts'
import { CS, State } from '../isa/state.ts'
import { IF } from '../isa/flags.ts'
import { because, inWords, technical, type Reason } from '../protocol/reasons.ts'
import { CpuState } from '../vcpu/cpu-state.ts'
import type { CpuModel } from '../vcpu/model.ts'
import { Msrs, type Wide } from '../vcpu/msr.ts'
import { setPowerOnState } from '../vcpu/power-on.ts'
import { SAVED_VCPU, type SavedVcpu } from '../vcpu/saved-vcpu.ts'
import type { InterruptSource, Vcpu, VcpuCounters, VcpuExit } from '../vcpu/vcpu.ts'
import { EVENTS, EXIT, REGS, RUN } from './abi.ts'
import { answerMemoryExit, answerPortExit } from './access-exits.ts'
import { cpuidTable } from './cpuid-table.ts'
import { KvmError } from './ioctl.ts'
import { Kicker } from './kick.ts'
import type { Kvm } from './kvm.ts'
import { MemorySlots } from './memory-slots.ts'
import { giveMsrs, takeMsrs, TIME_STAMP_COUNTER } from './msr-transfer.ts'
import { giveState, isLongMode, pageDirectoryPointers, takeState } from './state-transfer.ts'
import type { VirtualCpu } from './virtual-cpu.ts'
import type { VirtualMachine } from './virtual-machine.ts'

export interface KvmVcpuConfig {
  model: CpuModel
  memory: MemoryMap
  ports: PortMap
  interrupts: InterruptSource
  /** Highest CPUID leaf shown. */
  leafLimit?: number
  /** How long the run under way may still take, in ns. */
  timeLeftNs(): number
  readTimeStamp(): Wide
  writeTimeStamp(value: Wide): void
  /** IA32_APIC_BASE, and what a write to it does; absent without a local APIC. */
  apicBase?: { read(): number; write(value: number): void }
  /** What this host's KVM cannot do, to be told when the guest needs it; null when it is whole. */
  limitation: Reason | null
}

/** Where the local APIC would be, were there one. */
const DEFAULT_APIC_BASE = 0xfee00900
/** What KVM is asked for where it can scale: the rate at which the software processor counts. */
const TSC_KHZ = 1_000_000
/** Entries of the guest until everything that was injected has arrived, and for how long each. */
const SETTLE_TRIES = 100
const SETTLE_NS = 50_000

/**
 * The processor of the host, by way of KVM. `run` blocks in the kernel until an exit; what the exit asks for is
 * answered by the same buses as under the software processor. Interrupt controllers and timers are the machine's
 * own: an interrupt is injected when the processor is ready for it, else an exit is asked for as soon as it is.
 * @see Linux, Documentation/virt/kvm/api.rst, "The kvm_run structure"
 */
export class KvmVcpu implements Vcpu {
  /** KVM counts time, not instructions. */
  readonly retired = 0
  readonly retiredNow = null
  readonly debug = null
  readonly #opened = new OpenParts()
  readonly #vm: VirtualMachine
  readonly #cpu: VirtualCpu
  readonly #slots: MemorySlots
  readonly #kicker: Kicker
  readonly #state: CpuState
  readonly #msrs: Msrs
  #stopRequested = false
  #interruptRequested = false
  #nmiRequested = false
  #halted = false
  /** struct kvm_regs, when it was asked for since the guest ran last. */
  #registers: BigUint64Array | null = null
  #apicBase = DEFAULT_APIC_BASE
  readonly #exits = {
    'pio-read': 0,
    'pio-write': 0,
    'mmio-read': 0,
    'mmio-write': 0,
    halt: 0,
    'interrupt-window': 0,
    kick: 0,
    shutdown: 0,
  }
  readonly #interruptCounts = new Float64Array(256)
  #entries = 0

  /** Throws when the kernel does not give what it needs. The thread that makes it is the one that runs it. */
  constructor(
    kvm: Kvm,
    private readonly config: KvmVcpuConfig,
  ) {
    const { memory, model } = config
    this.#state = new CpuState(memory.memory)
    this.#msrs = new Msrs(model, {
      readTimeStamp: () => config.readTimeStamp(),
      writeTimeStamp: (value) => config.writeTimeStamp(value),
      apicBase: undefined,
      setNoExecute: () => {},
      setSysenter: () => {},
    })
    this.#vm = this.#opened.add(kvm.createVm())
    try {
      this.#cpu = this.#vm.createCpu(0)
      this.#slots = new MemorySlots(this.#vm, memory, kvm.calls.address(memory.memory.bytes))
      this.#kicker = this.#opened.add(new Kicker(kvm.calls))
      this.#cpu.acceptKicks()
      this.#cpu.setCpuid(cpuidTable(model, config.leafLimit ?? Infinity, config.apicBase !== undefined))
      if (kvm.extension('TSC_CONTROL') > 0) this.#cpu.tryRequest('SET_TSC_KHZ', TSC_KHZ)
      this.reset()
    } catch (error) {
      this.#opened.close()
      throw error
    }
    memory.observe(this.#slots)
  }

  // Pins.

  setInterruptRequest(high: boolean): void {
    this.#interruptRequested = high
  }

  raiseNmi(): void {
    this.#nmiRequested = true
  }

  raiseSmi(): void {}

  requestStop(): void {
    this.#stopRequested = true
  }

  reset(): void {
    setPowerOnState(this.#state, this.config.model)
    this.#msrs.reset()
    this.#nmiRequested = false
    this.#give({ halted: false, nmiBlocked: false, debugPending: false })
  }

  memoryReplaced(): void {}

  forgetTranslations(): void {}

  // Running.

  run(): VcpuExit {
    this.#stopRequested = false
    this.#kicker.arm(this.config.timeLeftNs())
    for (;;) {
      this.#offerEvents()
      if (this.#halted) return 'halt'
      if (this.#stopRequested) return 'stop'
      const exit = this.#enter()
      if (exit !== null) return exit
    }
  }

  /** One entry of the guest and what comes of it; null to go on. */
  #enter(): VcpuExit | null {
    this.#slots.update()
    this.#entries++
    this.#registers = null
    const reason = this.#cpu.enter()
    this.#followApicBase()
    switch (reason) {
      case EXIT.IO:
      case EXIT.MMIO:
        this.#answer(reason)
        // Only with the access finished is the state whole, which whoever stops us may want to see.
        if (this.#stopRequested) this.#complete()
        return null
      case EXIT.HLT:
        this.#exits.halt++
        this.#halted = true
        return null
      case EXIT.IRQ_WINDOW_OPEN:
        this.#exits['interrupt-window']++
        return null
      case EXIT.INTR:
        this.#exits.kick++
        return 'stop'
      case EXIT.SHUTDOWN:
        this.#exits.shutdown++
        this.#refusePaging()
        return 'shutdown'
      default:
        throw this.#failure(reason)
    }
  }

  #answer(reason: number): void {
    const { ports, memory } = this.config
    const kind = reason === EXIT.IO ? answerPortExit(this.#cpu, ports) : answerMemoryExit(this.#cpu, memory)
    this.#exits[kind]++
  }

  #complete(): void {
    for (let reason = this.#cpu.complete(); reason !== EXIT.INTR; reason = this.#cpu.complete()) {
      if (reason !== EXIT.IO && reason !== EXIT.MMIO) throw this.#failure(reason)
      this.#answer(reason)
    }
    this.#registers = null
  }

  /** Hands over what waits, or asks for an exit once it can be. */
  #offerEvents(): void {
    const { run } = this.#cpu
    if (this.#nmiRequested) {
      this.#nmiRequested = false
      this.#halted = false
      this.#cpu.request('NMI', 0)
    }
    let wantsWindow = 0
    if (this.#interruptRequested) {
      if (run.getUint8(RUN.READY_FOR_INTERRUPT)) {
        const vector = this.config.interrupts.acknowledge()
        this.#interruptCounts[vector]!++
        this.#cpu.interrupt(vector)
        this.#halted = false
        run.setUint8(RUN.READY_FOR_INTERRUPT, 0)
      } else if (!this.#halted) wantsWindow = 1
    }
    run.setUint8(RUN.REQUEST_INTERRUPT_WINDOW, wantsWindow)
  }

  #followApicBase(): void {
    const now = this.#cpu.run.getUint32(RUN.APIC_BASE, true)
    if (now === this.#apicBase) return
    this.#apicBase = now
    this.config.apicBase?.write(now)
  }

  // Registers.

  register(index: number): number {
    return Number(this.#knownRegisters()[REGS.GPR[index]!]! & 0xffffffffn)
  }

  setRegister(index: number, value: number): void {
    const registers = this.#knownRegisters()
    registers[REGS.GPR[index]!] = BigInt(value >>> 0)
    this.#cpu.structureWords.set(registers)
    this.#cpu.set('SET_REGS')
  }

  #knownRegisters(): BigUint64Array {
    if (!this.#registers) {
      this.#cpu.get('GET_REGS')
      this.#registers = this.#cpu.structureWords.slice(0, REGS.BYTES / 8)
    }
    return this.#registers
  }

  // State.

  /** Throws `state-invalid` for a guest in long mode, which the software processor does not have. */
  save(): SavedVcpu {
    const { config } = this
    const nmi = this.#settle()
    const special = takeState(this.#cpu, this.#state)
    if (isLongMode(special))
      throw new EngineError('state-invalid', {
        device: 'processor',
        reason: because('state-64-bit'),
      })
    const events = this.#cpu.get('GET_VCPU_EVENTS')
    this.#state.setWord(State.SHADOW, events.getUint8(EVENTS.INTERRUPT_SHADOW) ? 1 : 0)
    const time = this.#cpu.readMsr(TIME_STAMP_COUNTER)
    if (time) config.writeTimeStamp(time)
    return {
      version: 1,
      words: Uint8Array.from(new Uint8Array(this.#state.words.buffer, 0, State.END)),
      msrs: takeMsrs(this.#cpu, this.#msrs, special.efer),
      pdpt: pageDirectoryPointers(this.#state, (address) => config.memory.read(address, 4)),
      testRegisters: new Array<number>(8).fill(0),
      halted: this.#halted,
      nmi: nmi || this.#nmiRequested,
      nmiBlocked: events.getUint8(EVENTS.NMI_MASKED) !== 0,
      smi: false,
      interrupt: this.#interruptRequested,
      debugPending: false,
      prefetched: null,
    }
  }

  restore(state: unknown): void {
    const saved = parseSaved('processor', SAVED_VCPU, state)
    new Uint8Array(this.#state.words.buffer, 0, State.END).set(saved.words)
    this.#msrs.restore(saved.msrs)
    this.#interruptRequested = saved.interrupt
    this.#nmiRequested = saved.nmi
    // KVM reads page-directory pointers from memory when it is given CR3.
    this.#slots.update()
    try {
      this.#give(saved)
    } catch (cause) {
      if (!(cause instanceof KvmError)) throw cause
      const reason = because('state-kvm-refuses', { detail: technical(cause.message) })
      throw new EngineError('state-invalid', { device: 'processor', reason }, { cause })
    }
  }

  /** Makes KVM's processor what `#state` and `#msrs` say. */
  #give({
    halted,
    nmiBlocked,
    debugPending,
  }: Pick<SavedVcpu, 'halted' | 'nmiBlocked' | 'debugPending'>): void {
    const state = this.#state
    const cpu = this.#cpu
    this.#halted = halted
    this.#registers = null
    this.#apicBase = this.config.apicBase?.read() ?? DEFAULT_APIC_BASE
    const efer = giveMsrs(cpu, this.#msrs, this.config.readTimeStamp())
    giveState(cpu, state, { efer, apicBase: this.#apicBase })
    const isShadowed = state.word(State.SHADOW) !== 0
    const events = cpu.fresh(EVENTS.BYTES)
    if (debugPending) {
      events.setUint8(EVENTS.EXCEPTION_INJECTED, 1)
      events.setUint8(EVENTS.EXCEPTION_NUMBER, 1)
    }
    events.setUint8(EVENTS.INTERRUPT_SHADOW, isShadowed ? 1 : 0)
    events.setUint8(EVENTS.NMI_MASKED, nmiBlocked ? 1 : 0)
    events.setUint32(EVENTS.FLAGS, EVENTS.VALID_NMI_PENDING | EVENTS.VALID_SHADOW, true)
    cpu.set('SET_VCPU_EVENTS')
    // What KVM would say at an exit in this state.
    const isOpen = (state.systemFlags & IF) !== 0
    cpu.run.setUint8(RUN.IF_FLAG, isOpen ? 1 : 0)
    cpu.run.setUint8(RUN.READY_FOR_INTERRUPT, isOpen && !isShadowed && !debugPending ? 1 : 0)
  }

  /**
   * Lets the guest run on until what was injected has been delivered, since a saved state knows only what waits
   * outside. Returns true for an NMI that the guest holds back.
   */
  #settle(): boolean {
    for (let tries = 0; tries < SETTLE_TRIES; tries++) {
      const events = this.#cpu.get('GET_VCPU_EVENTS')
      const isBusy = [
        EVENTS.EXCEPTION_INJECTED,
        EVENTS.EXCEPTION_PENDING,
        EVENTS.INTERRUPT_INJECTED,
        EVENTS.NMI_INJECTED,
      ].some((at) => events.getUint8(at) !== 0)
      if (!isBusy) return events.getUint8(EVENTS.NMI_PENDING) !== 0
      this.#stopRequested = true
      this.#kicker.arm(SETTLE_NS)
      this.#enter()
    }
    throw new EngineError('state-invalid', {
      device: 'processor',
      reason: because('state-interrupt'),
    })
  }

  counters(): VcpuCounters {
    const interrupts: Record<string, number> = {}
    this.#interruptCounts.forEach((count, vector) => {
      if (count > 0) interrupts[vector.toString(16).padStart(2, '0')] = count
    })
    return {
      exits: { ...this.#exits },
      interrupts,
      cpu: { entries: this.#entries, slotChanges: this.#slots.changes },
    }
  }

  close(): void {
    this.#opened.close()
  }

  // What cannot go on.

  /** A limited KVM shuts the processor down where it should have switched paging on. */
  #refusePaging(): void {
    const { limitation } = this.config
    if (limitation === null) return
    takeState(this.#cpu, this.#state)
    if (this.#codeBytes(2).join() === MOV_TO_CR.join())
      throw this.#unable(`switch paging on (${inWords(limitation)})`)
  }

  #failure(reason: number): Error {
    const detail = this.#cpu.run.getUint32(RUN.SUBERROR, true)
    if (reason === EXIT.FAIL_ENTRY) return this.#unable(`enter the guest: hardware reason ${detail}`)
    if (reason !== EXIT.INTERNAL_ERROR) return this.#unable(`go on: exit ${reason}`)
    takeState(this.#cpu, this.#state)
    const where = `${hex(this.#state.selector(CS), 4)}:${hex(this.#state.eip, 8)}`
    const bytes = this.#codeBytes(CODE_BYTES).map((byte) => hex(byte, 2))
    const { limitation } = this.config
    const cause = limitation === null ? `error ${detail}` : inWords(limitation)
    return this.#unable(`execute ${bytes.join(' ')} at ${where} (${cause})`)
  }

  /** It ends the machine; the message is for the user. */
  #unable(what: string): Error {
    return new Error(`KVM cannot ${what}`)
  }

  /** What lies at CS:EIP, without paging. */
  #codeBytes(count: number): number[] {
    const linear = this.#state.base(CS) + this.#state.eip
    return Array.from({ length: count }, (_, i) => this.config.memory.read((linear + i) >>> 0, 1))
  }
}

/** MOV to a control register. */
const MOV_TO_CR = [0x0f, 0x22]
const CODE_BYTES = 8

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
