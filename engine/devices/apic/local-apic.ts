import * as v from 'valibot'
import type { Clock } from '../../base/clock.ts'
import type { Line } from '../../base/line.ts'
import type { AccessSize, BusDevice } from '../../bus/bus-device.ts'
import type { Device } from '../device.ts'
import { bits, parseSaved } from '../../base/saved-state.ts'
import {
  DELIVERY,
  type InterruptBus,
  type InterruptMessage,
  type InterruptReceiver,
} from './interrupt-bus.ts'
import { InterruptPriorities, prioritiesSaved } from './interrupt-priorities.ts'
import {
  deliveryMode,
  ESR,
  FIRST_VECTOR,
  ICR,
  LVT,
  REG,
  SHORTHAND,
  SVR,
  VERSION,
} from './local-apic-registers.ts'
import { LocalApicTimer, timerSaved } from './local-apic-timer.ts'
import { LocalVectorTable, vectorTableSaved } from './local-vector-table.ts'

const saved = v.object({
  version: v.literal(1),
  enabled: v.boolean(),
  id: bits(8),
  priorities: prioritiesSaved,
  ldr: bits(8),
  dfr: bits(4),
  svr: bits(10),
  esr: bits(8),
  errors: bits(8),
  icrLow: bits(20),
  icrHigh: bits(8),
  vectorTable: vectorTableSaved,
  timer: timerSaved,
  extIntMessage: v.boolean(),
})

/** The processor core behind a local APIC. */
export interface ApicCore {
  /** High while `LocalApic.acknowledge` would give a vector. */
  readonly intr: Line
  nmi(): void
  smi(): void
  /** INIT: reset without touching caches or memory; application processors then wait for a start-up. */
  init(): void
  /** SIPI. @param vector page number of the first instruction */
  startUp(vector: number): void
}

export interface LocalApicOptions {
  /** Initial APIC identifier. */
  id: number
  /** The bootstrap processor starts in virtual-wire mode: LINT0 passes on the 8259A's interrupts. */
  bootstrap: boolean
  /** Clock of the timer before its divider, in Hz. */
  busHz: number
  /** Interrupt acknowledge of the 8259A pair behind LINT0. */
  acknowledgeExtInt(): number
}

/**
 * The local APIC of one processor, memory-mapped at FEE00000h unless the processor moves it by its
 * IA32_APIC_BASE register, whose enable bit the processor reports with `setEnabled`.
 * Polarities are kept but not modelled: a line says whether its interrupt is asserted.
 * @see Intel SDM vol. 3A, chapter "Advanced Programmable Interrupt Controller"
 */
export class LocalApic implements Device, BusDevice, InterruptReceiver {
  readonly id: string
  /** INTR of the 8259A pair. */
  readonly lint0: Line = { set: (high) => this.#setLint(0, high) }
  /** NMI. */
  readonly lint1: Line = { set: (high) => this.#setLint(1, high) }

  readonly #timer: LocalApicTimer
  readonly #priorities = new InterruptPriorities()
  readonly #vectorTable = new LocalVectorTable({
    accept: (vector, level) => this.#accept(vector, level),
    signal: (mode) => void this.#signal(mode),
    extIntChanged: () => this.#update(),
  })
  #enabled = true
  #apicId: number
  #ldr = 0
  #dfr = 15
  #svr = 0xff
  #esr = 0
  /** Errors since the last write to ESR. */
  #errors = 0
  #icrLow = 0
  #icrHigh = 0
  /** An ExtINT arrived over the bus rather than by LINT0. */
  #extIntMessage = false
  #intr = false

  constructor(
    clock: Clock,
    private readonly bus: InterruptBus,
    private readonly core: ApicCore,
    private readonly options: LocalApicOptions,
  ) {
    this.id = `local-apic-${options.id}`
    this.#apicId = options.id
    this.#timer = new LocalApicTimer(clock, options.busHz, () => this.#vectorTable.raise(LVT.TIMER))
    this.#initialize()
    bus.attachReceiver(this)
  }

  get enabled(): boolean {
    return this.#enabled
  }

  /** IA32_APIC_BASE bit 11. While off, LINT0 and LINT1 are the processor's INTR and NMI pins. */
  setEnabled(enabled: boolean): void {
    if (enabled === this.#enabled) return
    this.#enabled = enabled
    this.#initialize()
    this.#update()
  }

  /** The processor takes the interrupt that INTR stands for. */
  acknowledge(): number {
    if (this.#enabled) {
      const vector = this.#priorities.begin()
      if (vector >= 0) {
        this.#update()
        return vector
      }
      if (!this.#extInt) return this.#svr & 0xff
    }
    this.#extIntMessage = false
    const vector = this.options.acknowledgeExtInt()
    this.#update()
    return vector
  }

  reset(): void {
    this.#enabled = true
    this.#apicId = this.options.id
    this.#vectorTable.releasePins()
    this.#initialize()
    this.#intr = false
    this.core.intr.set(false)
  }

  save(): v.InferOutput<typeof saved> {
    return {
      version: 1,
      enabled: this.#enabled,
      id: this.#apicId,
      priorities: this.#priorities.save(),
      ldr: this.#ldr,
      dfr: this.#dfr,
      svr: this.#svr,
      esr: this.#esr,
      errors: this.#errors,
      icrLow: this.#icrLow,
      icrHigh: this.#icrHigh,
      vectorTable: this.#vectorTable.save(),
      timer: this.#timer.save(),
      extIntMessage: this.#extIntMessage,
    }
  }

  restore(state: unknown): void {
    const s = parseSaved(this.id, saved, state)
    this.#enabled = s.enabled
    this.#apicId = s.id
    this.#priorities.restore(s.priorities)
    this.#ldr = s.ldr
    this.#dfr = s.dfr
    this.#svr = s.svr
    this.#esr = s.esr
    this.#errors = s.errors
    this.#icrLow = s.icrLow
    this.#icrHigh = s.icrHigh
    this.#vectorTable.restore(s.vectorTable)
    this.#extIntMessage = s.extIntMessage
    const { timerIsPeriodic, timerIsMasked } = this.#vectorTable
    this.#timer.restore(s.timer, timerIsPeriodic, timerIsMasked)
    this.#intr = this.#wantsIntr
    this.core.intr.set(this.#intr)
  }

  isAddressed(destination: number, logical: boolean): boolean {
    if (!this.#enabled) return false
    if (destination === 0xff) return true
    if (!logical) return destination === this.#apicId
    if (this.#dfr === 15) return (destination & this.#ldr) !== 0
    // Cluster model: four bits name the cluster (15: all), four select its members.
    const cluster = destination >> 4
    return (cluster === 15 || cluster === this.#ldr >> 4) && (destination & this.#ldr & 15) !== 0
  }

  receive({ mode, vector, level }: InterruptMessage): boolean {
    if (!this.#enabled) return false
    switch (mode) {
      case DELIVERY.FIXED:
      case DELIVERY.LOWEST_PRIORITY:
        if (!(this.#svr & SVR.ENABLE)) return false
        this.#accept(vector, level)
        return true
      case DELIVERY.EXTINT:
        this.#extIntMessage = true
        this.#update()
        return true
      case DELIVERY.INIT:
        this.#initialize()
        this.#update()
        this.core.init()
        return true
      case DELIVERY.STARTUP:
        this.core.startUp(vector)
        return true
      default:
        return this.#signal(mode)
    }
  }

  get arbitrationPriority(): number {
    return this.#priorities.apr
  }

  hasVector(vector: number): boolean {
    return this.#priorities.irr.has(vector) || this.#priorities.isr.has(vector)
  }

  read(offset: number, size: AccessSize): number {
    const value = offset & 0xc ? 0 : this.#readRegister(offset & 0xff0) >>> (8 * (offset & 3))
    return size === 4 ? value : size === 2 ? value & 0xffff : value & 0xff
  }

  /** Registers are written as whole aligned dwords; anything else has no defined effect and has none here. */
  write(offset: number, value: number, size: AccessSize): void {
    if (size === 4 && (offset & 15) === 0) this.#writeRegister(offset & 0xff0, value >>> 0)
  }

  /** An 8259A interrupt waits at LINT0, or came as a message. */
  get #extInt(): boolean {
    return this.#extIntMessage || this.#vectorTable.extInt
  }

  get #wantsIntr(): boolean {
    if (!this.#enabled) return this.#vectorTable.lint0High
    return this.#priorities.deliverable >= 0 || this.#extInt
  }

  #update(): void {
    const intr = this.#wantsIntr
    if (intr === this.#intr) return
    this.#intr = intr
    this.core.intr.set(intr)
  }

  /** State after power-on and INIT; the identifier and what is on the pins stay. */
  #initialize(): void {
    this.#priorities.clear()
    this.#ldr = 0
    this.#dfr = 15
    this.#svr = 0xff
    this.#esr = this.#errors = 0
    this.#icrLow = this.#icrHigh = 0
    // Virtual wire is the firmware's to set up, but systems without any APIC code must run before and without it.
    this.#vectorTable.initialize(this.options.bootstrap)
    this.#extIntMessage = false
    this.#timer.reset()
  }

  #accept(vector: number, level: boolean): void {
    if (vector < FIRST_VECTOR) return this.#error(ESR.RECEIVE_ILLEGAL)
    this.#priorities.request(vector, level)
    this.#update()
  }

  #signal(mode: number): boolean {
    if (mode === DELIVERY.NMI) this.core.nmi()
    else if (mode === DELIVERY.SMI) this.core.smi()
    else return false
    return true
  }

  #error(error: number): void {
    // Only a new error is told: an illegal vector in the error's own entry must not go round.
    if (this.#errors & error) return
    this.#errors |= error
    this.#vectorTable.raise(LVT.ERROR)
  }

  #setLint(pin: 0 | 1, high: boolean): void {
    if (!this.#vectorTable.setPin(pin, high)) return
    if (this.#enabled && high) this.#vectorTable.raise(LVT.LINT0 + pin)
    else if (pin === 1 && high) this.core.nmi()
    this.#update()
  }

  #endOfInterrupt(): void {
    const vector = this.#priorities.end()
    if (vector < 0) return
    if (this.#priorities.tmr.has(vector)) {
      this.#vectorTable.endOfInterrupt(vector)
      this.bus.endOfInterrupt(vector)
    }
    this.#update()
  }

  #readRegister(register: number): number {
    if (register >= REG.ISR && register < REG.ESR) {
      const { isr, tmr, irr } = this.#priorities
      const set = register < REG.TMR ? isr : register < REG.IRR ? tmr : irr
      return set.words[(register >> 4) & 7]!
    }
    if (register >= REG.LVT_TIMER && register <= REG.LVT_ERROR)
      return this.#vectorTable.read((register - REG.LVT_TIMER) >> 4)
    switch (register) {
      case REG.ID:
        return (this.#apicId << 24) >>> 0
      case REG.VERSION:
        return VERSION
      case REG.TPR:
        return this.#priorities.tpr
      case REG.APR:
        return this.#priorities.apr
      case REG.PPR:
        return this.#priorities.ppr
      case REG.EOI:
      case REG.RRD:
        return 0
      case REG.LDR:
        return (this.#ldr << 24) >>> 0
      case REG.DFR:
        return ((this.#dfr << 28) | 0x0fffffff) >>> 0
      case REG.SVR:
        return this.#svr
      case REG.ESR:
        return this.#esr
      case REG.ICR_LOW:
        return this.#icrLow
      case REG.ICR_HIGH:
        return (this.#icrHigh << 24) >>> 0
      case REG.INITIAL_COUNT:
        return this.#timer.initialCount
      case REG.CURRENT_COUNT:
        return this.#timer.currentCount
      case REG.DIVIDE:
        return this.#timer.divide
      default:
        this.#error(ESR.ILLEGAL_REGISTER)
        return 0
    }
  }

  #writeRegister(register: number, value: number): void {
    if (register >= REG.LVT_TIMER && register <= REG.LVT_ERROR)
      return this.#writeLvt((register - REG.LVT_TIMER) >> 4, value)
    switch (register) {
      case REG.ID:
        this.#apicId = value >>> 24
        break
      case REG.TPR:
        this.#priorities.tpr = value & 0xff
        this.#update()
        break
      case REG.EOI:
        this.#endOfInterrupt()
        break
      case REG.LDR:
        this.#ldr = value >>> 24
        break
      case REG.DFR:
        this.#dfr = value >>> 28
        break
      case REG.SVR:
        this.#writeSvr(value)
        break
      case REG.ESR:
        this.#esr = this.#errors
        this.#errors = 0
        break
      case REG.ICR_LOW:
        this.#icrLow = value & ICR.WRITABLE
        this.#sendIpi()
        break
      case REG.ICR_HIGH:
        this.#icrHigh = value >>> 24
        break
      case REG.INITIAL_COUNT:
        this.#timer.initialCount = value
        break
      case REG.DIVIDE:
        this.#timer.divide = value & 0xb
        break
      default:
        // Writes to registers that can only be read have no effect; others do not exist.
        this.#readRegister(register)
    }
  }

  #writeSvr(value: number): void {
    const wasOn = (this.#svr & SVR.ENABLE) !== 0
    this.#svr = value & SVR.WRITABLE
    const isOn = (value & SVR.ENABLE) !== 0
    if (!isOn) {
      this.#vectorTable.maskAll()
      this.#configureTimer()
      this.#update()
    } else if (!wasOn) this.bus.retry()
  }

  #writeLvt(entry: number, value: number): void {
    this.#vectorTable.write(entry, value, (this.#svr & SVR.ENABLE) !== 0)
    if (entry === LVT.TIMER) this.#configureTimer()
  }

  #configureTimer(): void {
    const { timerIsPeriodic, timerIsMasked } = this.#vectorTable
    this.#timer.configure(timerIsPeriodic, timerIsMasked)
  }

  #sendIpi(): void {
    const icr = this.#icrLow
    const mode = deliveryMode(icr)
    const vector = icr & 0xff
    // INIT level de-assert only synchronises arbitration identifiers, which nothing here needs.
    if (mode === DELIVERY.INIT && icr & ICR.LEVEL && !(icr & ICR.ASSERT)) return
    if ((mode === DELIVERY.FIXED || mode === DELIVERY.LOWEST_PRIORITY) && vector < FIRST_VECTOR)
      return this.#error(ESR.SEND_ILLEGAL)
    const logical = (icr & ICR.LOGICAL) !== 0
    const message = { mode, vector, level: false, destination: this.#icrHigh, logical }
    const shorthand = icr >> 18
    if (shorthand === SHORTHAND.NONE) this.bus.send(message)
    else if (shorthand === SHORTHAND.SELF) this.receive(message)
    else this.bus.broadcast(message, shorthand === SHORTHAND.OTHERS ? this : null)
  }
}
